"""Whether the libraries still have the private names that this room hooks or calls; a release may change them.

Owns: the list. Leaves to others: what follows from it (`transport.py`).
"""

import inspect
from collections.abc import Iterator
from typing import Any

import engineio
import engineio.socket
import socketio
from eventlet import greenio, hubs, patcher, wsgi

_METHODS: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (engineio.Server, "_handle_connect", ("self", "environ", "start_response", "transport", "jsonp_index")),
    (engineio.Server, "_trigger_event", ("self", "event", "args", "kwargs")),
    (engineio.Server, "_cors_allowed_origins", ("self", "environ")),
    (engineio.Server, "_bad_request", ("self", "message")),
    (engineio.Server, "_unauthorized", ("self", "message")),
    (engineio.Server, "generate_id", ("self",)),
    (engineio.Server, "get_queue_empty_exception", ("self",)),
    (engineio.socket.Socket, "_websocket_handler", ("self", "ws")),
    (engineio.socket.Socket, "check_ping_timeout", ("self",)),
    (socketio.Manager, "pre_connect", ("self", "eio_sid", "namespace")),
    (socketio.Manager, "pre_disconnect", ("self", "sid", "namespace")),
    (socketio.Manager, "is_connected", ("self", "sid", "namespace")),
    (socketio.Manager, "sid_from_eio_sid", ("self", "eio_sid", "namespace")),
    (socketio.Manager, "basic_disconnect", ("self", "sid", "namespace", "kwargs")),
    (socketio.Manager, "basic_enter_room", ("self", "sid", "namespace", "room", "eio_sid")),
    (socketio.Manager, "basic_leave_room", ("self", "sid", "namespace", "room")),
    (socketio.Manager, "get_participants", ("self", "namespace", "room")),
    (socketio.Manager, "get_rooms", ("self", "sid", "namespace")),
    (socketio.Manager, "set_server", ("self", "server")),
    (wsgi.Input, "get_socket", ("self",)),
    (wsgi.HttpProtocol, "formalize_key_naming", ("self", "k")),
    (wsgi.Server, "get_environ", ("self",)),
    (hubs.get_hub().__class__, "add", ("self", "evtype", "fileno", "cb", "tb", "mac")),
    (hubs.get_hub().__class__, "schedule_call_global", ("self", "seconds", "cb", "args", "kw")),
)
_ENGINE = (
    "_async cors_allowed_origins start_service_task sockets handlers reason "
    "ping_interval ping_timeout ping_interval_grace_period"
)
_SOCKET = "queue upgrading upgraded connected closing closed session last_ping"
_MANAGER = "rooms callbacks pending_connect pending_disconnect"


def changed(server: Any) -> list[str]:
    """What is not as it was, by name; `server` is a socketio.Server before its first client."""
    return list(_changed(server))


def _changed(server: Any) -> Iterator[str]:
    for owner, name, parameters in _METHODS:
        method = getattr(owner, name, None)
        if method is None or tuple(inspect.signature(method).parameters) != parameters:
            yield f"{owner.__module__}.{owner.__qualname__}.{name}"
    if type(server.manager) is not socketio.Manager:
        yield "the client manager"
    for thing, names in ((server.eio, _ENGINE), (server.manager, _MANAGER), (server, "environ packet_class")):
        yield from (f"{type(thing).__module__}.{name}" for name in names.split() if not hasattr(thing, name))
    old = engineio.socket.Socket(server.eio, "")
    yield from (f"engineio.socket.Socket.{name}" for name in _SOCKET.split() if not hasattr(old, name))
    if "websocket" not in getattr(server.eio, "_async", ()):
        yield "engineio's table of asynchronous parts"
    if not hasattr(wsgi, "WSGI_LOCAL"):
        yield "eventlet.wsgi.WSGI_LOCAL"
    green = greenio.GreenSocket()
    if type(getattr(green, "fd", None)) is not patcher.original("socket").socket:
        yield "eventlet.greenio.GreenSocket.fd"
    green.close()
    if not hasattr(patcher.original("select"), "epoll"):
        yield "select.epoll"
