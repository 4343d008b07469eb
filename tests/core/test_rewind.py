"""Rewind: what a board shows of a moment is what a plain list of its buckets says."""

import random

import pytest

from dashboard.core.buckets import STEP_MS
from dashboard.core.periods import period
from dashboard.errors import BoardNotFound, InvalidInput
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import BoardSettings, Order, Score, Ties
from tests.core.past import note
from tests.core.times import DAY_MS, away_from_midnight, chronicling_at, store_ms

HOUR_MS = 3_600_000


@pytest.mark.parametrize("archived", [False, True])
def test_any_moment_shows_the_last_bucket_that_had_ended(archived: bool, parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("day", "all")))
    chance = random.Random(7)
    day = (store_ms(parts.client) - 6 * HOUR_MS) // DAY_MS * DAY_MS
    start = max(day, (store_ms(parts.client) - 6 * HOUR_MS) // STEP_MS * STEP_MS)
    room = (store_ms(parts.client) - start) // STEP_MS - 1
    told: list[tuple[int, list[str]]] = []
    for n in sorted(chance.sample(range(room), min(120, room))):
        players = chance.sample("abcdefghijklmno", chance.randrange(1, 11))
        told.append((start + n * STEP_MS, players))
        # noted when the next score came, which may be long after
        note(parts, board, told[-1][0], {"all": players, period("day", told[-1][0]).id: players})
    if archived:
        chronicling_at(parts).copy_new()
        assert parts.client.xlen(keys.history(board)) < len(told)
    for _ in range(60):
        at_ms = chance.randrange(start - HOUR_MS, store_ms(parts.client))
        ended = [(began, players) for began, players in told if began + STEP_MS <= at_ms]
        for kind in ("day", "all"):
            moment = parts.rewind.top(board, kind, at_ms)
            expected = (ended[-1][0] + STEP_MS, ended[-1][1]) if ended else (None, [])
            assert (moment.at_ms, [row.player for row in moment.rows]) == expected
            assert moment.players == len(expected[1])


def test_a_bucket_counts_from_its_end_however_late_it_was_noted(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings())
    at = store_ms(parts.client) // STEP_MS * STEP_MS - 40 * STEP_MS
    note(parts, board, at, {"all": ["a"]}, noted_ms=at + 20 * STEP_MS)
    note(parts, board, at + 20 * STEP_MS, {"all": ["b"]})
    shown = [parts.rewind.top(board, "all", at + n * STEP_MS) for n in (0, 1, 10, 20, 21, 22)]
    assert [[row.player for row in moment.rows] for moment in shown] == [[], ["a"], ["a"], ["a"], ["b"], ["b"]]


@pytest.mark.parametrize("noted", [False, True])
def test_after_its_last_bucket_a_period_shows_its_final_standings(noted: bool, parts: Parts, board: str) -> None:
    """That bucket is noted when the next period is open, or not yet: it says nothing of who led in the one before."""
    parts.boards.put(board, BoardSettings(periods=("day",), late_s=10 * DAY_MS // 1000))
    day = (store_ms(parts.client) - DAY_MS) // DAY_MS * DAY_MS
    ids = [period("day", day).id, period("day", day + DAY_MS).id]
    parts.scores.submit(board, [Score("late", 5, day + HOUR_MS)])
    parts.client.delete(keys.history(board))
    parts.client.hdel(keys.board(board), "bucket", "bucket_scores")
    note(parts, board, day + HOUR_MS, {ids[0]: ["early"]})
    last = day + 20 * HOUR_MS
    if noted:
        note(parts, board, last, {ids[1]: []}, noted_ms=day + DAY_MS + HOUR_MS)
    else:
        parts.client.hset(keys.board(board), mapping={"bucket": last // STEP_MS, "bucket_scores": 3})

    def stood(at_ms: int) -> tuple[bool, int | None, list[str]]:
        moment = parts.rewind.top(board, "day", at_ms)
        return moment.final, moment.at_ms, [row.player for row in moment.rows]

    assert stood(day + HOUR_MS) == (False, None, [])
    assert stood(last) == (False, day + HOUR_MS + STEP_MS, ["early"])
    assert stood(last + STEP_MS) == stood(day + DAY_MS - 1) == (True, last + STEP_MS, ["late"])
    assert stood(day + DAY_MS) == (False, None, [])  # the next day began empty


def test_moments_are_listed_by_period_and_each_shows_itself(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("day", "all"), late_s=50 * DAY_MS // 1000))
    now = store_ms(parts.client)
    today = now // DAY_MS * DAY_MS
    days = [today - n * DAY_MS for n in (40, 3, 1)]
    began = [day + n * HOUR_MS // 2 for day in days for n in range(1, 30)]
    for at_ms in began:
        note(parts, board, at_ms, {"all": ["a"], period("day", at_ms).id: ["a"]})
    parts.scores.submit(board, [Score("a", 1, day + HOUR_MS) for day in days])
    for copied in (False, True):
        if copied:
            chronicling_at(parts).copy_new()
        spans = parts.rewind.moments(board, "day")
        assert [span.period.start_ms for span in spans] == [*days, today]
        listed = [moment for span in spans for moment in span.moments]
        assert listed == sorted(listed)
        assert set(listed) <= {at_ms + STEP_MS for at_ms in began}
        assert [len(span.moments) > 0 for span in spans] == [True, True, True, False]
        assert len(spans[2].moments) > len(spans[1].moments) > len(spans[0].moments)  # fewer, the older they are
        for span in spans:
            for at_ms in span.moments:
                moment = parts.rewind.top(board, "day", at_ms)
                assert (moment.at_ms, moment.period, moment.final) == (at_ms, span.period.id, False)
        day = days[1]
        told = parts.analytics.history(board, "day", from_ms=0, to_ms=day + DAY_MS, step_s=3600)  # of that day alone
        assert {pulse.at_ms // DAY_MS * DAY_MS for pulse in told} == {day}
        (whole,) = parts.rewind.moments(board, "all")
        assert set(listed) <= {*whole.moments}


@pytest.mark.parametrize("ties", ["plain", "first", "shared", "dense"])
@pytest.mark.parametrize("order", ["desc", "asc"])
def test_ranks_close_over_who_was_removed_as_they_do_on_the_board(
    ties: Ties, order: Order, parts: Parts, board: str
) -> None:
    scores = {"a": 40, "b": 30, "c": 30, "d": 30, "e": 20, "f": 20, "g": 10}
    for gone in ("a", "c", "g", "bcd"):
        name = f"{board}-{gone}"
        parts.boards.put(name, BoardSettings(ties=ties, order=order))
        parts.scores.submit(name, [Score(player, score) for player, score in scores.items()])
        parts.client.hincrby(keys.board(name), "bucket", -10)  # as if they had come a while ago
        at_ms = STEP_MS * (int(parts.client.hget(keys.board(name), "bucket")) + 1)
        parts.scores.submit(name, [Score("a", 40)])
        before = parts.rewind.top(name, "all", at_ms)
        assert (before.at_ms, [row.player for row in before.rows]) == (at_ms, top(parts, name)[0])
        for player in gone:
            parts.removals.remove(name, player, reason="r", by="b")
        rows = parts.rewind.top(name, "all", at_ms).rows
        assert ([row.player for row in rows], [(row.rank, row.score) for row in rows]) == top(parts, name)


def top(parts: Parts, board: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Who stands on a board now, and with which ranks and scores."""
    rows = parts.rankings.top(board).rows
    return [row.player for row in rows], [(row.rank, row.score) for row in rows]


def test_what_is_not_there_is_refused_as_everywhere(parts: Parts, board: str) -> None:
    with pytest.raises(BoardNotFound):
        parts.rewind.moments(board, "all")
    parts.boards.put(board, BoardSettings())
    assert [span.moments for span in parts.rewind.moments(board, "all")] == [()]
    assert parts.rewind.top(board, "all", store_ms(parts.client)).at_ms is None
    with pytest.raises(InvalidInput, match="it has all"):
        parts.rewind.top(board, "day", 0)
