"""A read-through cache before a slow source, for many processes: one load for all who miss, and no reader undoes a write.

Owns: leases (one loader per key over all processes), freshness, early refresh, absence, and what is served when the
source or Redis is away. Leaves to others: the source (`load` is handed in), what values mean, and writes (`holds.py`).

Lease: who finds a load due gets a token; what it loaded is stored only while the token stands. A write takes every
token, and so does a lease that ran out because its holder was killed (R. Nishtala et al., Scaling Memcache at Facebook,
NSDI 2013, section 3.2.1). Early refresh: XFetch, A. Vattani, F. Chierichetti, K. Lowenstein, Optimal Probabilistic
Cache Stampede Prevention, PVLDB 8(8), 2015. Stale answers: RFC 5861. `docs/cache.md` tells why all this holds.
"""

import logging
import math
import random
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dashboard.errors import SourceUnavailable, StoreUnavailable
from dashboard.store import keys
from dashboard.store.breaker import Breaker
from dashboard.store.client import Client
from dashboard.store.counts import Counts
from dashboard.store.flights import Flight, Flights
from dashboard.store.guarded_source import RESTING, GuardedSource, Load
from dashboard.store.scripts import Scripts
from dashboard.values import Fetched, Status

log = logging.getLogger(__name__)

UNREADABLE = "The source's answer could not be read."


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """`fresh_s`: how long a value is served without a thought, less up to `jitter` of it; `stale_s`: how long after that
    it is served while one refreshes it; `spare_s`: how long after that it stands in for a source that fails;
    `absent_s`: how long absence is remembered; `lease_s`: how long a loader has, above what a load can take; `eager`:
    XFetch's beta, 0 for no early refresh.
    """

    fresh_s: float = 60.0
    stale_s: float = 15.0
    spare_s: float = 600.0
    absent_s: float = 10.0
    lease_s: float = 5.0
    jitter: float = 0.1
    eager: float = 1.0


class Cache:
    """`load(id)` reads the source: bytes, or None where there is nothing; raises SourceUnavailable. `space` names the
    cache in Redis. Safe for threads and greenlets.
    """

    def __init__(
        self,
        space: str,
        load: Load,
        client: Client,
        scripts: Scripts,
        counts: Counts,
        policy: CachePolicy | None = None,
        *,
        breaker: Breaker | None = None,
        chance: Callable[[], float] = random.random,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._space = space
        self._policy = policy or CachePolicy()
        self._source = GuardedSource(load, counts, breaker or Breaker(), direct_wait_s=self._policy.lease_s)
        self._scripts = scripts
        self._counts = counts
        self._redis = Breaker(failures=1, rest_s=1.0)  # a Redis that hangs costs one reader its time, not all
        self._chance = chance
        self._monotonic_s = monotonic_s
        self._flights = Flights(client)

    # Reading --------------------------------------------------------------------------------------------------------

    def get(self, id: str) -> Fetched:
        """The value of `id`, or its absence, never older than a write that was answered before this call.

        Raises SourceUnavailable where the source does not answer and nothing can stand in. One round trip where it is
        cached, two and a load where not; who waits for another's load adds a poll or none.
        """
        began = self._monotonic_s()
        try:
            fetched = self._get(id)
        except SourceUnavailable:
            self._counts.add("unanswered")
            raise
        self._counts.add(fetched.status)
        if fetched.value is None:
            self._counts.add("absent")
        self._counts.time("hit" if fetched.from_cache else "miss", self._monotonic_s() - began)
        return fetched

    def _get(self, id: str) -> Fetched:
        deadline = self._monotonic_s() + 2 * self._policy.lease_s
        spare: Fetched | None = None
        while (left_s := deadline - self._monotonic_s()) > 0:
            try:
                flight, found = self._find(id)
                if flight:
                    return self._take_off(id, flight, found)
                if found.served:
                    return found.served
                spare = found.spare
                if fetched := self._join(id, found, left_s):
                    return fetched
            except StoreUnavailable:
                return self._source.load_directly(id)
            except SourceUnavailable as error:
                return _stand_in(spare, error)
        return _stand_in(spare, SourceUnavailable("The load took too long; try again shortly."))

    def _find(self, id: str) -> tuple[Flight | None, "_Found"]:
        """What is cached, and our flight where the load was leased to us."""
        if not self._redis.allows():
            raise StoreUnavailable("Redis did not answer a moment ago.")
        flight = Flight(secrets.token_hex(8))
        lease_ms = 0 if self._source.resting else _ms(self._policy.lease_s)
        eagerness = -self._policy.eager * math.log(1 - self._chance())
        self._flights.announce(flight)  # before Redis knows it, so that who is told to wait for it finds it
        try:
            reply = self._scripts.read("find_entry", [self._key(id)], [flight.token, lease_ms, f"{eagerness:.6f}"])
        except BaseException as error:
            self._flights.end(flight)
            if isinstance(error, StoreUnavailable):
                self._redis.failed()
            raise
        self._redis.succeeded()
        found = _Found.read(reply)
        if found.lease == flight.token:
            return flight, found
        self._flights.end(flight)
        return None, found

    def _join(self, id: str, found: "_Found", left_s: float) -> Fetched | None:
        """Wait for somebody's load. None: look again. Raises SourceUnavailable, StoreUnavailable."""
        if not found.lease:  # nobody loads, and we were not to ask
            self._counts.add("refused")
            raise SourceUnavailable(RESTING)
        wait_s = min(found.lease_left_s, left_s)
        if flight := self._flights.get(found.lease):
            return flight.join(wait_s)
        self._flights.await_landing(self._key(id), found.lease, wait_s)
        return None

    def _take_off(self, id: str, flight: Flight, found: "_Found") -> Fetched:
        """Load under our lease: in the background where something may be served meanwhile."""
        if found.served is None:
            try:
                return self._lead(id, flight)
            except SourceUnavailable as error:
                return _stand_in(found.spare, error)
        self._counts.add("refresh")
        threading.Thread(target=self._refresh, args=(id, flight), daemon=True).start()
        return found.served

    def _refresh(self, id: str, flight: Flight) -> None:
        try:
            self._lead(id, flight)
        except SourceUnavailable as error:
            log.info("%s %s could not be refreshed: %s", self._space, id, error)
        except Exception:
            log.exception("%s %s could not be refreshed", self._space, id)

    def _lead(self, id: str, flight: Flight) -> Fetched:
        """Load, hand the value to those who wait here, and store it if the lease still stands. Raises SourceUnavailable."""
        began = self._monotonic_s()
        try:
            value = self._source.load(id)
            flight.land(Fetched(value, "collapsed"))
            fresh_s = self._store(id, flight.token, value, self._monotonic_s() - began)
            return Fetched(value, "miss", fresh_s=fresh_s)
        except BaseException as error:
            flight.fail(error if isinstance(error, SourceUnavailable) else SourceUnavailable(UNREADABLE))
            with suppress(StoreUnavailable):
                self._scripts.read("drop_lease", [self._key(id)], [flight.token])
            raise
        finally:
            self._flights.end(flight)

    def _store(self, id: str, token: str, value: bytes | None, took_s: float) -> float | None:
        """Store what was loaded. For how long it is fresh; None where it was refused, or Redis is away."""
        policy = self._policy
        kind, fresh_s, more_s = "value", policy.fresh_s, (policy.stale_s, policy.stale_s + policy.spare_s)
        if value is None:
            kind, fresh_s, more_s = "absent", min(policy.absent_s, policy.fresh_s), (0.0, 0.0)
        fresh_s *= 1 - policy.jitter * self._chance()
        lives = [_ms(fresh_s + more) for more in (0.0, *more_s)]
        try:
            fresh_ms = self._scripts.read(
                "store_entry", [self._key(id)], [token, kind, value or b"", *lives, _ms(took_s)]
            )
        except StoreUnavailable:
            return None
        if fresh_ms < 0:
            self._counts.add("overtaken")
            return None
        return int(fresh_ms) / 1000

    def _key(self, id: str) -> str:
        return keys.cached(self._space, id)


@dataclass(frozen=True, slots=True)
class _Found:
    """`served` may be served now, `spare` only where a load fails; `lease` is who loads, or ''."""

    served: Fetched | None
    spare: Fetched | None
    lease: str
    lease_left_s: float

    @staticmethod
    def read(reply: list[Any]) -> "_Found":
        state, kind, value, age_ms, fresh_ms, lease, left_ms = reply
        served = spare = None
        if state != b"none":
            status: Status = "spare" if state == b"spare" else "hit" if fresh_ms > 0 else "stale"
            entry = Fetched(None if kind == b"absent" else value, status, age_ms / 1000, fresh_ms / 1000)
            served, spare = (None, entry) if status == "spare" else (entry, None)
        return _Found(served, spare, lease.decode(), left_ms / 1000)


def _stand_in(spare: Fetched | None, error: SourceUnavailable) -> Fetched:
    if spare is None:
        raise error
    return spare


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
