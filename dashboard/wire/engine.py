"""Engine.IO on our connections: handshakes, upgrades and pings, in the place of the library's.

Owns: which requests become an `EngineSocket`. Leaves to others: polling, and every websocket that cannot be taken over:
the library serves those.
"""

import json
import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import eventlet
from engineio.async_drivers.eventlet import WebSocketWSGI
from engineio.socket import Socket

from dashboard.wire.deadlines import Deadlines
from dashboard.wire.engine_socket import PING, EngineSocket
from dashboard.wire.frames import BROKEN_RULE, frame
from dashboard.wire.shared import Shared
from dashboard.wire.takeover import Environ, answer, detach, is_plain, plain_socket, take_over

log = logging.getLogger(__name__)

PROBE_S = 5.0
"""For an upgrade to be completed."""
LOOK_S = 5.0
"""Between two looks at the clients that poll."""

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class Engine:
    """Hooks itself into `shared.eio`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._eio = eio = shared.eio
        poller = shared.poller
        self._pongs: Deadlines[EngineSocket] = Deadlines(eio.ping_timeout, self._time_out, poller.clock)
        self._probes: Deadlines[EngineSocket] = Deadlines(PROBE_S, self._give_up, poller.clock)
        shared.pings = Deadlines(eio.ping_interval, self._ping, poller.clock)
        for queue in (shared.pings, self._pongs, self._probes):
            poller.tick(queue)
        self._connect_plainly = eio._handle_connect
        eio._handle_connect = self._connect
        eio._async = {**eio._async, "websocket": lambda handler, server: partial(self._upgrade, handler, server)}
        eio.start_service_task = False  # it looks at one client after the other; we need it for those that poll only
        self._looking = False
        terms = {
            "upgrades": [],
            "pingTimeout": int(eio.ping_timeout * 1000),
            "pingInterval": int((eio.ping_interval + eio.ping_interval_grace_period) * 1000),
            "maxPayload": eio.max_http_buffer_size,
        }
        self._terms = json.dumps(terms, separators=(",", ":")).encode()[
            1:
        ]  # of every handshake, behind the client's id

    def _connect(
        self, environ: Environ, start_response: StartResponse, transport: str, jsonp_index: int | None = None
    ) -> Any:
        """A new client."""
        if transport != "websocket" or plain_socket(environ) is None:
            self._look()
            return self._connect_plainly(environ, start_response, transport, jsonp_index)
        agreed = answer(environ)
        if agreed is None:
            return self._eio._bad_request("This is no websocket handshake")
        if self._shared.poller.full:
            return _unavailable(start_response)
        connection, accepted = self._begin(environ)
        if connection is None:
            return self._eio._unauthorized(accepted or None)
        return self._serve(connection, *take_over(environ), agreed + self._hello(connection))

    def open(self, environ: Environ, socket: Any, behind: bytes) -> bool:
        """A new client, inside the hub: engineio's checks, then as `_connect`. False where the ordinary way is to see it."""
        agreed = answer(environ) if is_plain(socket) and self._admits(environ) else None
        if agreed is None or self._shared.poller.full:
            return False
        connection, _ = self._begin(environ)
        if connection is None:
            return False
        self._serve(connection, detach(socket), behind, agreed + self._hello(connection))
        return True

    def _admits(self, environ: Environ) -> bool:
        """Whether the library takes requests of a page from there; it asks only where a page is named."""
        origin = environ.get("HTTP_ORIGIN")
        if not origin or self._eio.cors_allowed_origins == []:
            return True
        allowed = self._eio._cors_allowed_origins(environ)
        return allowed is None or origin in allowed

    def _begin(self, environ: Environ) -> tuple[EngineSocket | None, Any]:
        """A client that the application accepts; None, and what it says, where it does not."""
        eio, sockets = self._eio, self._shared.sockets
        sid = eio.generate_id()
        connection = sockets[sid] = EngineSocket(self._shared, sid)
        accepted = eio._trigger_event("connect", sid, environ, run_async=False)
        if accepted is not None and accepted is not True:
            del sockets[sid]
            return None, accepted
        self._shared.pings.add(connection)
        return connection, accepted

    def _hello(self, connection: EngineSocket) -> bytes:
        return frame(b'0{"sid":"%b",%b' % (connection.sid.encode(), self._terms))

    def _upgrade(self, handler: Any, server: Any, environ: Environ, start_response: StartResponse) -> Any:
        """A client that polls wants a websocket. `handler` is the library's, a method of its polling socket."""
        old = handler.__self__
        if plain_socket(environ) is None or not old.connected:
            return WebSocketWSGI(handler, server)(environ, start_response)
        agreed = answer(environ)
        if agreed is None or old.upgrading:
            return self._eio._bad_request("This is no upgrade")
        if self._shared.poller.full:
            return _unavailable(start_response)
        old.upgrading = True  # what is sent meanwhile waits
        connection = EngineSocket(self._shared, old.sid, old)
        self._probes.add(connection)
        return self._serve(connection, *take_over(environ), agreed)

    def _serve(self, connection: EngineSocket, fd: int, rest: bytes, first: bytes) -> Iterable[bytes]:
        connection.fd = fd
        self._shared.poller.add(connection)
        connection.write(first)
        if rest:
            try:
                connection.take(rest)
            except Exception:
                log.exception("a connection failed")
                connection.lost("transport error")
        return ()

    def _ping(self, connection: EngineSocket) -> None:
        if connection.open:
            connection.pinged_s = self._shared.poller.clock()
            self._pongs.add(connection)
            connection.write(PING)

    def _time_out(self, connection: EngineSocket) -> None:
        silent_s = self._shared.poller.clock() - connection.pinged_s
        if (
            connection.pinged_s and connection.open and silent_s >= self._eio.ping_timeout
        ):  # not of a ping before that one
            connection.lost("ping timeout")

    def _give_up(self, connection: EngineSocket) -> None:
        if connection.old is not None:
            connection.fail(BROKEN_RULE, "the upgrade was not completed")

    def _look(self) -> None:
        """Look after the clients that poll, while there are any."""
        if not self._looking:
            self._looking = True
            eventlet.spawn_n(self._look_on)

    def _look_on(self) -> None:
        try:
            eventlet.sleep(LOOK_S)
            while polling := [old for old in self._shared.sockets.values() if isinstance(old, Socket)]:
                for each in polling:
                    self._shared.tasks.add(self._check, each)
                eventlet.sleep(LOOK_S)
        finally:
            self._looking = False

    def _check(self, old: Any) -> None:
        if not old.closed and not old.closing:
            old.check_ping_timeout()
        sid: str = old.sid
        if old.closed and self._shared.sockets.get(sid) is old:
            del self._shared.sockets[sid]


def _unavailable(start_response: StartResponse) -> Iterable[bytes]:
    start_response("503 Service Unavailable", [("Content-Type", "text/plain"), ("Retry-After", "5")])
    return [b"There are as many connections as this server takes. Try again shortly."]
