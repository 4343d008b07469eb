"""The Socket.IO API. Every event is answered in its acknowledgement: with its answer or with `{"error": problem}`.

Owns: events and their payloads. Leaves to others: feeds (handed in), who may do what (`clients.py`), validation (`models.py`),
scores (`submit.py`), events that need no greenlet (`hot_events.py`). Events of one connection are handled one after the
other, in the order they came.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from flask_socketio import SocketIO

from dashboard.core.scores import Scores
from dashboard.errors import InvalidInput, NotFound, ScorecastError
from dashboard.web import models
from dashboard.web.clients import Clients
from dashboard.web.guards import Guard
from dashboard.web.limits import Door
from dashboard.web.problems import problem
from dashboard.web.submit import submit

log = logging.getLogger(__name__)

Answer = dict[str, Any]


class Feeds(Protocol):
    """What a connection can watch."""

    def subscribe(self, viewer: str, topic: str, limit: int | None, after: str | None) -> Answer: ...
    def unsubscribe(self, viewer: str, topic: str) -> None: ...
    def sync(self, viewer: str, topic: str, position: str) -> int: ...
    def gone(self, viewer: str) -> None: ...


class Memberships(Protocol):
    """Which connection belongs to which session."""

    def join(self, connection: str, handle: str) -> None: ...
    def leave(self, connection: str) -> None: ...


HandleIn = Callable[[dict[str, Any]], str | None]
Publish = Callable[[object, object], Answer]


def bind(
    socketio: SocketIO,
    feeds: Feeds,
    scores: Scores,
    clients: Clients,
    guard: Guard,
    door: Door,
    send: Publish,
    members: Memberships,
    handle_in: HandleIn,
) -> None:
    """Attach the event handlers to a server. `handle_in(environ)`: the session whose cookie came with a connection."""
    server = socketio.server

    @server.on("connect")  # type: ignore[untyped-decorator]
    def connect(sid: str, environ: dict[str, Any], auth: object = None) -> None:
        clients.come(sid, environ, auth)
        if handle := handle_in(environ):
            members.join(sid, handle)

    @server.on("disconnect")  # type: ignore[untyped-decorator]
    def disconnect(sid: str, reason: str = "") -> None:
        clients.go(sid)
        members.leave(sid)
        feeds.gone(sid)

    def subscribe(sid: str, data: object) -> Answer:
        wanted = models.validate(models.SubscribeIn, data, "payload")
        door.take_for(clients.of(sid).caller, "read")
        try:
            return feeds.subscribe(sid, wanted.topic, wanted.limit, wanted.after)
        finally:
            if sid not in clients:  # it waited for the store, and meanwhile its connection ended
                feeds.gone(sid)

    def unsubscribe(sid: str, data: object) -> Answer:
        topic = models.validate(models.TopicIn, data, "payload").topic
        feeds.unsubscribe(sid, topic)
        return {"topic": topic}

    def score(sid: str, data: object) -> Answer:
        guard.may_write(clients.of(sid).key)
        board, body = split_board(data)
        if "scores" in body:
            raise InvalidInput("Send many scores with the event `scores`.", ("/scores", "unknown field"))
        door.scores(body, clients.of(sid).caller)
        return submit(scores, board, body, as_operator=clients.of(sid).operates)

    def many(sid: str, data: object) -> Answer:
        guard.may_write(clients.of(sid).key)
        board, body = split_board(data)
        if "scores" not in body:
            raise InvalidInput("The event `scores` has a list `scores`.", ("/scores", "is missing"))
        door.scores(body, clients.of(sid).caller)
        return submit(scores, board, body, as_operator=clients.of(sid).operates)

    def publish(sid: str, data: object) -> Answer:
        guard.may_write(clients.of(sid).key)
        door.take_for(clients.of(sid).caller, "publish")
        given = models.validate(models.PublishIn, data, "payload")
        return send(given.channel, given.message)

    def sync(sid: str, data: object) -> Answer:
        wanted = models.validate(models.SyncIn, data, "payload")
        return {"topic": wanted.topic, "seq": feeds.sync(sid, wanted.topic, wanted.position)}

    handlers: dict[str, Callable[[str, object], Answer]] = {
        "subscribe": subscribe,
        "unsubscribe": unsubscribe,
        "score": score,
        "scores": many,
        "publish": publish,
        "sync": sync,
    }

    def handle(event: str, sid: str, payload: tuple[object, ...]) -> Answer:
        if payload and isinstance(payload[0], ScorecastError):  # see packets.py
            raise payload[0]
        if event not in handlers:
            raise NotFound(f"There is no event {event[:60]!r}; there are {', '.join(handlers)}.")
        if len(payload) != 1:
            raise InvalidInput(f"The event `{event}` takes one object, not {len(payload)}.")
        return handlers[event](sid, payload[0])

    @server.on("*")  # type: ignore[untyped-decorator]
    def answer(event: str, sid: str, *payload: object) -> Answer:
        try:
            return handle(event, sid, payload)
        except Exception as error:
            return failed(error, event if sid in clients else "")


def failed(error: Exception, event: str = "") -> Answer:
    """The answer that says why there is none. A mistake of ours is logged where an event is named."""
    if isinstance(error, ScorecastError):
        return {"error": problem(error)}
    if event:  # there is somebody to whom it matters
        log.error("socket event %s failed", event, exc_info=error)
    return {"error": problem(ScorecastError("The server made a mistake; its log says more."))}


def split_board(data: object) -> tuple[str, dict[str, Any]]:
    if not isinstance(data, dict):
        raise InvalidInput("The payload is an object with `board` and the score.")
    body = {name: value for name, value in data.items() if name != "board"}
    if "board" not in data:
        raise InvalidInput("The payload names no board.", ("/board", "is missing"))
    return models.clean_name(data["board"]), body
