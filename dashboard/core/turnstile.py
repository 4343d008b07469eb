"""Rate limits taken on the connection of many callers: nobody waits, and each hears later.

Owns: the call, how many claims may wait, and the outcome as `Limits.take` would have it. Leaves to others: deciding
(`limits.py`), the connection.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dashboard.core.intake import Pipe, too_many
from dashboard.core.limits import Caller, Limits
from dashboard.store.rate_limit import SCRIPT, Claim, command, decisions
from dashboard.store.scripts import answering
from dashboard.values import RateDecision

MOST_WAITING = 10_000
"""While so many claims wait no more are taken: about a third of a second of the store's time. A batch has one for each of its
players.
"""
Decided = Callable[[list[RateDecision] | Exception], None]
"""Gets the decisions, or the error that `Limits.take` would raise."""


class Turnstile:
    """`later` calls a function after this turn of the event loop. All of it runs there, and nothing blocks."""

    def __init__(self, limits: Limits, pipe: Pipe, later: Callable[[Callable[[], None]], object]) -> None:
        self._limits = limits
        self._pipe = pipe
        self._later = later
        self._due = False
        self._waiting = 0

    def take(self, guard: str, caller: Caller, n: int, players: Mapping[str, int] | None, done: Decided) -> bool:
        """As `Limits.take`; `done` is called later, once. False where there is no connection: nothing is taken then."""
        if not self._pipe.ready:
            return False
        if self._waiting >= MOST_WAITING:
            self._later(partial(done, too_many()))
            return True
        claims = self._limits.claims(guard, caller, n, players)
        self._pipe.call(SCRIPT, *command(claims), lambda reply: done(self._outcome(claims, reply, n)))
        self._waiting += len(claims)
        if not self._due:
            self._due = True
            self._later(self._push)
        return True

    def _push(self) -> None:
        self._due = False
        self._pipe.push()

    def _outcome(self, claims: list[Claim], reply: Any, n: int) -> list[RateDecision] | Exception:
        self._waiting -= len(claims)
        try:
            with answering():
                if isinstance(reply, Exception):
                    raise reply
                return self._limits.settle(claims, decisions(claims, reply), n)
        except Exception as error:
            return error
