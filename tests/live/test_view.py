"""Frames of a view: applied one after the other they give what the last page showed, whatever came before it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.live.view import View, changed_rows
from dashboard.values import Page, Standing
from tests.live.picture import Lost, Picture

LIMITS = (1, 2, 5, 12)
tables = st.lists(st.tuples(st.sampled_from("abcdefghij"), st.integers(0, 4)), max_size=14)


def page(table: list[tuple[str, int]], players: int | None = None) -> Page:
    """A page of a board. `players` differs where somebody came or went between its two reads."""
    rows = tuple(Standing(rank, player, score) for rank, (player, score) in enumerate(table, 1))
    return Page("b", "all", len(rows) if players is None else players, 7, rows)


def shown(picture: Picture) -> list[Standing]:
    return [Standing(row["rank"], row["player"], row["score"]) for row in picture.rows]


def follow(pages: list[Page], limit: int) -> Picture:
    view = View("board:b:all", limit, "e-1")
    picture = Picture()
    picture.take(view.snapshot())
    for each in pages:
        frame = view.advance(each)
        if frame is not None:
            picture.show(frame)
    return picture


@settings(max_examples=300)
@given(
    pages=st.lists(st.tuples(tables, st.integers(-2, 2)), max_size=8),
    last=tables,
    limit=st.sampled_from(LIMITS),
)
def test_frames_lead_to_the_last_page(
    pages: list[tuple[list[tuple[str, int]], int]], last: list[tuple[str, int]], limit: int
) -> None:
    """Also where pages before it were read while players came and went, so that count and rows differ."""
    before = [page(table, max(0, len(table) + off)) for table, off in pages]
    end = page(last)
    picture = follow([*before, end], limit)
    assert shown(picture) == list(end.rows[:limit])
    assert picture.players == end.players


@given(pages=st.lists(tables, max_size=6), late=st.integers(0, 5), limit=st.sampled_from(LIMITS))
def test_who_comes_later_sees_the_same(pages: list[list[tuple[str, int]]], late: int, limit: int) -> None:
    view, early, later = View("board:b:all", limit, "e-1"), Picture(), Picture()
    early.take(view.snapshot())
    for n, table in enumerate([*pages, [("z", 1)]]):
        if n == min(late, len(pages)):
            later.take(view.snapshot())
        frame = view.advance(page(table))
        for picture in (early, later):
            if frame is not None:
                picture.show(frame)
    assert (early.rows, early.seq, early.players) == (later.rows, later.seq, later.players)


def test_a_frame_holds_what_changed_and_only_that() -> None:
    view = View("board:b:all", 10, "e-1")
    view.advance(page([(name, 1) for name in "abcdefgh"]))
    frame = view.advance(page([(name, 1) for name in "abdcefgh"]))
    assert frame is not None
    assert (frame["full"], frame["seq"], frame["players"]) == (False, 2, 8)
    assert [(row["rank"], row["player"]) for row in frame["rows"]] == [(3, "d"), (4, "c")]


def test_a_frame_of_mostly_new_rows_is_full_and_a_small_change_is_not() -> None:
    view = View("board:b:all", 10, "e-1")
    first = view.advance(page([(name, 1) for name in "abcdefghij"]))
    assert first is not None
    assert first["full"]
    six = view.advance(page([(name, 2 if name < "g" else 1) for name in "abcdefghij"]))
    assert six is not None
    assert not six["full"]
    seven = view.advance(page([(name, 3 if name < "h" else 1) for name in "abcdefghij"]))
    assert seven is not None
    assert seven["full"]


def test_no_change_in_sight_makes_no_frame_and_no_number() -> None:
    view = View("board:b:all", 1, "e-1")
    assert view.advance(page([])) is None
    assert view.advance(page([("a", 2)])) is not None
    assert view.advance(page([("a", 2)])) is None
    assert view.seq == 1
    below = view.advance(page([("a", 2), ("b", 1)]))
    assert below is not None, "the number of players is in sight"
    assert (below["rows"], below["players"], below["seq"]) == ([], 2, 2)


def test_rows_that_left_are_gone() -> None:
    picture = follow([page([("a", 3), ("b", 2), ("c", 1)]), page([("a", 3)]), page([])], 10)
    assert (picture.rows, picture.players) == ([], 0)


@given(tables, tables)
def test_changed_rows_are_those_that_differ(old: list[tuple[str, int]], new: list[tuple[str, int]]) -> None:
    before, after = page(old).rows, page(new).rows
    held = dict(enumerate(before))
    assert changed_rows(before, after) == [row for i, row in enumerate(after) if held.get(i) != row]


@given(pages=st.lists(tables, min_size=1, max_size=8), missed=st.sets(st.integers(0, 7)), limit=st.sampled_from(LIMITS))
def test_who_missed_frames_sees_the_same_from_the_whole(
    pages: list[list[tuple[str, int]]], missed: set[int], limit: int
) -> None:
    view, picture, behind = View("board:b:all", limit, "e-1"), Picture(), False
    picture.take(view.snapshot())
    for n, table in enumerate([*pages, [("z", 1)]]):
        frame = view.advance(page(table))
        if frame is None:
            continue
        if n in missed and n < len(pages):
            behind = True
        else:
            picture.show(view.whole() if behind else frame)
            behind = False
    if behind:
        picture.show(view.whole())
    assert (shown(picture), picture.seq, picture.players) == (list(view.rows), view.seq, view.players)


def test_control_a_viewer_that_missed_a_frame_is_found_out() -> None:
    view, picture = View("board:b:all", 10, "e-1"), Picture()
    picture.take(view.snapshot())
    for table in ("ab", "abcd", "abcde"):
        frame = view.advance(page([(name, 1) for name in table]))
        assert frame is not None
        if table == "ab":
            picture.show(frame)
    assert frame is not None
    with pytest.raises(Lost):
        picture.show(frame)
