"""Heads of requests for the server's own protocol, read at once where they are plain: the standard library takes each through
its parser of mail, which is most of what a handshake costs.

Owns: what is plain, and that it is read as the standard library would. Leaves to others: every other head.
"""

import re
from http.client import HTTPMessage
from typing import Any

from eventlet import wsgi

from dashboard.wire.whole_heads import WholeHeads

LONGEST = 4096
_FIRST = re.compile(rb"([A-Z]{1,10}) (/(?!/)[!-~]*) HTTP/1\.1\r\n")
LINES = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*(?:[!-~](?:[ -~\t]*[!-~])?)?\r\n){1,64}\r\n")


class QuickHeads(WholeHeads, wsgi.HttpProtocol):  # type: ignore[misc]
    """The protocol of `eventlet.wsgi.server`, quick where a head is plain and has come as a whole."""

    headers: Any

    def parse_request(self) -> bool:
        first = _FIRST.fullmatch(self.raw_requestline) if self.protocol_version >= "HTTP/1.1" else None
        ahead: bytes = self.rfile.fp.peek() if first else b""
        lines = LINES.match(ahead, 0, LONGEST)
        if first is None or lines is None:
            return self._parse_slowly()
        text = lines[0].decode()
        headers = HTTPMessage()
        for line in text[:-4].split("\r\n"):
            name, _, value = line.partition(":")
            headers.set_raw(name, value.lstrip(" \t"))
        if "expect" in headers:
            return self._parse_slowly()
        self.rfile.fp.read(len(lines[0]))
        self.command, self.path, self.request_version = first[1].decode(), first[2].decode(), "HTTP/1.1"
        self.requestline = self.raw_requestline.decode().rstrip("\r\n")
        self.headers = headers
        self.close_connection = headers.get("connection", "").lower() == "close"
        return True

    def _parse_slowly(self) -> bool:
        return super().parse_request()
