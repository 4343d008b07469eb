"""kill -9 under load: every acknowledged write is there afterwards, and the judge of that can tell when one is not."""

import os
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.journeys.load import Load, Write, lost
from tests.journeys.slow_fsync import PtraceRefused, SlowFsync, thread_named
from tests.store.hold import Holder, is_gone, servers_in, wait_until

SLOW_S = 0.4
linux = pytest.mark.skipif(sys.platform != "linux", reason="slows the disk by ptrace, which is Linux's")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sc-"))
    yield folder
    for pid in servers_in(folder):
        os.kill(pid, signal.SIGKILL)
        is_gone(pid)
    shutil.rmtree(folder)


def client_of(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=10.0, retry=Retry(NoBackoff(), 0))  # a retry would write twice


def writer_to(url: str) -> Write:
    client = client_of(url)
    return lambda number: client.rpush("written", number)


def found_in(url: str) -> list[int]:
    with client_of(url) as client:
        return [int(number) for number in client.lrange("written", 0, -1)]


def server_of(url: str) -> int:
    """The store's process id; 0 while it does not answer."""
    try:
        with client_of(url) as client:
            return int(client.info("server")["process_id"])
    except redis.RedisError:
        return 0


def restarted(url: str, old: int) -> bool:
    return server_of(url) not in (0, old)


def slowed(pid: int, thread: str) -> SlowFsync:
    try:
        return SlowFsync(thread_named(pid, thread), SLOW_S)
    except PtraceRefused as refused:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(refused))


def crash(
    data_dir: Path, *, rounds: int, victim: str, durability: str = "always", slow_thread: str | None = None
) -> set[int]:
    """Rounds of kill -9 under load and restart; the acknowledged writes that are lost in the end.

    With `slow_thread`, every sync of that thread of the store takes 0.4 s, and the kill comes in the middle of one.
    """
    chance = random.Random(victim)
    holder = Holder(data_dir, durability, "loop")
    url = holder.first["url"]
    with Load(lambda: writer_to(url), threads=4) as load:
        for _ in range(rounds):
            store = server_of(url)
            if slow_thread:
                disk = slowed(store, slow_thread)
                load.wait_for(8)
                assert disk.midway.wait(10)
            else:
                load.wait_for(chance.randint(100, 1000))
            if victim in ("owner", "both"):
                holder.process.kill()
            if victim in ("store", "both"):
                os.kill(store, signal.SIGKILL)
            if victim in ("owner", "both"):
                holder.kill()
                holder = Holder(data_dir, durability, "loop")
            wait_until(partial(restarted, url, store))
        load.wait_for(100)
    found = found_in(url)
    holder.kill()
    assert len(found) == len(set(found)), "written twice"
    assert not set(found) - load.acknowledged - load.in_doubt, "written by nobody"
    gone = lost(load.acknowledged, found)
    print(f"{rounds} rounds, {victim} killed, {durability}: {load.count} acknowledged, {len(gone)} lost")
    return gone


@pytest.mark.parametrize("victim", ["owner", "store"])
def test_every_acknowledged_write_survives_kill_9(data_dir: Path, victim: str) -> None:
    assert crash(data_dir, rounds=3, victim=victim) == set()


@pytest.mark.soak
@pytest.mark.parametrize("victim", ["owner", "store", "both"])
def test_every_acknowledged_write_survives_kill_9_many_times(data_dir: Path, victim: str) -> None:
    assert crash(data_dir, rounds=20, victim=victim) == set()


@linux
def test_every_acknowledged_write_survives_on_a_slow_disk(data_dir: Path) -> None:
    assert crash(data_dir, rounds=1, victim="store", slow_thread="valkey-server") == set()


@linux
def test_control_everysec_on_a_slow_disk_loses_acknowledged_writes(data_dir: Path) -> None:
    gone = crash(data_dir, rounds=2, victim="store", durability="everysec", slow_thread="bio_aof")
    assert gone, "the judge sees no loss where there must be one: it proves nothing"
