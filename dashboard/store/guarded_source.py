"""A slow source behind a circuit breaker, counted.

Owns: whether the source is asked at all, how many ask at once when no cache stands before it, what is counted of it.
Leaves to others: the source itself, and what stands in for its answer (`cache.py`).
"""

import logging
import threading
import time
from collections.abc import Callable

from dashboard.errors import SourceUnavailable
from dashboard.store.breaker import Breaker
from dashboard.store.counts import Counts
from dashboard.values import Fetched

log = logging.getLogger(__name__)

Load = Callable[[str], bytes | None]
DIRECT_LOADS = 8
RESTING = "The source failed several times in a row and is left alone for a moment."


class GuardedSource:
    """`load(id)` gives bytes, or None where there is nothing; whatever it raises counts as a failure."""

    def __init__(self, load: Load, counts: Counts, breaker: Breaker, *, direct_wait_s: float) -> None:
        self._load = load
        self._counts = counts
        self._breaker = breaker
        self._direct = threading.BoundedSemaphore(DIRECT_LOADS)
        self._direct_wait_s = direct_wait_s

    @property
    def resting(self) -> bool:
        """True while the breaker refuses."""
        return self._breaker.resting

    def load(self, id: str) -> bytes | None:
        """Raises SourceUnavailable, also without asking while the breaker is open."""
        if not self._breaker.allows():
            self._counts.add("refused")
            raise SourceUnavailable(RESTING)
        self._counts.add("load")
        began = time.monotonic()
        try:
            value = self._load(id)
        except BaseException as error:
            self._counts.add("failed")
            if self._breaker.failed():
                self._counts.add("opened")
                log.warning("the source failed several times in a row and is left alone for a while: %s", error)
            raise
        self._breaker.succeeded()
        self._counts.time("load", time.monotonic() - began)
        return value

    def load_directly(self, id: str) -> Fetched:
        """Without a cache (Redis is away): DIRECT_LOADS at a time. Raises SourceUnavailable."""
        if not self._direct.acquire(timeout=self._direct_wait_s):
            raise SourceUnavailable("Redis is away and too many ask the source; try again shortly.")
        try:
            return Fetched(self.load(id), "bypass")
        finally:
            self._direct.release()
