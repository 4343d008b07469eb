"""The server: Flask and Socket.IO put together, and the two ways to run them.

Owns: error answers, the body limit, the listening socket, eventlet and the threaded server. Leaves to others: what the
blueprints and events do.
"""

import io
import logging
import resource
import socket
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from engineio.payload import Payload
from flask import Blueprint, Flask, Response
from flask.sessions import SessionInterface
from flask.typing import ResponseReturnValue
from flask_socketio import SocketIO
from werkzeug.exceptions import HTTPException

from dashboard import errors
from dashboard.web.bodies import MAX_BYTES
from dashboard.web.environ import PlayerConverter, adapt, check_path
from dashboard.web.packets import Json, Packet
from dashboard.web.problems import answer
from dashboard.wire.whole_heads import WholeHeads

if TYPE_CHECKING:
    from dashboard.wire.transport import Transport

log = logging.getLogger(__name__)

SPARE_FILES = 128
"""Descriptors kept back from viewers for Redis, files and the listening socket."""
SILENT_S = 75.0
"""An HTTP connection on which nothing comes for so long, or nothing can be sent, is closed: the other side may be gone for
good without having said so, and descriptors are few. Nothing is closed while it waits for its answer.
"""
GOODBYE_S = 1.0
"""For the other side of websockets to close, when the server ends."""


def make_flask(blueprints: Sequence[Blueprint], sessions: SessionInterface | None = None) -> Flask:
    """The WSGI application: every error is answered with a problem document."""
    app = Flask("dashboard", static_folder=None)
    if sessions is not None:
        app.session_interface = sessions
    app.wsgi_app = adapt(app.wsgi_app)  # type: ignore[assignment, method-assign]
    app.url_map.merge_slashes = False
    app.url_map.converters["player"] = PlayerConverter
    app.before_request(check_path)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES + 1  # where no length was given, this is read and `parse` refuses it
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.compact = True  # type: ignore[attr-defined]
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    app.register_error_handler(Exception, _as_problem)
    return app


def make_socketio(flask: Flask, async_mode: str, origins: Sequence[str]) -> SocketIO:
    """The Socket.IO server in front of it. Events of one connection are handled in their order."""
    Payload.max_decode_packets = MAX_BYTES  # in one polling request; the library drops all packets of a longer one

    def may_connect(origin: str | None, environ: dict[str, str]) -> bool:
        host = environ.get("HTTP_X_FORWARDED_HOST", environ.get("HTTP_HOST", "")).split(",")[0].strip()
        return origin is not None and ("*" in origins or origin in origins or origin.partition("://")[2] == host)

    return SocketIO(
        flask,
        async_mode=async_mode,
        async_handlers=False,
        cors_allowed_origins=may_connect,
        max_http_buffer_size=MAX_BYTES + 1024,
        serializer=Packet,
        json=Json,
        manage_session=False,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StartFailed where the address is taken or not ours. Never shares a port in silence."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError) as error:
        raise errors.StartFailed(f"HOST={host} is no address: {_reason(error)}. Set another HOST.") from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # inherited by the connections it accepts
    try:
        listener.bind(address)
        listener.listen(1024)
    except OSError as error:
        listener.close()
        words = f"Cannot listen on HOST={host} PORT={port}: {_reason(error)}. Set another PORT, or another HOST."
        raise errors.StartFailed(words) from error
    return listener


def _reason(error: OSError | UnicodeError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def attach_transport(socketio: SocketIO) -> "Transport | None":
    """Websockets by our own transport (`wire/`), where eventlet serves. None: the library serves them."""
    if socketio.async_mode != "eventlet":
        return None
    from dashboard.wire.limits import WireLimits
    from dashboard.wire.transport import attach

    files = _raise_descriptor_limit() - SPARE_FILES
    return attach(socketio.server, WireLimits(connections=files - _requests(files)))


class PlainTransport:
    """What a `wire/` transport offers, by the library: every frame to every client in the room."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.enter: Callable[[str, str], None] = server.enter_room
        self.leave: Callable[[str, str], None] = server.leave_room

    def emit(self, event: str, data: object, room: str) -> None:
        self._server.emit(event, data, room=room)

    def publish(self, event: str, data: object, room: str, whole: Callable[[], object] | None = None) -> None:
        self.emit(event, data, room)


def _requests(files: int) -> int:
    """How many of so many descriptors are for HTTP; the rest is for websockets."""
    return files // 4


def serve(
    flask: Flask,
    socketio: SocketIO,
    listener: socket.socket,
    transport: "Transport | None" = None,
    protocol: type | None = None,
) -> Callable[[], None]:
    """Serve connections in the background. Returns the function that stops taking new ones and ends the websockets.
    `protocol`: that of eventlet's server, if not its own.
    """
    if socketio.async_mode == "eventlet":
        return _serve_eventlet(flask, listener, transport, protocol)
    return _serve_threading(flask, listener)


def _serve_eventlet(
    flask: Flask, listener: socket.socket, transport: "Transport | None", protocol: type | None
) -> Callable[[], None]:
    import eventlet
    import eventlet.wsgi

    from dashboard.wire.heads import QuickHeads

    files = _raise_descriptor_limit() - SPARE_FILES
    most = files if transport is None else _requests(files)
    options: dict[str, Any] = {"log_output": False, "max_size": most, "debug": False, "keepalive": True}
    options["socket_timeout"] = SILENT_S
    options |= {"capitalize_response_headers": False, "environ": {"wsgi.errors": _LogStream()}}

    class Quiet(protocol or QuickHeads):  # type: ignore[misc]
        def log_message(self, format: str, *words: object) -> None:
            """Of a request that is none, because it is torn, say; the library writes it past the log."""
            log.debug(format, *words)

    options["protocol"] = Quiet
    server = eventlet.spawn(eventlet.wsgi.server, listener, flask, **options)

    def end() -> None:
        server.kill()
        if transport is not None:
            transport.close(GOODBYE_S)

    return end


class _LogStream(io.TextIOBase):
    """Where eventlet writes of connections that broke."""

    def write(self, text: str, /) -> int:
        log.debug("%s", text.rstrip())
        return len(text)


def _serve_threading(flask: Flask, listener: socket.socket) -> Callable[[], None]:
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Handler(WholeHeads, WSGIRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def make_environ(self) -> dict[str, Any]:
            return super().make_environ() | {"RAW_PATH_INFO": self.path.partition("?")[0]}

        def run_wsgi(self) -> None:
            super().run_wsgi()
            if "Upgrade" in self.headers:  # a websocket has ended: no further request can follow on its connection
                self.close_connection = True

        def log(self, type: str, message: str, *args: Any) -> None:
            """No line per request."""

    _raise_descriptor_limit()
    host, port = listener.getsockname()[:2]
    server = make_server(host, port, flask, threaded=True, request_handler=Handler, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server.shutdown


def _raise_descriptor_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(soft, wanted)


def _as_problem(error: Exception) -> ResponseReturnValue:
    status, headers, body = answer(_translated(error) if isinstance(error, HTTPException) else error)
    response = Response(body, status, headers)
    if isinstance(error, HTTPException) and error.response is None:
        for name, value in error.get_headers():
            if name == "Allow":
                response.headers[name] = value
    return response


def _translated(error: HTTPException) -> errors.ScorecastError:
    if error.code == 404:
        return errors.NotFound("There is nothing at this address.")
    if error.code == 405:
        return errors.MethodNotAllowed("This address does not take that method.")
    if error.code == 413:
        return errors.TooLarge(f"A body has at most {MAX_BYTES} bytes; send large batches in parts.")
    return errors.MalformedInput(error.description or error.name)
