"""The same random operations on our boards and on `leaderboard` 3.7.3, the library of agoragames: where the semantics are
the same the answers are. What differs is shown too, and listed in `docs/boards.md`.
"""

import random
import uuid
from typing import Any

import pytest
from leaderboard.competition_ranking_leaderboard import CompetitionRankingLeaderboard
from leaderboard.leaderboard import Leaderboard
from leaderboard.tie_ranking_leaderboard import TieRankingLeaderboard

from dashboard.errors import PlayerNotFound
from dashboard.parts import Parts
from dashboard.values import BoardSettings, Order, Rule, Score, Ties

KINDS: dict[Ties, Any] = {
    "plain": Leaderboard,
    "shared": CompetitionRankingLeaderboard,
    "dense": TieRankingLeaderboard,
}
MODES: list[tuple[Ties, Order, Rule]] = [
    ("plain", "desc", "last"),
    ("plain", "asc", "sum"),
    ("shared", "desc", "sum"),
    ("shared", "asc", "last"),
    ("dense", "desc", "last"),
    ("dense", "asc", "sum"),
]
OPERATIONS, STEP = 10_080, 84
PLAYERS = [f"p{i}é" for i in range(40)]


class OldClient:
    """Our client with the arguments in the order that the library has for clients other than redis-py 2."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def pipeline(self) -> "OldClient":
        return OldClient(self._client.pipeline())

    def zadd(self, key: str, score: float, member: str) -> Any:
        return self._client.zadd(key, {member: score})

    def zincrby(self, key: str, member: str, amount: float) -> Any:
        return self._client.zincrby(key, amount, member)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


def theirs(parts: Parts, ties: Ties, order: Order = "desc") -> Any:
    return KINDS[ties](f"agora-{uuid.uuid4().hex[:10]}", order=order, redis_connection=OldClient(parts.client))


def their_rows(leaders: Any) -> list[tuple[int, str, float]]:
    return [(row["rank"], row["member"].decode(), row["score"]) for row in leaders]


def our_rows(rows: Any) -> list[tuple[int, str, float]]:
    return [(row.rank, row.player, row.score) for row in rows]


@pytest.mark.parametrize(("ties", "order", "rule"), MODES)
def test_random_operations_have_equal_answers(parts: Parts, board: str, ties: Ties, order: Order, rule: Rule) -> None:
    dice, other, held = random.Random(f"{ties} {order}"), theirs(parts, ties, order), dict[str, int]()
    parts.boards.put(board, BoardSettings(order=order, rule=rule, ties=ties))
    for _ in range(OPERATIONS // len(MODES) // STEP):
        batch = []
        for _ in range(STEP - 1):
            player, points = dice.choice(PLAYERS), dice.choice([-7, -2, -1, 1, 2, 3, 3, 11])  # 0: see below
            (other.change_score_for if rule == "sum" else other.rank_member)(player, points)
            held[player] = points + (held.get(player, 0) if rule == "sum" else 0)
            batch.append(Score(player, points))
        parts.scores.submit(board, batch)
        gone = dice.choice([player for player, score in held.items() if score])
        other.remove_member(gone)
        parts.removals.remove(board, gone, reason="test", by="agora")
        del held[gone]

        page = parts.rankings.top(board, limit=1000)
        assert our_rows(page.rows) == their_rows(other.all_leaders())
        assert page.players == other.total_members() == len(held)
        some = dice.sample(sorted(held), 5)
        listed = {row["member"]: row["rank"] for row in other.ranked_in_list(some)}
        assert {row.player: row.rank for row in parts.rankings.standings(board, some).rows} == listed
        assert [parts.rankings.player(board, player).rank for player in some] == list(map(other.rank_for, some))
        middle = page.rows[len(page.rows) // 2].player
        around = their_rows(other.around_me(middle, page_size=5))
        assert our_rows(parts.rankings.around(board, middle, radius=2).rows) == around


def test_control_other_ties_have_other_answers(parts: Parts, board: str) -> None:
    other = theirs(parts, "shared")
    parts.boards.put(board, BoardSettings(rule="last", ties="dense"))
    for player, score in (("a", 3), ("b", 3), ("c", 1)):
        other.rank_member(player, score)
        parts.scores.submit(board, [Score(player, score)])
    assert (other.rank_for("c"), parts.rankings.player(board, "c").rank) == (3, 2)


# What differs ---------------------------------------------------------------------------------------------------------


def test_their_dense_ranks_keep_a_score_of_0_that_nobody_has(parts: Parts, board: str) -> None:
    other = theirs(parts, "dense", "asc")
    parts.boards.put(board, BoardSettings(order="asc", rule="last", ties="dense"))
    for player, score in (("a", 0), ("b", 5)):
        other.rank_member(player, score)
        parts.scores.submit(board, [Score(player, score)])
    other.remove_member("a")
    parts.removals.remove(board, "a", reason="test", by="agora")
    assert (other.rank_for("b"), parts.rankings.player(board, "b").rank) == (2, 1)


def test_their_dense_ranks_lose_a_score_that_changes_by_0(parts: Parts, board: str) -> None:
    other = theirs(parts, "dense")
    parts.boards.put(board, BoardSettings(rule="sum", ties="dense"))
    for score in (5, 0):
        other.change_score_for("a", score)
        parts.scores.submit(board, [Score("a", score)])
    assert (other.rank_for("a"), parts.rankings.player(board, "a").rank) == (None, 1)


def test_their_page_around_the_first_is_as_long_as_any(parts: Parts, board: str) -> None:
    other = theirs(parts, "plain")
    for i in range(9):
        other.rank_member(f"p{i}", i)
        parts.scores.submit(board, [Score(f"p{i}", i)])
    assert len(other.around_me("p8", page_size=5)) == 5
    assert len(parts.rankings.around(board, "p8", radius=2).rows) == 3


def test_their_percentile_counts_the_player_too(parts: Parts, board: str) -> None:
    other = theirs(parts, "plain")
    for i in range(4):
        other.rank_member(f"p{i}", i)
        parts.scores.submit(board, [Score(f"p{i}", i)])
    assert other.percentile_for("p3") == 75
    assert parts.rankings.player(board, "p3").percentile == 100


def test_their_answer_for_nobody_depends_on_the_class(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings())
    assert theirs(parts, "plain").rank_for("nobody") is None
    with pytest.raises(TypeError):
        theirs(parts, "shared").rank_for("nobody")
    with pytest.raises(PlayerNotFound):
        parts.rankings.player(board, "nobody")
