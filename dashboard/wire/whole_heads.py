"""Heads of requests as far as they came: one that ended before its empty line is no request, and nothing is done.

Owns: seeing that. Leaves to others: reading heads. The standard library takes the end of what comes for the end of the
head, so that a request torn in its headers would be done without the rest of them.
"""

from typing import Any


class _Lines:
    """Lines of `file`. `torn`: one of them did not come to its end."""

    def __init__(self, file: Any, *, torn: bool) -> None:
        self._file = file
        self.torn = torn

    def readline(self, size: int = -1) -> bytes:
        line: bytes = self._file.readline(size)
        self.torn = self.torn or line[-1:] != b"\n"
        return line


class WholeHeads:
    """Goes in front of a handler that reads requests as `http.server` does."""

    raw_requestline: bytes
    close_connection: bool
    rfile: Any

    def parse_request(self) -> bool:
        """Whether there is a request; where there is none, the connection is over."""
        file = self.rfile
        self.rfile = lines = _Lines(file, torn=self.raw_requestline[-1:] != b"\n")
        try:
            parsed: bool = not lines.torn and super().parse_request()  # type: ignore[misc]
        finally:
            self.rfile = file
        if lines.torn:
            self.close_connection = True
        return parsed and not lines.torn
