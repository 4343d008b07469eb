"""Bytes of websockets and Socket.IO as a client writes and reads them.

Owns: the upgrade request, masked frames, splitting what a server sent. Pure. Frames of servers are not masked and, at the
sizes used here, not in fragments; one that is raises ValueError.
"""

import json

MASK = b"\x5a\xc3\x1e\x97"
"""Any but zeros: a server may skip unmasking those."""

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def upgrade(path: str, port: int) -> bytes:
    """The request that opens a websocket, with the headers of a browser that matter, without compression."""
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        f"Origin: http://127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """One masked frame."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((0x80 | opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0xFF)) + size.to_bytes(8, "big")
    key = (MASK * (size // 4 + 1))[:size]
    return head + MASK + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def event(number: int, name: str, payload: object) -> bytes:
    """A masked frame with an event that asks for acknowledgement `number`."""
    return frame(b"42%d" % number + json.dumps([name, payload], separators=(",", ":"), ensure_ascii=False).encode())


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole frames in `data`, as opcode and payload, and what is left."""
    found = []
    at, end = 0, len(data)
    while end - at >= 2:
        first, size, start = data[at], data[at + 1], at + 2
        if not first & 0x80 or first & 0x70 or size & 0x80:
            raise ValueError("a fragment, a compressed frame or a masked one")
        if size == 126:
            size, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        elif size == 127:
            size, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
        if start > end or end - start < size:
            break
        found.append((first & 15, data[start : start + size]))
        at = start + size
    return found, data[at:]
