"""Requests as both servers hand them over, made equal: paths as they were sent, bodies of unknown length.

WSGI undoes the escapes of a path: `x%2Faround`, a player, would be `x/around`, the rows around x. So an escaped slash
travels as SLASH, which no path may hold, until the route's converter (`player`) puts it back.
"""

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from flask import request
from werkzeug.routing import PathConverter

from dashboard.errors import MalformedInput

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SLASH = "\x1f"
_ESCAPED_SLASH = re.compile("%2f", re.IGNORECASE)
_CONTROL = re.compile("%[01][0-9a-f]|%7f", re.IGNORECASE)
_ORIGIN = re.compile("https?://[^/]*", re.IGNORECASE)


class PlayerConverter(PathConverter):
    """A player's name, the rest of a path or what stands before `/around`."""

    def to_python(self, value: str) -> str:
        return value.replace(SLASH, "/")


def adapt(application: "WSGIApplication") -> "WSGIApplication":
    """The application behind both servers; each gives the path as it was sent in RAW_PATH_INFO, decoded as latin-1."""

    def adapted(environ, start_response):  # type: ignore[no-untyped-def]
        path = _ORIGIN.sub("", environ["RAW_PATH_INFO"], count=1)
        environ["PATH_INFO"] = unquote(_ESCAPED_SLASH.sub(f"%{ord(SLASH):02X}", path), "latin-1")
        if environ.get("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
            environ["wsgi.input_terminated"] = True  # eventlet ends such a body, but does not say so
        return application(environ, start_response)

    return adapted


def check_path() -> None:
    """Raises MalformedInput, where Flask would read on with U+FFFD in the place of what is broken."""
    if _CONTROL.search(request.environ["RAW_PATH_INFO"]):
        raise MalformedInput("The address holds a control character.")
    try:
        request.environ["PATH_INFO"].encode("latin-1").decode()
    except UnicodeDecodeError:
        raise MalformedInput("The address is not UTF-8.") from None
