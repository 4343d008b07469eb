"""A client of Engine.IO on a websocket of ours, in the place of the library's own socket object.

Owns: Engine.IO packets, the upgrade, the end. Leaves to others: the frames' way (`connection.py`), messages and their order
(`receiver.py`), rooms and events (python-socketio).
"""

from typing import Any

from engineio import packet

from dashboard.wire import frames
from dashboard.wire.frames import frame
from dashboard.wire.receiver import Receiver
from dashboard.wire.shared import Shared

PING, PROBED = frame(b"2"), frame(b"3probe")


def packet_frame(sent: Any) -> bytes:
    """An Engine.IO packet as a frame; made once for all who are sent the same packet."""
    known: bytes | None = sent.__dict__.get("frame")
    if known is None:
        encoded = sent.encode()
        known = frame(encoded.encode()) if isinstance(encoded, str) else frame(bytes(encoded), frames.BINARY)
        sent.frame = known
    return known


class EngineSocket(Receiver):
    """`old` is the library's polling socket, while this is to become its upgrade."""

    __slots__ = ("_heard", "_session", "closed", "old", "pinged_s")

    connected = upgraded = True
    upgrading = False

    def __init__(self, shared: Shared, sid: str, old: Any = None) -> None:
        super().__init__(shared, sid)
        self.old = old
        self.closed = False
        self.pinged_s = 0.0  # when a ping went out that is not answered yet
        self._heard = False  # the probe of an upgrade
        self._session: dict[str, Any] | None = None

    # What engineio and python-socketio use ----------------------------------------------------------------------------

    @property
    def session(self) -> dict[str, Any]:
        if self._session is None:
            self._session = {}
        return self._session

    @session.setter
    def session(self, session: dict[str, Any]) -> None:
        self._session = session

    def send(self, sent: Any) -> None:
        self.write(packet_frame(sent))

    def check_ping_timeout(self) -> bool:
        """The deadlines see to it (`engine.py`)."""
        return not self.closed

    def schedule_ping(self) -> None:
        """Likewise."""

    def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """The server ends it. Called in a greenlet; the application hears of it before this returns."""
        if self.closing:
            return
        server_did: str = self.shared.eio.reason.SERVER_DISCONNECT
        if not abort:
            self.write(frame(b"1"))
        self.quiet_end(frames.NORMAL)
        self.tell_end(reason or server_did)

    # Receiving --------------------------------------------------------------------------------------------------------

    def on_text(self, text: str) -> None:
        kind = text[:1]
        if self.old is not None:
            self._upgrade(text)
        elif kind == "4":
            self.receive(text[1:])
        elif kind == "3":
            if self.pinged_s:
                self.pinged_s = 0.0
                self.shared.pings.add(self)
        elif kind == "1":
            self.lost("client disconnect")
        elif kind == "b":
            self._base64(text)
        elif not kind.isdecimal():
            self.fail(frames.BROKEN_RULE, "no such packet")

    def on_binary(self, data: bytes) -> None:
        if self.old is not None:
            self.fail(frames.BROKEN_RULE, "no such packet")
        else:
            self.receive(data)

    def _base64(self, text: str) -> None:
        try:
            data = packet.Packet(encoded_packet=text).data
        except ValueError:
            self.fail(frames.BROKEN_RULE, "no such packet")
        else:
            self.receive(data)

    # Upgrade ----------------------------------------------------------------------------------------------------------

    def _upgrade(self, text: str) -> None:
        old = self.old
        if text == "2probe" and not self._heard:
            self._heard = True
            self.write(PROBED)
            old.queue.put(packet.Packet(packet.NOOP))  # ends the poll that waits: the client then says "5"
        elif text == "5" and self._heard and not (old.closed or old.closing):
            self.old = None
            self._session = old.session or None
            self.shared.sockets[self.sid] = self
            self.shared.pings.add(self)
            old.closed = old.upgraded = True  # its pings end
            old.upgrading = False
            empty = self.shared.eio.get_queue_empty_exception()
            while True:
                try:
                    waiting = old.queue.get(block=False)
                except empty:
                    break
                if waiting is not None and waiting.packet_type != packet.NOOP:
                    self.send(waiting)
            old.queue.put(packet.Packet(packet.NOOP))
        else:
            self.fail(frames.BROKEN_RULE, "no such packet during an upgrade")

    # The end ----------------------------------------------------------------------------------------------------------

    def notice_of_slowness(self) -> bytes:
        return self.shared.notice_of_slowness

    def quiet_end(self, code: int, words: str = "") -> None:
        """Close it; the application knows, or needs not to."""
        self.closed = True
        self.end("", code, words)

    def on_end(self, reason: str) -> None:
        if self.old is not None:  # the client goes on polling
            self.old.upgrading, self.old = False, None
        elif not self.closed:
            self.ended(reason)

    def tell_end(self, reason: str) -> None:
        try:
            self.shared.eio._trigger_event("disconnect", self.sid, reason, run_async=False)
        finally:
            self.closed = True
            self.shared.sockets.pop(self.sid, None)
