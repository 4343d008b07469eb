"""Application code in greenlets: as many as are waiting for something, and one more.

Owns: when a greenlet is made. Leaves to others: the order of one connection's events (`engine_socket.py`).
"""

import logging
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import eventlet

log = logging.getLogger(__name__)

SLICE_S = 0.002
"""So long a greenlet may run while others could."""


class Tasks:
    """`add` may be called from anywhere, the hub's own callbacks too: it never blocks and never runs the task itself."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._coming = False
        self._since = 0.0

    def add(self, task: Callable[..., object], *arguments: object) -> None:
        """Run a task soon. What it raises is logged."""
        self._waiting.append((task, arguments))
        self._call()

    def breathe(self) -> None:
        """In a task, between two steps: let others run, if this greenlet has run for SLICE_S."""
        if monotonic() - self._since > SLICE_S:
            eventlet.sleep(0)
            self._since = monotonic()

    def _call(self) -> None:
        if self._waiting and not self._coming:
            self._coming = True
            eventlet.spawn_n(self._work)

    def _work(self) -> None:
        self._coming = False
        self._since = monotonic()
        while self._waiting:
            task, arguments = self._waiting.popleft()
            self._call()  # somebody takes the next one, should this one wait
            try:
                task(*arguments)
            except Exception:
                log.exception("a task failed")
            self.breathe()
