"""The hot lane: plain POSTs are answered inside the event loop, without a greenlet switch, an environ or a WSGI call.

Owns: reading requests off a connection, one at a time and in their order, and writing the answers. Leaves to others: what
an answer is (`Desk` is handed in), websockets (`handshakes.py`), and whatever is not plain: that goes, bytes included, to the
server's own protocol in the connection's greenlet, which afterwards comes back here. What waits for the rest of a head waits
there too.
"""

import io
import time
from collections.abc import Callable
from typing import Any, Protocol
from wsgiref.handlers import format_date_time

import eventlet
from eventlet import hubs, wsgi

from dashboard.wire.handshakes import Handshakes
from dashboard.wire.heads import QuickHeads
from dashboard.wire.requests import LONGEST_BODY, LONGEST_HEAD, Answer, Done, Head, read_head
from dashboard.wire.rest import Rest

MOST_HEADS = 1024
"""Clients send the same heads again and again: so many are known, at most 4 kB each."""
AHEAD = LONGEST_BODY + LONGEST_HEAD
"""So much is read of what a client sends before it has its answer."""


class Desk(Protocol):
    """Who answers."""

    def admit(self, head: Head) -> object | None:
        """Whatever `take` needs to know of a head, None where the request is to go the plain way."""

    def take(self, admitted: Any, address: str, body: bytes, done: Done) -> bool:
        """Begin to answer a client at an address, or False: go the plain way. Never blocks, never raises, never calls
        `done` at once.
        """


class NoDesk:
    """No request is hot."""

    def admit(self, head: Head) -> None:
        return None

    def take(self, admitted: Any, address: str, body: bytes, done: Done) -> bool:
        return False


_Known = tuple[object, int, str]
"""Of a head: what the desk admitted, how long the body is, how the head of the answer ends."""


class Lane:
    """What all connections of a server share."""

    def __init__(
        self, desk: Desk, handshakes: Handshakes | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.take = desk.take
        self._desk = desk
        self._handshakes = handshakes
        self._clock = clock
        self.heads: dict[bytes, _Known] = {}
        """What is known of the heads that came."""
        self._second, self._date = -1, ""

    def learn(self, head: bytes) -> _Known | None:
        """What is to be known of a head that comes for the first time, None where it is not plain."""
        read = read_head(head)
        admitted = None if read is None else self._desk.admit(read)
        if read is None or admitted is None:
            return None
        if len(self.heads) >= MOST_HEADS:
            self.heads.clear()
        end = "\r\nConnection: keep-alive\r\n\r\n" if read.echo else "\r\n\r\n"
        known = self.heads[head] = (admitted, read.length, end)
        return known

    def upgrade(self, begun: bytes, protocol: Any) -> bool:
        """Whether a connection is a websocket now, and nobody's here; `begun` came on it."""
        end = begun.find(b"\r\n\r\n") + 4
        return end > 3 and self._handshakes is not None and self._handshakes.take(begun[:end], protocol, begun[end:])

    def written(self, answer: Answer, end: str) -> bytes:
        """The bytes of an answer, as the server's own protocol would write them."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._date = second, format_date_time(second)
        status, headers, body = answer
        name, value = headers[0]
        more = "".join([f"\r\n{name}: {value}" for name, value in headers[1:]]) if len(headers) > 1 else ""
        start = f"HTTP/1.1 {status}\r\n{name}: {value}\r\nContent-Length: {len(body)}{more}\r\nDate: {self._date}{end}"
        return start.encode() + body


class _Connection:
    """One connection while it is in the hot lane. `serve` blocks its greenlet; all else runs in the hub."""

    __slots__ = (
        *("_lane", "_state", "_fd", "_recv", "_send", "_greenlet", "_listener", "_buffer", "_total", "_end", "_busy"),
        *("_protocol", "_address", "_ended", "_heard", "_left", "_silent_s", "_timer"),
    )

    def __init__(self, lane: Lane, protocol: Any) -> None:
        socket = protocol.connection
        self._lane = lane
        self._protocol = protocol
        self._address: str = protocol.client_address[0]
        self._state: list[Any] = protocol.conn_state
        self._fd = socket.fileno()
        self._recv, self._send = socket.fd.recv, socket.fd.send
        self._silent_s: float | None = socket.gettimeout()
        self._timer: Any = None
        self._greenlet = eventlet.getcurrent()
        self._listener: Any = None
        self._buffer, self._total, self._end = b"", 0, ""
        self._busy = self._ended = self._heard = False
        self._left = True

    def serve(self, begun: bytes) -> tuple[bytes, bytes | None, bool]:
        """Answer plain requests, of which `begun` was read. Returns what is still to be sent, the bytes that come next
        (None: the connection is over), and whether they go the plain way.
        """
        self._buffer, self._left = begun, False
        try:
            self._listen()
            self._wait_on()
            if begun:
                self._advance()
            left: tuple[bytes, bytes | None, bool] = hubs.get_hub().switch()
            return left
        finally:
            self._left, self._busy = True, False
            self._deafen()
            if self._timer is not None:
                self._timer.cancel()

    def _wait_on(self) -> None:
        self._heard = False
        if self._silent_s is not None:
            self._timer = hubs.get_hub().schedule_call_global(self._silent_s, self._look)

    def _look(self) -> None:
        """Whoever has said nothing since the last look, and waits for nothing, is gone, or might as well be."""
        if self._heard or self._busy:
            self._wait_on()
        else:
            self._leave(None)

    def _on_read(self, _: int) -> None:
        if self._listener is None:
            return
        try:
            data = self._recv(LONGEST_BODY)
        except BlockingIOError:
            return
        except OSError:
            self._leave(None)
            return
        self._heard = True
        if not data:
            self._ended = True
            self._deafen()
            if not self._busy:
                self._leave(self._buffer or None)
            return
        self._buffer = self._buffer + data if self._buffer else data
        if not self._busy:
            self._advance()
        elif len(self._buffer) > AHEAD:
            self._deafen()

    def _advance(self) -> None:
        lane, buffer = self._lane, self._buffer
        start = buffer.find(b"\r\n\r\n") + 4
        known = None
        if start > 3:
            head = buffer[:start]
            known = lane.heads.get(head) or lane.learn(head)
        if known is None:
            self._deafen()
            self._leave(None if lane.upgrade(buffer, self._protocol) else buffer)
            return
        admitted, length, self._end = known
        self._total = total = start + length
        if len(buffer) < total:
            if self._ended:
                self._leave(buffer)
            return
        state = self._state
        if state[2] == wsgi.STATE_CLOSE:
            self._leave(None)
            return
        self._busy, state[2] = True, wsgi.STATE_REQUEST
        if not lane.take(admitted, self._address, buffer[start:total], self._answer):
            self._busy = False
            self._leave(buffer)

    def _answer(self, answer: Answer | None) -> None:
        if not self._busy:
            return  # the connection broke meanwhile
        self._busy = False
        if answer is None:
            self._leave(self._buffer)
            return
        data = self._lane.written(answer, self._end)
        self._buffer = buffer = self._buffer[self._total :]
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._leave(None)
            return
        state = self._state
        over = state[2] == wsgi.STATE_CLOSE or (self._ended and not buffer)
        if sent < len(data) or over:
            self._leave(None if over else buffer, unsent=data[sent:], plain=False)
            return
        state[2] = wsgi.STATE_IDLE
        if self._listener is None and not self._ended:
            self._listen()
        if buffer:
            self._advance()

    def _leave(self, rest: bytes | None, *, unsent: bytes = b"", plain: bool = True) -> None:
        if self._left:
            return
        self._left, self._busy = True, False
        self._deafen()
        hubs.get_hub().schedule_call_global(0, self._greenlet.switch, (unsent, rest, plain))

    def _listen(self) -> None:
        hub = hubs.get_hub()
        self._listener = hub.add(hub.READ, self._fd, self._on_read, self._greenlet.throw, _nothing)

    def _deafen(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            hubs.get_hub().remove(listener)


def make_protocol(lane: Lane) -> type[wsgi.HttpProtocol]:
    """The protocol of `eventlet.wsgi.server`, with the hot lane in front."""

    class Protocol(QuickHeads):
        rest: Rest | None = None
        connection: Any
        rfile: Any

        def setup(self) -> None:
            self.connection = self.request

        def handle(self) -> None:
            self.close_connection = True
            begun = self._there()
            if begun and lane.upgrade(begun, self):
                return
            connection = _Connection(lane, self)
            while begun is not None:
                unsent, begun, plain = connection.serve(begun)
                try:
                    if unsent:
                        self.connection.sendall(unsent)
                except OSError:  # nobody is there any more
                    return
                if begun is None:
                    return
                if plain:
                    rest = self._files()
                    rest.put(begun)
                    self.handle_one_request()
                    if self.close_connection or self.conn_state[2] == wsgi.STATE_CLOSE:
                        return
                    begun = rest.take(self.rfile)
                self.conn_state[2] = wsgi.STATE_IDLE

        def _there(self) -> bytes | None:
            """What came so far: the first request nearly always comes together with its connection. None: it is over."""
            try:
                return self.connection.fd.recv(LONGEST_BODY) or None
            except BlockingIOError:
                return b""
            except OSError:
                return None

        def _files(self) -> Rest:
            """Those that the plain way reads and writes; made when they are needed, which nearly no connection does."""
            if self.rest is None:
                super().setup()
                self.rest = Rest(self.rfile.detach())
                self.rfile = io.BufferedReader(self.rest)
            return self.rest

        def finish(self) -> None:
            if self.rest is not None:  # else eventlet closes the connection by itself
                super().finish()

    return Protocol


def _nothing() -> None:
    """The hub marks the descriptor as closed; we notice by ourselves."""


def later(call: Callable[[], None]) -> None:
    """Call a function after this turn of the event loop."""
    hubs.get_hub().schedule_call_global(0, call)
