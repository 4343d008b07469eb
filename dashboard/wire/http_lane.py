"""The hot lane: plain POSTs are answered inside the event loop, without a greenlet switch, an environ or a WSGI call.

Owns: reading requests off a connection, one at a time and in their order, and writing the answers. Leaves to others: what
an answer is (`Desk` is handed in), and whatever is not plain: that goes, bytes included, to the server's own protocol in
the connection's greenlet, which afterwards comes back here. What waits for the rest of a head waits there too.
"""

import io
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol
from wsgiref.handlers import format_date_time

import eventlet
from eventlet import hubs, wsgi

from dashboard.wire.heads import QuickHeads
from dashboard.wire.requests import LONGEST_BODY, LONGEST_HEAD, Answer, Done, Head, read_head

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


class _Known(NamedTuple):
    admitted: object
    length: int
    end: str


class Lane:
    """What all connections of a server share."""

    def __init__(self, desk: Desk, clock: Callable[[], float] = time.time) -> None:
        self.take = desk.take
        self._desk = desk
        self._clock = clock
        self._heads: dict[bytes, _Known] = {}
        self._second, self._date = -1, ""

    def find(self, head: bytes) -> _Known | None:
        """What is known of a head, None where it is not plain."""
        try:
            return self._heads[head]
        except KeyError:
            pass
        read = read_head(head)
        admitted = read and self._desk.admit(read)
        end = "\r\nConnection: keep-alive\r\n\r\n" if read and read.echo else "\r\n\r\n"
        known = _Known(admitted, read.length, end) if read and admitted is not None else None
        if known is not None:
            if len(self._heads) >= MOST_HEADS:
                self._heads.clear()
            self._heads[head] = known
        return known

    def written(self, answer: Answer, end: str) -> bytes:
        """The bytes of an answer, as the server's own protocol would write them."""
        second = int(self._clock())
        if second != self._second:
            self._second, self._date = second, format_date_time(second)
        status, headers, body = answer
        (name, value), *others = headers
        more = "".join([f"\r\n{name}: {value}" for name, value in others]) if others else ""
        start = f"HTTP/1.1 {status}\r\n{name}: {value}\r\nContent-Length: {len(body)}{more}\r\nDate: {self._date}{end}"
        return start.encode() + body


class _Connection:
    """One connection while it is in the hot lane. `serve` blocks its greenlet; all else runs in the hub."""

    __slots__ = (
        *("_lane", "_state", "_fd", "_recv", "_send", "_greenlet", "_listener", "_buffer", "_total", "_end", "_busy"),
        *("_address", "_ended", "_left"),
    )

    def __init__(self, lane: Lane, socket: Any, address: str, state: list[Any]) -> None:
        self._lane = lane
        self._address = address
        self._state = state
        self._fd = socket.fileno()
        self._recv, self._send = socket.fd.recv, socket.fd.send
        self._greenlet = eventlet.getcurrent()
        self._listener: Any = None
        self._buffer, self._total, self._end = b"", 0, ""
        self._busy = self._ended = False
        self._left = True

    def serve(self, begun: bytes) -> tuple[bytes, bytes | None, bool]:
        """Answer plain requests, of which `begun` was read. Returns what is still to be sent, the bytes that come next
        (None: the connection is over), and whether they go the plain way.
        """
        self._buffer, self._left = begun, False
        try:
            self._listen()
            if begun:
                self._advance()
            left: tuple[bytes, bytes | None, bool] = hubs.get_hub().switch()
            return left
        finally:
            self._left, self._busy = True, False
            self._deafen()

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
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n") + 4
        known = self._lane.find(buffer[:end]) if end > 3 else None
        if known is None:
            self._leave(buffer)
            return
        self._total = end + known.length
        if len(buffer) < self._total:
            if self._ended:
                self._leave(buffer)
            return
        if self._state[2] == wsgi.STATE_CLOSE:
            self._leave(None)
            return
        self._busy, self._end, self._state[2] = True, known.end, wsgi.STATE_REQUEST
        if not self._lane.take(known.admitted, self._address, buffer[end : self._total], self._answer):
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
        self._buffer = self._buffer[self._total :]
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._leave(None)
            return
        over = self._state[2] == wsgi.STATE_CLOSE or (self._ended and not self._buffer)
        if sent < len(data) or over:
            self._leave(None if over else self._buffer, unsent=data[sent:], plain=False)
            return
        self._state[2] = wsgi.STATE_IDLE
        if self._listener is None and not self._ended:
            self._listen()
        if self._buffer:
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


class _Rest(io.RawIOBase):
    """A connection's bytes for the plain way: first those that the hot lane has read, then those that come."""

    def __init__(self, raw: Any) -> None:
        super().__init__()
        self._raw = raw
        self._held = b""
        self._dry = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if self._held:
            count = min(len(buffer), len(self._held))
            buffer[:count] = self._held[:count]
            self._held = self._held[count:]
            return count
        if self._dry:
            return None
        read: int | None = self._raw.readinto(buffer)
        return read

    def put(self, data: bytes) -> None:
        self._held = data

    def take(self, reader: Any) -> bytes:
        """What was read ahead and not used; reads nothing new."""
        self._dry = True
        ahead: bytes = reader.peek()
        reader.read(len(ahead))
        self._dry = False
        data, self._held = ahead + self._held, b""
        return data

    def close(self) -> None:
        self._raw.close()
        super().close()


def make_protocol(lane: Lane) -> type[wsgi.HttpProtocol]:
    """The protocol of `eventlet.wsgi.server`, with the hot lane in front."""

    class Protocol(QuickHeads):
        def handle(self) -> None:
            self.close_connection = True
            rest = _Rest(self.rfile.detach())
            self.rfile: Any = io.BufferedReader(rest)
            connection = _Connection(lane, self.connection, self.client_address[0], self.conn_state)
            begun: bytes | None = b""
            while begun is not None:
                unsent, begun, plain = connection.serve(begun)
                try:
                    self.connection.sendall(unsent)
                except OSError:  # nobody is there any more
                    return
                if begun is None:
                    return
                if plain:
                    rest.put(begun)
                    self.handle_one_request()
                    if self.close_connection or self.conn_state[2] == wsgi.STATE_CLOSE:
                        return
                    begun = rest.take(self.rfile)
                self.conn_state[2] = wsgi.STATE_IDLE

    return Protocol


def _nothing() -> None:
    """The hub marks the descriptor as closed; we notice by ourselves."""


def later(call: Callable[[], None]) -> None:
    """Call a function after this turn of the event loop."""
    hubs.get_hub().schedule_call_global(0, call)
