"""The composition root: builds the parts and connects them. Nothing is decided here that belongs into a room.

`open_parts` is what a command line needs that works on the store; `Server` is the whole.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from flask import Blueprint

from dashboard.config import Settings
from dashboard.core.analytics import Analytics
from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.rankings import Rankings
from dashboard.core.scores import Scores
from dashboard.errors import StartFailed, StoreStartFailed
from dashboard.live.broadcaster import Broadcaster
from dashboard.live.doorbell import Doorbell
from dashboard.live.feeds import Feeds
from dashboard.live.pulse import PulseFeed
from dashboard.store.client import Client, connect, shown
from dashboard.store.embedded import EmbeddedStore
from dashboard.store.scripts import Scripts, answering
from dashboard.web import server as web
from dashboard.web.api import make_api
from dashboard.web.guards import Guard
from dashboard.web.health import make_health
from dashboard.web.pages import check_vendor, make_pages
from dashboard.web.sockets import bind

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent
KEEP_S = 0.5
OLDEST = (6, 2)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that works on the store."""

    url: str
    embedded: EmbeddedStore | None
    client: Client
    clock: Clock
    boards: Boards
    scores: Scores
    rankings: Rankings
    analytics: Analytics


@contextmanager
def open_parts(settings: Settings) -> Iterator[Parts]:
    """Start or join the store, connect, and end what was started. Raises StartFailed, BadSetting."""
    url, embedded = settings.redis_url, None
    if url is None:
        embedded = EmbeddedStore(
            settings.data_dir, durability="everysec" if settings.durability == "everysec" else "always"
        )
        url = embedded.start()
    try:
        client = connect(url)
        _check_store(client, url)
        scripts = Scripts(client, replicated=settings.durability == "replicated")
        clock = Clock(lambda: time.time_ns() // 1_000_000)
        clock.correct(_store_ms(client))
        boards = Boards(client, scripts, clock, declared_only=settings.boards == "declared")
        yield Parts(
            url=url,
            embedded=embedded,
            client=client,
            clock=clock,
            boards=boards,
            scores=Scores(scripts, boards, clock),
            rankings=Rankings(client, scripts, boards, clock),
            analytics=Analytics(client, boards, clock),
        )
        client.close()
    finally:
        if embedded is not None:
            embedded.stop()


def _check_store(client: Client, url: str) -> None:
    try:
        version = client.info("server")["redis_version"]
    except redis.AuthenticationError as error:
        raise StoreStartFailed(f"REDIS_URL={shown(url)}: the server refuses the user or the password in it.") from error
    except redis.RedisError as error:
        raise StoreStartFailed(
            f"REDIS_URL={shown(url)}: Redis does not answer ({error}). Is it running there?"
        ) from error
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise StartFailed(f"REDIS_URL: the server is Redis {version}; {'.'.join(map(str, OLDEST))} or later is needed.")


def _store_ms(client: Client) -> int:
    with answering():
        seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


class Server:
    """The whole server on top of its parts. `run` returns after `stop`."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        check_vendor(ROOT)
        self._settings = settings
        self._parts = parts
        self._stopping = False
        self._trouble: str | None = None
        self.listener: socket.socket = web.listen(settings.host, settings.port)
        guard = Guard(settings.api_keys, settings.operator_key)
        api = make_api(parts.boards, parts.scores, parts.rankings, parts.analytics, guard)
        self._flask = web.make_flask([api, make_pages(ROOT), self._health()])
        self._socketio = web.make_socketio(self._flask, settings.async_mode, settings.allowed_origins)
        room = self._socketio.server.enter_room, self._socketio.server.leave_room
        emit = self._emit
        self._broadcaster = Broadcaster(
            parts.boards, parts.rankings, parts.clock, emit, *room, tick_ms=settings.tick_ms
        )
        self._pulse = PulseFeed(parts.boards, parts.rankings, parts.analytics, parts.clock, emit, *room)
        ears = connect(parts.url, timeout_s=10.0, connections=2)
        self._doorbell = Doorbell(ears, self._broadcaster.ring, self._broadcaster.ring_all)
        bind(self._socketio, Feeds(self._broadcaster, self._pulse), parts.scores, guard)

    @property
    def address(self) -> str:
        """Where it can be reached."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, on_ready: Callable[[str], None]) -> None:
        """Serve until `stop` is called (from a signal handler, say). Keeps the embedded store alive meanwhile."""
        loops = (self._broadcaster.run, self._pulse.run, self._doorbell.run)
        for loop in loops:
            threading.Thread(target=loop, daemon=True).start()
        end = web.serve(self._flask, self._socketio, self.listener)
        on_ready(self.address)
        next_look = 0.0
        while not self._stopping:
            time.sleep(0.05)
            if self._parts.embedded is not None and time.monotonic() >= next_look:
                next_look = time.monotonic() + KEEP_S
                self._keep(self._parts.embedded)
        for part in (self._broadcaster, self._pulse, self._doorbell):
            part.stop()
        self._socketio.emit("notice", {"code": "going-away", "detail": "Server restarts; back in a moment"})
        time.sleep(0.1)  # the notice leaves
        end()
        time.sleep(0.1)  # what was taken on is answered

    def stop(self) -> None:
        """Ask `run` to end. Safe in a signal handler: it only sets a flag."""
        self._stopping = True

    def _keep(self, embedded: EmbeddedStore) -> None:
        trouble = None
        try:
            embedded.keep()
        except StoreStartFailed as error:
            trouble = str(error)
        if trouble != self._trouble and trouble is not None:
            log.error("embedded store: %s", trouble)
        self._trouble = trouble

    def _emit(self, event: str, frame: dict[str, object], room: str) -> None:
        self._socketio.server.emit(event, frame, room=room)

    def _health(self) -> Blueprint:
        def store() -> None:
            with answering():
                self._parts.client.ping()

        return make_health(
            {"redis": store},
            {
                "scorecast_viewers": ("Connections that watch a board.", lambda: self._broadcaster.viewers),
                "scorecast_frames_total": (
                    "Board frames handed to viewers.",
                    lambda: self._broadcaster.frames,
                ),
                "scorecast_scores_total": (
                    "Scores accepted by this process.",
                    lambda: self._parts.scores.accepted,
                ),
            },
        )
