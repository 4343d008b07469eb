"""A circuit breaker: after some failures in a row a sick service is left alone for a while, then asked once.

Owns: whether a call may be made. Leaves to others: the call, and what stands in for its answer. One per process: it
says what this process has seen. (M. Nygard, Release It!, 2007, chapter 5.)
"""

import threading
import time
from collections.abc import Callable


class Breaker:
    """Closed until `failures` calls in a row have failed; then open for `rest_s`; then half open: one call in `rest_s`
    goes through, and its success closes the breaker. Every call that was allowed is followed by `succeeded` or
    `failed`; one that never reports (its thread was killed) holds up the next by `rest_s`, not for ever.
    """

    def __init__(
        self, *, failures: int = 5, rest_s: float = 5.0, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit = failures
        self._rest_s = rest_s
        self._monotonic_s = monotonic_s
        self._lock = threading.Lock()
        self._failures = 0
        self._until = 0.0

    @property
    def resting(self) -> bool:
        """True while a call would be refused."""
        return self._failures >= self._limit and self._monotonic_s() < self._until

    def allows(self) -> bool:
        """May a call be made now? In the half-open state the first who asks is the one."""
        with self._lock:
            if self._failures < self._limit:
                return True
            now = self._monotonic_s()
            if now < self._until:
                return False
            self._until = now + self._rest_s
            return True

    def succeeded(self) -> None:
        """The call got its answer."""
        with self._lock:
            self._failures = 0

    def failed(self) -> bool:
        """The call failed. True where this opened a closed breaker."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._limit:
                self._until = self._monotonic_s() + self._rest_s
            return self._failures == self._limit
