"""Scores: what a name and a score may be, what one call does to every period, and what is refused whole."""

import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from dashboard.core.periods import period
from dashboard.core.plans import AHEAD_MS
from dashboard.core.scores import BATCH, clean_player, clean_score
from dashboard.errors import InvalidInput, MarkMoved, PlayerNotFound, ScorecastError, ScoreOutOfRange, TooLate
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import (
    MAX_SCORE,
    BoardSettings,
    CalendarKind,
    Mark,
    Order,
    PeriodKind,
    Result,
    Review,
    Rule,
    Score,
)
from tests.core.times import DAY_MS, archiving_at, away_from_midnight, store_ms, wait_until_ms, with_host_clock
from tests.stored import stored

ALL_PERIODS: tuple[CalendarKind, ...] = ("all", "day", "week", "month")


def submit(parts: Parts, board: str, player: str, score: int, at_ms: int | None = None) -> Result:
    result = parts.scores.submit(board, [Score(player, score, at_ms)])[0]
    assert isinstance(result, Result), result
    return result


def refusal(parts: Parts, board: str, player: str, score: int, at_ms: int | None = None) -> ScorecastError:
    result = parts.scores.submit(board, [Score(player, score, at_ms)])[0]
    assert isinstance(result, ScorecastError), result
    return result


def held(parts: Parts, board: str, kind: str = "all", at_ms: int | None = None) -> dict[str, int]:
    return {row.player: row.score for row in parts.rankings.top(board, kind, limit=1000, at_ms=at_ms).rows}


# Names ---------------------------------------------------------------------------------------------------------------

NAMES = [
    *(
        "Ana",
        "Björk",
        "Жанна",
        "Ελένη",
        "דוד",
        "محمد",
        "नेहा",
        "สมชาย",
        "李小龙",
        "たなか",
        "박지성",
        "Ngũgĩ",
        "ⴰⵎⴰⵣⵉⵖ",
        "𓀀𓂀",
    ),
    *(
        "👩‍👩‍👧",
        "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "a\u200bb",
        "a\u202eb",
        "\u2066x\u2069",
        "\ufeffx",
        "a\u2028b",
        "\ue000",
        "\ufffe",
        "e\u0323\u0302",
    ),
    *("ﬁ", "①", "Ａ", "ſ", "²"),  # alike to the eye or by meaning, and other names all the same
    *(
        " ",
        "a b",
        "0",
        "-1",
        "nan",
        "inf",
        "%s",
        "{x}",
        "a:b",
        "a,b",
        'a"b',
        "a\\b",
        "a/b",
        "' OR 1=1",
        "<b>",
        "1,2",
        "*",
    ),
]


def test_names_of_any_script_come_back_as_they_were(parts: Parts, board: str) -> None:
    names = [clean_player(name) for name in NAMES]
    assert names == [unicodedata.normalize("NFC", name) for name in NAMES]
    assert len(set(names)) == len(NAMES)
    scores = [Score(name, number) for number, name in enumerate(names)]
    assert [r.player for r in parts.scores.submit(board, scores) if isinstance(r, Result)] == names
    assert held(parts, board) == {name: number for number, name in enumerate(names)}
    for number, name in enumerate(names):
        assert parts.rankings.player(board, name).score == number
        assert [row.player for row in parts.rankings.around(board, name, radius=0).rows] == [name]
    assert {row.player for row in parts.rankings.standings(board, names).rows} == set(names)


@pytest.mark.parametrize(
    ("one", "other"), [("é", "e\u0301"), ("Å", "\u212b"), ("각", "\u1100\u1161\u11a8"), ("ệ", "e\u0302\u0323")]
)
def test_two_spellings_of_one_name_are_one_player(one: str, other: str, parts: Parts, board: str) -> None:
    assert one != other  # control: unnormalised they are two
    for name in (one, other):
        submit(parts, board, clean_player(name), 1)
    assert len(held(parts, board)) == 1


@pytest.mark.parametrize("name", ["x" * 128, "é" * 128, "😀" * 128, "e\u0301" * 128, "\u1100\u1161\u11a8" * 128])
def test_a_name_has_up_to_128_characters_as_it_is_stored(name: str, parts: Parts, board: str) -> None:
    player = clean_player(name)
    assert len(player) == 128
    assert submit(parts, board, player, 1).player == player
    assert held(parts, board) == {player: 1}
    with pytest.raises(InvalidInput, match="1 to 128 characters"):
        clean_player(name + "x")


@pytest.mark.parametrize("name", ["", "x" * 129, "e\u0301" * 129, "\u0958" * 65, None, 1, b"a", ["a"], True])
def test_what_is_no_name_of_1_to_128_characters_is_refused(name: Any) -> None:
    with pytest.raises(InvalidInput, match="1 to 128 characters") as refused:
        clean_player(name)
    assert refused.value.errors[0][0] == "/player"


def test_every_control_character_and_every_lone_surrogate_is_refused_by_its_number() -> None:
    bad = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cs")]
    assert len(bad) == 65 + 2048
    for character in bad[:65] + bad[65::97]:
        for name in (character, f"a{character}", f"é{character}é"):
            with pytest.raises(InvalidInput, match=f"U\\+{ord(character):04X} was found"):
                clean_player(name)


def test_a_name_made_to_keep_the_server_busy_is_refused_at_once() -> None:
    def took_s(act: Callable[[], object]) -> float:
        began = time.perf_counter()
        act()
        return time.perf_counter() - began

    def refuse() -> None:
        with pytest.raises(InvalidInput, match="1 to 128 characters"):
            clean_player("a" + "\u0300\u0316" * 250_000)

    naive_s = took_s(lambda: unicodedata.normalize("NFC", "a" + "\u0300\u0316" * 5_000))
    assert took_s(refuse) < naive_s  # control: a fiftieth of the name, ordered as Unicode asks, takes longer


# Numbers -------------------------------------------------------------------------------------------------------------

EDGES = sorted({sign * value for value in (0, 1, 2**31, 2**52 + 1, MAX_SCORE - 1, MAX_SCORE) for sign in (1, -1)})


@pytest.mark.parametrize("order", ["desc", "asc"])
@pytest.mark.parametrize("rule", ["best", "last", "sum"])
def test_scores_are_exact_to_the_last_unit_at_the_edges(rule: Rule, order: Order, parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule=rule, order=order, periods=ALL_PERIODS))
    scores = [Score(str(value), value) for value in EDGES]
    results = parts.scores.submit(board, scores)
    assert [r.score for r in results if isinstance(r, Result)] == EDGES
    expected = {str(value): value for value in EDGES}
    known = parts.boards.get(board)
    for kind in ALL_PERIODS:
        assert held(parts, board, kind) == expected
        page = parts.rankings.standings(board, list(expected), kind)
        assert {row.player: row.score for row in page.rows} == expected
        (page,) = parts.rankings.snapshots([(known, period(kind, store_ms(parts.client)).id, 100)])
        assert [row.score for row in page.rows] == (EDGES[::-1] if order == "desc" else EDGES)
        assert {name: parts.rankings.player(board, name, kind).score for name in expected} == expected


def test_a_sum_is_exact_to_the_last_unit_at_the_edges(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum"))
    steps = [MAX_SCORE - 1, 1, -MAX_SCORE, -MAX_SCORE + 1, -1, MAX_SCORE, 0, -1, 1]
    total = 0
    for step in steps:
        total += step
        assert submit(parts, board, "a", step).score == total
    assert held(parts, board) == {"a": 0}


@pytest.mark.parametrize("value", [MAX_SCORE + 1, -MAX_SCORE - 1, 10**400])
def test_a_score_beyond_the_exact_range_is_refused(value: int) -> None:
    with pytest.raises(InvalidInput, match="9007199254740991"):
        clean_score(value)


@pytest.mark.parametrize("value", [True, 1.0, 1.5, float("nan"), float("inf"), "1", None, [1]])
def test_a_score_is_an_integer(value: Any) -> None:
    with pytest.raises(InvalidInput, match="integer"):
        clean_score(value)


def ranks(parts: Parts, board: str) -> dict[str, Any]:
    """What a score may change: everything but the bucket of time that is open."""
    found = stored(parts.client, board)
    found.pop(keys.history(board), None)
    hash, _ = found[keys.board(board)]
    return found | {keys.board(board): {name: hash.get(name) for name in (b"version", b"position", b"scores", b"rung")}}


@pytest.mark.parametrize("kinds", [("all", "day"), ("day", "all"), ALL_PERIODS])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_that_leaves_the_exact_range_in_one_period_is_refused_in_all(
    kinds: tuple[PeriodKind, ...], sign: int, parts: Parts, board: str
) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=kinds))
    long_ago = store_ms(parts.client) - 400 * DAY_MS
    parts.scores.load(board, [Score("a", sign * MAX_SCORE, long_ago)], Mark("history", "", "1"))
    submit(parts, board, "b", 1)
    before = ranks(parts, board)
    error = refusal(parts, board, "a", sign)  # `day` could take it, `all` cannot
    assert isinstance(error, ScoreOutOfRange)
    assert "'a' would leave" in error.detail
    assert ranks(parts, board) == before
    submit(parts, board, "a", -sign)  # control: the other way it goes into both
    assert held(parts, board) == {"a": sign * (MAX_SCORE - 1), "b": 1}
    assert held(parts, board, "day") == {"a": -sign, "b": 1}


def test_a_refused_sum_leaves_the_others_of_its_batch_alone(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum"))
    batch = [Score("a", MAX_SCORE), Score("a", 1), Score("b", 2), Score("a", -1), Score("a", 1), Score("a", 1)]
    results = parts.scores.submit(board, batch)
    assert [isinstance(r, Result) for r in results] == [True, False, True, True, True, False]
    assert held(parts, board) == {"a": MAX_SCORE, "b": 2}
    assert parts.client.xlen(keys.events(board)) == 4
    assert parts.boards.versions([board])[0].scores == 4


# Batches and results --------------------------------------------------------------------------------------------------


def test_a_batch_of_1000_is_taken_and_one_of_1001_refused_whole(parts: Parts, board: str) -> None:
    results = parts.scores.submit(board, [Score(f"p{n}", n) for n in range(BATCH)])
    assert [r.rank for r in results if isinstance(r, Result)] == [1] * BATCH  # each was the best when it came
    assert parts.rankings.top(board).players == BATCH == 1000
    with pytest.raises(InvalidInput, match="at most 1000 scores"):
        parts.scores.submit(board, [Score(f"q{n}", n) for n in range(BATCH + 1)])
    with pytest.raises(InvalidInput, match="at most 1000 scores"):
        parts.scores.load(board, [Score(f"q{n}", n) for n in range(BATCH + 1)], Mark("i", "", "1"))
    assert parts.rankings.top(board).players == BATCH
    assert parts.scores.mark(board, "i") == ""


def test_an_empty_batch_does_nothing(parts: Parts, board: str) -> None:
    submit(parts, board, "a", 1)
    before = ranks(parts, board)
    assert parts.scores.submit(board, []) == []
    assert ranks(parts, board) == before


def test_a_result_says_what_the_score_did(parts: Parts, board: str) -> None:
    first = submit(parts, board, "a", 10)
    assert first == Result("a", 10, 1, None, True, 1, first.position)
    second = submit(parts, board, "b", 20)
    assert second == Result("b", 20, 1, None, True, 2, second.position)
    worse = submit(parts, board, "a", 5)
    assert worse == Result("a", 10, 2, 2, False, 2, worse.position)
    better = submit(parts, board, "a", 30)
    assert better == Result("a", 30, 1, 2, True, 2, better.position)
    entries = parts.client.xrange(keys.events(board))
    assert [id.decode() for id, _ in entries] == [r.position for r in (first, second, worse, better)]
    assert [(e[b"player"], e[b"score"], e[b"held"]) for _, e in entries] == [
        *((b"a", b"10", b"10"), (b"b", b"20", b"20"), (b"a", b"5", b"10"), (b"a", b"30", b"30"))
    ]


def test_a_result_shows_the_boards_first_period(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("day", "all"), late_s=2 * DAY_MS // 1000))
    yesterday = store_ms(parts.client) - DAY_MS
    parts.scores.submit(board, [Score("old", 100, yesterday), Score("older", 200, yesterday)])
    today = submit(parts, board, "a", 1)
    assert (today.rank, today.players) == (1, 1)
    late = submit(parts, board, "a", 150, yesterday)
    assert (late.rank, late.previous_rank, late.players, late.score) == (2, None, 3, 150)


def test_a_batch_applies_in_its_order(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="last"))
    results = parts.scores.submit(board, [Score("a", n) for n in (3, 1, 2)])
    assert [r.score for r in results if isinstance(r, Result)] == [3, 1, 2]
    positions = [tuple(map(int, r.position.split("-"))) for r in results if isinstance(r, Result)]
    assert positions == sorted(set(positions))
    assert held(parts, board) == {"a": 2}


def test_accepted_counts_what_was_accepted(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum"))
    before = parts.scores.accepted
    ahead = store_ms(parts.client) + AHEAD_MS * 2
    parts.scores.submit(board, [Score("a", MAX_SCORE), Score("a", 1), Score("b", 1, ahead), Score("c", 1)])
    assert parts.scores.accepted - before == 2
    parts.scores.load(board, [Score("a", 1), Score("d", 1)], Mark("i", "", "1"))
    assert parts.scores.accepted - before == 3


# Marks ---------------------------------------------------------------------------------------------------------------


def test_a_mark_moves_with_its_scores_or_neither_does(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum"))
    assert parts.scores.mark(board, "i") == ""
    assert parts.scores.load(board, [Score("a", 1)], Mark("i", "", "one")) == {}
    before = ranks(parts, board)
    for expected in ("", "two", "on", "one "):
        with pytest.raises(MarkMoved) as moved:
            parts.scores.load(board, [Score("a", 1)], Mark("i", expected, "two"))
        assert moved.value.evidence == {"mark": "one"}
        assert moved.value.temporary
    assert ranks(parts, board) == before
    parts.scores.load(board, [Score("a", 1)], Mark("i", "one", "two"))
    assert parts.scores.mark(board, "i") == "two"
    assert held(parts, board) == {"a": 2}


def test_marks_of_two_imports_do_not_meet_and_a_mark_may_move_alone(parts: Parts, board: str) -> None:
    parts.scores.load(board, [Score("a", 1)], Mark("i", "", "é 1"))
    parts.scores.load(board, [Score("a", 1)], Mark("j", "", "1"))
    version = parts.boards.versions([board])[0]
    parts.scores.load(board, [], Mark("i", "é 1", "2"))
    assert parts.boards.versions([board])[0] == version
    assert (parts.scores.mark(board, "i"), parts.scores.mark(board, "j")) == ("2", "1")


def test_a_load_names_the_scores_it_refused(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum"))
    batch = [Score("a", 1), Score("b", MAX_SCORE), Score("b", 1), Score("c", 1), Score("b", 2), Score("b", -1)]
    refused = parts.scores.load(board, batch, Mark("i", "", "1"))
    assert {index: type(error) for index, error in refused.items()} == {2: ScoreOutOfRange, 4: ScoreOutOfRange}
    assert held(parts, board) == {"a": 1, "b": MAX_SCORE - 1, "c": 1}
    assert parts.scores.mark(board, "i") == "1"


def test_history_is_never_late_nor_early(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=("all", "day"), late_s=0))
    now = store_ms(parts.client)
    times = [now - 50_000 * DAY_MS, now - 2 * DAY_MS, now, now + 30 * DAY_MS]
    assert parts.scores.load(board, [Score("a", 1, at) for at in times], Mark("i", "", "1")) == {}
    assert held(parts, board) == {"a": 4}
    assert held(parts, board, "day", now + 30 * DAY_MS) == {"a": 1}


BATCHES = 40


def _race(parts: Parts, board: str, write: Callable[[str, int], None]) -> int:
    """Two writers take the same 40 batches to the board, as two imports of one file do. Returns the sum."""
    parts.boards.put(board, BoardSettings(rule="sum"))
    begin = threading.Barrier(2)

    def run() -> None:
        begin.wait()
        for number in range(BATCHES):
            write(board, number)

    writers = [threading.Thread(target=run) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return sum(held(parts, board).values())


def _batch(number: int) -> list[Score]:
    return [Score(f"p{(number + n) % 7}", 1) for n in range(10)]


def test_two_racing_writers_count_each_batch_exactly_once(parts: Parts, board: str) -> None:
    lost = [0]

    def write(board: str, number: int) -> None:
        try:
            parts.scores.load(board, _batch(number), Mark("i", str(number or ""), str(number + 1)))
        except MarkMoved:
            lost[0] += 1

    assert _race(parts, board, write) == BATCHES * 10
    assert lost[0] == BATCHES  # each batch had one winner
    assert parts.scores.mark(board, "i") == str(BATCHES)


def test_control_without_a_mark_two_writers_count_twice(parts: Parts, board: str) -> None:
    assert _race(parts, board, lambda board, number: _submit_all(parts, board, _batch(number))) == 2 * BATCHES * 10


def _submit_all(parts: Parts, board: str, scores: Sequence[Score]) -> None:
    assert all(isinstance(result, Result) for result in parts.scores.submit(board, scores))


# The clock -----------------------------------------------------------------------------------------------------------

SHIFTS_MS = [0, -3 * DAY_MS, 3 * DAY_MS, -400 * DAY_MS, 400 * DAY_MS, -2 * 3_600_000, 2 * 3_600_000]


@pytest.mark.parametrize("shift_ms", SHIFTS_MS)
def test_a_score_lands_in_the_stores_day_whatever_the_hosts_clock_says(shift_ms: int, parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    off = with_host_clock(parts, shift_ms)
    off.boards.put(board, BoardSettings(periods=ALL_PERIODS))
    submit(off, board, "a", 1)
    now = store_ms(parts.client)
    assert off.boards.periods(board) == sorted(period(kind, now).id for kind in ALL_PERIODS)
    assert held(off, board, "day") == {"a": 1}  # what it learned serves its readers too
    if abs(shift_ms) >= DAY_MS:  # control: by the host's clock it would be another day
        assert period("day", now + shift_ms) != period("day", now)


@pytest.mark.parametrize("kinds", [("all",), ("all", "day")])
@pytest.mark.parametrize("shift_ms", SHIFTS_MS)
def test_what_is_late_or_early_is_judged_by_the_stores_clock(
    shift_ms: int, kinds: tuple[PeriodKind, ...], parts: Parts, board: str
) -> None:
    away_from_midnight(parts.client)
    with_host_clock(parts, 0).boards.put(board, BoardSettings(periods=kinds, late_s=0))
    now = store_ms(parts.client)

    def fresh() -> Parts:
        """A process that has not met the store's clock yet."""
        return with_host_clock(parts, shift_ms)

    submit(fresh(), board, "a", 1, now)
    assert "has not come yet" in refusal(fresh(), board, "a", 1, now + 10 * 60_000).detail
    if kinds == ("all",):
        submit(fresh(), board, "a", 1, now - 2 * DAY_MS)
    else:
        assert isinstance(refusal(fresh(), board, "a", 1, now - 2 * DAY_MS), TooLate)


def test_a_score_may_be_stamped_a_minute_ahead(parts: Parts, board: str) -> None:
    submit(parts, board, "a", 1, store_ms(parts.client) + AHEAD_MS - 1000)
    error = refusal(parts, board, "a", 1, store_ms(parts.client) + AHEAD_MS + 5000)
    assert isinstance(error, InvalidInput)
    assert error.errors == (("/at", "lies in the future"),)


def test_a_late_score_counts_while_its_period_is_younger_than_late_s(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    now = store_ms(parts.client)
    midnight = now - now % DAY_MS
    age_s = (now - midnight) // 1000
    for late_s, taken in ((age_s + 20, True), (age_s - 5, False), (0, False)):
        name = f"{board}-{late_s}"
        parts.boards.put(name, BoardSettings(periods=("all", "day"), late_s=late_s))
        submit(parts, name, "a", 1)
        before = ranks(parts, name)
        if taken:
            submit(parts, name, "a", 5, midnight - 1)
            assert held(parts, name, "day", midnight - 1) == {"a": 5}
        else:
            error = refusal(parts, name, "a", 5, midnight - 1)
            assert isinstance(error, TooLate)
            assert f"{late_s} s. Nothing was counted" in error.detail
            assert ranks(parts, name) == before  # `all` is never late, and still takes nothing of it
        assert submit(parts, name, "a", 2, midnight).changed  # the first instant of today is not late


def test_all_is_never_late(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(late_s=0))
    submit(parts, board, "a", 1, 0)
    submit(parts, board, "b", 1, -62_135_596_800_000)
    assert held(parts, board) == {"a": 1, "b": 1}


# Life of a ranking ---------------------------------------------------------------------------------------------------

LENGTH_MS = {"day": DAY_MS, "week": 7 * DAY_MS, "month": 31 * DAY_MS}


@pytest.mark.parametrize(("keep", "late_s"), [(12, 3600), (1, 0), (1, 40 * DAY_MS // 1000)])
def test_a_ranking_expires_when_it_was_kept_long_enough_and_all_never(
    keep: int, late_s: int, parts: Parts, board: str
) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=ALL_PERIODS, keep=keep, late_s=late_s))
    now = store_ms(parts.client)
    submit(parts, board, "a", 1)
    parts.scores.submit(board, [Score("a", 2), Score("b", 1)])
    assert set(_expiries(parts, board).values()) == {-1}  # until it is archived
    for kind in ("day", "week", "month"):
        mine = period(kind, now)
        due_ms = mine.end_ms + 1000 * late_s + 60_000
        archiving_at(parts, due_ms - now).archive_due()
        kept_ms = max(keep * LENGTH_MS[kind], 1000 * late_s)
        expiry_ms = _expiries(parts, board)[keys.ranking(board, mine.id)]
        if mine.end_ms + kept_ms > due_ms:
            assert expiry_ms == mine.end_ms + kept_ms
        else:  # archived when that was over already: as long again from then on
            assert 0 <= expiry_ms - (due_ms + kept_ms) < 20_000
    expiries = _expiries(parts, board)
    assert expiries[keys.ranking(board, "all")] == -1
    submit(parts, board, "a", 1)  # which changes nothing
    assert _expiries(parts, board) == expiries


def _expiries(parts: Parts, board: str) -> dict[str, int]:
    return {
        k: expiry for k, (_, expiry) in stored(parts.client, board).items() if k.startswith(keys.ranking(board, ""))
    }


def test_a_ranking_that_expired_begins_anew_with_a_life_of_its_own(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("all", "day")))
    submit(parts, board, "a", 1)
    before = _expiries(parts, board)
    key = keys.ranking(board, period("day", store_ms(parts.client)).id)
    parts.client.pexpire(key, 1)
    wait_until_ms(parts.client, store_ms(parts.client) + 5)
    assert held(parts, board, "day") == {}
    result = submit(parts, board, "b", 1)
    assert (result.rank, result.players) == (1, 2)
    assert held(parts, board, "day") == {"b": 1}
    assert _expiries(parts, board) == before


def test_history_of_long_ago_is_ranked_archived_and_kept_for_a_while(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(rule="sum", periods=("day", "all"), keep=12))
    now = store_ms(parts.client)
    at = [-50_000 * DAY_MS, -12 * DAY_MS - 1, 0, now - 13 * DAY_MS, now - 11 * DAY_MS]
    batch = [Score(player, 1, at_ms) for at_ms in at for player in ("a", "b", "c")]
    assert parts.scores.load(board, batch, Mark("i", "", "1")) == {}
    assert held(parts, board) == {"a": 5, "b": 5, "c": 5}
    archiving_at(parts, 0).archive_due()
    assert all(expiry > now for key, expiry in _expiries(parts, board).items() if not key.endswith(":all"))
    assert parts.scores.load(board, [Score("a", 1, at[0])], Mark("i", "1", "2")) == {}  # more of it may come meanwhile
    assert held(parts, board, "day", at[0]) == {"a": 2, "b": 1, "c": 1}


def test_history_of_a_ranking_that_left_redis_does_not_replace_its_archive(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=("day", "all")))
    parts.scores.load(board, [Score("a", 1, 0), Score("b", 2, 0)], Mark("i", "", "1"))
    archiving_at(parts, 0).archive_due()
    parts.client.delete(*keys.standings(board, "day:1970-01-01"))  # as its time would
    assert parts.scores.load(board, [Score("a", 5, 0)], Mark("i", "1", "2")) == {}
    archiving_at(parts, 0).archive_due()
    assert held(parts, board, "day", 0) == {"b": 2, "a": 1}
    assert held(parts, board) == {"a": 6, "b": 2}


# Versions and events -------------------------------------------------------------------------------------------------


def test_the_version_rises_with_changes_of_ranks_alone(parts: Parts, board: str) -> None:
    def version() -> int:
        return parts.boards.versions([board])[0].number

    parts.boards.put(board, BoardSettings(periods=("all", "day")))
    assert version() == 0
    for score, expected in ((10, 1), (5, 1), (10, 1), (11, 2)):
        submit(parts, board, "a", score)
        assert version() == expected
    parts.scores.submit(board, [Score("a", 1), Score("b", 1), Score("c", 1)])
    assert version() == 3  # once for a batch
    parts.removals.remove(board, "b", reason="r", by="b")
    assert version() == 4
    with pytest.raises(PlayerNotFound):
        parts.removals.remove(board, "b", reason="r", by="b")
    parts.boards.put(board, BoardSettings(periods=("all", "day"), title="t"))
    assert version() == 4


def test_a_score_that_changes_nothing_moves_the_position_alone(parts: Parts, board: str) -> None:
    submit(parts, board, "a", 2)
    before = parts.boards.versions([board])[0]
    result = submit(parts, board, "a", 1)
    after = parts.boards.versions([board])[0]
    assert after.positions == (result.position,) > before.positions
    assert (after.number, after.scores) == (before.number, before.scores + 1)


def test_the_stream_of_events_is_bounded(parts: Parts, board: str) -> None:
    for number in range(12):
        batch = [Score(f"p{n % 10}", number) for n in range(BATCH)]
        parts.scores.load(board, batch, Mark("i", str(number or ""), str(number + 1)))
    assert 10_000 <= parts.client.xlen(keys.events(board)) <= 10_100  # whole nodes of the stream are cut
    assert parts.boards.versions([board])[0].scores == 12 * BATCH


# The doorbell --------------------------------------------------------------------------------------------------------

RING_MS = 50


class Ear:
    """Hears the doorbell as a server does."""

    def __init__(self, parts: Parts, board: str) -> None:
        self._client = parts.client
        self._board = board.encode()
        self._subscription = parts.client.pubsub(ignore_subscribe_messages=True)
        self._subscription.subscribe(keys.CHANGED)
        self.rings()

    def rings(self) -> int:
        """How often the board has rung since the last look. What was published before this call is heard by then."""
        end = b"the end"
        self._client.publish(keys.CHANGED, end)
        heard = 0
        while (message := self._subscription.get_message(timeout=5)) is None or message["data"] != end:
            heard += message is not None and message["data"] == self._board
        return heard

    def close(self) -> None:
        self._subscription.close()


def quiet(parts: Parts) -> None:
    wait_until_ms(parts.client, store_ms(parts.client) + RING_MS + 5)


def test_a_change_after_quiet_rings_once_and_what_changes_nothing_never(parts: Parts, board: str) -> None:
    ear = Ear(parts, board)
    for score in range(5):
        quiet(parts)
        submit(parts, board, "a", score)
        assert ear.rings() == 1
        quiet(parts)
        submit(parts, board, "a", score)
        assert ear.rings() == 0
    quiet(parts)
    parts.scores.load(board, [Score("a", 99)], Mark("i", "", "1"))
    assert ear.rings() == 1
    parts.removals.remove(board, "a", reason="r", by="b")
    assert ear.rings() == 1
    parts.boards.delete(board)
    assert ear.rings() == 1
    submit(parts, board, "a", 1)
    assert ear.rings() == 1  # a board of a new life rings at once
    ear.close()


def test_a_storm_of_changes_rings_at_most_once_in_a_window(parts: Parts, board: str) -> None:
    ear = Ear(parts, board)
    quiet(parts)
    began_ms = store_ms(parts.client)
    changes = 0
    while store_ms(parts.client) < began_ms + 6 * RING_MS:
        changes += submit(parts, board, "a", changes).changed
    took_ms = store_ms(parts.client) - began_ms
    rings = ear.rings()
    assert 4 <= rings <= took_ms / RING_MS + 1
    assert changes > rings  # control: one ring for each change would be more
    ear.close()


def test_columns_that_the_board_has_not_are_listed_up_to_some(parts: Parts, board: str) -> None:
    columns = {f"{n:05}": 1 for n in range(10_000)} | {"!a/b~": 1}
    (refused,) = parts.scores.submit(board, [Score("a", 1, columns=columns)])
    assert isinstance(refused, InvalidInput)
    assert len(refused.errors) == 20
    assert refused.errors[0] == ("/columns/!a~1b~0", "unknown column")


def test_what_was_gained_on_a_deleted_board_does_not_count_on_its_namesake(parts: Parts, board: str) -> None:
    settings = BoardSettings(rule="sum", review=Review(gain=50, per_s=3600))
    for _ in range(2):
        parts.boards.put(board, settings)
        (result,) = parts.scores.submit(board, [Score("a", 40)])
        assert isinstance(result, Result)
        assert result.review is None
        parts.boards.delete(board)
