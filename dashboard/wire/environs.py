"""The requests with which clients came, as python-socketio keeps them, without what is only good while they are answered.

A request as the WSGI server makes it is a dictionary of 40 entries that holds the connection's buffers: 24 kB a client.
Here it is the few values that differ, beside names and values that all clients share; `environs[sid]` makes a dictionary
of it again.
"""

import io
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple

Environ = dict[str, Any]

_DROPPED = {
    *("eventlet.input", "eventlet.posthooks", "eventlet.set_idle", "headers_raw", "werkzeug.request", "wsgi.input"),
    *("HTTP_CONNECTION", "HTTP_SEC_WEBSOCKET_EXTENSIONS", "HTTP_SEC_WEBSOCKET_KEY", "HTTP_UPGRADE"),
}
_OWN = {
    *("HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_API_KEY", "HTTP_X_FORWARDED_FOR"),
    *("QUERY_STRING", "REMOTE_ADDR", "REMOTE_PORT"),
}
"""Differ from client to client."""
MOST_SHARED = 4096
LONGEST_SHARED = 4096
"""Characters of names, or of values: what is shared stays when its clients have gone, and a stranger's head may be long."""


class _Kind(NamedTuple):
    """Requests that have the same names. `own` and `others`: those that are kept; the pickers take their values out."""

    own: tuple[str, ...]
    others: tuple[str, ...]
    pick_own: Callable[[Environ], tuple[Any, ...]]
    pick_others: Callable[[Environ], tuple[Any, ...]]


class Environs(dict[str, Any]):
    """In the place of `socketio.Server.environ`."""

    def __init__(self) -> None:
        super().__init__()
        self._kinds: dict[tuple[str, ...], _Kind] = {}
        self._common: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self._texts: dict[str, str] = {}

    def __setitem__(self, sid: str, environ: Environ) -> None:
        names = tuple(environ)
        kind = self._kinds.get(names) or self._kind(names)
        others = kind.pick_others(environ)
        common = self._common.get(others) or self._put(others)
        super().__setitem__(sid, (kind, common, *kind.pick_own(environ)))

    def __getitem__(self, sid: str) -> Environ:
        kind, common, *own = super().__getitem__(sid)
        values = dict(zip(kind.others, common, strict=True)) | dict(zip(kind.own, own, strict=True))
        return values | {"wsgi.input": io.BytesIO()}

    def get(self, sid: str, default: Any = None) -> Any:
        try:
            return self[sid]
        except KeyError:
            return default

    def _kind(self, names: tuple[str, ...]) -> _Kind:
        own = tuple(name for name in names if name in _OWN)
        others = tuple(name for name in names if name not in _DROPPED | _OWN)
        kind = _Kind(own, others, _picker(own), _picker(others))
        if len(self._kinds) < MOST_SHARED and sum(map(len, names)) < LONGEST_SHARED:
            self._kinds[names] = kind
        return kind

    def _put(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Values that came together for the first time."""
        shared = tuple(map(self._shared, values))
        length = sum(len(each) for each in shared if isinstance(each, str))
        if len(self._common) < MOST_SHARED and length < LONGEST_SHARED:
            self._common[shared] = shared
        return shared

    def _shared(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) < 512 and len(self._texts) < MOST_SHARED:
            return self._texts.setdefault(value, value)
        return value


def _picker(names: tuple[str, ...]) -> Callable[[Environ], tuple[Any, ...]]:
    if len(names) > 1:  # of one it makes no tuple
        return itemgetter(*names)
    return lambda environ: tuple(environ[name] for name in names)
