"""Locks that live in Redis: one holder at a time, who is known by a token and numbered by a fence.

Owns: acquiring with or without waiting, renewal, release, what is held. Leaves to others: what a lock protects.

A lock is for efficiency. A holder that is paused beyond its time does not know that it lost the lock; correctness comes
from the *fence*, a number above that of every holder before: the protected resource refuses a smaller one than it has
seen (see docs/locks.md).
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dashboard.errors import LockHeld, LockLost, StoreUnavailable
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering

log = logging.getLogger(__name__)

RECORD_MS = 86_400_000
"""How long a lock's record outlives its last use. Fences rise beyond that by Redis' clock, which must not be set back
by more than this."""
BLOCK_S = 4.0
WAKE_MS = 60_000
OWNER = f"{socket.gethostname()}:{os.getpid()}"


@dataclass(frozen=True, slots=True)
class Grant:
    """A lock that was acquired. Who has the `token` may renew and release it; `fence` is for the protected resource.

    `until_s` is when it ends at the earliest, on this process' monotonic clock.
    """

    name: str
    token: str
    fence: int
    ttl_ms: int
    until_s: float


class Locks:
    """The locks of one store. `waiting` is the client on whose connections callers wait (one each, while they wait)."""

    def __init__(self, client: Client, scripts: Scripts, waiting: Client | None = None) -> None:
        self._client = client
        self._scripts = scripts
        self._waiting = waiting or client

    def acquire(self, name: str, *, ttl_ms: int, wait_ms: int = 0, owner: str = OWNER) -> Grant:
        """Take the lock; wait for it up to `wait_ms`, woken by its release or its end.

        Raises LockHeld, StoreUnavailable. Two round trips when it is free, three more for each time it was woken.
        """
        token, deadline, first = secrets.token_hex(16), time.monotonic() + wait_ms / 1000, "1"
        try:
            while True:
                left_ms = max(0, int(1000 * (deadline - time.monotonic())))
                args: list[str | int] = [token, owner, ttl_ms, left_ms, first, RECORD_MS]
                asked_s = time.monotonic()
                taken, number = self._scripts.write(
                    "acquire_lock", [keys.lock(name), keys.lock_record(name), keys.lock_waiters(name)], args
                )
                self._note(name, ttl_ms + left_ms)
                if taken:
                    return Grant(name, token, int(number), ttl_ms, asked_s + ttl_ms / 1000)
                if not left_ms:
                    raise LockHeld(f"The lock {name!r} is held for up to {number} ms more.", retry_after_ms=number)
                first = "0"
                self._wait(name, min(left_ms, max(number, 1)) / 1000)
        except LockHeld:
            if wait_ms:
                self._client.zrem(keys.lock_waiters(name), token)
            raise

    @contextmanager
    def hold(self, name: str, *, ttl_s: float = 10.0, wait_s: float = 0.0, owner: str = OWNER) -> Iterator["Held"]:
        """`with locks.hold("season:arena", wait_s=5) as held:` holds the lock, renewed, until the block ends.

        Raises LockHeld, StoreUnavailable; what the block raises passes through. A release that comes too late is logged.
        """
        grant = self.acquire(name, ttl_ms=int(ttl_s * 1000), wait_ms=int(wait_s * 1000), owner=owner)
        held = Held(self, grant)
        threading.Thread(target=held.keep, name=f"lock {name}", daemon=True).start()
        try:
            yield held
        finally:
            held.end()
            try:
                self.release(name, grant.token)
            except (LockLost, StoreUnavailable) as error:
                log.warning("lock %s: %s", name, error)

    def renew(self, name: str, token: str, *, ttl_ms: int | None = None) -> int:
        """Let it last `ttl_ms` from now (None: as long as at first); the ttl in ms. Raises LockLost. One round trip."""
        ttl: int = self._scripts.write("renew_lock", [keys.lock(name)], [token, "" if ttl_ms is None else ttl_ms])
        if not ttl:
            raise LockLost(f"The lock {name!r} is not held with this token; its time may have run out.")
        return ttl

    def release(self, name: str, token: str) -> None:
        """Give it back and wake one who waits. Raises LockLost for a stranger. One round trip."""
        names = [keys.lock(name), keys.lock_waiters(name), keys.lock_wake(name)]
        if not self._scripts.write("release_lock", names, [token, WAKE_MS]):
            raise LockLost(f"The lock {name!r} is not held with this token; its time may have run out.")

    def owner(self, name: str) -> str | None:
        """Who holds it now, None for nobody. Raises StoreUnavailable. One round trip."""
        with answering():
            owner = self._client.hget(keys.lock(name), "owner")
        return None if owner is None else owner.decode()

    def held(self, limit: int = 50) -> list[dict[str, Any]]:
        """The locks that are held or waited for, last taken first. Three round trips."""
        with answering():
            seconds, micros = self._client.time()
            now_ms = seconds * 1000 + micros // 1000
            self._client.zremrangebyscore(keys.LOCKS, "-inf", now_ms)
            names = [raw.decode() for raw in self._client.zrevrange(keys.LOCKS, 0, limit - 1)]
            with self._client.pipeline(transaction=False) as pipe:
                for name in names:
                    pipe.hmget(keys.lock(name), "owner", "fence", "since")
                    pipe.pttl(keys.lock(name))
                    pipe.zcount(keys.lock_waiters(name), now_ms, "+inf")
                    pipe.hmget(keys.lock_record(name), "acquired", "contended")
                replies = pipe.execute()
        return [row for row in self._rows(names, replies, now_ms) if row["held"] or row["waiters"]]

    @staticmethod
    def _rows(names: Sequence[str], replies: Sequence[Any], now_ms: int) -> Iterator[dict[str, Any]]:
        for i, name in enumerate(names):
            (owner, fence, since), ttl_ms, waiters, (acquired, contended) = replies[4 * i : 4 * i + 4]
            yield {
                "name": name,
                "held": owner is not None,
                "owner": (owner or b"").decode(),
                "fence": int(fence or 0),
                "held_ms": now_ms - int(since) if since else 0,
                "ttl_ms": max(0, ttl_ms),
                "waiters": waiters,
                "acquired": int(acquired or 0),
                "contended": int(contended or 0),
            }

    def _note(self, name: str, for_ms: int) -> None:
        """Only for the list of `held`, so it may fail."""
        try:
            with answering():
                self._client.zadd(keys.LOCKS, {name: time.time() * 1000 + for_ms}, gt=True)
        except StoreUnavailable:
            log.debug("lock %s is not listed", name)

    def _wait(self, name: str, for_s: float) -> None:
        with answering():
            self._waiting.blpop([keys.lock_wake(name)], timeout=max(0.01, min(for_s, BLOCK_S)))


class Held:
    """A lock in use, renewed in the background. `lost` turns true at the latest when its time has run out."""

    def __init__(self, locks: Locks, grant: Grant) -> None:
        self._locks = locks
        self._grant = grant
        self._until_s = grant.until_s
        self._over = threading.Event()
        self._gone = False
        self.fence = grant.fence

    @property
    def lost(self) -> bool:
        """Whether somebody else may hold it by now. False is a hope, not a promise: see the module."""
        return self._gone or time.monotonic() >= self._until_s

    def check(self) -> None:
        """Raise LockLost if it is lost."""
        if self.lost:
            raise LockLost(f"The lock {self._grant.name!r} was lost while it was in use.")

    def keep(self) -> None:
        """Renew at a third of the time, until `end`; where Redis is away, try again until the time has run out."""
        pause_s = self._grant.ttl_ms / 3000
        while not self._over.wait(pause_s) and not self.lost:
            begin = time.monotonic()
            try:
                self._locks.renew(self._grant.name, self._grant.token)
                self._until_s = begin + self._grant.ttl_ms / 1000
            except LockLost:
                self._gone = True
            except StoreUnavailable:
                continue

    def end(self) -> None:
        """Stop renewing."""
        self._over.set()
