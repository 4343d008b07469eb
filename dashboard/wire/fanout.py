"""Fan-out: one frame to all in a room, made once, sent with one call of the kernel per viewer.

A room may have thousands of viewers, and there may be thousands of rooms: after each slice of time others have their turn. So
whoever sends to a room does so from one greenlet at a time (the feeds have a lock for it), or frames could overtake.

Owns: the frames' bytes and the turns of others meanwhile. Leaves to others: rooms (`rooms.py`), what each connection does
with a frame it cannot take yet (`connection.py`).
"""

from collections.abc import Callable, Iterator
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
        self._since = 0.0

    def emit(self, event: str, data: object, room: str) -> None:
        """Send an event to all in a room of the namespace `/`: each one, in order."""
        text = self._text(event, data)
        made = frame(b"4" + text.encode())
        polled = packet.Packet(packet.MESSAGE, text)
        for viewers in self._slices(room):
            for viewer in viewers:
                if type(viewer) is EngineSocket:
                    viewer.write(made)
                elif not viewer.closed:
                    viewer.send(polled)

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
        for viewers in self._slices(room):
            for viewer in viewers:
                if type(viewer) is EngineSocket:
                    viewer.write_latest(room, first, newest)
                elif not viewer.closed and viewer.queue.qsize() < MOST_POLLED:
                    viewer.send(polled)

    def _slices(self, room: str) -> Iterator[list[Any]]:
        """The sockets of a room, LOOK at a time, with a break now and then."""
        sockets, clock = self._shared.sockets, self._shared.poller.clock
        members = self._rooms.members("/", room)
        for n in range(0, len(members), LOOK):
            if clock() - self._since > SLICE_S:
                eventlet.sleep(0)
                self._since = clock()
            yield [*filter(None, map(sockets.get, members[n : n + LOOK]))]

    def _text(self, event: str, data: object) -> str:
        sent = self._server.packet_class(EVENT, namespace="/", data=[event, data], binary=False)  # it need not search
        text: str = sent.encode()
        return text
