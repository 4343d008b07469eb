"""Websocket frames as bytes (RFC 6455): making them, and reading those of a client.

Owns: the format, its rules, and how large a message may grow. Leaves to others: sockets, what messages mean. Pure.
"""

import struct
from collections.abc import Iterator

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA

NORMAL, GOING_AWAY, BROKEN_RULE, NOT_TEXT, TOO_BIG, TRY_LATER = 1000, 1001, 1002, 1007, 1009, 1013
"""Close codes."""
MOST_FRAGMENTS = 4096
"""Of one message: without this, empty ones could go on for ever."""

_FINAL, _RESERVED, _MASKED = 0x80, 0x70, 0x80
_NEVER_SENT = (1004, 1005, 1006)
_HEADS = {126: 8, 127: 14}
_WHOLE_TEXT = _FINAL | TEXT
_REPEATED = [sum(1 << 32 * n for n in range(times)) for times in range(33)]
"""What a mask is multiplied with to stand there so many times."""
_ALL_BITS = [(1 << 8 * length) - 1 for length in range(126)]
_SHORT_TEXT = [bytes((_WHOLE_TEXT, length)) for length in range(126)]


class FrameError(Exception):
    """A client broke the rules. `code` is the close code that says which."""

    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One whole frame, as a server sends it: not masked."""
    length = len(payload)
    if length < 126:
        return (_SHORT_TEXT[length] if opcode == TEXT else bytes((_FINAL | opcode, length))) + payload
    if length < 65_536:
        return struct.pack("!BBH", _FINAL | opcode, 126, length) + payload
    return struct.pack("!BBQ", _FINAL | opcode, 127, length) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """`reason` is cut to the 123 bytes that fit."""
    words = reason.encode()[:123].decode(errors="ignore").encode()
    return frame(struct.pack("!H", code) + words, CLOSE)


def close_code(payload: bytes) -> int:
    """The code in a client's close frame, NORMAL where it gives none. Raises FrameError where it may not be sent."""
    if not payload:
        return NORMAL
    code = int.from_bytes(payload[:2], "big")
    known = 1000 <= code < 1015 and code not in _NEVER_SENT
    if len(payload) < 2 or not (known or 3000 <= code < 5000):
        raise FrameError(BROKEN_RULE, "no such close code")
    try:
        payload[2:].decode()
    except UnicodeDecodeError:
        raise FrameError(NOT_TEXT, "the reason is not UTF-8") from None
    return code


def unmask(payload: bytes, mask: bytes) -> bytes:
    """As one XOR of two long integers: a loop over a megabyte would stop the server for a third of a second."""
    length = len(payload)
    if length < 126:
        small = int.from_bytes(mask, "little") * _REPEATED[length + 3 >> 2] & _ALL_BITS[length]
        return (int.from_bytes(payload, "little") ^ small).to_bytes(length, "little")
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(length, "little")


class Reader:
    """Turns what a client sends, in whatever pieces, into messages of at most `most` bytes."""

    __slots__ = ("_buffer", "_fragments", "_most", "_need", "_opcode", "_parts")

    def __init__(self, most: int) -> None:
        self._most = most
        self._buffer: bytearray | None = None  # the beginning of a frame
        self._need = 0  # so many bytes it has at least
        self._parts: bytearray | None = None  # the beginning of a message
        self._opcode = self._fragments = 0

    @property
    def held(self) -> int:
        """Bytes kept until the rest comes."""
        return len(self._buffer or b"") + len(self._parts or b"")

    def one(self, data: bytes) -> bytes | None:
        """What was said, where the data is one whole short text and nothing else, as nearly always; else None: feed it."""
        if self._buffer is not None or self._parts is not None or data[0] != _WHOLE_TEXT or len(data) < 6:
            return None
        whole = _MASKED <= data[1] < _MASKED + 126 and len(data) == data[1] - _MASKED + 6
        return unmask(data[6:], data[2:6]) if whole else None

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """The messages and control frames that are complete now, as (opcode, payload).

        Raises FrameError behind those before the fault; after it, and where it was not exhausted, do not feed again.
        """
        if self._buffer is not None:
            self._buffer += data
            if len(self._buffer) < self._need:
                return
            data, self._buffer = bytes(self._buffer), None
        at, end = 0, len(data)
        while True:
            begin, self._need = self._measure(data, at, end)
            if end - at < self._need:
                break
            first, at = data[at], at + self._need
            payload, mask = data[begin:at], data[begin - 4 : begin]
            if payload and mask != b"\0\0\0\0":
                payload = unmask(payload, mask)
            opcode = first & 0xF
            if opcode < CLOSE and (not first & _FINAL or not opcode or self._parts is not None):
                whole = self._joined(first, payload)
                if whole is None:
                    continue
                opcode, payload = whole
            yield opcode, payload
        if at < end:
            self._buffer = bytearray(data[at:])

    def _measure(self, data: bytes, at: int, end: int) -> tuple[int, int]:
        """Where the payload of the frame at `at` begins, and how long the frame is; what is known of that so far."""
        here = end - at
        if here < 2:
            return 0, 6
        first, length = data[at], data[at + 1] - _MASKED
        if length < 0:
            raise FrameError(BROKEN_RULE, "a client's frame is masked")
        opcode = first & 0xF
        if first & _RESERVED or opcode not in (0, TEXT, BINARY, CLOSE, PING, PONG):
            raise FrameError(BROKEN_RULE, "reserved bits or no such opcode")
        if opcode >= CLOSE and (length > 125 or not first & _FINAL):
            raise FrameError(BROKEN_RULE, "a control frame is short and whole")
        head = _HEADS.get(length, 6)
        if here < head:
            return 0, head
        if length > 125:
            length = int.from_bytes(data[at + 2 : at + head - 4], "big")
        if length + len(self._parts or b"") > self._most and opcode < CLOSE:
            raise FrameError(TOO_BIG, f"a message has at most {self._most} bytes")
        return at + head, head + length

    def _joined(self, first: int, payload: bytes) -> tuple[int, bytes] | None:
        """Take a fragment; the message, if that was its last one."""
        if (first & 0xF == 0) != (self._parts is not None):
            raise FrameError(BROKEN_RULE, "a fragment that continues nothing, or a message inside another one")
        if self._parts is None:
            self._parts, self._opcode, self._fragments = bytearray(), first & 0xF, 0
        self._parts += payload
        self._fragments += 1
        if self._fragments > MOST_FRAGMENTS:
            raise FrameError(TOO_BIG, f"a message has at most {MOST_FRAGMENTS} fragments")
        if not first & _FINAL:
            return None
        whole, self._parts = bytes(self._parts), None
        return self._opcode, whole
