"""The parts that work on the store, built and connected; what the server, the workers and the command line stand on.

Nothing is decided here that belongs into a room.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import redis
import sqlalchemy

from dashboard.config import Settings
from dashboard.core.analytics import Analytics
from dashboard.core.archive import Archive
from dashboard.core.archiving import Archiving
from dashboard.core.boards import Boards
from dashboard.core.chronicle import Chronicle
from dashboard.core.chronicling import Chronicling
from dashboard.core.clock import Clock
from dashboard.core.exports import Exports
from dashboard.core.groups import Groups
from dashboard.core.http_users import HttpUsers
from dashboard.core.ledger import Ledger
from dashboard.core.limits import Limits
from dashboard.core.payments import GROUP as PAYMENTS_GROUP
from dashboard.core.payments import Payments
from dashboard.core.policies import parse_policies
from dashboard.core.rankings import Rankings
from dashboard.core.removals import Removals
from dashboard.core.rewind import Rewind
from dashboard.core.scores import Scores
from dashboard.core.seasons import Seasons
from dashboard.core.sessions import Sessions
from dashboard.core.sharded_rankings import ShardedRankings
from dashboard.core.sql_users import SqlUsers
from dashboard.core.streams import Streams
from dashboard.core.tally import Tally
from dashboard.core.users import Users
from dashboard.errors import StartFailed, StoreStartFailed
from dashboard.store import keys
from dashboard.store.bell import Bell
from dashboard.store.cache import Cache, CachePolicy
from dashboard.store.claims import Claims
from dashboard.store.client import Client, connect, shown
from dashboard.store.counts import Counts
from dashboard.store.embedded import EmbeddedStore
from dashboard.store.group import Group
from dashboard.store.holds import Holds
from dashboard.store.lock import Locks
from dashboard.store.rate_limit import RateLimiter
from dashboard.store.scripts import Scripts, answering
from dashboard.store.session_store import SessionStore
from dashboard.store.sql import open_engine, sqlite_url
from dashboard.store.stream import Stream
from dashboard.store.top_list import TopList

log = logging.getLogger(__name__)

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
    scripts: Scripts
    sql: sqlalchemy.Engine
    clock: Clock
    boards: Boards
    scores: Scores
    rankings: Rankings
    groups: Groups
    removals: Removals
    seasons: Seasons
    archiving: Archiving
    chronicling: Chronicling
    exports: Exports
    analytics: Analytics
    rewind: Rewind
    limits: Limits
    users: Users
    locks: Locks
    streams: Streams
    tally: Tally
    payments: Payments
    sessions: Sessions
    claims: Claims


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
        clock.correct(_store_ms(client))
        chronicle = Chronicle(sql)
        chronicle.prepare()
        boards = Boards(client, scripts, clock, chronicle, declared_only=settings.boards == "declared")
        scores = Scores(scripts, boards, clock, ShardedRankings(client, scripts, boards))
        locks = Locks(client, scripts, connect(url, connections=64))
        hold = partial(locks.hold, ttl_s=LOCK_S)
        archive = Archive(sql)
        archive.prepare()
        rankings = Rankings(client, scripts, boards, clock, archive)
        yield Parts(
            url=url,
            embedded=embedded,
            client=client,
            scripts=scripts,
            sql=sql,
            clock=clock,
            boards=boards,
            scores=scores,
            rankings=rankings,
            groups=Groups(client, scripts, boards, rankings, clock),
            removals=Removals(client, scripts, boards, scores),
            seasons=Seasons(scripts, boards, hold),
            archiving=Archiving(client, scripts, boards, rankings, archive, hold, clock),
            chronicling=Chronicling(client, boards, chronicle, clock),
            exports=Exports(boards, rankings, clock),
            analytics=Analytics(client, boards, clock, chronicle),
            rewind=Rewind(client, boards, rankings, clock, chronicle),
            limits=Limits(RateLimiter(scripts), TopList(client, keys.limits_busy), policies, clock),
            users=_users(settings, cache_client, sql),
            locks=locks,
            streams=Streams(client, scripts, boards, clock),
            tally=Tally(client, scripts, boards, clock),
            payments=_payments(patient, scripts, sql, locks, clock),
            sessions=Sessions(
                SessionStore(client, scripts, settings.secret_key), Counts(client, scripts, keys.SESSION_COUNTS), clock
            ),
            claims=Claims(scripts),
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
    return Payments(group, ledger, partial(locks.hold, ttl_s=LOCK_S), clock)


class Keeper:
    """Looks after the embedded store, where there is one, and says a trouble once."""

    def __init__(self, embedded: EmbeddedStore | None) -> None:
        self._embedded = embedded
        self._said: str | None = None

    def keep(self, until: Bell) -> None:
        """Look every KEEP_S (see EmbeddedStore.keep) until that bell rings."""
        while not until.rung:
            until.wait(None if self._embedded is None else KEEP_S)
            self._look()

    def _look(self) -> None:
        if self._embedded is None:
            return
        trouble = None
        try:
            self._embedded.keep()
        except StoreStartFailed as error:
            trouble = str(error)
        if trouble is not None and trouble != self._said:
            log.error("embedded store: %s", trouble)
        self._said = trouble


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
