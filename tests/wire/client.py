"""A websocket by hand, for what no library would send: frames as bytes out, frames in."""

import json
import socket
import struct
from itertools import count
from types import TracebackType
from typing import Any, Self

HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket{more} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{header}\r\n"
)
ORDINARY = "Sec-WebSocket-Extensions: a\r\nSec-WebSocket-Extensions: b\r\n"
"""Lines that take a handshake the ordinary way, for one header comes twice, and change nothing that is answered or kept."""
MASK = b"\x12\x9f\x00\xfe"


def masked(payload: bytes, first: int = 0x81, mask: bytes = MASK) -> bytes:
    """A client's frame; `first` is its first byte."""
    length = len(payload)
    if length < 126:
        head = bytes((first, 128 | length))
    else:
        head = struct.pack("!BBH", first, 254, length) if length < 65_536 else struct.pack("!BBQ", first, 255, length)
    return head + mask + bytes(byte ^ mask[n & 3] for n, byte in enumerate(payload))


class Raw:
    """A connection; with `join` it is in the namespace `/` too, as `sid`. `receive` is the size of its buffer."""

    def __init__(
        self,
        port: int,
        *,
        join: bool = True,
        receive: int = 0,
        behind: bytes = b"",
        more: str = "",
        sid: str = "",
        header: str = "",
    ) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(10)
        if receive:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self._ids = count(1)
        self._buffer = b""
        query = f"&sid={sid}" if sid else more
        try:
            self._open(port, HANDSHAKE.format(more=query, header=header).encode() + behind, join=join, begins=not sid)
        except BaseException:
            self.socket.close()
            raise

    def _open(self, port: int, first: bytes, *, join: bool, begins: bool) -> None:
        self.socket.connect(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as browsers do
        self.socket.sendall(first)
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        self.head, self._buffer = self._buffer.split(b"\r\n\r\n", 1)
        self.status = int(self.head.split()[1])
        self.sid = ""
        if self.status == 101 and begins:
            opened = self.next()[1]
            assert opened[:1] == b"0", opened
            self.engine_sid = json.loads(opened[1:])["sid"]
            if join:
                self.say("40")
                answer = self.text()
                assert answer.startswith("40"), answer
                self.sid = json.loads(answer[2:])["sid"]

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def say(self, text: str) -> None:
        self.send(masked(text.encode()))

    def ask(self, event: str, *payload: object) -> Any:
        """Send an event and wait for its answer; frames before it are dropped."""
        id = str(next(self._ids))
        self.say(f"42{id}{json.dumps([event, *payload])}")
        while not (text := self.text()).startswith(f"43{id}["):
            pass
        answers = json.loads(text[2 + len(id) :])
        return answers[0] if answers else None

    def next(self) -> tuple[int, bytes]:
        """The next frame, as (opcode, payload). Raises EOFError at the end."""
        while (found := self._parse()) is None:
            self._more()
        return found

    def text(self) -> str:
        """The next text; pings are answered."""
        while True:
            opcode, payload = self.next()
            if opcode == 8:
                raise EOFError(int.from_bytes(payload[:2], "big"), payload[2:].decode())
            if payload == b"2":
                self.say("3")
            elif opcode == 1:
                return payload.decode()

    def closing(self) -> tuple[int, str]:
        """Whatever comes until it is closed; the code and the words of the close frame, 0 where there was none."""
        try:
            while True:
                self.text()
        except EOFError as error:
            code, words = error.args or (0, "")
            return code, words
        except ConnectionError:
            return 0, ""

    def reset(self) -> None:
        """End it with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()

    def _more(self) -> None:
        data = self.socket.recv(65_536)
        if not data:
            raise EOFError
        self._buffer += data

    def _parse(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        length, begin = buffer[1], 2
        assert buffer[0] & 0xF0 == 0x80, f"not a server's frame: {buffer[:20]!r}"
        if length > 125:
            begin = 4 if length == 126 else 10
            if len(buffer) < begin:
                return None
            length = int.from_bytes(buffer[2:begin], "big")
        if len(buffer) < begin + length:
            return None
        self._buffer = buffer[begin + length :]
        return buffer[0] & 0xF, buffer[begin : begin + length]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()
