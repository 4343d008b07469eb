"""What a descriptor of ours sends: what waits, and in which order it goes.

Owns: the two ways to send. `write` is reliable: in order, nothing is left out, and one that cannot keep up for long is
closed. `write_latest` is for pictures that a newer one replaces: of each kind at most one waits. Both keep one order: what
is written reliably comes behind the pictures written before it. Leaves to others: receiving, and the end (a subclass).

No method blocks, and each may be called inside the hub.
"""

import posix  # not `os`: eventlet's waits
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from eventlet import patcher

from dashboard.wire.poller import Poller

TOGETHER = 64
"""Frames sent in one call of the kernel."""
FRAME_COST = 64
"""What a waiting frame costs besides its bytes."""

Frame = bytes | memoryview

_socket = patcher.original("socket")


class Sender:
    """Slotted, and lean while it is idle. `moved` is when its socket last took something, while more waits."""

    __slots__ = ("_latest", "_out", "_reading", "closing", "fd", "held", "moved", "poller")

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.fd = -1
        self.held = 0
        self.moved = 0.0
        self.closing = False
        """A close frame is on its way: nothing is sent behind it, and what still comes is dropped."""
        self._reading = True
        self._out: deque[Frame] | None = None  # None: the socket takes more
        self._latest: dict[str, bytes] | None = None

    # What a subclass does ---------------------------------------------------------------------------------------------

    def readable(self) -> None:
        """Something came."""
        raise NotImplementedError

    def lost(self, reason: str) -> None:
        """The other side is gone."""
        raise NotImplementedError

    def overflow(self) -> None:
        """It does not keep up."""
        raise NotImplementedError

    # Sending ----------------------------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        return self.fd >= 0 and not self.closing

    def write(self, data: bytes) -> None:
        """Send frames, behind all that was sent before."""
        if not self.open:
            return
        corked = self.poller.corked
        if corked is not None:
            corked.setdefault(self, []).append(data)
        else:
            self.put(data)

    def put(self, data: bytes) -> None:
        """As `write`, at once, and on a connection that is closing too."""
        if self._out is None:
            sent = self._send(data)
            if 0 <= sent < len(data):
                self._wait(memoryview(data)[sent:])
            elif sent > 0 and self.closing:
                self._say_that_was_all()
        else:
            if self._latest is not None:
                self._settle(self._out)
            self._queue(self._out, data)

    def write_latest(self, kind: str, data: bytes, newest: Callable[[], bytes]) -> None:
        """Send a frame. Where one of its kind still waits, `newest()` goes in the place of both.

        Called for each viewer of each frame: nearly always the socket takes it, and nothing else is looked at.
        """
        if self._out is None and self.fd >= 0 and not self.closing:
            try:
                sent = posix.write(self.fd, data)
            except BlockingIOError:
                self._wait()
            except OSError:
                self.lost("transport close")
                return
            else:
                if sent < len(data):  # begun, so it has to be finished
                    self._wait(memoryview(data)[sent:])
                return
        elif not self.open:
            return
        if self._latest is None:
            self._latest = {kind: data}
        elif kind not in self._latest:
            self._latest[kind] = data
        else:
            self._latest[kind] = newest()
            self.poller.replaced += 1

    def flush(self) -> None:
        """The socket takes something again."""
        out = self._out
        while out is not None and self.fd >= 0:
            if not out and not self._next_latest(out):
                self._out = None
                self.poller.waiting.discard(self)
                self._watch()
                if self.closing:
                    self._say_that_was_all()
                return
            batch = list(islice(out, TOGETHER))
            try:
                sent = posix.writev(self.fd, batch)
            except BlockingIOError:
                return
            except OSError:
                self.lost("transport close")
                return
            self.moved = self.poller.clock()
            for data in batch:
                if sent < len(data):
                    if sent:
                        out[0] = memoryview(data)[sent:]
                        self.poller.hold(self, -sent)
                    break
                sent -= len(data)
                out.popleft()
                self.poller.hold(self, -len(data) - FRAME_COST)

    def _send(self, data: bytes) -> int:
        """How much the socket took; -1: the connection is lost."""
        try:
            return posix.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError:
            self.lost("transport close")
            return -1

    def _wait(self, rest: Frame | None = None) -> None:
        self._out = deque()
        self.moved = self.poller.clock()
        self.poller.waiting.add(self)
        self._watch()
        if rest is not None:
            self._queue(self._out, rest)

    def _queue(self, out: deque[Frame], data: Frame) -> None:
        out.append(data)
        self.poller.hold(self, len(data) + FRAME_COST)
        if self.held > self.poller.limits.queue_bytes:
            self.overflow()

    def _settle(self, out: deque[Frame]) -> None:
        """Something reliable follows: the pictures that wait stay as they are."""
        latest, self._latest = self._latest, None
        for data in (latest or {}).values():
            self._queue(out, data)

    def _next_latest(self, out: deque[Frame]) -> bool:
        if not self._latest:
            self._latest = None
            return False
        self._queue(out, self._latest.pop(next(iter(self._latest))))
        return True

    def give_up(self) -> None:
        """Drop what waits, but for the rest of a frame that has begun."""
        out, self._latest = self._out, None
        if out is not None:
            begun = out[0] if out and isinstance(out[0], memoryview) else None
            self.poller.hold(self, -sum(len(data) + FRAME_COST for data in out))
            out.clear()
            if begun is not None:
                self._queue(out, begun)

    def _watch(self) -> None:
        self.poller.watch(self, read=self._reading, write=self._out is not None)

    def _say_that_was_all(self) -> None:
        """Nothing more comes from us: who reads the close frame may close."""
        with suppress(OSError):
            raw = _socket.socket(fileno=self.fd)
            try:
                raw.shutdown(_socket.SHUT_WR)
            finally:
                raw.detach()

    def release(self) -> None:
        """Give the descriptor back."""
        if self.fd < 0:
            return
        fd = self.fd
        self.poller.remove(self)
        self.poller.hold(self, -self.held)
        self.fd = -1
        self._out = self._latest = None
        with suppress(OSError):
            posix.close(fd)
