"""The cache in two real processes before a versioned source: how often it is loaded, and that nobody reads the past."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dashboard.parts import Parts
from dashboard.store.cache import CachePolicy
from tests.store.hold import wait_until
from tests.store.versioned import OurCache, PlainCache, Readers, VersionedSource

Make = Callable[..., Readers]
HALF = 100


@pytest.fixture
def sql_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'source.db'}"


@pytest.fixture
def make(parts: Parts, sql_url: str, board: str) -> Iterator[Make]:
    """Makes processes of readers on the same store, source and cache."""
    made: list[Readers] = []

    def start(**options: float | str) -> Readers:
        made.append(Readers(parts.url, sql_url, board, **options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for readers in made:
        readers.kill()


def miss_together(make: Make, **options: float | str) -> list[list[str]]:
    both = [make(load_s=0.3, **options) for _ in range(2)]
    for readers in both:
        readers.tell("read", "1", threads=HALF)
    return [answer for readers in both for answer in readers.answer()]


def test_200_who_miss_at_once_in_two_processes_make_one_load(make: Make, sql_url: str) -> None:
    source = VersionedSource(sql_url)
    source.write("1")
    answers = miss_together(make)
    assert [value for _, value in answers] == ["1"] * 2 * HALF
    assert source.loads("1") == 1
    assert [status for status, _ in answers].count("miss") == 1


def test_control_the_recipe_loads_once_for_everybody_who_misses(make: Make, sql_url: str) -> None:
    source = VersionedSource(sql_url)
    source.write("1")
    answers = miss_together(make, kind="plain")
    assert [value for _, value in answers] == ["1"] * 2 * HALF
    assert source.loads("1") > 100  # most of 200: some threads begin when the first load is over


def test_a_killed_loader_costs_one_more_load(make: Make, sql_url: str) -> None:
    source = VersionedSource(sql_url)
    source.write("1")
    loader, others = make(load_s=60.0, lease_s=1.5), make(load_s=0.1, lease_s=1.5)
    loader.tell("read", "1", threads=HALF)
    wait_until(lambda: source.loads("1") == 1, 10)
    others.tell("read", "1", threads=HALF)
    loader.kill()
    began = time.monotonic()
    assert [value for _, value in others.answer()] == ["1"] * HALF
    assert source.loads("1") == 2
    assert time.monotonic() - began < 1.5 + 2.0


def older_reads(make: Make, kind: str, seconds: float) -> dict[str, int]:
    both = [make(kind=kind, load_s=0.002) for _ in range(2)]
    for readers in both:
        readers.tell("mixed", "1", threads=6, seconds=seconds)
    found = [readers.answer() for readers in both]
    total = {name: sum(each[name] for each in found) for name in found[0]}
    print(f"{kind}: {total}")
    return total


def test_no_read_is_older_than_a_write_answered_before_it(make: Make) -> None:
    found = older_reads(make, "ours", 2.0)
    assert found["older"] == 0
    assert found["reads"] > 50
    assert found["writes"] > 10


@pytest.mark.soak
def test_no_read_is_older_than_a_write_answered_before_it_for_long(make: Make) -> None:
    found = older_reads(make, "ours", 60.0)
    assert found["older"] == 0
    assert found["reads"] > 1000


def test_control_the_recipe_reads_what_is_older(make: Make) -> None:
    assert older_reads(make, "plain", 2.0)["older"] > 0


# Slow reader against writer, step by step ----------------------------------------------------------------------------


def race(reader: OurCache | PlainCache, writer: OurCache | PlainCache) -> None:
    """The reader misses and has read the old version when the writer writes; then it goes on and stores."""
    source = reader.source
    writer.source.write("1")
    source.go_on.clear()
    slow = threading.Thread(target=reader.get, args=("1",))
    slow.start()
    assert source.read.wait(10)
    assert writer.write("1") == 2
    source.go_on.set()
    slow.join()


def test_a_slow_reader_cannot_undo_a_write(parts: Parts, sql_url: str, board: str) -> None:
    here, there = (OurCache(parts.client, VersionedSource(sql_url), board) for _ in range(2))
    race(here, there)
    assert here.get("1").value == b"2"
    assert there.get("1").value == b"2"


def test_control_a_slow_reader_undoes_the_write_of_the_recipe(parts: Parts, sql_url: str, board: str) -> None:
    here, there = (PlainCache(parts.client, VersionedSource(sql_url), board) for _ in range(2))
    race(here, there)
    assert there.get("1").value == b"1"
    assert parts.client.ttl(f"{board}:1") > 30  # and so it stays


class Died(BaseException):
    """Where the writer's process ends."""


def test_a_writer_who_dies_before_it_invalidates_leaves_nothing_old_behind(
    parts: Parts, sql_url: str, board: str
) -> None:
    """Killed between commit and invalidation: what was read meanwhile ends with the hold, well before it is stale."""
    hold_s = 1.0
    here = OurCache(parts.client, VersionedSource(sql_url), board, CachePolicy(jitter=0.0), hold_s=hold_s)
    here.write("1")
    here.source.go_on.clear()
    slow = threading.Thread(target=here.get, args=("1",))
    with pytest.raises(Died), here.holds.writing("1"):  # noqa: PT012 - the race is one story
        slow.start()
        assert here.source.read.wait(10)  # the reader has the old version, read under the hold
        here.source.write("1")
        raise Died
    here.source.go_on.set()
    slow.join()
    key = f"sc:cache:{{{board}:1}}"
    assert here.get("1").value == b"1"  # no answer was given to the write: both versions are right
    assert 0 < parts.client.pttl(key) <= 1000 * hold_s
    wait_until(lambda: not parts.client.exists(key), 5)
    assert here.get("1").value == b"2"


def test_a_load_begun_under_a_dead_writers_hold_is_not_stored_after_it(parts: Parts, sql_url: str, board: str) -> None:
    here = OurCache(parts.client, VersionedSource(sql_url), board, hold_s=0.3)
    here.write("1")
    here.source.go_on.clear()
    slow = threading.Thread(target=here.get, args=("1",))
    key = f"sc:cache:{{{board}:1}}"
    with pytest.raises(Died), here.holds.writing("1"):  # noqa: PT012
        slow.start()
        assert here.source.read.wait(10)
        here.source.write("1")
        raise Died
    hold = int(parts.client.hget(key, "hold"))
    wait_until(lambda: _redis_ms(parts) > hold, 5)
    here.source.go_on.set()
    slow.join()
    assert here.get("1").value == b"2"


def _redis_ms(parts: Parts) -> int:
    seconds, micros = parts.client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def test_two_writers_at_once_end_with_the_last_version(parts: Parts, sql_url: str, board: str) -> None:
    here, there = (OurCache(parts.client, VersionedSource(sql_url), board) for _ in range(2))
    with here.holds.writing("1"):
        here.source.write("1")
        assert there.write("1") == 2
        assert there.get("1").value == b"2"
    assert there.get("1").value == b"2"
    with here.holds.writing("1"):
        here.source.write("1")
    assert there.get("1").value == b"3"
