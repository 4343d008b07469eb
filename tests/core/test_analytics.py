"""History: how many scores came in each bucket of time, and who led when it ended. Told by the store's own clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from dashboard.core.analytics import Analytics, as_point
from dashboard.core.buckets import STEP_S
from dashboard.core.periods import period
from dashboard.errors import InvalidInput
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import MAX_SCORE, BoardSettings, Mark, PeriodKind, Pulse, Result, Score, Standing
from tests.core.past import note
from tests.core.times import DAY_MS, away_from_midnight, chronicling_at, store_ms, wait_until_ms

STEP_MS = 1000 * STEP_S
MARGIN_MS = 3500
"""The first bucket has at least the rest of its length before it."""
ALL_PERIODS: tuple[PeriodKind, ...] = ("all", "day", "week", "month")
NAMES = ["李小龙", "👩‍👩‍👧", 'a"b', "a\\b", "a\u2028b", "0", " ", "é", "{}", "\u202ex"]


def rows(*pairs: tuple[str, int]) -> tuple[Standing, ...]:
    return tuple(Standing(rank, player, score) for rank, (player, score) in enumerate(pairs, 1))


@dataclass(frozen=True)
class Story:
    """What happened on three boards in the buckets that begin at `at[0]` to `at[2]`; it is told when the last has begun."""

    parts: Parts
    busy: str
    still: str
    names: str
    at: list[int]
    open_at_first: list[Pulse]
    still_after_one: list[Pulse]

    def history(self, board: str, kind: str = "all", **options: Any) -> list[Pulse]:
        return self.parts.analytics.history(board, kind, **options)


@pytest.fixture(scope="module")
def story(parts: Parts) -> Iterator[Story]:
    busy, still, names = "history-busy", "history-still", "history-names"
    away_from_midnight(parts.client)
    parts.boards.put(busy, BoardSettings(rule="sum", periods=ALL_PERIODS))
    parts.boards.put(still, BoardSettings(order="asc"))
    start = (store_ms(parts.client) + MARGIN_MS) // STEP_MS * STEP_MS
    at = [start + n * STEP_MS for n in range(3)]
    wait_until_ms(parts.client, at[0])

    long_ago = at[0] - 400 * DAY_MS
    parts.scores.load(busy, [Score("old", 100, long_ago)], Mark("i", "", "1"))
    take(parts, busy, ("a", 5), ("b", 3), ("a", 1))
    take(parts, still, *((f"p{n}", n) for n in range(15)))
    take(parts, names, *((name, n * MAX_SCORE // 10) for n, name in enumerate(NAMES)))
    wait_until_ms(parts.client, at[0] + 1100)
    first = parts.analytics.history(busy, "all")

    wait_until_ms(parts.client, at[1])
    for number in range(12):
        take(parts, busy, (f"p{number}", 10 + number))
    after_one = parts.analytics.history(still, "all")

    wait_until_ms(parts.client, at[2])
    parts.scores.load(busy, [Score("old", MAX_SCORE, long_ago)], Mark("i", "1", "2"))  # refused: nothing comes in
    for number in range(1, 4):
        assert not isinstance(parts.scores.submit(busy, [Score("a", MAX_SCORE)])[0], Result)
        parts.scores.load(busy, [], Mark("j", str(number - 1 or ""), str(number)))
    yield Story(parts, busy, still, names, at, first, after_one)
    for board in (busy, still, names):
        parts.boards.delete(board)


def take(parts: Parts, board: str, *pairs: tuple[str, int]) -> None:
    scores = [Score(player, score) for player, score in pairs]
    assert all(isinstance(result, Result) for result in parts.scores.submit(board, scores))


TOP_TEN = rows(("old", 100), *((f"p{n}", 10 + n) for n in range(11, 2, -1)))


def test_each_closed_bucket_has_its_count_and_the_top_ten_at_its_end(story: Story) -> None:
    assert story.history(story.busy) == [
        Pulse(story.at[0], 4, rows(("old", 100), ("a", 6), ("b", 3))),
        Pulse(story.at[1], 12, TOP_TEN),
    ]


def test_a_bucket_that_is_open_is_not_shown(story: Story) -> None:
    assert story.open_at_first == []


def test_the_last_bucket_is_shown_when_it_has_ended_though_nothing_came_after_it(story: Story) -> None:
    lowest = rows(*((f"p{n}", n) for n in range(10)))
    assert story.still_after_one == [Pulse(story.at[0], 15, lowest)]
    assert story.history(story.still) == story.still_after_one


def test_every_accepted_score_is_counted_once(story: Story) -> None:
    for board, expected in ((story.busy, 16), (story.still, 15), (story.names, len(NAMES))):
        assert story.parts.boards.versions([board])[0].scores == expected
        assert sum(pulse.scores for pulse in story.history(board)) == expected


@pytest.mark.parametrize("kind", ["day", "week", "month"])
def test_each_period_has_its_own_leaders(kind: str, story: Story) -> None:
    first, second = story.history(story.busy, kind)
    assert first.rows == rows(("a", 6), ("b", 3))
    assert second.rows == rows(*((f"p{n}", 10 + n) for n in range(11, 1, -1)))
    assert (first.scores, second.scores) == (4, 12)  # what came on the board, whatever period it counts in


def test_names_and_numbers_come_back_exactly(story: Story) -> None:
    (pulse,) = story.history(story.names)
    expected = [(name, n * MAX_SCORE // 10) for n, name in enumerate(NAMES)]
    assert pulse.rows == rows(*reversed(expected))


def test_a_window_takes_the_buckets_that_began_in_it(story: Story) -> None:
    def starts(from_ms: int | None = None, to_ms: int | None = None) -> list[int]:
        return [story.at.index(pulse.at_ms) for pulse in story.history(story.busy, from_ms=from_ms, to_ms=to_ms)]

    a, b, end = story.at
    assert starts(from_ms=a) == starts(to_ms=end) == starts(from_ms=0, to_ms=end) == starts(from_ms=-1) == [0, 1]
    assert starts(from_ms=a + 1) == starts(from_ms=b) == [1]
    assert starts(to_ms=b) == starts(from_ms=a, to_ms=a + 1) == [0]
    assert starts(from_ms=b + 1) == starts(to_ms=a) == starts(from_ms=b, to_ms=a) == starts(to_ms=0) == []


@pytest.mark.parametrize("step_s", [10, 15, 60, 3600])
def test_buckets_are_joined_to_longer_steps(step_s: int, story: Story) -> None:
    expected: dict[int, Pulse] = {}
    for pulse in story.history(story.busy):
        start = pulse.at_ms // (1000 * step_s) * 1000 * step_s
        before = expected[start].scores if start in expected else 0
        expected[start] = Pulse(start, before + pulse.scores, pulse.rows)
    assert story.history(story.busy, step_s=step_s) == list(expected.values())


@pytest.mark.parametrize("step_s", [0, -5, 1, 4, 7, 12])
def test_a_step_is_a_multiple_of_the_bucket(step_s: int, story: Story) -> None:
    with pytest.raises(InvalidInput, match="multiple of 5 seconds") as refused:
        story.history(story.busy, step_s=step_s)
    assert refused.value.errors[0][0] == "/step"


def test_a_board_without_that_period_is_refused(story: Story) -> None:
    with pytest.raises(InvalidInput, match="it has all"):
        story.history(story.still, "day")


def test_a_point_is_written_with_its_time(story: Story) -> None:
    point = as_point(Pulse(1_795_424_635_000, 2, rows(("a", 1))))
    assert point == {"at": "2026-11-23T09:03:55.000Z", "scores": 2, "rows": [{"rank": 1, "player": "a", "score": 1}]}


def test_the_board_is_shown_as_it_stood_when_the_last_bucket_had_ended(story: Story) -> None:
    def stood(at_ms: int, kind: str = "all") -> tuple[int | None, int, int, tuple[Standing, ...]]:
        moment = story.parts.rewind.top(story.busy, kind, at_ms)
        return moment.at_ms, moment.players, moment.version, moment.rows

    first, second, third = story.at
    before = (second, 3, 2, rows(("old", 100), ("a", 6), ("b", 3)))
    assert stood(second - 1) == (None, 0, 0, ())
    assert stood(second) == stood(third - 1) == before
    assert stood(third) == stood(third + STEP_MS) == stood(third + DAY_MS) == (third, 15, 14, TOP_TEN)
    assert stood(second, "day") == (second, 2, 2, rows(("a", 6), ("b", 3)))
    assert stood(first - DAY_MS, "day") == (None, 0, 0, ())
    moment = story.parts.rewind.top(story.still, "all", second)  # nothing came after it: what stands is what stood
    assert (moment.at_ms, moment.players, moment.rows) == (second, 15, rows(*((f"p{n}", n) for n in range(10))))


def test_an_answer_for_a_moment_to_come_is_what_stands(story: Story) -> None:
    shown = story.parts.rewind.top(story.names, "all", story.at[2] + 400 * DAY_MS)
    assert shown.rows == story.parts.rankings.top(story.names).rows


def test_history_begins_an_hour_ago_unless_asked_for_more_and_never_before_its_period(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("all", "day")))
    now = store_ms(parts.client)
    yesterday, today = now - now % DAY_MS - STEP_MS, now - now % DAY_MS
    for at_ms, players in ((yesterday, ["a"]), (today, [])):
        note(parts, board, at_ms, {"all": ["a"], period("day", at_ms).id: players})
    shown = {kind: [p.at_ms for p in parts.analytics.history(board, kind, from_ms=0)] for kind in ("all", "day")}
    assert shown == {"all": [yesterday, today], "day": [today]}
    assert parts.analytics.history(board, "day", from_ms=0)[0].rows == ()
    recent = [at_ms for at_ms in (yesterday, today) if at_ms > now - 3_600_000]
    assert [p.at_ms for p in parts.analytics.history(board, "all")] == recent


def test_more_than_an_hour_of_activity_is_kept_where_nothing_is_archived(parts: Parts, board: str) -> None:
    take(parts, board, ("a", 0))
    bucket = int(parts.client.hget(keys.board(board), "bucket"))
    for number in range(1000):
        parts.client.hset(keys.board(board), "bucket", bucket - 1000 + number)  # as if some time had passed since
        take(parts, board, ("a", number))
    shown = parts.analytics.history(board, "all", from_ms=0)
    assert [pulse.at_ms // STEP_MS for pulse in shown[:1000]] == list(range(bucket - 1000, bucket))
    assert chronicling_at(parts, 2 * 3_600_000).copy_new() >= 1000
    assert parts.client.xlen(keys.history(board)) == 1  # what was copied is trimmed
    assert parts.analytics.history(board, "all", from_ms=0)[:1000] == shown[:1000]
    alone = Analytics(parts.client, parts.boards, parts.clock)
    assert len(alone.history(board, "all", from_ms=0)) <= 2  # control: the stream without the archive
