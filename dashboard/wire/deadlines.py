"""Things that fall due the same time after they were added, in that order: no timer for each of them.

Owns: the queue. Leaves to others: when to look (`poller.py`).
"""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Deadlines(Generic[T]):
    """`act(thing)` is called `after_s` seconds after `add`."""

    def __init__(self, after_s: float, act: Callable[[T], None], clock: Callable[[], float]) -> None:
        self._after_s = after_s
        self._act = act
        self._clock = clock
        self._waiting: deque[tuple[float, T]] = deque()

    def add(self, thing: T) -> None:
        self._waiting.append((self._clock() + self._after_s, thing))

    def run(self, most: int) -> bool:
        """Act on what is due, on `most` things; whether there are more."""
        now = self._clock()
        for _ in range(most):
            if not self._waiting or self._waiting[0][0] > now:
                return False
            self._act(self._waiting.popleft()[1])
        return True
