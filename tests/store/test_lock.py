"""Locks on a real store: exclusion, waiting, expiry, fences; and what a pause does to a holder."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard.errors import LockHeld, LockLost
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.client import connect
from dashboard.store.lock import Locks
from dashboard.store.scripts import Scripts

ROOT = Path(__file__).parents[2]
HOLDER = Path(__file__).with_name("pausing_holder.py")

FENCED = """
if tonumber(ARGV[1]) < tonumber(redis.call('HGET', KEYS[1], 'fence') or 0) then return 0 end
redis.call('HSET', KEYS[1], 'fence', ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[1]) return 1
"""
UNFENCED = "redis.call('RPUSH', KEYS[2], ARGV[1]) return 1"


@pytest.fixture
def locks(parts: Parts) -> Iterator[Locks]:
    waiting = connect(parts.url, connections=64)
    yield Locks(parts.client, Scripts(parts.client), waiting)
    waiting.close()


def test_one_holds_it_at_a_time(locks: Locks, board: str) -> None:
    grant = locks.acquire(board, ttl_ms=5000)
    with pytest.raises(LockHeld):
        locks.acquire(board, ttl_ms=5000)
    locks.release(board, grant.token)
    assert locks.acquire(board, ttl_ms=5000).fence > grant.fence


def test_a_stranger_neither_renews_nor_releases(locks: Locks, board: str) -> None:
    grant = locks.acquire(board, ttl_ms=5000)
    for token in ("", "stranger", grant.token[:-1]):
        with pytest.raises(LockLost):
            locks.release(board, token)
        with pytest.raises(LockLost):
            locks.renew(board, token)
    assert locks.renew(board, grant.token, ttl_ms=9000) == 9000
    assert locks.renew(board, grant.token) == 5000


def test_control_a_delete_without_a_token_frees_anothers_lock(parts: Parts, board: str) -> None:
    """The recipe `SET NX EX` ... `DEL`: the first holder's late DEL frees the lock of the second."""
    assert parts.client.set(board, "first", nx=True, px=10)
    while not parts.client.set(board, "second", nx=True, px=5000):
        pass
    parts.client.delete(board)  # the first one, late
    assert parts.client.set(board, "third", nx=True, px=5000)  # while the second still believes


def test_who_waits_is_woken_by_the_release(locks: Locks, board: str) -> None:
    grant = locks.acquire(board, ttl_ms=60_000)
    got: list[float] = []

    def wait() -> None:
        locks.acquire(board, ttl_ms=60_000, wait_ms=20_000)
        got.append(time.monotonic())

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not any(row["waiters"] for row in locks.held() if row["name"] == board):
        pass
    released = time.monotonic()
    locks.release(board, grant.token)
    waiter.join(10)
    assert got
    assert got[0] - released < 5  # woken; by polling its time it would be 60 s


def test_who_waits_gets_it_when_the_holders_time_runs_out(locks: Locks, board: str) -> None:
    first = locks.acquire(board, ttl_ms=150)
    second = locks.acquire(board, ttl_ms=1000, wait_ms=10_000)
    assert second.fence > first.fence
    with pytest.raises(LockLost):
        locks.release(board, first.token)


def test_who_waited_in_vain_is_no_waiter_any_more(locks: Locks, board: str) -> None:
    locks.acquire(board, ttl_ms=60_000)
    with pytest.raises(LockHeld):
        locks.acquire(board, ttl_ms=1000, wait_ms=100)
    row = next(row for row in locks.held() if row["name"] == board)
    assert (row["held"], row["waiters"], row["contended"]) == (True, 0, 1)


def test_forty_who_wait_all_get_it_one_after_the_other(locks: Locks, parts: Parts, board: str) -> None:
    inside: list[int] = []
    most: list[int] = []
    fences: list[int] = []

    def work() -> None:
        with locks.hold(board, ttl_s=10, wait_s=30) as held:
            inside.append(1)
            most.append(len(inside))
            fences.append(held.fence)
            inside.pop()

    threads = [threading.Thread(target=work) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(40)
    assert len(fences) == 40
    assert max(most) == 1
    assert fences == sorted(set(fences))


def test_fences_rise_although_the_record_was_lost(locks: Locks, parts: Parts, board: str) -> None:
    first = locks.acquire(board, ttl_ms=1000)
    locks.release(board, first.token)
    parts.client.delete(keys.lock_record(board))
    assert locks.acquire(board, ttl_ms=1000).fence > first.fence


def test_a_held_lock_is_renewed_beyond_its_time(locks: Locks, parts: Parts, board: str) -> None:
    with locks.hold(board, ttl_s=0.3) as held:
        begin = time.monotonic()
        while time.monotonic() - begin < 0.9:  # three times its time
            assert parts.client.exists(keys.lock(board))
            held.check()
    assert not parts.client.exists(keys.lock(board))


def test_a_holder_learns_that_it_lost_the_lock(locks: Locks, parts: Parts, board: str) -> None:
    with locks.hold(board, ttl_s=0.3) as held:
        parts.client.delete(keys.lock(board))
        deadline = time.monotonic() + 5
        while not held.lost:
            assert time.monotonic() < deadline
        with pytest.raises(LockLost):
            held.check()


def test_nothing_stays_for_ever(locks: Locks, parts: Parts, board: str) -> None:
    grant = locks.acquire(board, ttl_ms=1000)
    with pytest.raises(LockHeld):
        locks.acquire(board, ttl_ms=1000, wait_ms=20)
    locks.release(board, grant.token)
    names = list(parts.client.scan_iter(f"{keys.lock(board)}*"))
    assert names
    assert all(parts.client.pttl(name) > 0 for name in names)


@pytest.mark.parametrize("rounds", [pytest.param(5, id="few"), pytest.param(200, id="many", marks=pytest.mark.soak)])
def test_a_paused_holder_cannot_write_to_a_fenced_resource(locks: Locks, parts: Parts, board: str, rounds: int) -> None:
    stale = 0
    for n in range(1, rounds + 1):
        stale += _write_after_a_pause(locks, parts, f"{board}-{n}", FENCED)
        if n % 20 == 0:
            print(f"{n} pauses, {stale} stale writes accepted")
    assert stale == 0


def test_control_without_a_fence_the_paused_holder_corrupts_it(locks: Locks, parts: Parts, board: str) -> None:
    assert _write_after_a_pause(locks, parts, board, UNFENCED)


def _write_after_a_pause(locks: Locks, parts: Parts, name: str, write: str) -> bool:
    """Stop the holder beyond its time, let another acquire and write, continue it: did its stale write get through?"""
    holder = subprocess.Popen(
        [sys.executable, str(HOLDER), parts.url, name, write],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    with holder, holder.stdin as orders, holder.stdout as answers:
        first = int(answers.readline())
        os.kill(holder.pid, signal.SIGSTOP)
        second = locks.acquire(name, ttl_ms=5000, wait_ms=10_000)
        assert second.fence > first
        assert parts.client.eval(write, 2, f"{name}:at", f"{name}:log", second.fence) == 1
        os.kill(holder.pid, signal.SIGCONT)
        orders.write("write\n")
        orders.flush()
        assert answers.readline() in ("0\n", "1\n")
    written = [int(fence) for fence in parts.client.lrange(f"{name}:log", 0, -1)]
    return written != sorted(written)
