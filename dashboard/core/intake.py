"""Scores that arrive together, written together: what comes in one turn of the event loop is as few calls as possible.

Owns: what is put into one call, how many calls are on their way, and how many scores may wait. Leaves to others: the call
(`plans.py`), what becomes of the settings (`scores.py`), the connection (handed in). The answers are those that the scores
would get one by one: the script takes a batch in its order.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Protocol

from dashboard.core.plans import Plan
from dashboard.core.scores import Scores
from dashboard.errors import ScorecastError, StoreUnavailable
from dashboard.store.scripts import answering, sharing
from dashboard.values import Board, Result, Score

log = logging.getLogger(__name__)

FLIGHTS = 2
"""So many loads are on their way at once; what comes meanwhile is the next load."""
SECOND = 64
"""So many scores have to wait for a second load beside the first: fewer are cheaper together with those that come meanwhile."""
LOAD = 256
"""Most scores in one load, of all boards together, unless one request has more: about 15 ms of the store's time."""
MOST_WAITING = 10_000
"""So many scores may wait: less than a second of the store's time."""

Results = list[Result | ScorecastError]
Done = Callable[[Results | Exception | None], None]
"""Gets the results in the order of the scores, or the error of all of them; None: nothing happened, the picture of the
board was out of date.
"""


def too_many() -> StoreUnavailable:
    """What is told where as many wait as may."""
    return StoreUnavailable("Too many scores wait for Redis; try again shortly.")


class Pipe(Protocol):
    """A connection on which calls do not wait for each other; see `wire/pipe.py`."""

    @property
    def ready(self) -> bool: ...
    def call(
        self, script: str, keys: Sequence[str], args: Iterable[str | int], done: Callable[[Any], None]
    ) -> None: ...
    def push(self) -> None: ...


_Entry = tuple[Sequence[Score], Done]


class Intake:
    """`later` calls a function after this turn of the event loop. All of it runs there, and nothing blocks."""

    def __init__(
        self,
        scores: Scores,
        pipe: Pipe,
        later: Callable[[Callable[[], None]], object],
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._scores = scores
        self._pipe = pipe
        self._later = later
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Board, _Entry]] = deque()
        self._count = self._loaded = 0
        self._flights = 0
        self._due = False

    def takes(self, board: str, *, as_operator: bool) -> bool:
        """Whether `add` would."""
        return self._pipe.ready and self._scores.remembered(board, as_operator=as_operator) is not None

    def add(self, board: str, scores: Sequence[Score], done: Done, *, as_operator: bool) -> bool:
        """Write scores with what else comes in this turn. False where that takes more than one round trip, or would be
        refused: nothing is done then, and `Scores.submit` knows the rest. `done` is called later, once.
        """
        known = self._scores.remembered(board, as_operator=as_operator)
        if known is None or not self._pipe.ready:
            return False
        count = self._count + len(scores)
        if count > self._most_waiting:
            self._later(partial(done, too_many()))
            return True
        self._count = count
        self._waiting.append((known, (scores, done)))
        if not self._due and self._may_fly():
            self._due = True
            self._later(self._fly)
        return True

    def _may_fly(self) -> bool:
        return self._flights == 0 or (self._flights < FLIGHTS and self._count - self._loaded >= SECOND)

    def _fly(self) -> None:
        """Send what waits, up to a load."""
        self._due = False
        if not self._waiting or not self._may_fly():
            return
        loads = self._load()
        flight = _Flight(len(loads))
        self._flights += 1
        for board, entries in loads:
            self._send(board, entries, flight)
        self._pipe.push()

    def _load(self) -> list[tuple[Board, list[_Entry]]]:
        """What goes together of that which waits, by board as it was remembered."""
        waiting, room = self._waiting, LOAD
        loads: dict[int, tuple[Board, list[_Entry]]] = {}
        while waiting and (room == LOAD or len(waiting[0][1][0]) <= room):
            board, entry = waiting.popleft()
            room -= len(entry[0])
            self._loaded += len(entry[0])
            load = loads.get(id(board))
            if load is None:
                load = loads[id(board)] = (board, [])
            load[1].append(entry)
        return list(loads.values())

    def _send(self, board: Board, entries: list[_Entry], flight: "_Flight") -> None:
        try:
            if not self._pipe.ready:
                raise ConnectionError("the connection broke")
            plan = self._scores.plan(board, [score for scores, _ in entries for score in scores])
            self._pipe.call(plan.script, plan.keys, plan.args, partial(self._arrived, entries, plan, flight))
        except Exception as error:
            self._landed(flight)
            self._hand_out(entries, _told(error, board))

    def _arrived(self, entries: list[_Entry], plan: Plan, flight: "_Flight", reply: Any) -> None:
        """`reply` may be an error; it is told as `Scores.submit` would raise it."""
        self._landed(flight)
        outcome: Results | Exception | None
        try:
            outcome = _told(reply, plan.board) if isinstance(reply, Exception) else self._scores.read(plan, reply)
        except Exception as error:
            outcome = error
        self._hand_out(entries, outcome)

    def _landed(self, flight: "_Flight") -> None:
        flight.calls -= 1
        if flight.calls:
            return
        self._flights -= 1
        if self._waiting and not self._due:
            self._due = True
            self._later(self._fly)

    def _hand_out(self, entries: list[_Entry], outcome: Results | Exception | None) -> None:
        count = sum([len(scores) for scores, _ in entries])
        self._count -= count
        self._loaded -= count
        at = 0
        for scores, done in entries:
            start, at = at, at + len(scores)
            try:
                done(outcome[start:at] if isinstance(outcome, list) else outcome)
            except Exception:  # it must not cost the others their answers
                log.exception("an answer was not taken")


class _Flight:
    """A load on its way: how many of its calls are not answered yet."""

    def __init__(self, calls: int) -> None:
        self.calls = calls


def _told(error: Exception, board: Board) -> Exception:
    """An error as `Scores.submit` would raise it."""
    try:
        with answering(), sharing(board.settings.key):
            raise error
    except Exception as told:
        return told
