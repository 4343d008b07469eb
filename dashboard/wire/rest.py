"""A connection's bytes for the plain way, which reads from files: first those that the hot lane has read already.

Owns: giving them, and taking back what was read ahead. Leaves to others: when a request goes the plain way (`http_lane.py`).
"""

import io
from typing import Any


class Rest(io.RawIOBase):
    """Reads what was `put`, then what `raw` gives."""

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
