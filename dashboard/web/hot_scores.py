"""Scores decided inside the event loop, for the hot lanes of HTTP and sockets: limits first, then the board.

Owns: what these lanes leave to the ordinary way. Leaves to others: limits (`core/turnstile.py`), writing (`core/intake.py`),
requests and events (`ingest.py`, `hot_events.py`).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from dashboard.core.intake import Intake, Results
from dashboard.core.limits import Caller
from dashboard.core.scores import Scores
from dashboard.core.turnstile import Turnstile
from dashboard.errors import RateLimited
from dashboard.values import RateDecision, Score
from dashboard.web.limits import Door
from dashboard.web.submit import Items, Outcome, good_of, merge


class Told(Protocol):
    """Gets what became of each item, or the error of all of them, and what the limits said; None: nothing happened, and the
    ordinary way is to see it.
    """

    def __call__(self, outcome: Outcome | Exception | None, decisions: Sequence[RateDecision] = ()) -> None: ...


class HotScores:
    """`aside(function)` runs a function soon, in a greenlet where it may block. All else is of the event loop."""

    def __init__(
        self,
        scores: Scores,
        intake: Intake,
        door: Door,
        turnstile: Turnstile,
        aside: Callable[[Callable[[], None]], object],
    ) -> None:
        self._scores = scores
        self._intake = intake
        self._turnstile = turnstile
        self._aside = aside
        self._counted = door.counts("score")
        self._by_player = door.counts_players

    def submit(self, board: str, items: Items, caller: Caller | None, told: Told, *, as_operator: bool) -> bool:
        """Begin to write scores. False where the ordinary way is to see them: nothing was done then. `told` is called later,
        once. `caller` may be None where scores are not counted.
        """
        good = good_of(items)
        if self._counted:
            return bool(good) and len(good) == len(items) and self._count(board, good, caller, told, as_operator)
        if len(good) == len(items):
            return self._intake.add(board, good, told, as_operator=as_operator)

        def written(results: Results | Exception | None) -> None:
            told(merge(items, results) if isinstance(results, list) else results)

        return bool(good) and self._intake.add(board, good, written, as_operator=as_operator)

    def _count(self, board: str, scores: Sequence[Score], caller: Caller | None, told: Told, as_operator: bool) -> bool:
        """Take the limits, then write."""
        if caller is None or not self._intake.takes(board, as_operator=as_operator):
            return False

        def decided(decisions: list[RateDecision] | Exception) -> None:
            if isinstance(decisions, Exception):
                told(decisions, decisions.evidence["decisions"] if isinstance(decisions, RateLimited) else ())
            elif not self._intake.add(board, scores, partial(written, decisions), as_operator=as_operator):
                written(decisions, None)

        def written(decisions: Sequence[RateDecision], results: Results | Exception | None) -> None:
            if results is None:  # the board was changed meanwhile
                self._aside(partial(self._write_plainly, board, scores, told, as_operator, decisions))
            else:
                told(results, decisions)

        players = Counter(score.player for score in scores) if self._by_player else None
        return self._turnstile.take("score", caller, len(scores), players, decided)

    def _write_plainly(
        self, board: str, scores: Sequence[Score], told: Told, as_operator: bool, decisions: Sequence[RateDecision]
    ) -> None:
        """In a greenlet: write what the limits have let through already."""
        try:
            outcome: Outcome | Exception = self._scores.submit(board, scores, as_operator=as_operator)
        except Exception as error:
            outcome = error
        told(outcome, decisions)
