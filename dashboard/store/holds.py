"""The write side of the cache: nobody reads anything older than a write once that write has been answered.

Owns: the hold on a key while its source is written. Leaves to others: the source, and reading (`cache.py`).

Before the write the entry and every loader's lease go, so that a load begun earlier cannot be stored; what is loaded
while the hold stands lives no longer than the hold. After the write entry and leases go again, and the hold ends. A
writer who dies between the two leaves the hold, which ends by itself, and everything that may be older ends with it.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dashboard.errors import SourceUnavailable, StoreUnavailable
from dashboard.store import keys
from dashboard.store.scripts import Scripts

HOLD_S = 15.0
RELEASE_TRIES, RELEASE_PAUSE_S = 5, 0.2


class Hold:
    """A write's time. Call `check` last before the source commits."""

    def __init__(self, ends_s: float, monotonic_s: Callable[[], float]) -> None:
        self._ends_s = ends_s
        self._monotonic_s = monotonic_s

    def check(self) -> None:
        """Raises SourceUnavailable where the write took so long that the hold could end before the commit does."""
        if self._monotonic_s() > self._ends_s:
            raise SourceUnavailable("The write took too long and was taken back; try again.")


class Holds:
    """Holds on the keys of the cache `space`. `hold_s`: twice what a write may take."""

    def __init__(
        self,
        space: str,
        scripts: Scripts,
        *,
        hold_s: float = HOLD_S,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._space = space
        self._scripts = scripts
        self._hold_s = hold_s
        self._monotonic_s = monotonic_s

    @contextmanager
    def writing(self, id: str) -> Iterator[Hold]:
        """Around a write of the source. Once it is left, no reader at any process gets anything older than the write.

        Two round trips. Raises StoreUnavailable: before the body, and nothing is written; or after it: then it is
        written, and seen within `hold_s`. An error in the body leaves the hold: the source may have been written.
        """
        key, token, began = keys.cached(self._space, id), secrets.token_hex(8), self._monotonic_s()
        self._scripts.write("hold_entry", [key], [token, round(1000 * self._hold_s)])
        yield Hold(began + self._hold_s / 2, self._monotonic_s)
        self._release(key, token)

    def invalidate(self, id: str) -> None:
        """Somebody else has written the source: forget what is cached. Raises StoreUnavailable. One round trip."""
        self._scripts.write("release_entry", [keys.cached(self._space, id)], [""])

    def _release(self, key: str, token: str) -> None:
        for attempt in range(RELEASE_TRIES):
            try:
                self._scripts.write("release_entry", [key], [token])
                return
            except StoreUnavailable as error:
                if attempt == RELEASE_TRIES - 1:
                    raise StoreUnavailable(
                        f"It is written, but Redis could not be told, so it may be seen {self._hold_s:g} s later. "
                        "The same request may be sent again."
                    ) from error
                time.sleep(RELEASE_PAUSE_S)
