"""The transport: websockets of a Socket.IO server on eventlet, served from the hub; what the other rooms see of this one.

Owns: putting the parts together, falling back where they do not fit the libraries, the end. Leaves to others: everything
that happens on a connection.
"""

import logging
from collections.abc import Callable
from typing import Any

import eventlet
from engineio import packet as engine_packet
from socketio.packet import EVENT

from dashboard.wire.check import changed
from dashboard.wire.deadlines import Deadlines
from dashboard.wire.engine import Engine
from dashboard.wire.engine_socket import packet_frame
from dashboard.wire.environs import Environs
from dashboard.wire.fanout import Fanout
from dashboard.wire.frames import GOING_AWAY
from dashboard.wire.handshakes import Handshakes
from dashboard.wire.limits import WireLimits
from dashboard.wire.poller import EVENTS, Poller
from dashboard.wire.rooms import Rooms
from dashboard.wire.shared import Shared
from dashboard.wire.takeover import Environ
from dashboard.wire.takers import Taker
from dashboard.wire.tasks import Tasks

log = logging.getLogger(__name__)

SLOW_NOTICE = {
    "code": "slow-connection",
    "detail": "This connection does not read as fast as it is sent to, and is closed. Connect again.",
}


class Transport:
    """Takes over a socketio.Server that has had no client yet. `emit`, `publish`: see `fanout.py`; `takers`, by the name of
    the event: see `takers.py`; `enter`, `leave`: as the server's `enter_room` and `leave_room`, in the namespace `/`.
    """

    def __init__(self, server: Any, limits: WireLimits) -> None:
        self.poller = Poller(limits)
        rooms = Rooms()
        rooms.set_server(server)

        notice = server.packet_class(EVENT, namespace="/", data=["notice", SLOW_NOTICE]).encode()
        self.takers: dict[str, Taker] = {}
        self._shared = Shared(
            eio=server.eio,
            poller=self.poller,
            tasks=Tasks(),
            most=int(server.eio.max_http_buffer_size),
            viewer=rooms.viewers.get,
            takers=self.takers,
            notice_of_slowness=packet_frame(engine_packet.Packet(engine_packet.MESSAGE, notice)),
            pings=Deadlines(0.0, lambda _: None, self.poller.clock),
        )
        server.manager = rooms
        server.environ = Environs()
        self._engine = Engine(self._shared)
        fanout = Fanout(server, rooms, self._shared)
        self.enter: Callable[[str, str], None] = lambda sid, room: rooms.basic_enter_room(sid, "/", room)
        self.leave: Callable[[str, str], None] = lambda sid, room: rooms.basic_leave_room(sid, "/", room)
        self.emit = fanout.emit
        self.publish = fanout.publish

    def handshakes(self, known: Environ) -> Handshakes:
        """What answers plain handshakes in the hub; `known`: see there."""
        return Handshakes(self._engine.open, known)

    def close(self, within_s: float) -> None:
        """End all connections (1001); returns when they have ended, at the latest after `within_s`."""
        until = self.poller.clock() + within_s
        for n, connection in enumerate(list(self.poller.connections.values()), 1):
            connection.quiet_end(GOING_AWAY, "the server goes away")  # type: ignore[attr-defined]
            if n % EVENTS == 0:
                eventlet.sleep(0)
        while self.poller.connections and self.poller.clock() < until:
            eventlet.sleep(0.01)


def attach(server: Any, limits: WireLimits) -> Transport | None:
    """Serve the websockets of a socketio.Server on eventlet from the hub. None, and a line in the log, where a library has
    changed: then it serves them itself, as it would have without us.
    """
    try:
        different = changed(server)
        if not different:
            return Transport(server, limits)
    except Exception as error:
        different = [f"{type(error).__name__}: {error}"]
    log.warning("websockets are served by the library, at its speed: %s is not as expected", ", ".join(different))
    return None
