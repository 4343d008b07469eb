"""Sharded boards: every answer is that of the same board in one piece, and the shards go with it."""

import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from dashboard.core.archive import Archive
from dashboard.core.boards import Boards, Version
from dashboard.core.exports import PAGE_ROWS
from dashboard.core.scores import Scores
from dashboard.core.sharded_rankings import ShardedRankings
from dashboard.core.shards import inner_name, is_reached, outer_position, shard_of
from dashboard.errors import (
    BoardConflict,
    IdempotencyConflict,
    MarkMoved,
    PlayerNotFound,
    ScorecastError,
    StoreUnavailable,
)
from dashboard.live.broadcaster import parse_position
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.once import Once
from dashboard.store.scripts import Scripts
from dashboard.values import BoardSettings, Column, Mark, Order, Result, Score, Standing
from tests.core.times import DAY_MS, archiving_at, store_ms, with_host_clock

SHARDS = 3
PLAYERS = [f"p{n}" for n in range(25)] + ["größe ☃", "Z", "a:b"]
BOARDS = {
    "plain": BoardSettings(rule="last", periods=("all", "day"), late_s=3 * DAY_MS // 1000, keep=30),
    "first": BoardSettings(rule="sum", ties="first", min=0, periods=("day", "all"), late_s=3 * DAY_MS // 1000, keep=30),
    "shared": BoardSettings(rule="last", ties="shared", order="asc"),
    "columns": BoardSettings(rule="best", ties="shared", columns=(Column("laps"), Column("time", "asc"))),
}


def answers(parts: Parts, board: str, dice: random.Random) -> list[Any]:
    """What every call says of a board, without its name, version and positions."""
    found: list[Any] = []
    known = parts.boards.get(board)
    when = store_ms(parts.client)
    for kind in known.settings.periods:
        for at_ms in (None, when - DAY_MS):
            pages: list[Standing] = []
            cursor = None
            while True:
                page = parts.rankings.top(board, kind, limit=dice.choice([1, 4, 50]), cursor=cursor, at_ms=at_ms)
                pages += page.rows
                cursor = page.next
                if cursor is None:
                    break
            found.append((page.players, pages))
            columns = {column.name: dice.randrange(3) for column in known.settings.columns}
            for _ in range(4):
                found.append(
                    replace(
                        parts.rankings.rank_of(board, dice.randrange(-9, 40), columns, kind, at_ms=at_ms),
                        board="",
                        version=0,
                    )
                )
                share = dice.choice([0, 12.5, 50, 99, 100])
                found.append(
                    (share, replace(parts.rankings.at_percentile(board, share, kind, at_ms=at_ms), board="", version=0))
                )
                player, radius = dice.choice(PLAYERS), dice.choice([0, 2, 50])
                try:
                    around = parts.rankings.around(board, player, kind, radius=radius, at_ms=at_ms)
                    place = parts.rankings.player(board, player, kind, at_ms=at_ms)
                    found.append((around.players, around.rows, around.next is None, place.rank, place.percentile))
                except PlayerNotFound as error:
                    found.append(str(error).replace(board, ""))
                listed = parts.rankings.standings(board, dice.sample(PLAYERS, 6), kind, at_ms=at_ms)
                found.append((listed.players, sorted(listed.rows, key=lambda row: row.player), listed.missing))
        found.append(parts.rankings.distribution(board, kind))
        found.append([period.id for period in parts.rankings.periods(board, kind)])
        (shown,) = parts.rankings.snapshots([(known, f"{kind}:x" if kind != "all" else "all", 10)])
        found.append((shown.players, shown.rows))
    found.append(parts.boards.fresh(board).players)
    found.append([row["player"] for row in parts.removals.aside(board)])
    found.append([(row["what"], row["player"]) for row in parts.removals.audit(board)])
    return found


def told(results: list[Result | ScorecastError]) -> list[Any]:
    return [one._replace(position="") if isinstance(one, Result) else (type(one), str(one)) for one in results]


@pytest.mark.parametrize("name", BOARDS)
def test_a_sharded_board_answers_as_one_in_one_piece(name: str, parts: Parts, board: str) -> None:
    settings, dice = BOARDS[name], random.Random(name)
    whole, parted = f"{board}-1", f"{board}-n"
    parts.boards.put(whole, settings)
    parts.boards.put(parted, replace(settings, shards=SHARDS))
    begin_ms = store_ms(parts.client)
    for step in range(12):
        batch = []
        for n in range(dice.choice([1, 20])):
            columns = {column.name: dice.randrange(3) for column in settings.columns}
            # what comes in the same millisecond is put into its order by the shard: see docs/boards.md
            at_ms = begin_ms - dice.choice([0, DAY_MS]) - 1000 * step - n if settings.ties == "first" else None
            if at_ms is None and "day" in settings.periods and dice.random() < 0.3:
                at_ms = begin_ms - DAY_MS
            batch.append(Score(dice.choice(PLAYERS), dice.randrange(-5, 30), at_ms, columns))
        first, second = parts.scores.submit(whole, batch), parts.scores.submit(parted, batch)
        if len(batch) == 1:  # in a batch ranks are those after each score, in a shard after all of its part
            assert told(first) == told(second)
        else:
            assert [(r.score, r.changed) for r in first] == [(r.score, r.changed) for r in second]  # type: ignore[union-attr]
        player = dice.choice(PLAYERS)
        away = {row["player"] for row in parts.removals.aside(whole)}
        there = any(row.player == player for row in parts.rankings.top(whole, "all", limit=100).rows)
        for one in (whole, parted):
            if player in away:
                parts.removals.restore(one, player, reason="r", by="x")
            elif there:
                parts.removals.remove(one, player, reason="r", by="x", hide=step % 2 == 0)
        seed = dice.random()
        assert answers(parts, whole, random.Random(seed)) == answers(parts, parted, random.Random(seed))


def scored(results: list[Result | ScorecastError]) -> list[Result]:
    assert all(isinstance(result, Result) for result in results), results
    return [result for result in results if isinstance(result, Result)]


def test_players_are_spread_and_stay_in_their_shard(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    parts.scores.submit(board, [Score(player, 1) for player in PLAYERS])
    for shard in range(SHARDS):
        mine = {raw.decode() for raw in parts.client.zrange(keys.ranking(inner_name(board, shard), "all"), 0, -1)}
        assert mine == {player for player in PLAYERS if shard_of(player, SHARDS) == shard}
        assert mine
    assert board in parts.boards.names()
    assert not [name for name in parts.boards.names() if "/" in name]
    assert [one.name for one in parts.boards.all() if one.name.startswith(board)] == [board]


def test_a_position_says_its_shard_and_sync_waits_for_that(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    before = parts.boards.versions([board])[0]
    (result,) = scored(parts.scores.submit(board, [Score("ada", 1)]))
    after = parts.boards.versions([board])[0]
    wanted = parse_position(result.position)

    def reached(version: Version) -> bool:
        return is_reached(tuple(map(parse_position, version.positions)), wanted)

    assert (reached(before), reached(after)) == (False, True)
    shard = shard_of("ada", SHARDS)
    assert outer_position(after.positions[shard], shard, SHARDS) == result.position
    assert after.number == before.number + 1


def test_a_request_that_is_sent_again_counts_once_in_every_shard(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", shards=SHARDS))
    scores = [Score(player, 1) for player in PLAYERS]
    first = scored(parts.scores.submit(board, scores, once=Once("a" * 64, "one")))
    again = Once("a" * 64, "one")
    assert [r.position for r in scored(parts.scores.submit(board, scores, once=again))] == [r.position for r in first]
    assert again.replayed
    other = next(player for player in PLAYERS if shard_of(player, SHARDS) == 1)
    with pytest.raises(IdempotencyConflict):  # wherever its players are
        parts.scores.submit(board, [Score(other, 1)], once=Once("a" * 64, "two"))
    one = Once("b" * 64, "one")
    (result,) = scored(parts.scores.submit(board, [Score(other, 5)], once=one))
    with pytest.raises(IdempotencyConflict):
        parts.scores.submit(board, [Score("ada", 5)], once=Once("b" * 64, "two"))
    assert (result.score, one.replayed) == (6, False)
    ids = [Score(player, 1, id=f"of {player}") for player in PLAYERS]
    assert [r.score for r in scored(parts.scores.submit(board, ids))] == [
        r.score for r in scored(parts.scores.submit(board, ids))
    ]


def test_an_import_that_died_between_two_shards_goes_on_and_counts_each_row_once(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", shards=SHARDS))
    scores = [Score(player, 1) for player in PLAYERS]
    done = Mark("file", "", '{"end": 10, "refused": 0}')
    first = parts.boards.inner(parts.boards.get(board))[0].name
    mine = [score for score in scores if shard_of(score.player, SHARDS) == 0]
    parts.scores._run(first, mine, Mark("file", "", "10"), of=parts.boards.get(board).life)  # and then it died
    assert parts.scores.mark(board, "file") == ""
    assert parts.scores.load(board, scores, done) == {}
    assert {row.score for row in parts.rankings.top(board, limit=100).rows} == {1}
    corrected = Mark("file", done.next, '{"end": 10, "refused": 1}')
    assert parts.scores.load(board, [], corrected) == {}
    for late in (Mark("file", "", '{"end": 5}'), done):
        with pytest.raises(MarkMoved) as moved:
            parts.scores.load(board, scores, late)
        assert moved.value.evidence["mark"] == parts.scores.mark(board, "file") == corrected.next
    assert parts.scores.load(board, scores, Mark("file", corrected.next, '{"end": 20}')) == {}
    assert {row.score for row in parts.rankings.top(board, limit=100).rows} == {2}


def test_a_board_that_was_deleted_elsewhere_leaves_no_shard_behind(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    other = with_host_clock(parts, 0)
    other.scores.submit(board, [Score(player, 1) for player in PLAYERS])
    parts.boards.delete(board)
    (result,) = scored(other.scores.submit(board, [Score("ada", 5)]))  # which makes a board, as with any other
    assert (result.rank, result.players) == (1, 1)
    assert other.boards.get(board).settings.shards is None
    assert [name for name in parts.boards.stored() if name.startswith(board)] == [board]
    parts.boards.delete(board)
    for home in parts.boards.inner(replace(parts.boards.put(board, BoardSettings(shards=2))[0])):
        parts.scores._run(home.name, [Score("ghost", 9)], None, of=parts.boards.get(board).life)
    parts.client.delete(keys.board(board))  # a deletion that did not come to its end
    parts.boards.forget(board)
    parts.boards.put(board, BoardSettings(shards=2))
    assert parts.rankings.top(board).rows == ()


def test_what_is_over_is_archived_as_one(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("day",), shards=SHARDS, late_s=DAY_MS // 1000, keep=1))
    when = store_ms(parts.client) - DAY_MS
    parts.scores.submit(board, [Score(player, n, when) for n, player in enumerate(PLAYERS)])
    before = parts.rankings.top(board, "day", limit=100, at_ms=when)
    archiving_at(parts, 50 * DAY_MS).archive_due()
    for home in parts.boards.homes(board):
        assert parts.client.ttl(keys.ranking(home, before.period)) > 0
        parts.client.delete(keys.ranking(home, before.period))  # its time came
    after = parts.rankings.top(board, "day", limit=100, at_ms=when)
    assert after.rows == before.rows
    assert parts.rankings.player(board, "p3", "day", at_ms=when).rank == len(PLAYERS) - 3


def test_a_change_of_one_shard_is_archived_though_versions_add_up_to_the_same(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=("day",), shards=SHARDS, late_s=DAY_MS // 1000, keep=1))
    when = store_ms(parts.client) - DAY_MS
    parts.scores.submit(board, [Score(player, 1, when) for player in PLAYERS])
    archiving_at(parts, 50 * DAY_MS).archive_due()
    first = next(player for player in PLAYERS if shard_of(player, SHARDS) == 0)
    for _ in range(SHARDS - 1):  # until the one note is the sum of the notes of before
        parts.scores.submit(board, [Score(first, 10, when)])
    archiving_at(parts, 50 * DAY_MS).archive_due()
    archive = Archive(parts.sql)
    id = parts.rankings.periods(board, "day")[0].id
    found = archive.find(board, parts.boards.get(board).life, id)
    assert found is not None
    (row,) = archive.rows(found, 1, 1)
    assert (row.player, row.score) == (first, 21)


def test_a_scan_of_a_board_that_changed_is_never_taken_for_the_whole(parts: Parts, board: str) -> None:
    known, _ = parts.boards.put(board, BoardSettings(shards=SHARDS))
    parts.scores.submit(board, [Score(player, 1) for player in PLAYERS])
    assert sum(map(len, parts.rankings.scan(known, "all", 5))) == len(PLAYERS)
    other = with_host_clock(parts, 0)
    pages = parts.rankings.scan(known, "all", 5)
    assert len(next(pages)) == 5
    other.boards.put(board, BoardSettings(shards=SHARDS, max=7))
    with pytest.raises(StoreUnavailable, match="keeps changing"):
        list(pages)


def test_settings_go_to_every_shard_and_all_go_with_the_board(parts: Parts, board: str) -> None:
    settings = BoardSettings(shards=SHARDS)
    parts.boards.put(board, settings)
    parts.scores.submit(board, [Score(player, 5) for player in PLAYERS])
    with pytest.raises(BoardConflict, match="shards"):
        parts.boards.put(board, replace(settings, shards=SHARDS + 1))
    with pytest.raises(BoardConflict, match="order"):
        parts.boards.put(board, replace(settings, order="asc"))
    parts.boards.put(board, replace(settings, max=7))
    assert {result.score for result in scored(parts.scores.submit(board, [Score(p, 9) for p in PLAYERS]))} == {7}
    parts.boards.delete(board)
    assert not parts.client.keys(f"sc:board:{{{board}*")
    parts.boards.put(board, BoardSettings())
    parts.scores.submit(board, [Score("ada", 1)])
    with pytest.raises(BoardConflict, match="shards"):
        parts.boards.put(board, settings)


def test_history_counts_what_came_to_every_shard(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    parts.scores.submit(board, [Score(player, n) for n, player in enumerate(PLAYERS)])
    for home in parts.boards.homes(board):
        parts.client.hset(keys.board(home), "bucket", 1)  # as if time had passed since
    (pulse,) = parts.analytics.history(board, "all", from_ms=0)
    assert pulse.scores == len(PLAYERS)
    assert pulse.rows == parts.rankings.top(board).rows


def test_an_export_of_a_sharded_board_is_that_of_one_in_one_piece(parts: Parts, board: str) -> None:
    whole, parted = f"{board}-1", f"{board}-n"
    scores = [Score(f"p{n}", n // 3, data=f'{{"n":{n}}}') for n in range(2 * PAGE_ROWS + 5)]
    for name, shards in ((whole, None), (parted, SHARDS)):
        parts.boards.put(name, BoardSettings(ties="shared", shards=shards))
        for start in range(0, len(scores), 1000):
            parts.scores.submit(name, scores[start : start + 1000])
    first, second = (b"".join(data for _, data in parts.exports.open(name).parts) for name in (whole, parted))
    assert first == second
    assert first.count(b"\n") == len(scores) + 1


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_who_came_in_one_millisecond_stands_by_turn_then_by_name(parts: Parts, board: str, order: Order) -> None:
    parts.boards.put(board, BoardSettings(ties="first", order=order, shards=SHARDS))
    at_ms = store_ms(parts.client) - 1000
    parts.scores.submit(board, [Score(player, 5, at_ms) for player in PLAYERS])
    rows = parts.rankings.top(board, limit=100).rows
    turns: dict[int, int] = {}
    stands = {}
    for player in PLAYERS:  # the turn of each within its shard
        shard = shard_of(player, SHARDS)
        turns[shard] = stands[player] = turns.get(shard, 0) + 1
    names = sorted(PLAYERS, key=str.encode, reverse=order == "desc")
    assert [row.player for row in rows] == sorted(names, key=lambda player: stands[player])
    for rank, row in enumerate(rows, 1):
        assert (row.rank, parts.rankings.player(board, row.player).rank) == (rank, rank)


def elsewhere(parts: Parts) -> tuple[Boards, Scores]:
    """What another process on the same store has, with its own memory of settings."""
    scripts = Scripts(parts.client)
    boards = Boards(parts.client, scripts, parts.clock)
    return boards, Scores(scripts, boards, parts.clock, ShardedRankings(parts.client, scripts, boards))


@pytest.mark.parametrize(("before", "after"), [(3, 0), (3, 2), (2, 3), (3, 1), (1, 3)])
def test_what_another_process_remembers_of_a_former_life_is_not_used(
    parts: Parts, board: str, before: int, after: int
) -> None:
    _, scores = elsewhere(parts)
    parts.boards.put(board, BoardSettings(rule="sum", shards=before if before > 1 else None))
    scores.submit(board, [Score(player, 1) for player in PLAYERS])
    parts.boards.delete(board)
    if after:
        parts.boards.put(board, BoardSettings(rule="sum", shards=after if after > 1 else None))
    assert {r.score for r in scored(scores.submit(board, [Score(player, 2) for player in PLAYERS]))} == {2}
    parts.boards.forget(board)  # `after` = 0: the score made it anew
    rows = parts.rankings.top(board, limit=100).rows
    assert {(row.player, row.score) for row in rows} == {(player, 2) for player in PLAYERS}
    kept = {f"sc:board:{{{name}}}" for name in (board, *(f"{board}/{n}" for n in range(after if after > 1 else 0)))}
    assert {raw.decode() for raw in parts.client.keys(f"sc:board:{{{board}*}}")} == kept


def test_settings_reach_other_processes_at_once(parts: Parts, board: str) -> None:
    _, scores = elsewhere(parts)
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    scores.submit(board, [Score(player, 1) for player in PLAYERS])
    parts.boards.put(board, BoardSettings(shards=SHARDS, max=7))
    assert {r.score for r in scored(scores.submit(board, [Score(player, 9) for player in PLAYERS]))} == {7}


def test_who_remembers_a_board_in_one_piece_deletes_all_its_shards(parts: Parts, board: str) -> None:
    boards, _ = elsewhere(parts)
    parts.boards.put(board, BoardSettings())
    boards.get(board)
    parts.boards.delete(board)
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    parts.scores.submit(board, [Score(player, 1) for player in PLAYERS])
    boards.delete(board)
    assert not parts.client.keys(f"sc:board:{{{board}*")


def test_shards_left_by_a_deletion_that_died_do_not_come_back(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    parts.scores.submit(board, [Score(player, 1) for player in PLAYERS])
    parts.boards._delete(board)  # and then it died
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    assert parts.rankings.top(board).rows == ()
    parts.scores.submit(board, [Score("ada", 1)])
    assert [row.player for row in parts.rankings.top(board).rows] == ["ada"]


@pytest.mark.parametrize(("before", "after"), [(2, 5), (5, 2), (5, 1), (1, 3)])
def test_who_remembers_another_number_of_shards_spreads_players_as_the_board_does_now(
    parts: Parts, board: str, before: int, after: int
) -> None:
    boards, scores = elsewhere(parts)
    parts.boards.put(board, BoardSettings(rule="sum", shards=before if before > 1 else None))
    boards.homes(board)  # now remembered there
    parts.boards.put(board, BoardSettings(rule="sum", shards=after if after > 1 else None))
    for who in (scores, parts.scores):
        scored(who.submit(board, [Score(player, 1) for player in PLAYERS]))
    rows = parts.rankings.top(board, limit=100).rows
    assert sorted((row.player, row.score) for row in rows) == sorted((player, 2) for player in PLAYERS)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "settings",
    [BoardSettings(order="asc", shards=3), BoardSettings(shards=5), BoardSettings(shards=2), BoardSettings()],
)
def test_scores_that_come_while_settings_change_are_kept_and_the_board_goes_on(
    parts: Parts, board: str, settings: BoardSettings, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    boards, scores = elsewhere(parts)
    parts.boards.put(board, BoardSettings(shards=SHARDS))
    boards.homes(board)
    write = parts.boards._write
    came: list[Result | ScorecastError] = []

    def meanwhile(name: str, *args: Any, **named: Any) -> Any:
        if name == board and not came and when == "before":
            came.extend(scores.submit(board, [Score(player, n) for n, player in enumerate(PLAYERS)]))
        reply = write(name, *args, **named)
        if name == board and not came:
            came.extend(scores.submit(board, [Score(player, n) for n, player in enumerate(PLAYERS)]))
        return reply

    with monkeypatch.context() as patch, suppress(BoardConflict):
        patch.setattr(parts.boards, "_write", meanwhile)
        parts.boards.put(board, settings)
    assert len(scored(came)) == len(PLAYERS)
    for who in (scores, parts.scores):
        assert sorted(row.player for row in parts.rankings.top(board, limit=100).rows) == sorted(PLAYERS)
        scored(who.submit(board, [Score(player, 50) for player in PLAYERS]))
