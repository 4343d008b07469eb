"""Scores of sharded boards: each goes to its player's shard, and gets its rank among the players of all.

Owns: splitting a batch, making one answer of those of the shards. Leaves to others: one shard's part (`scores.py`), counts
(`sharded_rankings.py`). A shard takes its part of a batch whole or not at all; the shards take theirs one after the other.
Where the store goes away in between, nothing is acknowledged, and those before have counted: send such a batch with ids.
"""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from dashboard.core.boards import Boards
from dashboard.core.plans import Move, Plan
from dashboard.core.sharded_rankings import ShardedRankings
from dashboard.core.shards import outer_position, shard_of
from dashboard.errors import MarkMoved, ScorecastError, StoreUnavailable
from dashboard.store.once import Once
from dashboard.values import Board, Mark, Result, Score


class Run(Protocol):
    """Applies a batch to one board; `of`: the life of the board whose shard it is. Raises BoardNotFound where it is not."""

    def __call__(
        self, board: str, scores: Sequence[Score], mark: Mark | None, once: Once | None, *, of: str | None = None
    ) -> tuple[Plan, Sequence[Any]]: ...


ATTEMPTS = 20


class ShardedScores:
    """Writes to sharded boards. `run` applies a batch to one inner board."""

    def __init__(self, boards: Boards, rankings: ShardedRankings, run: Run) -> None:
        self._boards = boards
        self._rankings = rankings
        self._run = run

    def submit(self, board: Board, scores: Sequence[Score], once: Once | None) -> list[Result | ScorecastError]:
        """As Scores.submit. One round trip for each shard that has a part, with `once` for every one, and one for ranks."""
        results: list[Result | ScorecastError] = [StoreUnavailable("")] * len(scores)
        moves: dict[int, tuple[int, Move]] = {}
        replayed, inner = [], self._boards.inner(board)
        for shard, mine in enumerate(self._split(board, scores)):
            if not mine and once is None:
                continue
            again = None if once is None else Once(once.digest, once.print)
            plan, replies = self._run(inner[shard].name, [scores[i] for i in mine], None, again, of=board.life)
            replayed.append(again is not None and again.replayed)
            for i, result in zip(mine, plan.read(replies), strict=True):
                results[i] = result
            moves |= {mine[n]: (shard, move) for n, move in plan.moves.items()}
        if once is not None:
            once.replayed = all(replayed)
        return self._ranked(board, results, moves)

    def load(self, board: Board, scores: Sequence[Score], mark: Mark) -> dict[int, ScorecastError]:
        """As Scores.load. The board has the import's mark, each shard how far it has come in the file; what a shard took before
        its writer died is not given to it again. One round trip for each shard that has a part, and two more.
        """
        if (stored := self._boards.mark(board.name, mark.id)) != mark.expected:
            raise MarkMoved("Another writer took this import further.", mark=stored)
        refused: dict[int, ScorecastError] = {}
        begin, end, inner = _place(mark.expected), _place(mark.next), self._boards.inner(board)
        for shard, mine in enumerate(self._split(board, scores)):
            if begin == end and not mine:
                continue
            part = [scores[i] for i in mine]
            try:
                plan, replies = self._run(inner[shard].name, part, Mark(mark.id, begin, end), None, of=board.life)
            except MarkMoved as moved:
                if moved.evidence["mark"] != end:
                    raise
                continue
            refused |= {mine[n]: error for n, error in plan.refused(replies).items()}
        self._run(board.name, [], mark, None)
        return refused

    def _split(self, board: Board, scores: Sequence[Score]) -> list[list[int]]:
        """Of each shard which scores are its."""
        shards = board.settings.shards or 1
        mine: list[list[int]] = [[] for _ in range(shards)]
        for i, score in enumerate(scores):
            mine[shard_of(score.player, shards)].append(i)
        return mine

    def _ranked(
        self, board: Board, results: list[Result | ScorecastError], moves: dict[int, tuple[int, Move]]
    ) -> list[Result | ScorecastError]:
        """The results with the ranks that they have among all players."""
        asked: dict[str, list[tuple[int, str, bytes]]] = {}
        for i, (_, move) in moves.items():
            runs = asked.setdefault(move.period, [])
            runs += [(i, *run) for run in (move.now, move.before) if run is not None]
        counted: dict[tuple[int, bytes, str], list[int]] = {}
        players: dict[str, int] = {}
        for period, runs in asked.items():
            counts = self._counts(board, period, [(score, member) for _, score, member in runs])
            players[period] = sum(size for size, _ in counts)
            for n, (i, score, member) in enumerate(runs):
                counted[i, member, score] = [ahead[n] for _, ahead in counts]
        for i, (shard, move) in moves.items():
            result = results[i]
            assert isinstance(result, Result)

            def among_all(
                local: int | None, run: tuple[str, bytes] | None, i: int = i, shard: int = shard
            ) -> int | None:
                if local is None or run is None:
                    return local
                score, member = run
                return local + sum(n for other, n in enumerate(counted[i, member, score]) if other != shard)

            results[i] = result._replace(
                rank=among_all(result.rank, move.now),
                previous_rank=among_all(result.previous_rank, move.before),
                players=players[move.period],
                position=outer_position(result.position, shard, board.settings.shards or 1),
            )
        return results

    def _counts(self, board: Board, period: str, runs: Sequence[tuple[str, bytes]]) -> list[tuple[int, list[int]]]:
        for _ in range(ATTEMPTS):
            counts = self._rankings.counts(board, period, "rank", runs)
            if counts is not None:
                return counts
            board = self._boards.get(board.name)
            if board.settings.shards is None:
                break
        raise StoreUnavailable("The board keeps changing; the scores were taken, their ranks are not known.")


def _place(mark: str) -> str:
    """How far in the file a mark is: what is corrected in it later, such as how many rows were refused, moves nothing."""
    return str(json.loads(mark)["end"]) if mark else ""
