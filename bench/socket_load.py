"""Socket.IO clients that send events and wait for the acknowledgement of each before the next.

Owns: opening a Socket.IO connection over a websocket, sending, counting acknowledgements. Leaves to others: the events.
"""

import socket

from bench.frames import CLOSE, PING, PONG, frame, split, upgrade
from bench.loop import Loop
from bench.scores import MakeEvent

PATH = "/socket.io/?EIO=4&transport=websocket"
READ = 65536
DRAIN_S = 30.0


class _Connection:
    __slots__ = ("expected", "fd", "load", "rest", "sent", "socket")

    def __init__(self, load: "SocketLoad", port: int) -> None:
        self.load = load
        self.sent = 0
        self.expected = b""
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(upgrade(PATH, port))
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self._read()
        if not self.rest.startswith(b"HTTP/1.1 101"):
            raise ConnectionError(f"no websocket: {self.rest[:400]!r}")
        self.rest = self.rest.partition(b"\r\n\r\n")[2]
        self._await(b"0{")
        self.socket.sendall(frame(b"40"))
        self._await(b"40{")
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()

    def _read(self) -> bytes:
        data = self.socket.recv(READ)
        if not data:
            raise ConnectionError("the server closed a connection")
        return data

    def _await(self, beginning: bytes) -> None:
        while True:
            messages, self.rest = split(self.rest)
            for _, payload in messages:
                if payload.startswith(beginning):
                    return
            self.rest += self._read()

    def send_next(self) -> None:
        self.expected = b"43%d[" % self.sent
        data = self.load.make(self.sent, self.load.sent)
        self.sent += 1
        self.load.sent += 1
        sent = self.socket.send(data)
        if sent < len(data):
            self.socket.setblocking(True)
            self.socket.sendall(data[sent:])
            self.socket.setblocking(False)

    def on_readable(self) -> None:
        messages, self.rest = split(self.rest + self._read())
        for opcode, payload in messages:
            if payload.startswith(self.expected) and self.expected:
                self.expected = b""
                self.load.answered(self, payload)
            elif payload == b"2":
                self.socket.send(frame(b"3"))
            elif opcode == PING:
                self.socket.send(frame(payload, PONG))
            elif opcode == CLOSE:
                raise ConnectionError(f"the server closed a connection: {payload!r}")


class SocketLoad:
    """So many connections to one server. `done`: events acknowledged so far; an error in one raises ConnectionError."""

    def __init__(self, loop: Loop, port: int, connections: int, make: MakeEvent) -> None:
        self.loop = loop
        self.make = make
        self.sent = self.done = 0
        self.last = b""
        self._running = False
        self._all = [_Connection(self, port) for _ in range(connections)]
        self._idle = list(self._all)
        for connection in self._all:
            loop.add(connection.fd, connection.on_readable)

    def answered(self, connection: _Connection, payload: bytes) -> None:
        if b'"error"' in payload:
            raise ConnectionError(f"an answer that is none: {payload[:400]!r}")
        self.done += 1
        self.last = payload[payload.index(b"[") :]
        if self._running:
            connection.send_next()
        else:
            self._idle.append(connection)

    def run(self, seconds: float) -> None:
        """Send for so long, each connection as soon as it has its acknowledgement."""
        self._running = True
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.send_next()
        self.loop.run(seconds)
        self._running = False
        self.loop.run_until(lambda: len(self._idle) == len(self._all), DRAIN_S, "acknowledgement of all events")

    def close(self) -> None:
        for connection in self._all:
            self.loop.remove(connection.fd)
            connection.socket.close()
