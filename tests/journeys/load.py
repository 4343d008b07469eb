"""Writers that keep an exact account of what was acknowledged to them, for the crash journeys."""

import itertools
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from tests.store.hold import wait_until

Write = Callable[[int], object]  # returns when the number's write is acknowledged, raises whatever else happens


class Load:
    """Threads that write numbers, each number once, and go on through every outage.

    `connect` gives each thread its own Write, and a fresh one after a failure. A write that fails is in doubt: it may
    or may not have happened, so it is neither expected later nor held to be invented.
    """

    def __init__(self, connect: Callable[[], Write], *, threads: int, first: int = 0) -> None:
        self._connect = connect
        self._numbers = itertools.count(first)  # next() of it is atomic
        self._over = threading.Event()
        self._acknowledged: list[list[int]] = [[] for _ in range(threads)]
        self._in_doubt: list[list[int]] = [[] for _ in range(threads)]
        self._threads = [threading.Thread(target=self._run, args=(index,)) for index in range(threads)]

    @property
    def count(self) -> int:
        """Acknowledged writes so far."""
        return sum(map(len, self._acknowledged))

    @property
    def acknowledged(self) -> set[int]:
        return set(itertools.chain(*self._acknowledged))

    @property
    def in_doubt(self) -> set[int]:
        return set(itertools.chain(*self._in_doubt))

    def wait_for(self, more: int, within_s: float = 20.0) -> None:
        """Wait until so many more writes are acknowledged."""
        target = self.count + more
        wait_until(lambda: self.count >= target, within_s)

    def _run(self, index: int) -> None:
        write = None
        while not self._over.is_set():
            number = next(self._numbers)
            try:
                write = write or self._connect()
                write(number)
            except Exception:
                self._in_doubt[index].append(number)
                write = None
                self._over.wait(0.02)  # the outage
            else:
                self._acknowledged[index].append(number)

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()


def lost(acknowledged: Iterable[int], found: Iterable[int]) -> set[int]:
    """The one judge of all crash journeys: what was acknowledged and is not there."""
    return set(acknowledged) - set(found)
