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
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

import pytest
import redis
import urllib3
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.conftest import ServerProcess
from tests.journeys.load import Load, Write, lost
from tests.journeys.slow_fsync import PtraceRefused, SlowFsync, thread_named
from tests.store.hold import Holder, is_gone, servers_in, wait_until
from tests.web.test_event_lanes import hot as hot_events
from tests.web.test_lanes import hot
from tests.wire.client import Raw

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes as Linux shows them")

SLOW_S = 0.4


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sc-"))
    yield folder
    for pid in servers_in(folder):
        os.kill(pid, signal.SIGKILL)
        is_gone(pid)
    shutil.rmtree(folder)


class Site(Protocol):
    """What is crashed: a process that owns a store and restarts it when it dies."""

    data_dir: Path

    def start(self) -> None: ...
    def kill(self) -> None: ...
    def connect(self) -> Write: ...
    def works(self) -> bool: ...
    def found(self) -> list[int]: ...


class StoreAlone:
    """The store by itself, written to over its socket; each RPUSH that is answered is acknowledged."""

    def __init__(self, data_dir: Path, durability: str = "always") -> None:
        self.data_dir, self.durability = data_dir, durability

    def start(self) -> None:
        self.holder = Holder(self.data_dir, self.durability, "loop")
        self.url = self.holder.first["url"]

    def kill(self) -> None:
        self.holder.kill()

    def connect(self) -> Write:
        client = self._client()
        return lambda number: client.rpush("written", number)

    def works(self) -> bool:
        try:
            with self._client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def found(self) -> list[int]:
        with self._client() as client:
            return [int(number) for number in client.lrange("written", 0, -1)]

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=10.0, retry=Retry(NoBackoff(), 0))  # no repeated writes


class WholeServer:
    """`python run.py`, written to over HTTP; each score that is answered with 200 is acknowledged.

    Number n is a score of n for a player of its own on a board of sums: were it applied twice, it would show 2n.
    """

    def __init__(self, data_dir: Path, *flags: str) -> None:
        self.data_dir, self.flags, self.port = data_dir, flags, 0
        self.hot = 0
        """How many of the last server's writes took the hot lane."""

    def start(self) -> None:
        self.server = ServerProcess(*self.flags, "--port", str(self.port), data_dir=self.data_dir)
        self.port = urlsplit(self.server.url).port or 0
        self.pool = urllib3.HTTPConnectionPool("127.0.0.1", self.port, maxsize=5, timeout=10, retries=False)
        self._call("PUT", "", {"rule": "sum"})

    def kill(self) -> None:
        self.server.kill()
        self.pool.close()

    def connect(self) -> Write:
        return lambda number: self._call("POST", "/scores", {"player": f"p{number}", "score": number})

    def works(self) -> bool:
        try:
            self._call("GET", "")
        except (urllib3.exceptions.HTTPError, AssertionError):
            return False
        return True

    def count_hot(self) -> int:
        return hot(self.server.url)

    def found(self) -> list[int]:
        self.hot = self.count_hot()
        numbers, page = [], "/top?limit=1000"
        while page:
            answer = self._call("GET", page)
            assert all(row["player"] == f"p{row['score']}" for row in answer["rows"]), "a score applied twice"
            numbers += [row["score"] for row in answer["rows"]]
            page = f"/top?limit=1000&cursor={quote(answer['next'])}" if "next" in answer else ""
        return numbers

    def _call(self, method: str, path: str, body: object = None) -> Any:
        response = self.pool.request(method, f"/api/v1/boards/crash{path}", json=body)
        assert 200 <= response.status < 300, response.data
        return response.json()


class OverSockets(WholeServer):
    """The same, written to with the event `score`, each writer on a websocket of its own."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.clients: list[Raw] = []

    def kill(self) -> None:
        super().kill()
        for client in self.clients:
            client.close()

    def connect(self) -> Write:
        client = Raw(self.port)
        self.clients.append(client)

        def write(number: int) -> None:
            answer = client.ask("score", {"board": "crash", "player": f"p{number}", "score": number})
            assert "error" not in answer, answer

        return write

    def count_hot(self) -> int:
        return hot_events(self.server.url)


def slowed(pid: int, thread: str) -> SlowFsync:
    try:
        return SlowFsync(thread_named(pid, thread), SLOW_S)
    except PtraceRefused as refused:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(refused))


def works_again(site: Site, old_store: int) -> bool:
    return servers_in(site.data_dir) not in ([], [old_store]) and site.works()


def crash(site: Site, *, rounds: int, victim: str, slow_thread: str | None = None) -> set[int]:
    """Rounds of kill -9 under load and restart; the acknowledged writes that are lost in the end.

    With `slow_thread`, every sync of that thread of the store takes 0.4 s, and the kill comes in the middle of one.
    """
    chance = random.Random(victim)
    site.start()
    try:
        with Load(site.connect, threads=4, first=1) as load:
            for _ in range(rounds):
                [store] = servers_in(site.data_dir)
                if slow_thread:
                    disk = slowed(store, slow_thread)
                    load.wait_for(8)
                    assert disk.midway.wait(10)
                else:
                    load.wait_for(chance.randint(50, 300))
                if victim != "owner":
                    os.kill(store, signal.SIGKILL)
                if victim != "store":
                    site.kill()
                    site.start()
                wait_until(partial(works_again, site, store))
            load.wait_for(50)
        found = site.found()
    finally:
        site.kill()
    assert len(found) == len(set(found)), "written twice"
    assert not set(found) - load.acknowledged - load.in_doubt, "written by nobody"
    gone = lost(load.acknowledged, found)
    print(f"{type(site).__name__}, {rounds} rounds, {victim} killed: {load.count} acknowledged, {len(gone)} lost")
    return gone


few_or_many = pytest.mark.parametrize(
    ("victim", "rounds"),
    [("owner", 3), ("store", 3), *(pytest.param(v, 20, marks=pytest.mark.soak) for v in ("owner", "store", "both"))],
)


@few_or_many
def test_every_acknowledged_write_survives_kill_9(data_dir: Path, victim: str, rounds: int) -> None:
    assert crash(StoreAlone(data_dir), rounds=rounds, victim=victim) == set()


@few_or_many
@pytest.mark.parametrize("kind", [WholeServer, OverSockets])
def test_every_acknowledged_score_survives_kill_9(
    data_dir: Path, victim: str, rounds: int, kind: type[WholeServer]
) -> None:
    site = kind(data_dir)
    assert crash(site, rounds=rounds, victim=victim) == set()
    assert site.hot > 0, "none of them took the hot lane"


@pytest.mark.soak
@pytest.mark.parametrize("victim", ["owner", "store"])
def test_every_acknowledged_score_survives_kill_9_of_a_threading_server(data_dir: Path, victim: str) -> None:
    site = WholeServer(data_dir, "--async-mode", "threading")
    assert crash(site, rounds=20, victim=victim) == set()
    assert site.hot == 0


def test_every_acknowledged_write_survives_on_a_slow_disk(data_dir: Path) -> None:
    assert crash(StoreAlone(data_dir), rounds=1, victim="store", slow_thread="valkey-server") == set()


def test_control_everysec_on_a_slow_disk_loses_acknowledged_writes(data_dir: Path) -> None:
    gone = crash(StoreAlone(data_dir, "everysec"), rounds=2, victim="store", slow_thread="bio_aof")
    assert gone, "the judge sees no loss where there must be one: it proves nothing"
