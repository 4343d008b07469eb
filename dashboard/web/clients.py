"""Who is connected by socket, and what each may do.

Owns: the key that came with a connection, and what follows from it. Leaves to others: events (`sockets.py`, `hot_events.py`).
"""

from typing import Any, NamedTuple

from dashboard.core.limits import Caller
from dashboard.web.guards import Guard, key_of
from dashboard.web.limits import Door


class Client(NamedTuple):
    """One connection. `key`: the one that it came with, if the server knows it, or knows none; `writes`, `operates`: whether
    it may.
    """

    key: str | None
    caller: Caller
    writes: bool
    operates: bool


class Clients:
    """All connections of this process, by their names in Socket.IO."""

    def __init__(self, guard: Guard, door: Door) -> None:
        self._guard = guard
        self._door = door
        self._known: dict[str, Client] = {}
        self._nobody = self._client(None, None)
        self.find = self._known.get

    def come(self, sid: str, environ: dict[str, Any], auth: object) -> None:
        """A connection is there, with a key in `auth` or in its headers."""
        given = auth.get("key") if isinstance(auth, dict) else None
        headers = {"X-API-Key": environ.get("HTTP_X_API_KEY", "")}
        headers["Authorization"] = environ.get("HTTP_AUTHORIZATION", "")
        key = given if isinstance(given, str) else key_of(headers)
        self._known[sid] = self._client(environ.get("REMOTE_ADDR"), key)

    def go(self, sid: str) -> None:
        self._known.pop(sid, None)

    def of(self, sid: str) -> Client:
        """Who it is; nobody, where its connection ended while its last events are handled."""
        return self._known.get(sid, self._nobody)

    def __contains__(self, sid: str) -> bool:
        return sid in self._known

    def _client(self, address: str | None, key: str | None) -> Client:
        caller = self._door.caller(address, key)
        return Client(caller.key, caller, self._guard.writes(key), self._guard.operates(key))
