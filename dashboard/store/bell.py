"""A bell: wakes who waits for a socket, or for nothing else, so that nobody has to look again and again.

Owns: a pair of connected sockets. Leaves to others: what there is to do. An Event cannot be waited for beside a socket, and
setting one takes a lock, which a signal handler may find held by whom it interrupted.
"""

import selectors
import socket
from contextlib import suppress
from types import TracebackType
from typing import Self


class Bell:
    """For one who waits. `beside`: a socket that is waited for too. `rung`: whether it ever rang."""

    def __init__(self, beside: socket.socket | None = None) -> None:
        self._near, self._far = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self.rung = False
        for end in (self._near, self._far):
            end.setblocking(False)
        for each in (self._near, *([] if beside is None else [beside])):
            self._selector.register(each, selectors.EVENT_READ)

    def ring(self) -> None:
        """Wake who waits now, or else next. For any thread and for signal handlers: it takes no lock and never waits."""
        self.rung = True
        with suppress(OSError):  # so many rings wait to be heard, or nobody waits any more
            self._far.send(b"!")

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until it rings, `beside` can be read or the time is over; whether `beside` can be read."""
        ready = [key.fileobj for key, _ in self._selector.select(timeout_s)]
        if self._near in ready:
            self._near.recv(4096)
            ready.remove(self._near)
        return bool(ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._selector.close()
        self._near.close()
        self._far.close()
