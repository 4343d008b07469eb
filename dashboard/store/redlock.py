"""Redlock: one lock over several independent Redis masters, held by who has it on most of them.

The algorithm and its safety argument: redis.io, "Distributed Locks with Redis". Survives the loss of a minority of the
masters, which one master's lock does not. It has no fence (no master knows the others' numbers), so it is for efficiency
only; where correctness hangs on it, use `lock.py` and check the fence.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import redis

from dashboard.errors import LockHeld, LockLost
from dashboard.store import keys
from dashboard.store.client import Client, connect

DRIFT = 0.01
"""Share of the ttl by which the masters' clocks may run apart; 2 ms more for the expiry's own precision."""
DRIFT_MS = 2
ANSWER_S = 0.2

RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"


@dataclass(frozen=True, slots=True)
class Quorum:
    """A lock held on most masters; it is safe to rely on it for `valid_ms` from the acquisition's end."""

    name: str
    token: str
    valid_ms: int
    masters: int


class Redlock:
    """`urls` are independent masters, an odd number of at least three; none replicates another."""

    def __init__(self, urls: Sequence[str], *, answer_s: float = ANSWER_S) -> None:
        self._masters = [connect(url, timeout_s=answer_s, connect_timeout_s=answer_s, connections=8) for url in urls]
        self._quorum = len(urls) // 2 + 1
        self._answer_s = answer_s

    def acquire(self, name: str, *, ttl_ms: int) -> Quorum:
        """Take the lock on most masters. Raises LockHeld where that fails; nothing is then left behind.

        All masters are asked at once, so a hung minority costs at most `answer_s`, and so does a hung majority (twice,
        with the release).
        """
        token, begin = secrets.token_hex(16), time.monotonic()
        got = sum(self._each(lambda master: master.set(keys.redlock(name), token, nx=True, px=ttl_ms)))
        spent_ms = 1000 * (time.monotonic() - begin)
        valid_ms = int(ttl_ms - spent_ms - ttl_ms * DRIFT - DRIFT_MS)
        if got >= self._quorum and valid_ms > 0:
            return Quorum(name, token, valid_ms, got)
        self.release(name, token)
        raise LockHeld(
            f"The lock {name!r} was had on {got} of {len(self._masters)} masters; {self._quorum} are needed."
        )

    def renew(self, quorum: Quorum, *, ttl_ms: int) -> Quorum:
        """Let it last `ttl_ms` from now on most masters. Raises LockLost."""
        begin = time.monotonic()
        got = sum(self._each(lambda m: m.eval(RENEW, 1, keys.redlock(quorum.name), quorum.token, ttl_ms)))
        valid_ms = int(ttl_ms - 1000 * (time.monotonic() - begin) - ttl_ms * DRIFT - DRIFT_MS)
        if got < self._quorum or valid_ms <= 0:
            raise LockLost(f"The lock {quorum.name!r} is held on {got} masters only; {self._quorum} are needed.")
        return Quorum(quorum.name, quorum.token, valid_ms, got)

    def release(self, name: str, token: str) -> int:
        """Give it back on every master, also on those that did not answer; on how many it was held."""
        return sum(self._each(lambda master: master.eval(RELEASE, 1, keys.redlock(name), token)))

    def close(self) -> None:
        """Close all connections."""
        for master in self._masters:
            master.close()

    def _each(self, ask: Callable[[Client], object]) -> list[bool]:
        def answer(master: Client) -> bool:
            try:
                return bool(ask(master))
            except redis.RedisError:
                return False

        with ThreadPoolExecutor(len(self._masters)) as pool:
            return list(pool.map(answer, self._masters))
