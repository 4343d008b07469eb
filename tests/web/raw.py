"""HTTP by hand: bytes out, answers in, on one TCP connection."""

import json
import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` has lower-case names."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Line:
    """A connection to a server. Close it by leaving its `with` block."""

    def __init__(self, url: str, timeout_s: float = 20.0) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((str(parts.hostname), int(parts.port or 80)), timeout_s)
        self._stream = self._socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, method: str, path: str, body: bytes | None = None, *headers: str) -> Answer:
        """One request and its answer. `path` goes out as it is. A body is announced as JSON unless headers say else."""
        self.send(request(method, path, body, *headers))
        return self.answer(bodiless=method == "HEAD")

    def answer(self, *, bodiless: bool = False) -> Answer:
        """The next answer. Raises EOFError where the server closed the connection instead."""
        first = self._stream.readline()
        if not first:
            raise EOFError
        status = int(first.split()[1])
        headers = {}
        while (line := self._stream.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if bodiless or status in (204, 304) or status < 200:
            return Answer(status, headers, b"")
        return Answer(status, headers, self._stream.read(int(headers["content-length"])))

    def fileno(self) -> int:
        """For `select`, while no answer is half read."""
        return self._socket.fileno()

    def finish(self) -> None:
        """Send nothing more, but go on reading."""
        self._socket.shutdown(socket.SHUT_WR)

    @property
    def over(self) -> bool:
        """True once the server has closed the connection; waits for it."""
        return self._stream.read(1) == b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stream.close()
        self._socket.close()


def request(method: str, path: str, body: bytes | None = None, *headers: str) -> bytes:
    """The bytes of a request."""
    given = {line.split(":")[0].lower() for line in headers}
    lines = [f"{method} {path} HTTP/1.1", "Host: scorecast.example", *headers]
    if body is not None:
        if "content-type" not in given:
            lines.append("Content-Type: application/json")
        if not given & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def chunked(body: bytes, size: int = 1000) -> bytes:
    """A body in chunks, as clients send that do not know its length in advance."""
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
