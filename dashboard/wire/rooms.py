"""Rooms, in the place of python-socketio's own manager: leaving costs what the client was in, not how many clients there are.

Owns: the tables of members. Leaves to others: everything else, which stays the library's (emit, acknowledgements).
"""

from collections.abc import Iterator
from typing import Any

from bidict import ValueDuplicationError, bidict
from socketio import Manager


class _Pending(set[str]):
    """Clients that come or go. The library has a list, and searches it for each event."""

    append = set.add


class Rooms(Manager):  # type: ignore[misc]
    """A client's own room is not stored: its entry in the room None says the same."""

    rooms: dict[str, dict[str | None, Any]]

    def __init__(self) -> None:
        super().__init__()
        self._of_client: dict[tuple[str, str], list[str]] = {}
        self.viewers: dict[str | None, str] = {}
        """Who is connected to the namespace `/`: name in Engine.IO -> name in Socket.IO."""

    def pre_connect(self, eio_sid: str, namespace: str) -> str | None:
        if eio_sid not in self.server.environ:  # it polled, and this came after its end: nobody would take it out again
            return None
        sid: str = self.server.eio.generate_id()
        try:
            self.rooms.setdefault(namespace, {}).setdefault(None, bidict())[sid] = eio_sid
        except ValueDuplicationError:  # it is connected already
            return None
        self.pending_connect.setdefault(namespace, _Pending()).append(sid)
        return sid

    def connect(self, sid: str, namespace: str) -> str | None:
        connected: str | None = super().connect(sid, namespace)
        if namespace == "/":
            self.viewers[self.rooms[namespace][None][sid]] = sid
        if self.rooms[namespace][None][sid] not in self.server.environ:  # ended while the application was asked
            self.server.disconnect(sid, namespace)
        return connected

    def pre_disconnect(self, sid: str, namespace: str) -> str | None:
        self.pending_disconnect.setdefault(namespace, _Pending())
        eio_sid: str | None = super().pre_disconnect(sid, namespace)
        if namespace == "/":
            self.viewers.pop(eio_sid, None)
        return eio_sid

    def basic_disconnect(self, sid: str, namespace: str, **_: object) -> None:
        for room in self._of_client.pop((namespace, sid), ()):
            self._take_out(sid, namespace, room)
        self._take_out(sid, namespace, None)
        self.callbacks.pop(sid, None)
        for table in (self.pending_connect, self.pending_disconnect):
            if sid in table.get(namespace, ()):
                table[namespace].remove(sid)
                if not table[namespace]:
                    del table[namespace]

    def basic_enter_room(self, sid: str, namespace: str, room: str, eio_sid: str | None = None) -> None:
        clients = self.rooms.get(namespace, {}).get(None, {})
        if sid not in clients:
            raise ValueError("sid is not connected to requested namespace")
        if room == sid:
            return
        if room in clients:
            raise ValueError("cannot enter a sid room")
        members = self.rooms[namespace].setdefault(room, {})
        if sid not in members:
            members[sid] = clients[sid]
            self._of_client.setdefault((namespace, sid), []).append(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str) -> None:
        known = self._of_client.get((namespace, sid), [])
        if room in known:
            known.remove(room)
            if not known:
                del self._of_client[namespace, sid]
            self._take_out(sid, namespace, room)

    def get_participants(self, namespace: str, room: Any) -> Iterator[tuple[str, str]]:
        names = [room] if room is None or isinstance(room, str) else list(room)
        found: dict[str, str] = {}
        for name in names:
            found.update(self._members(namespace, name))
        yield from found.items()

    def get_rooms(self, sid: str, namespace: str) -> list[str]:
        if sid not in self.rooms.get(namespace, {}).get(None, {}):
            return []
        return [sid, *self._of_client.get((namespace, sid), ())]

    def members(self, namespace: str, room: str) -> list[str]:
        """The Engine.IO names of a room's clients, as they are now."""
        return list(self._members(namespace, room).values())

    def _members(self, namespace: str, room: str | None) -> dict[str, str]:
        rooms = self.rooms.get(namespace, {})
        clients: Any = rooms.get(None, {})
        if room is not None and room in clients:
            return {room: clients[room]}
        members: dict[str, str] = rooms.get(room, {})
        return members

    def _take_out(self, sid: str, namespace: str, room: str | None) -> None:
        rooms = self.rooms.get(namespace, {})
        members = rooms.get(room, {})
        if members.pop(sid, None) is not None and not members:
            del rooms[room]
            if not rooms:
                del self.rooms[namespace]
