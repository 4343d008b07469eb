"""One websocket whose descriptor is ours: what it is sent, and its end.

Owns: messages as they come, control frames, and the ways to end. Leaves to others: sending (`sender.py`), what messages mean (a
subclass).

No method blocks, and each may be called inside the hub.
"""

import posix  # not `os`: eventlet's waits

from dashboard.wire import frames
from dashboard.wire.frames import FrameError, Reader, close_frame, frame
from dashboard.wire.poller import Poller
from dashboard.wire.sender import Sender

CHUNK = 16_384
"""Read at once: as thousands of the shortest frames, it holds up all others for some milliseconds."""
SLOW = 4008
"""Our close code for one that does not read what it is sent."""


class Connection(Sender):
    """Messages of more than `most` bytes are refused."""

    __slots__ = ("_begun", "_reader")

    def __init__(self, poller: Poller, most: int) -> None:
        super().__init__(poller)
        self._reader = Reader(most)
        self._begun = 0  # bytes it holds

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
        """Bytes came, at least one."""
        try:
            text = self._reader.one(data)
            if text is not None:
                self.on_text(text.decode())
                return
            with self.poller.cork():
                pong = b""
                for opcode, payload in self._reader.feed(data):
                    if opcode == frames.PING:  # of those that come together the last is answered (RFC 6455, 5.5.3)
                        pong = frame(payload, frames.PONG)
                        continue
                    self._one(opcode, payload)
                    if not self.open:
                        return
                if pong:
                    self.write_latest("pong", pong, lambda: pong)
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
        elif opcode == frames.CLOSE:
            self._answer_close(frames.close_code(payload))

    def _answer_close(self, code: int) -> None:
        """It has said its last word: say ours, and let go."""
        corked = self.poller.corked or {}
        if self._out is None:  # else a frame has begun that will never end
            self._send(b"".join([*corked.pop(self, ()), close_frame(code)]))
        self.lost("transport close")

    # The end ----------------------------------------------------------------------------------------------------------

    def fail(self, code: int, what: str) -> None:
        """The other side broke a rule."""
        self.end("transport error", code, what)

    def overflow(self) -> None:
        """It does not keep up: what waits is given up, and it is told so, should it still read."""
        if not self.open:
            self.release()
            return
        self.give_up()
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

    def lost(self, reason: str) -> None:
        """The other side is gone."""
        told = self.closing
        self.release()
        if not told:
            self.closing = True
            self.on_end(reason)
