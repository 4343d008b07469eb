"""One websocket whose descriptor is ours: what it sends, what it is sent, and its end.

Owns: the two ways to send. `write` is reliable: in order, nothing is left out, and one that cannot keep up for long is
closed. `write_latest` is for pictures that a newer one replaces: of each kind at most one waits. Both keep one order: what
is written reliably comes behind the pictures written before it. Leaves to others: what messages mean (a subclass).

No method blocks, and each may be called inside the hub.
"""

import posix  # not `os`: eventlet's waits
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import islice

from eventlet import patcher

from dashboard.wire import frames
from dashboard.wire.frames import FrameError, Reader, close_frame, frame
from dashboard.wire.poller import Poller

CHUNK = 65_536
"""Read at once."""
TOGETHER = 64
"""Frames sent in one call of the kernel."""
FRAME_COST = 64
"""What a waiting frame costs besides its bytes."""
SLOW = 4008
"""Our close code for one that does not read what it is sent."""

Frame = bytes | memoryview

_socket = patcher.original("socket")


class Connection:
    """Slotted, and lean while it is idle. `moved` is when its socket last took something, while more waits."""

    __slots__ = ("_begun", "_latest", "_out", "_reader", "_reading", "closing", "fd", "held", "moved", "poller")

    def __init__(self, poller: Poller, most: int) -> None:
        self.poller = poller
        self.fd = -1
        self.held = 0
        self.moved = 0.0
        self.closing = False
        """A close frame is on its way: nothing is sent behind it, and what still comes is dropped."""
        self._reader = Reader(most)
        self._begun = 0  # bytes it holds
        self._reading = True
        self._out: deque[Frame] | None = None  # None: the socket takes more
        self._latest: dict[str, bytes] | None = None

    # What a subclass does ---------------------------------------------------------------------------------------------

    def on_text(self, text: str) -> None:
        """A text message came."""
        raise NotImplementedError

    def on_binary(self, data: bytes) -> None:
        """A binary message came."""
        raise NotImplementedError

    def on_end(self, reason: str) -> None:
        """The connection has ended, or is about to; once."""
        raise NotImplementedError

    def notice_of_slowness(self) -> bytes:
        """The last frame for one that does not keep up."""
        return b""

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
            elif sent >= 0 and self.closing:
                self._say_that_was_all()
        else:
            if self._latest is not None:
                self._settle(self._out)
            self._queue(self._out, data)

    def write_latest(self, kind: str, data: bytes, newest: Callable[[], bytes]) -> None:
        """Send a frame. Where one of its kind still waits, `newest()` goes in the place of both."""
        if not self.open:
            return
        if self._out is None:
            sent = self._send(data)
            if sent > 0:
                if sent < len(data):  # begun, so it has to be finished
                    self._wait(memoryview(data)[sent:])
                return
            if sent < 0:
                return
            self._wait()
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

    # Receiving --------------------------------------------------------------------------------------------------------

    def readable(self) -> None:
        """Read what came, once: others have their turn before the rest."""
        try:
            data = posix.read(self.fd, CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.lost("transport close")
        elif not self.closing:
            self.take(data)

    def take(self, data: bytes) -> None:
        """Bytes came."""
        try:
            for opcode, payload in self._reader.feed(data):
                self._one(opcode, payload)
                if not self.open:
                    return
        except FrameError as error:
            self.fail(error.code, str(error))
        except UnicodeDecodeError:
            self.fail(frames.NOT_TEXT, "text is UTF-8")
        else:
            self._keep(self._reader.held)

    def _keep(self, size: int) -> None:
        """So many bytes of what came are kept."""
        if size != self._begun:
            grown, self._begun = size - self._begun, size
            self.poller.hold(self, grown)

    def pause(self, paused: bool) -> None:
        """Read no more, or again. The kernel tells the other side to wait."""
        if self.open and self._reading is paused:
            self._reading = not paused
            self._watch()

    def _one(self, opcode: int, payload: bytes) -> None:
        if opcode == frames.TEXT:
            self.on_text(payload.decode())
        elif opcode == frames.BINARY:
            self.on_binary(payload)
        elif opcode == frames.PING:
            pong = frame(payload, frames.PONG)
            self.write_latest("pong", pong, lambda: pong)
        elif opcode == frames.CLOSE:
            self._answer_close(frames.close_code(payload))

    def _answer_close(self, code: int) -> None:
        """It has said its last word: say ours, and let go."""
        corked = self.poller.corked or {}
        if self._out is None:  # else a frame has begun that will never end
            self._send(b"".join([*corked.pop(self, ()), close_frame(code)]))
        self.lost("transport close")

    def _watch(self) -> None:
        self.poller.watch(self, read=self._reading, write=self._out is not None)

    # The end ----------------------------------------------------------------------------------------------------------

    def fail(self, code: int, what: str) -> None:
        """The other side broke a rule."""
        self.end("transport error", code, what)

    def overflow(self) -> None:
        """It does not keep up: what waits is given up, and it is told so, should it still read."""
        if not self.open:
            self.release()
            return
        out = self._out
        if out is not None:
            begun = out[0] if out and isinstance(out[0], memoryview) else None
            self.poller.hold(self, -sum(len(data) + FRAME_COST for data in out))
            out.clear()
            if begun is not None:
                self._queue(out, begun)
        self._latest = None
        if notice := self.notice_of_slowness():
            self.write(notice)
        self.end("transport error", SLOW, "slow connection")

    def end(self, reason: str, code: int, words: str = "") -> None:
        """Send a close frame, and let go when the other side has closed or LINGER_S later."""
        if not self.open:
            return
        corked = self.poller.corked or {}
        self.closing = True
        self.put(b"".join([*corked.pop(self, ()), close_frame(code, words)]))
        if self.fd >= 0:
            self._latest = None
            self._reader = Reader(0)
            self._keep(0)
            self._reading = True  # what comes is dropped, but its end is seen
            self._watch()
            self.poller.linger(self)
        self.on_end(reason)

    def _say_that_was_all(self) -> None:
        """Nothing more comes from us: who reads the close frame may close."""
        with suppress(OSError):
            raw = _socket.socket(fileno=self.fd)
            try:
                raw.shutdown(_socket.SHUT_WR)
            finally:
                raw.detach()

    def lost(self, reason: str) -> None:
        """The other side is gone."""
        told = self.closing
        self.release()
        if not told:
            self.closing = True
            self.on_end(reason)

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
