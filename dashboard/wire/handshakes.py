"""Plain websocket handshakes answered where they are read, in the hub too: without eventlet's parser, its files or WSGI.

Owns: which heads are plain handshakes, and the environ the application has of them, as the ordinary way would make it.
Leaves to others: every other head, which goes the ordinary way, bytes included (`http_lane.py`), and the new client
(`engine.py`).
"""

import logging
import re
from collections.abc import Callable
from typing import Any

from eventlet import wsgi

from dashboard.wire.heads import LINES, LONGEST
from dashboard.wire.takeover import Environ

log = logging.getLogger(__name__)

_FIRST = re.compile(
    rb"GET (?P<path>/socket\.io/)\?(?P<query>(?:EIO=4&transport=websocket|transport=websocket&EIO=4)(?:&t=[\w.-]*)?)"
    rb" HTTP/1\.1\r\n",
    re.ASCII,
)
_KEY = re.compile(rb"\r\nSec-WebSocket-Key: ([0-9A-Za-z+/]{22}==)\r\n", re.IGNORECASE)
_ODD = frozenset(("CONTENT_LENGTH", "CONTENT_TYPE", "EXPECT", "TRANSFER_ENCODING"))
"""Headers with which a request is not plain."""
MOST_HEADS = 256
"""Browsers send the same heads again and again, but for the key: so many are known, at most 4 kB each."""

Open = Callable[[Environ, Any, bytes], bool]
"""Makes a client of a handshake, its connection (a socket of eventlet's) and what came behind. False: nothing was done."""


class Handshakes:
    """`known`: what the application's middleware puts into each environ."""

    def __init__(self, open_client: Open, known: Environ) -> None:
        self._open = open_client
        self._known = known
        self._heads: dict[bytes, Environ] = {}
        self.answered = 0

    def take(self, head: bytes, protocol: Any, behind: bytes) -> bool:
        """Whether a request was a plain handshake and its connection is a websocket now. Never blocks, never raises."""
        try:
            environ = self._read(head, protocol)
            taken = environ is not None and self._open(environ, protocol.request, behind)
        except Exception:
            log.exception("a handshake failed")
            return False
        self.answered += taken
        return taken

    def _read(self, head: bytes, protocol: Any) -> Environ | None:
        """The environ of a request as `protocol` would make it, without what is only good while a request is answered."""
        key = _KEY.search(head)
        if key is None:
            return None
        same = head[: key.start(1)] + head[key.end(1) :]
        alike = self._heads.get(same) or self._learn(same, protocol)
        if alike is None:
            return None
        name, port = wsgi.addr_to_host_port(protocol.request.getsockname())
        address, remote = wsgi.addr_to_host_port(protocol.client_address)
        return alike | {
            "HTTP_SEC_WEBSOCKET_KEY": key[1].decode(),
            "SERVER_NAME": name,
            "SERVER_PORT": str(port),
            "REMOTE_ADDR": address,
            "REMOTE_PORT": str(remote),
        }

    def _learn(self, head: bytes, protocol: Any) -> Environ | None:
        """What the environs of requests have in common that differ in their keys only; `head` is without."""
        first = _FIRST.match(head)
        if first is None or not LINES.fullmatch(head, first.end(), LONGEST):
            return None
        path = first["path"].decode()
        environ: Environ = {
            **protocol.server.get_environ(),
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "RAW_PATH_INFO": path,
            "PATH_INFO": path,
            "QUERY_STRING": first["query"].decode(),
            "CONTENT_TYPE": "text/plain",  # of a request that names none
            "SERVER_PROTOCOL": "HTTP/1.0",
            "GATEWAY_INTERFACE": "CGI/1.1",
        }
        for line in head[first.end() : -4].decode().split("\r\n"):
            name, _, value = line.partition(":")
            name = protocol.formalize_key_naming(name)
            if not name:
                continue
            if name in _ODD or f"HTTP_{name}" in environ:
                return None
            environ[f"HTTP_{name}"] = value.lstrip(" \t")
        environ |= self._known
        if len(self._heads) >= MOST_HEADS:
            self._heads.clear()
        self._heads[head] = environ
        return environ
