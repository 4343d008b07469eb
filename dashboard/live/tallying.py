"""Tallying: which boards' events are counted when.

Owns: finding the boards, and looking often where much comes and seldom where nothing does. Leaves to others: counting
(`core/tally.py`), the loop (`workers.py`). Any number of workers may do this side by side.
"""

import time
from threading import Event

from dashboard.core.boards import Boards
from dashboard.core.tally import BATCH, Tally

ROUND_S = 0.2
LOOKS = 200
"""Most quiet boards that are looked at in one round; with more of them each has to wait its turn."""
FIND_S = 1.0
ADOPT_S = 5.0
TIDY_S = 600.0


class Tallying:
    """One consumer of all boards' events."""

    def __init__(self, tally: Tally, boards: Boards, consumer: str) -> None:
        self._tally = tally
        self._boards = boards
        self._consumer = consumer
        self._names: list[str] = []
        self._busy: set[str] = set()
        self._next = 0
        self._find_at = self._adopt_at = 0.0
        self._tidy_at = time.monotonic() + TIDY_S

    def turn(self, stop: Event) -> None:
        """One round, then a rest unless more is waiting. Raises StoreUnavailable."""
        now = time.monotonic()
        if now >= self._find_at:
            self._names, self._find_at = self._boards.stored(), now + FIND_S
        adopt = now >= self._adopt_at
        wanted = self._names if adopt else self._due()
        read: dict[str, int] = {}
        for at in range(0, len(wanted), LOOKS):
            read |= self._tally.count(wanted[at : at + LOOKS], self._consumer, adopt=adopt)
        if adopt:
            self._adopt_at = now + ADOPT_S
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_S
            for name in self._names:
                self._tally.group(name).tidy(trim=False)
        self._busy = {name for name, count in read.items() if count}
        if not any(count >= BATCH for count in read.values()):
            stop.wait(ROUND_S)

    def _due(self) -> list[str]:
        """The busy boards, and the next few of the others."""
        start = self._next if self._next < len(self._names) else 0
        self._next = start + LOOKS
        return sorted({*self._busy, *self._names[start : self._next]})
