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
        if not self._counted:
            return bool(good) and self._write(board, items, good, told, as_operator, ())
        assert caller is not None
        if not good or len(good) < len(items) or not self._intake.takes(board, as_operator=as_operator):
            return False
        players = Counter(score.player for score in good) if self._by_player else None

        def decided(decisions: list[RateDecision] | Exception) -> None:
            if isinstance(decisions, Exception):
                told(decisions, decisions.evidence["decisions"] if isinstance(decisions, RateLimited) else ())
            elif not self._write(board, items, good, told, as_operator, decisions):  # the board was changed meanwhile
                self._aside(partial(self._write_plainly, board, good, told, as_operator, decisions))

        return self._turnstile.take("score", caller, len(good), players, decided)

    def _write(
        self,
        board: str,
        items: Items,
        good: Sequence[Score],
        told: Told,
        as_operator: bool,
        decisions: Sequence[RateDecision],
    ) -> bool:
        if not decisions and len(good) == len(items):
            return self._intake.add(board, good, told, as_operator=as_operator)

        def written(results: Results | Exception | None) -> None:
            if results is None and decisions:
                self._aside(partial(self._write_plainly, board, good, told, as_operator, decisions))
            elif isinstance(results, list):
                told(merge(items, results), decisions)
            else:
                told(results, decisions)

        return self._intake.add(board, good, written, as_operator=as_operator)

    def _write_plainly(
        self, board: str, good: Sequence[Score], told: Told, as_operator: bool, decisions: Sequence[RateDecision]
    ) -> None:
        """In a greenlet: write what the limits have let through already."""
        try:
            outcome: Outcome | Exception = self._scores.submit(board, good, as_operator=as_operator)
        except Exception as error:
            outcome = error
        told(outcome, decisions)
