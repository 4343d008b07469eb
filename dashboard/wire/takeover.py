"""The websocket handshake, and taking the connection out of eventlet's WSGI server.

Owns: whether a request may become a websocket of ours, and the descriptor's way out of `eventlet.wsgi`. Leaves to others:
everything after the answer.
"""

import base64
import binascii
import hashlib
import socket
from contextlib import suppress
from typing import Any

from eventlet import patcher, wsgi
from eventlet.greenio import GreenSocket

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NOTSENT_LOWAT = getattr(socket, "TCP_NOTSENT_LOWAT", 25)
_UNSENT_BYTES = 32_768
"""More than this the kernel takes only once the network took some: what waits with us can still be replaced."""
_Socket = patcher.original("socket").socket

Environ = dict[str, Any]


def plain_socket(environ: Environ) -> Any:
    """The connection of a request, if it can be taken: not where it is encrypted or another server's. Else None."""
    given = environ.get("eventlet.input")
    found: Any = given.get_socket() if given is not None else None
    return found if is_plain(found) else None


def is_plain(found: Any) -> bool:
    """Whether a connection is one of eventlet's, not encrypted."""
    return type(found) is GreenSocket and type(found.fd) is _Socket


def answer(environ: Environ) -> bytes | None:
    """The answer that ends the handshake; None where it is none (RFC 6455, 4.2.1). No extension is agreed on: to
    compress every frame for every viewer costs more than sending it.
    """
    key = environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
    try:
        known = len(base64.b64decode(key, validate=True)) == 16
    except (binascii.Error, ValueError):
        known = False
    tokens = [token.strip() for token in environ.get("HTTP_CONNECTION", "").lower().split(",")]
    asked = "upgrade" in tokens and environ.get("HTTP_UPGRADE", "").lower() == "websocket"
    if not (known and asked and environ.get("HTTP_SEC_WEBSOCKET_VERSION") == "13"):
        return None
    accept = base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
    )


def take_over(environ: Environ) -> tuple[int, bytes]:
    """The descriptor, from now on the caller's to close, and what came behind the request. Answer nothing to the server."""
    fd = detach(plain_socket(environ))
    stream = environ["eventlet.input"].rfile
    rest = b""
    with suppress(OSError, ValueError):  # which ends it: there is nothing more to read from
        while ahead := stream.peek():
            rest += stream.read(len(ahead))
    # Request, environ and connection hold each other: without this their buffers stay until the collector comes.
    environ["eventlet.posthooks"].append((_forget, (), {}))
    wsgi.WSGI_LOCAL.already_handled = True
    return fd, rest


def detach(plain: Any) -> int:
    """The descriptor of a plain connection. Whatever the server closes later is nothing."""
    raw = plain.fd
    with suppress(OSError):  # a unix socket has no such options
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.IPPROTO_TCP, _NOTSENT_LOWAT, _UNSENT_BYTES)
    fd: int = raw.detach()
    return fd


def _forget(environ: Environ) -> None:
    environ.clear()
