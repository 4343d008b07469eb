"""Fan-out: one frame to all in a room, made once, sent with one call of the kernel per viewer.

Owns: the frames' bytes and the turns of others meanwhile. Leaves to others: rooms (`rooms.py`), what each connection does
with a frame it cannot take yet (`connection.py`).
"""

from collections.abc import Callable
from typing import Any

import eventlet
from engineio import packet
from socketio.packet import EVENT

from dashboard.wire.engine_socket import EngineSocket
from dashboard.wire.frames import frame
from dashboard.wire.rooms import Rooms
from dashboard.wire.shared import Shared

SLICE_S = 0.002
"""So long it sends before others have their turn."""
LOOK = 32
"""Viewers between two looks at the clock."""
MOST_POLLED = 64
"""Packets that wait for a client that polls; it then misses frames, and sees that by their numbers."""


class Fanout:
    """Call it in a greenlet, not in the hub: it lets others run between two viewers."""

    def __init__(self, server: Any, rooms: Rooms, shared: Shared) -> None:
        self._server = server
        self._rooms = rooms
        self._shared = shared

    def publish(self, event: str, data: object, room: str, whole: Callable[[], object] | None = None) -> None:
        """Send an event to all in a room of the namespace `/`, behind all that each of them was sent before.

        It is a picture that a newer one replaces: a viewer who does not keep up misses some. `whole()` is what such a one
        is sent in the place of what it missed; without it, `data` itself stands for what came before.
        """
        text = self._text(event, data)
        first = frame(b"4" + text.encode())
        made: bytes | None = None if whole else first

        def newest() -> bytes:
            nonlocal made
            if made is None and whole is not None:
                made = frame(b"4" + self._text(event, whole()).encode())
            return made or first

        polled = packet.Packet(packet.MESSAGE, text)
        sockets, clock = self._shared.sockets, self._shared.poller.clock
        since = clock()
        for n, sid in enumerate(self._rooms.members("/", room), 1):
            viewer = sockets.get(sid)
            if type(viewer) is EngineSocket:
                viewer.write_latest(room, first, newest)
            elif viewer is not None and not viewer.closed and viewer.queue.qsize() < MOST_POLLED:
                viewer.send(polled)
            if n % LOOK == 0 and clock() - since > SLICE_S:
                eventlet.sleep(0)
                since = clock()

    def _text(self, event: str, data: object) -> str:
        text: str = self._server.packet_class(EVENT, namespace="/", data=[event, data]).encode()
        return text
