"""Sorted sets that other programs write: whatever number or name stands there, everything about the board answers."""

import random

import pytest

from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.values import BoardSettings, Result, Score, Ties

EDGES = ["1.5", "-0.25", "inf", "-inf", "1e17", "-1e17", "1e300"]


@pytest.mark.parametrize("held", EDGES)
def test_any_number_of_another_program_is_answered(held: str, parts: Parts, board: str) -> None:
    key = f"other:{board}"
    parts.boards.put(board, BoardSettings(key=key))
    parts.client.zadd(key, {"b": 0, b"\xff\xfe": 3})
    parts.client.execute_command("ZADD", key, held, "a")
    for score in (Score("a", -(10**15)), Score("a", 1, match=7), Score("c", 1)):
        parts.scores.submit(board, [score])
    parts.client.hset(keys.board(board), mapping={"bucket": 5, "bucket_scores": 3})
    parts.scores.submit(board, [Score("d", 1)])
    (pulse,) = parts.analytics.history(board, "all", from_ms=0)[:1]
    assert {row.player for row in pulse.rows} == {"a", "b", "c", "��"}
    assert sum(parts.rankings.distribution(board).counts) == 5
    parts.removals.remove(board, "a", reason="r", by="x", hide=True)
    (aside,) = parts.removals.aside(board)
    assert aside["held"] == parts.removals.audit(board)[0]["held"]
    assert isinstance(parts.scores.submit(board, [Score("a", -(10**15))])[0], Result)
    parts.removals.restore(board, "a", reason="r", by="x")


def test_pages_go_on_behind_fractions_and_names_that_are_no_text(parts: Parts, board: str) -> None:
    key = f"other:{board}"
    parts.boards.put(board, BoardSettings(key=key))
    parts.client.zadd(key, {b"\xff": 2.5, b"\xfe": 2.5, "Größe": 1.5, "a": 1.5, "b": 1})
    pages = [parts.rankings.top(board, limit=1)]
    while pages[-1].next:
        pages.append(parts.rankings.top(board, limit=1, cursor=pages[-1].next))
    assert [row.rank for page in pages for row in page.rows] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("ties", "repeats"), [("plain", False), ("shared", True)])
def test_ranks_are_exact_deep_in_a_large_ranking(ties: Ties, repeats: bool, parts: Parts, board: str) -> None:
    players, dice = 50_000, random.Random(7)
    held = {f"p{n:05}": dice.randrange(players // 5) for n in range(players)}
    parts.boards.put(board, BoardSettings(key=f"other:{board}", ties=ties))
    parts.client.zadd(f"other:{board}", held)
    order = sorted(held, key=lambda player: (held[player], player), reverse=True)
    ranks, last = {}, 0
    for place, player in enumerate(order, 1):
        last = last if repeats and place > 1 and held[order[place - 2]] == held[player] else place
        ranks[player] = last
    assert any(ranks[player] != place for place, player in enumerate(order, 1)) is repeats
    for place in (0, 1, 999, 25_000, players - 1, *(dice.randrange(players) for _ in range(50))):
        player = order[place]
        assert parts.rankings.player(board, player).rank == ranks[player]
    page = parts.rankings.around(board, order[30_000], radius=100)
    assert [(row.rank, row.player) for row in page.rows] == [(ranks[p], p) for p in order[29_900:30_101]]
    parts.client.delete(f"other:{board}")
