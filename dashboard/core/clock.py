"""The store's clock as seen from this process: our own clock plus the difference that a script once told us."""

from collections.abc import Callable


class Clock:
    """`host_ms` gives epoch milliseconds of this machine; the store's may differ, and the store's rules."""

    def __init__(self, host_ms: Callable[[], int]) -> None:
        self._host_ms = host_ms
        self._ahead_ms = 0

    def now_ms(self) -> int:
        """Epoch milliseconds, as the store would say as far as we know. No round trip."""
        return self._host_ms() + self._ahead_ms

    def correct(self, store_ms: int) -> None:
        """A script said what time it is."""
        self._ahead_ms = store_ms - self._host_ms()
