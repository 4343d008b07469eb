"""A turn at a feed: one at a time reads the store and changes what viewers see. Who would have to wait for long, because a
store that hangs is in front, is told so: without this, each of a thousand viewers would wait for the timeouts of all before.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dashboard.errors import StoreUnavailable

TURN_S = 5.0
"""About as long as the store's client waits for an answer."""


class Lock(Protocol):
    """A lock, or a condition with its lock."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release(self) -> None: ...


@contextmanager
def turn(lock: Lock) -> Iterator[None]:
    """Hold the lock. Raises StoreUnavailable after TURN_S."""
    if not lock.acquire(timeout=TURN_S):
        raise StoreUnavailable("Redis does not answer; others wait for it. Try again shortly.")
    try:
        yield
    finally:
        lock.release()
