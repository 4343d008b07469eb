"""The composition root: builds the parts and connects them. Nothing is decided here that belongs into a room.

`work` is a process of workers; `Server` is the whole.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint

from dashboard.config import Settings
from dashboard.core.intake import Intake
from dashboard.core.plans import Plan
from dashboard.core.turnstile import Turnstile
from dashboard.live.archiver import Archiver
from dashboard.live.broadcaster import Broadcaster
from dashboard.live.channels import ChannelFeed
from dashboard.live.crew import Crew, Kind
from dashboard.live.doorbell import Doorbell
from dashboard.live.feeds import Feeds
from dashboard.live.panels import Panels
from dashboard.live.pulse import PulseFeed
from dashboard.live.reporter import Reporter
from dashboard.live.sessions import SessionSockets
from dashboard.live.tails import Tails
from dashboard.parts import Keeper, Parts
from dashboard.store.bell import Bell
from dashboard.store.client import as_error, connect, dial
from dashboard.store.rate_limit import SCRIPT as TAKE_LIMITS
from dashboard.store.scripts import answering
from dashboard.web import server as web
from dashboard.web.api import make_api
from dashboard.web.channels import make_channels, publish_message
from dashboard.web.clients import Clients
from dashboard.web.exports import make_exports
from dashboard.web.groups import make_groups
from dashboard.web.guards import Guard
from dashboard.web.health import make_health
from dashboard.web.hot_events import HotEvents
from dashboard.web.hot_scores import HotScores
from dashboard.web.ingest import HotDesk, Ingest
from dashboard.web.limits import Door, make_limits
from dashboard.web.locks import make_locks
from dashboard.web.pages import check_vendor, make_pages
from dashboard.web.payments import make_payments
from dashboard.web.removals import make_removals
from dashboard.web.retries import Retries
from dashboard.web.seasons import make_seasons
from dashboard.web.session_interface import RedisSessions
from dashboard.web.sessions import make_sessions
from dashboard.web.sockets import bind
from dashboard.web.streams import make_streams
from dashboard.web.users import make_users

if TYPE_CHECKING:
    from dashboard.wire.handshakes import Handshakes
    from dashboard.wire.pipe import Pipe

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent
HISTORY_S = 60.0
SIGN_INS_S = 5.0
"""Between two reports of sessions: each is a round trip, and the panel asks for one before it looks."""


def work(parts: Parts, kind: Kind, name: str, stop: Bell, on_ready: Callable[[], None]) -> None:
    """Work until `stop` rings. Keeps the embedded store alive meanwhile."""
    crew = Crew(kind, [name], parts.boards, parts.tally, parts.payments)
    crew.start()
    on_ready()
    Keeper(parts.embedded).keep(stop)
    crew.stop(within_s=10.0)


class Server:
    """The whole server on top of its parts."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        check_vendor(ROOT)
        self._settings = settings
        self._parts = parts
        self.listener: socket.socket = web.listen(settings.host, settings.port)
        guard = Guard(settings.api_keys, settings.operator_key)
        door = Door(parts.limits, guard)
        retries = Retries(parts.claims, door, settings.secret_key)
        ingest = Ingest(parts.scores, guard, door, retries)
        self._pipe, hot_scores, self._desk = _hot_lane(settings, parts, ingest, door)
        api = make_api(parts.boards, ingest, parts.rankings, parts.analytics, parts.rewind, guard, door)
        cookies = RedisSessions(parts.sessions, plain=settings.is_loopback)
        self._flask = web.make_flask(
            [
                api,
                make_groups(parts.groups, guard),
                make_removals(parts.removals, guard),
                make_seasons(parts.seasons, guard),
                make_exports(parts.exports),
                make_limits(parts.limits, door),
                make_users(parts.users, guard, door),
                make_channels(parts.client, guard, door),
                make_locks(parts.locks, guard, door),
                make_streams(parts.streams, guard),
                make_payments(parts.payments, guard, door, retries),
                make_sessions(parts.sessions, guard, door),
                make_pages(ROOT),
                self._health(),
            ],
            cookies,
        )
        retries.guard(self._flask)
        self._socketio = web.make_socketio(self._flask, settings.async_mode, settings.allowed_origins)
        self._transport = web.attach_transport(self._socketio)
        self._handshakes = self._transport.handshakes({"flask.app": self._flask}) if self._transport else None
        wire = self._transport or web.PlainTransport(self._socketio.server)
        room, emit, publish = (wire.enter, wire.leave), wire.emit, wire.publish
        self._broadcaster = Broadcaster(
            parts.boards, parts.rankings, parts.clock, publish, *room, tick_ms=settings.tick_ms
        )
        self._pulse = PulseFeed(parts.boards, parts.rankings, parts.analytics, parts.clock, emit, *room)
        ears = connect(parts.url, timeout_s=10.0, connections=3)
        self._doorbell = Doorbell(ears, self._broadcaster.ring, self._broadcaster.ring_all)
        self._channels = ChannelFeed(ears, parts.clock, emit, *room)
        readers = {
            "limits": parts.limits.state,
            "cache": parts.users.panel,
            "locks": lambda: {"locks": parts.locks.held()},
            "streams": parts.streams.state,
            "analytics": parts.tally.state,
            "sessions": parts.sessions.panel,
        }
        self._panels = Panels(readers, emit, *room)
        self._reporter = Reporter({"rate limits": parts.limits.report, "the cache": parts.users.report})
        self._sign_ins = Reporter({"sessions": parts.sessions.report}, SIGN_INS_S)
        close = self._socketio.server.disconnect
        self._members = SessionSockets(ears, parts.sessions.alive, emit, close)
        self._tails = Tails(connect(parts.url, timeout_s=10.0, connections=4), parts.streams.find, emit, *room)
        self._feeds = Feeds(
            self._broadcaster,
            {"pulse": self._pulse, "panel": self._panels, "channel": self._channels},
            self._tails,
        )
        names = [f"{socket.gethostname()}-{os.getpid()}-{n}" for n in range(1, settings.workers + 1)]
        self._crew = Crew("all", names, parts.boards, parts.tally, parts.payments)
        send = partial(publish_message, parts.client)
        clients = Clients(guard, door)
        bind(self._socketio, self._feeds, parts.scores, clients, guard, door, send, self._members, cookies.handle_in)
        self._hot_events = HotEvents(clients, hot_scores, self._feeds, door)
        if self._transport is not None:
            self._transport.takers.update(self._hot_events.takers)
        self._loops = (
            self._broadcaster,
            self._pulse,
            self._panels,
            self._doorbell,
            self._channels,
            self._reporter,
            self._sign_ins,
            self._members,
            self._members.subscription,
            self._tails,
            Archiver(parts.archiving.archive_due),
            Archiver(parts.chronicling.copy_new, HISTORY_S),
        )

    @property
    def address(self) -> str:
        """Where it can be reached."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, stop: Bell, on_ready: Callable[[str], None]) -> None:
        """Serve until `stop` rings (in a signal handler, say). Keeps the embedded store alive meanwhile."""
        for loop in self._loops:
            threading.Thread(target=loop.run, daemon=True).start()
        self._crew.start()
        if self._pipe is not None:
            self._pipe.start()
        protocol = _protocol(self._desk, self._handshakes)
        end = web.serve(self._flask, self._socketio, self.listener, self._transport, protocol)
        on_ready(self.address)
        Keeper(self._parts.embedded).keep(stop)
        for loop in self._loops:
            loop.stop()
        self._crew.stop(within_s=0.5)
        self._socketio.emit("notice", {"code": "going-away", "detail": "Server restarts; back in a moment"})
        time.sleep(0.1)  # the notice leaves
        end()
        time.sleep(0.1)  # what was taken on is answered
        if self._pipe is not None:
            self._pipe.stop()

    def _health(self) -> Blueprint:
        def store() -> None:
            with answering():
                self._parts.client.ping()

        return make_health(
            {"redis": store},
            {
                "scorecast_viewers": ("Connections that watch a board.", lambda: self._broadcaster.viewers),
                "scorecast_connections": (
                    "Clients of Socket.IO, by websocket or polling.",
                    lambda: len(self._socketio.server.eio.sockets),
                ),
                "scorecast_memberships": (
                    "Clients in rooms, each counted once for each of its rooms.",
                    lambda: sum(map(len, self._socketio.server.manager.rooms.get("/", {}).values())),
                ),
                "scorecast_frames_total": (
                    "Board frames handed to viewers.",
                    lambda: self._broadcaster.frames,
                ),
                "scorecast_scores_total": (
                    "Scores accepted by this process.",
                    lambda: self._parts.scores.accepted,
                ),
                "scorecast_hot_requests_total": (
                    "Posts of scores that were answered in the event loop.",
                    lambda: self._desk.answered if self._desk else 0,
                ),
                "scorecast_hot_events_total": (
                    "Socket events that were answered in the event loop.",
                    lambda: self._hot_events.answered,
                ),
                "scorecast_hot_handshakes_total": (
                    "Websockets that were opened in the event loop.",
                    lambda: self._handshakes.answered if self._handshakes else 0,
                ),
            },
        )


def _hot_lane(
    settings: Settings, parts: Parts, ingest: Ingest, door: Door
) -> tuple["Pipe | None", HotScores | None, HotDesk | None]:
    """The connection and the desks of the hot lanes; None where scores go the plain way: in threads, with limits
    that one call cannot decide, where a replica is waited for, and over TLS.
    """
    if settings.async_mode != "eventlet" or settings.durability == "replicated" or parts.url.startswith("rediss:"):
        return None, None, None
    if door.counts("score") and not parts.limits.at_once:
        return None, None, None
    from dashboard.wire.http_lane import later
    from dashboard.wire.pipe import Pipe as RedisPipe
    from dashboard.wire.tasks import Tasks

    scripts = {name: parts.scripts.source(name) for name in (Plan.script, TAKE_LIMITS)}
    pipe = RedisPipe(partial(dial, connect(parts.url)), scripts, as_error)
    turnstile = Turnstile(parts.limits, pipe, later)
    scores = HotScores(parts.scores, Intake(parts.scores, pipe, later), door, turnstile, Tasks().add)
    return pipe, scores, HotDesk(ingest, scores, door)


def _protocol(desk: HotDesk | None, handshakes: "Handshakes | None") -> type | None:
    """That of the server with the hot lane of HTTP in front; None where nothing is hot."""
    if desk is None and handshakes is None:
        return None
    from dashboard.wire.http_lane import Lane, NoDesk, make_protocol

    return make_protocol(Lane(desk or NoDesk(), handshakes))
