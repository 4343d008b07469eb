"""The composition root: builds the parts and connects them. Nothing is decided here that belongs into a room.

`open_parts` is what a command line needs that works on the store; `Server` is the whole.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import redis
import sqlalchemy
from flask import Blueprint

from dashboard.config import Settings
from dashboard.core.analytics import Analytics
from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.http_users import HttpUsers
from dashboard.core.ledger import Ledger
from dashboard.core.limits import Limits
from dashboard.core.payments import GROUP as PAYMENTS_GROUP
from dashboard.core.payments import Payments
from dashboard.core.policies import parse_policies
from dashboard.core.rankings import Rankings
from dashboard.core.scores import Scores
from dashboard.core.sql_users import SqlUsers
from dashboard.core.streams import Streams
from dashboard.core.tally import Tally
from dashboard.core.users import Users
from dashboard.errors import StartFailed, StoreStartFailed
from dashboard.live.broadcaster import Broadcaster
from dashboard.live.channels import ChannelFeed
from dashboard.live.crew import Crew, Kind
from dashboard.live.doorbell import Doorbell
from dashboard.live.feeds import Feeds
from dashboard.live.panels import Panels
from dashboard.live.pulse import PulseFeed
from dashboard.live.reporter import Reporter
from dashboard.live.tails import Tails
from dashboard.store import keys
from dashboard.store.cache import Cache, CachePolicy
from dashboard.store.client import Client, connect
from dashboard.store.counts import Counts
from dashboard.store.embedded import EmbeddedStore
from dashboard.store.group import Group
from dashboard.store.holds import Holds
from dashboard.store.lock import Locks
from dashboard.store.rate_limit import RateLimiter
from dashboard.store.scripts import Scripts, answering
from dashboard.store.sql import open_engine, sqlite_url
from dashboard.store.stream import Stream
from dashboard.store.top_list import TopList
from dashboard.web import server as web
from dashboard.web.api import make_api
from dashboard.web.channels import make_channels, publish_message
from dashboard.web.guards import Guard
from dashboard.web.health import make_health
from dashboard.web.limits import Door, make_limits
from dashboard.web.locks import make_locks
from dashboard.web.pages import check_vendor, make_pages
from dashboard.web.payments import make_payments
from dashboard.web.sockets import bind
from dashboard.web.streams import make_streams
from dashboard.web.users import make_users

log = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent
KEEP_S = 0.5
CACHE_PATIENCE_S = 2.0
LOCK_S = 5.0
OLDEST = (6, 2)


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that works on the store."""

    url: str
    embedded: EmbeddedStore | None
    client: Client
    sql: sqlalchemy.Engine
    clock: Clock
    boards: Boards
    scores: Scores
    rankings: Rankings
    analytics: Analytics
    limits: Limits
    users: Users
    locks: Locks
    streams: Streams
    tally: Tally
    payments: Payments


@contextmanager
def open_parts(settings: Settings) -> Iterator[Parts]:
    """Start or join the store, connect, and end what was started. Raises StartFailed, BadSetting."""
    policies = parse_policies(settings.rate_limits)
    url, embedded = settings.redis_url, None
    if url is None:
        embedded = EmbeddedStore(
            settings.data_dir, durability="everysec" if settings.durability == "everysec" else "always"
        )
        url = embedded.start()
    try:
        client = connect(url)
        _check_store(client, url)
        patient = connect(url, timeout_s=10.0)  # waits in its reads
        cache_client = connect(url, timeout_s=CACHE_PATIENCE_S)  # rather ask the source than wait for long
        sql = open_engine(settings.database_url or sqlite_url(settings.data_dir))
        scripts = Scripts(client, replicated=settings.durability == "replicated")
        clock = Clock(lambda: time.time_ns() // 1_000_000)
        boards = Boards(client, scripts, clock, declared_only=settings.boards == "declared")
        locks = Locks(client, scripts, connect(url, connections=64))
        yield Parts(
            url=url,
            embedded=embedded,
            client=client,
            sql=sql,
            clock=clock,
            boards=boards,
            scores=Scores(scripts, boards, clock),
            rankings=Rankings(client, scripts, boards, clock),
            analytics=Analytics(client, boards, clock),
            limits=Limits(RateLimiter(scripts), TopList(client, keys.limits_busy), policies, clock),
            users=_users(settings, cache_client, sql),
            locks=locks,
            streams=Streams(client, scripts, boards, clock),
            tally=Tally(client, scripts, boards, clock),
            payments=_payments(patient, scripts, sql, locks, clock),
        )
        sql.dispose()
        patient.close()
        cache_client.close()
        client.close()
    finally:
        if embedded is not None:
            embedded.stop()


def _users(settings: Settings, client: Client, sql: sqlalchemy.Engine) -> Users:
    scripts = Scripts(client, replicated=settings.durability == "replicated")
    counts = Counts(client, scripts, keys.cache_counts("users"))
    holds = Holds("users", scripts)
    fresh_s = settings.cache_ttl_s
    policy = CachePolicy(fresh_s=fresh_s, stale_s=min(15, fresh_s / 4), absent_s=min(10, fresh_s))
    table = None if settings.user_api_url else SqlUsers(sql)
    source = table or HttpUsers(settings.user_api_url or "")
    return Users(source, table, Cache("users", source.load, client, scripts, counts, policy), holds, counts)


def _payments(client: Client, scripts: Scripts, sql: sqlalchemy.Engine, locks: Locks, clock: Clock) -> Payments:
    ledger = Ledger(sql)
    ledger.prepare()
    group = Group(client, scripts, Stream(client, scripts, keys.PAYMENTS), PAYMENTS_GROUP)
    return Payments(group, ledger, lambda name: locks.hold(name, ttl_s=LOCK_S), clock)


def work(parts: Parts, kind: Kind, name: str, stopped: Callable[[], bool], on_ready: Callable[[], None]) -> None:
    """Work until `stopped`. Keeps the embedded store alive meanwhile."""
    crew = Crew(kind, [name], parts.boards, parts.tally, parts.payments)
    crew.start()
    on_ready()
    while not stopped():
        time.sleep(0.05)
        if parts.embedded is not None:
            keep(parts.embedded)
    crew.stop(within_s=10.0)


def keep(embedded: EmbeddedStore) -> None:
    """One look after the embedded store: see EmbeddedStore.keep."""
    try:
        embedded.keep()
    except StoreStartFailed as error:
        log.error("embedded store: %s", error)


def _check_store(client: Client, url: str) -> None:
    try:
        version = client.info("server")["redis_version"]
    except redis.RedisError as error:
        where = url if "@" not in url else url.split("://")[0] + "://***@" + url.rpartition("@")[2]
        raise StoreStartFailed(f"REDIS_URL={where}: Redis does not answer ({error}). Is it running there?") from error
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise StartFailed(f"REDIS_URL: the server is Redis {version}; {'.'.join(map(str, OLDEST))} or later is needed.")


class Server:
    """The whole server on top of its parts. `run` returns after `stop`."""

    def __init__(self, settings: Settings, parts: Parts) -> None:
        check_vendor(ROOT)
        self._settings = settings
        self._parts = parts
        self._stopping = False
        self.listener: socket.socket = web.listen(settings.host, settings.port)
        guard = Guard(settings.api_keys, settings.operator_key)
        door = Door(parts.limits, guard)
        api = make_api(parts.boards, parts.scores, parts.rankings, parts.analytics, guard, door)
        self._flask = web.make_flask(
            [
                api,
                make_limits(parts.limits),
                make_users(parts.users, guard, door),
                make_channels(parts.client, guard, door),
                make_locks(parts.locks, guard, door),
                make_streams(parts.streams, guard),
                make_payments(parts.payments, guard, door),
                make_pages(ROOT),
                self._health(),
            ]
        )
        self._socketio = web.make_socketio(self._flask, settings.async_mode, settings.allowed_origins)
        room = self._socketio.server.enter_room, self._socketio.server.leave_room
        emit = self._emit
        self._broadcaster = Broadcaster(
            parts.boards, parts.rankings, parts.clock, emit, *room, tick_ms=settings.tick_ms
        )
        self._pulse = PulseFeed(parts.boards, parts.rankings, parts.analytics, parts.clock, emit, *room)
        ears = connect(parts.url, timeout_s=10.0, connections=2)
        self._doorbell = Doorbell(ears, self._broadcaster.ring, self._broadcaster.ring_all)
        self._channels = ChannelFeed(ears, parts.clock, emit, *room)
        readers = {
            "limits": parts.limits.state,
            "cache": parts.users.panel,
            "locks": lambda: {"locks": parts.locks.held()},
            "streams": parts.streams.state,
            "analytics": parts.tally.state,
        }
        self._panels = Panels(readers, emit, *room)
        self._reporter = Reporter(parts.limits.report)
        self._counter = Reporter(parts.users.report)
        self._tails = Tails(connect(parts.url, timeout_s=10.0, connections=4), parts.streams.find, emit, *room)
        self._feeds = Feeds(
            self._broadcaster,
            {"pulse": self._pulse, "panel": self._panels, "channel": self._channels},
            self._tails,
        )
        names = [f"{socket.gethostname()}-{os.getpid()}-{n}" for n in range(1, settings.workers + 1)]
        self._crew = Crew("all", names, parts.boards, parts.tally, parts.payments)
        bind(self._socketio, self._feeds, parts.scores, guard, door, partial(publish_message, parts.client))
        self._loops = (
            self._broadcaster,
            self._pulse,
            self._panels,
            self._doorbell,
            self._channels,
            self._reporter,
            self._counter,
            self._tails,
        )

    @property
    def address(self) -> str:
        """Where it can be reached."""
        host, port = self.listener.getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def run(self, on_ready: Callable[[str], None]) -> None:
        """Serve until `stop` is called (from a signal handler, say). Keeps the embedded store alive meanwhile."""
        for loop in self._loops:
            threading.Thread(target=loop.run, daemon=True).start()
        self._crew.start()
        end = web.serve(self._flask, self._socketio, self.listener)
        on_ready(self.address)
        next_look = 0.0
        while not self._stopping:
            time.sleep(0.05)
            if self._parts.embedded is not None and time.monotonic() >= next_look:
                next_look = time.monotonic() + KEEP_S
                keep(self._parts.embedded)
        for loop in self._loops:
            loop.stop()
        self._crew.stop(within_s=0.5)
        self._socketio.emit("notice", {"code": "going-away", "detail": "Server restarts; back in a moment"})
        end()
        time.sleep(0.1)  # what was taken on is answered, and the notice leaves

    def stop(self) -> None:
        """Ask `run` to end. Safe in a signal handler: it only sets a flag."""
        self._stopping = True

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
