"""Rankings: pages that neither repeat nor skip, percentiles, neighbourhoods, lists and distributions."""

import base64
import json
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.config import Settings
from dashboard.core.periods import period
from dashboard.core.rankings import BINS, percentile
from dashboard.errors import BadCursor, PlayerNotFound
from dashboard.parts import Parts, open_parts
from dashboard.store import keys
from dashboard.values import MAX_SCORE, BoardSettings, Distribution, Mark, Order, Result, Score, Standing
from tests.core.times import DAY_MS, away_from_midnight, store_ms, with_host_clock

ORDERS: tuple[Order, ...] = ("desc", "asc")
LIVE = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], database=None
)


def take(parts: Parts, board: str, *pairs: tuple[str, int]) -> None:
    scores = [Score(player, score) for player, score in pairs]
    assert all(isinstance(result, Result) for result in parts.scores.submit(board, scores))


def numbered(count: int) -> list[tuple[str, int]]:
    return [(f"p{n:04}", n) for n in range(count)]


# Cursors ---------------------------------------------------------------------------------------------------------------

Turn = Callable[[Parts, str, int | str | None], tuple[list[Standing], int | str | None]]
"""One page of three rows: (rows, what asks for the next page, None at the end)."""
PAGE = 3


def by_cursor(parts: Parts, board: str, at: int | str | None) -> tuple[list[Standing], int | str | None]:
    page = parts.rankings.top(board, limit=PAGE, cursor=None if at is None else str(at))
    return list(page.rows), page.next


def by_offset(parts: Parts, board: str, at: int | str | None) -> tuple[list[Standing], int | str | None]:
    """The control: pages counted from the top, as most leaderboards have them."""
    start = int(at or 0)
    rows = parts.rankings.top(board, limit=1000).rows
    return list(rows[start : start + PAGE]), start + PAGE if start + PAGE < len(rows) else None


def leaf(parts: Parts, board: str, turn: Turn, meanwhile: Callable[[int], None]) -> list[str]:
    """The players met on the way from the first page to the last, while others move between the pages."""
    met: list[str] = []
    rows, at = turn(parts, board, None)
    met += [row.player for row in rows]
    number = 0
    while at is not None:
        meanwhile(number)
        number += 1
        rows, at = turn(parts, board, at)
        met += [row.player for row in rows]
    return met


STAY = [f"stay{n:02}" for n in range(12)]


def _scene(parts: Parts, board: str, order: Order) -> None:
    """Twelve who stay where they are, all with even scores, two and two tied."""
    parts.boards.put(board, BoardSettings(order=order, rule="last"))
    take(parts, board, *((player, n // 2 * 10) for n, player in enumerate(STAY)))
    take(parts, board, ("mover", 25), ("other", 35))


def come_and_go(parts: Parts, board: str, number: int) -> None:
    take(parts, board, (f"new{number}", 800))
    parts.removals.remove(board, f"new{number}", reason="r", by="b")
    take(parts, board, ("mover", -number))


MOVES: dict[str, Callable[[Parts, str, int], None]] = {
    "one overtakes all": lambda parts, board, n: take(parts, board, ("mover", 1000 if n % 2 else -1000)),
    "new ones arrive at the top": lambda parts, board, n: take(parts, board, (f"new{n}", 900 + n)),
    "new ones arrive at the bottom": lambda parts, board, n: take(parts, board, (f"new{n}", -900 - n)),
    "one ties with everybody in turn": lambda parts, board, n: take(parts, board, ("mover", n % 6 * 10)),
    "ties before and behind by name": lambda parts, board, n: take(parts, board, ("a", n % 6 * 10), ("z", n % 6 * 10)),
    "those at the top come and go": come_and_go,
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("moves", list(MOVES))
def test_a_cursor_neither_repeats_nor_skips_who_stayed(moves: str, order: Order, parts: Parts, board: str) -> None:
    _scene(parts, board, order)
    met = leaf(parts, board, by_cursor, partial(MOVES[moves], parts, board))
    assert sorted(player for player in met if player in STAY) == STAY


@pytest.mark.parametrize("order", ORDERS)
def test_control_an_offset_repeats_or_skips(order: Order, parts: Parts, board: str) -> None:
    wrong = []
    for number, moves in enumerate(MOVES.values()):
        name = f"{board}-{number}"
        _scene(parts, name, order)
        met = leaf(parts, name, by_offset, partial(moves, parts, name))
        wrong.append(sorted(player for player in met if player in STAY) != STAY)
    assert sum(wrong) >= 3


moves = st.lists(
    st.lists(st.tuples(st.sampled_from(["m1", "m2", "a", "zz", "new"]), st.integers(-2, 12)), max_size=4),
    min_size=8,
    max_size=8,
)


def _random_walk(parts: Parts, order: Order, steps: list[list[tuple[str, int]]], turn: Turn) -> bool:
    board = f"walk-{random.randrange(10**12)}"
    parts.boards.put(board, BoardSettings(order=order, rule="last"))
    take(parts, board, *((player, n // 2) for n, player in enumerate(STAY)), ("m1", 3), ("m2", 5))
    left = iter(steps)

    def meanwhile(_: int) -> None:
        for player, score in next(left, []):
            if score < 0 and player in [row.player for row in parts.rankings.top(board, limit=100).rows]:
                parts.removals.remove(board, player, reason="r", by="b")
            else:
                take(parts, board, (player, score))

    try:
        met = leaf(parts, board, turn, meanwhile)
        return sorted(player for player in met if player in STAY) == STAY
    finally:
        parts.boards.delete(board)


@given(order=st.sampled_from(ORDERS), steps=moves)
@settings(LIVE, max_examples=40)
def test_a_cursor_holds_whatever_the_others_do(parts: Parts, order: Order, steps: list[list[tuple[str, int]]]) -> None:
    assert _random_walk(parts, order, steps, by_cursor)


def test_control_an_offset_does_not_hold_whatever_the_others_do(parts: Parts) -> None:
    seed = random.Random(1)

    def steps() -> list[list[tuple[str, int]]]:
        return [[(seed.choice(["m1", "a", "new"]), seed.randrange(-2, 13)) for _ in range(3)] for _ in range(8)]

    assert not all(_random_walk(parts, "desc", steps(), by_offset) for _ in range(10))


def test_a_cursor_goes_on_behind_a_player_who_vanished_or_moved(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="last"))
    take(parts, board, ("a", 50), ("b", 40), ("c", 30), ("d", 30), ("e", 30), ("f", 10))
    page = parts.rankings.top(board, limit=3)
    assert [row.player for row in page.rows] == ["a", "b", "e"]
    expected = [Standing(3, "d", 30), Standing(4, "c", 30), Standing(5, "f", 10)]
    parts.removals.remove(board, "e", reason="r", by="b")
    assert list(parts.rankings.top(board, cursor=page.next).rows) == expected
    take(parts, board, ("e", 60))  # back, and at the top
    rows = parts.rankings.top(board, cursor=page.next).rows
    assert [(row.rank, row.player) for row in rows] == [(4, "d"), (5, "c"), (6, "f")]
    take(parts, board, ("e", 0))  # moved down, it is met a second time: it did not stay
    assert [row.player for row in parts.rankings.top(board, cursor=page.next).rows] == ["d", "c", "f", "e"]


@pytest.mark.parametrize("order", ORDERS)
def test_a_cursor_among_many_equal_scores_goes_on_at_the_right_one(order: Order, parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(order=order))
    names = [name for n in range(11) for name in (f"n{n:02}", f"n{n:02}x")]
    take(parts, board, ("top", 9), ("low", -9), *((name, 0) for name in names[1::2]))
    for absent in ("", *names[::2], "zz"):
        rows = parts.rankings.top(board, cursor=forged([0, absent]), limit=30).rows
        tied = [name for name in names[1::2] if (name > absent if order == "asc" else name < absent)]
        expected = [*sorted(tied, reverse=order == "desc"), "low" if order == "desc" else "top"]
        assert [row.player for row in rows] == expected


def test_pages_end_where_the_board_ends(parts: Parts, board: str) -> None:
    take(parts, board, *numbered(7))
    sizes = {}
    for limit in (1, 3, 6, 7, 8):
        pages, cursor = [], None
        while True:
            page = parts.rankings.top(board, limit=limit, cursor=cursor)
            pages.append(len(page.rows))
            cursor = page.next
            if cursor is None:
                break
        sizes[limit] = pages
    assert sizes == {1: [1] * 7, 3: [3, 3, 1], 6: [6, 1], 7: [7], 8: [7]}


def forged(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "=", "x", "!!!!", "é", "\ud800", "\0", "a" * 100_000, base64.b64encode(b"\xff\xfe").decode()),
        *map(
            forged,
            (
                [1, 2],
                ["a", 1],
                [True, "a"],
                [float("nan"), "a"],
                [1],
                [1, "a", 2],
                [],
                {},
                {"a": 1, "b": 2},
                "ab",
                None,
            ),
        ),
        *map(forged, ([1, "\ud800"], [[1], "a"], ["1", "a"])),
        base64.urlsafe_b64encode(b"[1e999,\x22a\x22]").decode(),
        base64.urlsafe_b64encode(b"[" * 50_000).decode(),
        base64.urlsafe_b64encode(b"[" + b"9" * 5000 + b",\x22a\x22]").decode(),
    ],
)
def test_a_cursor_that_we_did_not_make_is_refused(cursor: str, parts: Parts, board: str) -> None:
    take(parts, board, ("a", 1))
    with pytest.raises(BadCursor, match="take `next` from a page"):
        parts.rankings.top(board, cursor=cursor)


@pytest.mark.parametrize("order", ORDERS)
def test_a_cursor_forged_in_our_form_shows_only_what_stands_behind_it(order: Order, parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(order=order))
    take(parts, board, ("a", -1), ("b", 0), ("c", 1))
    ranked = sorted([(-1, "a"), (0, "b"), (1, "c")], reverse=order == "desc")
    for score in (10**20, -(10**20), 10**400, -(10**400), 0, MAX_SCORE):
        for player in ("", "nobody", "\0", "') or 1", "x" * 10_000):
            behind = [name for value, name in ranked if ((value, name) < (score, player)) == (order == "desc")]
            assert [row.player for row in parts.rankings.top(board, cursor=forged([score, player])).rows] == behind


def test_a_cursor_of_another_board_or_period_is_a_place_like_any_other(parts: Parts, board: str) -> None:
    take(parts, board, *numbered(5))
    take(parts, f"{board}-2", *numbered(10))
    cursor = parts.rankings.top(f"{board}-2", limit=7).next
    assert [row.score for row in parts.rankings.top(board, cursor=cursor).rows] == [2, 1, 0]


# One player and around ---------------------------------------------------------------------------------------------------


def test_percentile_is_the_share_of_the_others_that_stand_below() -> None:
    assert [percentile(rank, 5) for rank in range(1, 6)] == [100.0, 75.0, 50.0, 25.0, 0.0]
    assert percentile(1, 1) == 100.0
    assert percentile(2, 4) == 66.6667
    assert percentile(2, 10**9) < 100.0001
    for players in (2, 3, 7, 1000):
        for rank in range(1, players + 1):
            below = sum(other > rank for other in range(1, players + 1))
            assert percentile(rank, players) == pytest.approx(100 * below / (players - 1), abs=5e-5)


@pytest.mark.parametrize("order", ORDERS)
def test_a_players_place_is_that_of_the_table(order: Order, parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(order=order))
    take(parts, board, *numbered(11))
    for row in parts.rankings.top(board, limit=11).rows:
        place = parts.rankings.player(board, row.player)
        assert (place.rank, place.score, place.players) == (row.rank, row.score, 11)
        assert place.percentile == 10.0 * (11 - row.rank)
        assert (place.board, place.period, place.version) == (board, "all", 1)


@pytest.mark.parametrize("order", ORDERS)
def test_around_is_cut_at_both_ends(order: Order, parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(order=order))
    take(parts, board, *numbered(10))
    table = list(parts.rankings.top(board, limit=10).rows)
    for radius in (0, 1, 3, 9, 500):
        for place, row in enumerate(table):
            page = parts.rankings.around(board, row.player, radius=radius)
            assert list(page.rows) == table[max(0, place - radius) : place + radius + 1]
            assert page.players == 10


def test_an_absent_player_has_no_place(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("all", "day"), late_s=10 * DAY_MS // 1000))
    parts.scores.load(board, [Score("old", 1, store_ms(parts.client) - 3 * DAY_MS)], Mark("i", "", "1"))
    assert parts.rankings.player(board, "old").rank == 1
    for player, kind in (("old", "day"), ("nobody", "all"), ("nobody", "day")):
        with pytest.raises(PlayerNotFound, match=f"'{player}'.*{kind}"):
            parts.rankings.player(board, player, kind)
        with pytest.raises(PlayerNotFound):
            parts.rankings.around(board, player, kind)
        assert parts.rankings.standings(board, [player], kind).missing == (player,)


def test_an_instant_picks_the_period(parts: Parts, board: str) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("day",), late_s=3 * DAY_MS // 1000))
    now = store_ms(parts.client)
    for days, score in ((0, 1), (1, 2), (2, 3)):
        parts.scores.submit(board, [Score("a", score, now - days * DAY_MS)])
    for days, score in ((0, 1), (1, 2), (2, 3)):
        at_ms = now - days * DAY_MS
        page = parts.rankings.top(board, "day", at_ms=at_ms)
        assert (page.period, page.rows[0].score) == (period("day", at_ms).id, score)
        assert parts.rankings.player(board, "a", "day", at_ms=at_ms).score == score
        assert parts.rankings.around(board, "a", "day", at_ms=at_ms).rows == page.rows
        assert parts.rankings.standings(board, ["a"], "day", at_ms=at_ms).rows == page.rows
    assert parts.rankings.top(board, "day").rows[0].score == 1
    assert parts.rankings.top(board, "day", at_ms=now - 9 * DAY_MS).players == 0


def test_a_server_whose_hosts_clock_is_days_off_shows_the_stores_day(
    parts: Parts, board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    away_from_midnight(parts.client)
    parts.boards.put(board, BoardSettings(periods=("day",)))
    take(parts, board, ("a", 1))
    really = time.time_ns
    for days in (-3, 3):
        monkeypatch.setattr(time, "time_ns", lambda days=days: really() + days * DAY_MS * 1_000_000)
        with open_parts(Settings(_env_file=None, redis_url=parts.url)) as reader:  # type: ignore[call-arg]
            assert [row.player for row in reader.rankings.top(board, "day").rows] == ["a"]
        naive = with_host_clock(parts, 0)  # control: by that clock it is another day
        assert naive.rankings.top(board, "day").rows == ()


# Lists -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
def test_standings_of_a_thousand_with_doubles_and_strangers(order: Order, parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(order=order))
    take(parts, board, *numbered(600))
    table = {row.player: row for row in parts.rankings.top(board, limit=1000).rows}
    wanted = [f"p{n:04}" for n in range(0, 800, 2)] * 2 + [f"stranger{n}" for n in range(200)]
    assert len(wanted) == 1000
    random.Random(1).shuffle(wanted)
    page = parts.rankings.standings(board, wanted)
    present = {player for player in wanted if player in table}
    assert list(page.rows) == sorted((table[player] for player in present), key=lambda row: row.rank)
    assert page.missing == tuple(player for player in dict.fromkeys(wanted) if player not in present)
    assert len(page.rows) + len(page.missing) == len(set(wanted))
    assert (page.players, page.version, page.next) == (600, 1, None)


def test_snapshots_of_many_rankings_are_those_of_the_single_reads(parts: Parts, board: str) -> None:
    wanted = []
    for number in range(20):
        name = f"{board}-{number}"
        parts.boards.put(name, BoardSettings(order=ORDERS[number % 2]))
        take(parts, name, *numbered(number + 1))
        wanted.append((parts.boards.get(name), "all", number % 7 + 1))
    pages = parts.rankings.snapshots(wanted)
    for (known, _, limit), page in zip(wanted, pages, strict=True):
        single = parts.rankings.top(known.name, limit=limit)
        assert (page.board, page.players, page.version, page.rows) == (
            *(single.board, single.players, single.version, single.rows),
        )
    assert parts.rankings.snapshots([]) == []


# Distribution --------------------------------------------------------------------------------------------------------------


def check(spread: Distribution, scores: list[int]) -> None:
    """What a distribution promises, against the scores themselves."""
    assert sum(spread.counts) == len(scores)
    assert len(spread.counts) <= BINS == 30
    digits = str(spread.width)
    assert digits[0] in "125"
    assert set(digits[1:]) <= {"0"}
    assert spread.start % spread.width == 0 or spread.start == -MAX_SCORE  # below that, numbers are not exact
    for i, count in enumerate(spread.counts):
        low = spread.start + i * spread.width
        assert count == sum(low <= score < low + spread.width for score in scores)
    assert spread.counts[0] > 0
    assert spread.counts[-1] > 0
    if spread.width > 1:  # no finer than needed: the next finer width would not do
        finer = {"1": 2, "2": 2, "5": 5}[digits[0]]
        finer_width = spread.width * 2 // 5 if finer == 5 else spread.width // 2
        assert (max(scores) - min(scores) + 1) / finer_width > BINS - 1


edges = st.sampled_from([MAX_SCORE, -MAX_SCORE, MAX_SCORE - 1, 1 - MAX_SCORE, 0, 1, -1])
spreads = st.one_of(
    st.lists(st.integers(-MAX_SCORE, MAX_SCORE), min_size=1, max_size=30, unique=True),
    st.lists(edges, min_size=1, max_size=7, unique=True),
    st.builds(
        lambda base, steps: sorted({max(-MAX_SCORE, min(MAX_SCORE, base + step)) for step in steps}),
        st.one_of(edges, st.integers(-MAX_SCORE, MAX_SCORE)),
        st.lists(st.integers(-200, 200), min_size=1, max_size=40),
    ),
)


@given(scores=spreads)
@settings(LIVE, max_examples=60)
def test_the_bins_of_a_distribution_hold_every_player_once(parts: Parts, scores: list[int]) -> None:
    board = f"spread-{random.randrange(10**12)}"
    take(parts, board, *((f"p{n}", score) for n, score in enumerate(scores)))
    check(parts.rankings.distribution(board), scores)
    parts.boards.delete(board)


WIDTHS = [10**k * digit for k in range(16) for digit in (1, 2, 5) if 10**k * digit < 10**15]


@pytest.mark.parametrize("end", ["low", "high", "middle"])
def test_the_bins_hold_at_every_width_and_both_ends_of_the_range(end: str, parts: Parts, board: str) -> None:
    for width in WIDTHS:
        low = {"low": -MAX_SCORE, "high": MAX_SCORE - 25 * width, "middle": -12 * width - 1}[end]
        scores = sorted({max(-MAX_SCORE, min(MAX_SCORE, low + n * width + e)) for n in (0, 1, 24) for e in (-1, 0, 1)})
        take(parts, f"{board}-{width}", *((f"p{n}", score) for n, score in enumerate(scores)))
        check(parts.rankings.distribution(f"{board}-{width}"), scores)


def test_a_board_without_players_has_no_bins(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings())
    assert parts.rankings.distribution(board) == Distribution(0, 1, ())
    take(parts, board, ("a", -7))
    assert parts.rankings.distribution(board) == Distribution(-7, 1, (1,))


def test_a_page_names_the_version_it_stands_at(parts: Parts, board: str) -> None:
    for number in range(1, 4):
        take(parts, board, ("a", number))
        assert parts.rankings.top(board).version == number
        assert parts.rankings.standings(board, ["a"]).version == number
        assert parts.client.hget(keys.board(board), "version") == str(number).encode()
