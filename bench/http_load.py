"""HTTP clients that post: keep-alive connections, one request at a time on each.

Owns: sending as fast as answers come (`run`) or at a rate (`pace`), and counting answers. Leaves to others: what is sent.
"""

import re
import socket
import time
from collections.abc import Callable

from bench.loop import Loop
from bench.scores import MakeRequest

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
READ = 65536
DRAIN_S = 30.0


class _Connection:
    __slots__ = ("fd", "load", "rest", "socket")

    def __init__(self, load: "HttpLoad") -> None:
        self.load = load
        self.rest = b""
        self.socket = socket.create_connection(("127.0.0.1", load.port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.fd = self.socket.fileno()

    def send(self, data: bytes) -> None:
        sent = self.socket.send(data)
        if sent < len(data):  # a batch larger than the socket's buffer
            self.socket.setblocking(True)
            self.socket.sendall(data[sent:])
            self.socket.setblocking(False)

    def send_next(self) -> None:
        load = self.load
        load.sent += 1
        self.send(load.make(load.sent))

    def on_readable(self) -> None:
        data = self.rest + self.socket.recv(READ)
        if not data:
            raise ConnectionError("the server closed a connection")
        head = data.find(b"\r\n\r\n")
        length = LENGTH.search(data, 0, head) if head > 0 else None
        if length is None or len(data) < head + 4 + int(length[1]):
            if head > 0 and length is None:
                raise ConnectionError(f"an answer without a length: {data[:200]!r}")
            self.rest = data
            return
        self.rest = b""
        self.load.answered(self, data, head)


class HttpLoad:
    """So many connections to one server. `done`: answers with status 200 so far; any other raises ConnectionError."""

    def __init__(self, loop: Loop, port: int, connections: int, make: MakeRequest) -> None:
        self.loop = loop
        self.port = port
        self.make = make
        self.sent = self.done = 0
        self.last = b""
        self._running = False
        self._all = [_Connection(self) for _ in range(connections)]
        self._idle = list(self._all)
        for connection in self._all:
            loop.add(connection.fd, connection.on_readable)

    def answered(self, connection: _Connection, data: bytes, head: int) -> None:
        if not data.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"an answer that is none: {data[:400]!r}")
        self.done += 1
        self.last = data[head + 4 :]
        if self._running:
            connection.send_next()
        else:
            self._idle.append(connection)

    def run(self, seconds: float) -> None:
        """Post for so long, each connection as soon as it has its answer."""
        self._running = True
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.send_next()
        self.loop.run(seconds)
        self._running = False
        self.drain()

    def pace(self, rate: float, seconds: float, marker: Callable[[float], bytes | None] | None = None) -> float:
        """Post `rate` a second for so long; how many seconds it was late in the end. `marker(due)` may give another request
        for what is due at that time (perf_counter). What is due while every connection waits is sent late.
        """
        start, sent, wanted = time.perf_counter(), 0, int(rate * seconds)
        while sent < wanted:
            now = time.perf_counter()
            while self._idle and sent < wanted and (due := start + sent / rate) <= now:
                connection = self._idle.pop()
                sent += 1
                other = marker(due) if marker else None
                if other is None:
                    connection.send_next()
                else:
                    connection.send(other)
            self.loop.turn(max(0.0, start + sent / rate - time.perf_counter()) if self._idle else 0.05)
            if now > start + 3 * seconds + 5:
                raise TimeoutError(
                    f"{rate:g} a second were offered for {seconds:g} s, after {now - start:.0f} s {sent} sent"
                )
        late = time.perf_counter() - start - seconds
        self.drain()
        return max(late, 0.0)

    def drain(self) -> None:
        """Wait for every answer."""
        self.loop.run_until(lambda: len(self._idle) == len(self._all), DRAIN_S, "answers to all requests")

    def close(self) -> None:
        for connection in self._all:
            self.loop.remove(connection.fd)
            connection.socket.close()
