"""The loop of the load: one epoll for thousands of connections, cheap enough not to be what is measured.

Owns: waiting for sockets. Leaves to others: what is read and written.
"""

import select
import time
from collections.abc import Callable

EVENTS = 4096


class Loop:
    """Calls what belongs to each socket when there is something to read."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}

    def add(self, fd: int, on_readable: Callable[[], None]) -> None:
        self._readers[fd] = on_readable
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, fd: int) -> None:
        if self._readers.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def turn(self, wait_s: float) -> None:
        """Serve what is readable, or wait so long for something."""
        readers = self._readers
        for fd, _ in self._epoll.poll(wait_s, EVENTS):
            if (reader := readers.get(fd)) is not None:
                reader()

    def run(self, seconds: float) -> None:
        """Serve for so long."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.turn(left)

    def run_until(self, done: Callable[[], bool], within_s: float, what: str, every_s: float = 0.005) -> None:
        """Serve until `done()`, which is asked so often. Raises TimeoutError(what)."""
        end = time.perf_counter() + within_s
        while not done():
            if time.perf_counter() > end:
                raise TimeoutError(f"not within {within_s:g} s: {what}")
            self.run(every_s)

    def close(self) -> None:
        self._epoll.close()
