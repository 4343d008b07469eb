"""A versioned source behind a cache, in processes of its own: a SQLite table that logs each load, and the recipe.

Run as a program it is one process of readers that obeys lines on its standard input; `Readers` is its remote control.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))  # run as a program

from dashboard.store.cache import Cache, CachePolicy  # noqa: E402
from dashboard.store.client import Client, connect  # noqa: E402
from dashboard.store.counts import Counts  # noqa: E402
from dashboard.store.holds import Holds  # noqa: E402
from dashboard.store.scripts import Scripts  # noqa: E402
from dashboard.store.sql import open_engine, reading, writing  # noqa: E402
from dashboard.values import Fetched  # noqa: E402


class VersionedSource:
    """`load` logs itself, takes `load_s`, and gives the row's version as text, or None where there is no row."""

    def __init__(self, url: str, load_s: float = 0.0) -> None:
        self.engine = open_engine(url)
        self.load_s = load_s
        self.read = threading.Event()  # set when a load has read its value, for tests that hold it back then
        self.go_on = threading.Event()
        self.go_on.set()
        with writing(self.engine) as sql:
            sql.execute(sa.text("CREATE TABLE IF NOT EXISTS source (id TEXT PRIMARY KEY, version INTEGER)"))
            sql.execute(sa.text("CREATE TABLE IF NOT EXISTS loads (id TEXT, process INTEGER, at REAL)"))

    def load(self, id: str) -> bytes | None:
        with writing(self.engine) as sql:
            sql.execute(sa.text("INSERT INTO loads VALUES (:i, :p, :t)"), {"i": id, "p": os.getpid(), "t": time.time()})
        with reading(self.engine) as sql:
            version = sql.scalar(sa.text("SELECT version FROM source WHERE id = :i"), {"i": id})
        self.read.set()
        assert self.go_on.wait(20)
        time.sleep(self.load_s)  # what a load costs
        return None if version is None else str(version).encode()

    def write(self, id: str, before_commit: Callable[[], None] = lambda: None) -> int:
        """Raise the version; the new one."""
        with writing(self.engine) as sql:
            statement = "INSERT INTO source VALUES (:i, 1) ON CONFLICT (id) DO UPDATE SET version = version + 1"
            version = sql.scalar(sa.text(statement + " RETURNING version"), {"i": id})
            before_commit()
        assert isinstance(version, int)
        return version

    def loads(self, id: str) -> int:
        with reading(self.engine) as sql:
            return int(sql.scalar(sa.text("SELECT count(*) FROM loads WHERE id = :i"), {"i": id}) or 0)

    def all_loads(self) -> list[tuple[str, float]]:
        """Id and time of each load, in order."""
        with reading(self.engine) as sql:
            return [(id, at) for id, at in sql.execute(sa.text("SELECT id, at FROM loads ORDER BY at"))]

    def break_down(self) -> None:
        """From now on every load is logged and fails; writes fail too."""
        with writing(self.engine) as sql:
            sql.execute(sa.text("ALTER TABLE source RENAME TO gone"))

    def repair(self) -> None:
        with writing(self.engine) as sql:
            sql.execute(sa.text("ALTER TABLE gone RENAME TO source"))


class Reads(Protocol):
    """What the same tests ask of our cache and of the recipe."""

    def get(self, id: str) -> Fetched: ...
    def write(self, id: str) -> int: ...


class OurCache:
    """Our cache before a versioned source."""

    def __init__(
        self,
        client: Client,
        source: VersionedSource,
        space: str,
        policy: CachePolicy | None = None,
        *,
        hold_s: float = 15.0,
        **options: Any,
    ) -> None:
        scripts = Scripts(client)
        self.source = source
        self.counts = Counts(client, scripts, f"sc:cache-counts:{{{space}}}")
        self.cache = Cache(space, source.load, client, scripts, self.counts, policy, **options)
        self.holds = Holds(space, scripts, hold_s=hold_s)

    def get(self, id: str) -> Fetched:
        return self.cache.get(id)

    def write(self, id: str) -> int:
        with self.holds.writing(id) as hold:
            return self.source.write(id, hold.check)


class PlainCache:
    """The well-known recipe, as the control: GET; on a miss load and SETEX; on a write DEL."""

    def __init__(self, client: Client, source: VersionedSource, space: str, fresh_s: float = 60.0) -> None:
        self.client, self.source, self.space, self.fresh_s = client, source, space, fresh_s

    def get(self, id: str) -> Fetched:
        key = f"{self.space}:{id}"
        value = self.client.get(key)
        if value is not None:
            return Fetched(value, "hit")
        value = self.source.load(id)
        if value is not None:
            self.client.set(key, value, px=round(1000 * self.fresh_s))
        return Fetched(value, "miss")

    def write(self, id: str) -> int:
        version = self.source.write(id)
        self.client.delete(f"{self.space}:{id}")
        return version


class Readers:
    """A process that reads through a cache with many threads at once."""

    def __init__(self, url: str, sql_url: str, space: str, *, kind: str = "ours", **policy: float) -> None:
        arguments = json.dumps({"url": url, "sql_url": sql_url, "space": space, "kind": kind, "policy": policy})
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", __file__, arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.answer() == "ready"

    def tell(self, what: str, id: str, **options: float) -> None:
        """`read` (threads: how many reads at once), `write`, or `mixed` (threads, seconds)."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"what": what, "id": id, **options}) + "\n")
        self.process.stdin.flush()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"the readers died with code {self.process.wait(10)}"
        return json.loads(line)

    def kill(self) -> None:
        """kill -9, and see it gone."""
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


def _together(threads: int, work: Callable[[int], None]) -> None:
    start = threading.Barrier(threads)

    def run(number: int) -> None:
        start.wait()
        work(number)

    running = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def _read(cache: Reads, id: str, threads: int) -> list[Any]:
    answers: list[Any] = [None] * threads

    def read(number: int) -> None:
        fetched = cache.get(id)
        answers[number] = [fetched.status, fetched.value and fetched.value.decode()]

    _together(threads, read)
    return answers


def _mixed(cache: Reads, id: str, threads: int, seconds: float, floors: "Floors") -> dict[str, int]:
    """Read and write at random. A read that is older than a write answered before the read began is an error."""
    until, lock, found = time.monotonic() + seconds, threading.Lock(), {"reads": 0, "writes": 0, "older": 0}

    def work(number: int) -> None:
        while time.monotonic() < until:
            if number == 0:
                floors.raise_to(id, cache.write(id))
                with lock:
                    found["writes"] += 1
                continue
            floor = floors.of(id)
            fetched = cache.get(id)
            with lock:
                found["reads"] += 1
                found["older"] += int(fetched.value or 0) < floor

    _together(threads, work)
    return found


class Floors:
    """The highest version whose write was answered, for all processes."""

    RAISE = """if tonumber(ARGV[1]) > tonumber(redis.call('GET', KEYS[1]) or 0) then
        redis.call('SET', KEYS[1], ARGV[1], 'EX', 600) end"""

    def __init__(self, client: Client, space: str) -> None:
        self.client, self.space = client, space
        self.script = client.register_script(self.RAISE)

    def raise_to(self, id: str, version: int) -> None:
        self.script([f"{self.space}:floor:{id}"], [version])

    def of(self, id: str) -> int:
        return int(self.client.get(f"{self.space}:floor:{id}") or 0)


def main(arguments: dict[str, Any]) -> None:
    policy = dict(arguments["policy"])
    source = VersionedSource(arguments["sql_url"], policy.pop("load_s", 0.0))
    client = connect(arguments["url"], connections=16)
    cache: Reads
    if arguments["kind"] == "ours":
        cache = OurCache(client, source, arguments["space"], CachePolicy(**policy))
    else:
        cache = PlainCache(client, source, arguments["space"], **policy)
    floors = Floors(client, arguments["space"])
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        if order["what"] == "read":
            answer: Any = _read(cache, order["id"], order["threads"])
        elif order["what"] == "mixed":
            answer = _mixed(cache, order["id"], order["threads"], order["seconds"], floors)
        else:
            answer = cache.write(order["id"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
