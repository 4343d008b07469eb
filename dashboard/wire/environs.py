"""The requests with which clients came, as python-socketio keeps them, without what is only good while they are answered.

A request as the WSGI server makes it is a dictionary of 40 entries that holds the connection's buffers: 24 kB a client.
Here it is a tuple of values beside names that all clients share; `environs[sid]` makes a dictionary of it again.
"""

import io
from typing import Any

Environ = dict[str, Any]

_DROPPED = {
    *("eventlet.input", "eventlet.posthooks", "eventlet.set_idle", "headers_raw", "werkzeug.request", "wsgi.input"),
    *("HTTP_CONNECTION", "HTTP_SEC_WEBSOCKET_EXTENSIONS", "HTTP_SEC_WEBSOCKET_KEY", "HTTP_UPGRADE"),
}
_OWN = {"HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_API_KEY", "QUERY_STRING", "REMOTE_PORT"}
"""Differ from client to client."""
MOST_SHARED = 4096


class Environs(dict[str, Any]):
    """In the place of `socketio.Server.environ`."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._texts: dict[str, str] = {}

    def __setitem__(self, sid: str, environ: Environ) -> None:
        names = tuple(name for name in environ if name not in _DROPPED)
        if len(self._names) < MOST_SHARED:
            names = self._names.setdefault(names, names)
        values = (self._shared(name, environ[name]) for name in names)
        super().__setitem__(sid, (names, *values))

    def __getitem__(self, sid: str) -> Environ:
        names, *values = super().__getitem__(sid)
        return {**dict(zip(names, values, strict=True)), "wsgi.input": io.BytesIO()}

    def get(self, sid: str, default: Any = None) -> Any:
        try:
            return self[sid]
        except KeyError:
            return default

    def _shared(self, name: str, value: Any) -> Any:
        if isinstance(value, str) and name not in _OWN and len(value) < 512 and len(self._texts) < MOST_SHARED:
            return self._texts.setdefault(value, value)
        return value
