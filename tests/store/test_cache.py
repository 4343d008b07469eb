"""The cache in one process: freshness, one refresher, early refresh, absence, failing sources, Redis away."""

import math
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import SourceUnavailable, StoreUnavailable
from dashboard.parts import Parts
from dashboard.store.breaker import Breaker
from dashboard.store.cache import CachePolicy
from dashboard.store.client import connect
from dashboard.store.counts import total
from dashboard.store.embedded import EmbeddedStore
from dashboard.store.guarded_source import DIRECT_LOADS
from tests.store.hold import servers_in, wait_until
from tests.store.versioned import OurCache, VersionedSource

EVEN = CachePolicy(fresh_s=60, stale_s=20, spare_s=600, absent_s=10, jitter=0.0, eager=0.0)
Make = Callable[..., OurCache]


@pytest.fixture
def source(tmp_path: Path) -> VersionedSource:
    made = VersionedSource(f"sqlite:///{tmp_path / 'source.db'}")
    made.write("1")
    return made


@pytest.fixture
def make(parts: Parts, source: VersionedSource, board: str) -> Iterator[Make]:
    """Makes caches of one space; at the end every key that they left has an end of its own."""

    def start(policy: CachePolicy = EVEN, **options: Any) -> OurCache:
        return OurCache(parts.client, source, board, policy, **options)

    yield start
    left = list(parts.client.scan_iter(match=f"*{board}*", count=1000))
    assert [key for key in left if parts.client.pttl(key) < 0] == []


@pytest.fixture
def key(board: str) -> str:
    return f"sc:cache:{{{board}:1}}"


def let_pass(parts: Parts, key: str, seconds: float) -> None:
    """Make an entry as much older, as if the time had passed."""
    for field in ("made", "fresh", "stale", "keep"):
        parts.client.hincrby(key, field, round(-1000 * seconds))


def counted(cache: OurCache) -> Counter[str]:
    cache.counts.flush()
    return total(cache.counts.read()[1])


# Freshness ----------------------------------------------------------------------------------------------------------


def test_what_was_loaded_is_served_until_its_time_is_over(
    parts: Parts, make: Make, source: VersionedSource, key: str
) -> None:
    cache = make()
    first, second = cache.get("1"), cache.get("1")
    assert (first.status, first.value, first.fresh_s) == ("miss", b"1", 60.0)
    assert (second.status, second.value) == ("hit", b"1")
    assert second.fresh_s == pytest.approx(60, abs=5)
    let_pass(parts, key, 50)
    third = cache.get("1")
    assert third.status == "hit"
    assert third.age_s == pytest.approx(50, abs=5)
    let_pass(parts, key, 700)
    assert cache.get("1").status == "miss"
    assert source.loads("1") == 2


def test_what_is_stale_is_served_to_all_while_one_refreshes_it(
    parts: Parts, make: Make, source: VersionedSource, key: str
) -> None:
    cache, other = make(), make()
    cache.get("1")
    source.write("1")  # by somebody who tells nobody
    let_pass(parts, key, 61)
    source.go_on.clear()
    answers = [c.get("1") for c in (cache, other) * 10]
    assert {(a.status, a.value) for a in answers} == {("stale", b"1")}
    assert all(a.fresh_s is not None and a.fresh_s < 0 for a in answers)
    source.go_on.set()
    wait_until(lambda: cache.get("1").status == "hit", 10)
    assert other.get("1").value == b"2"
    assert source.loads("1") == 2


def test_absence_is_remembered_for_a_shorter_time(
    parts: Parts, make: Make, source: VersionedSource, board: str
) -> None:
    cache = make()
    assert [cache.get("nobody").value for _ in range(20)] == [None] * 20
    assert source.loads("nobody") == 1
    assert cache.get("nobody").fresh_s == pytest.approx(10, abs=2)
    assert 0 < parts.client.pttl(f"sc:cache:{{{board}:nobody}}") <= 10_000
    let_pass(parts, f"sc:cache:{{{board}:nobody}}", 11)
    assert cache.get("nobody").status == "miss"


def test_absence_ends_with_a_write(make: Make) -> None:
    cache = make()
    assert cache.get("new").value is None
    cache.write("new")
    assert cache.get("new").value == b"1"


def test_what_somebody_else_wrote_is_seen_after_invalidate(make: Make, source: VersionedSource) -> None:
    cache = make()
    cache.get("1")
    source.write("1")
    assert cache.get("1").value == b"1"
    cache.holds.invalidate("1")
    assert cache.get("1").value == b"2"


def test_lives_differ_by_the_jitter(make: Make, source: VersionedSource) -> None:
    policy = CachePolicy(fresh_s=100, jitter=0.2)
    cache = make(policy, chance=random.Random(7).random)
    lives = [cache.get(f"{n}-").fresh_s or 0.0 for n in range(40)]  # absent: 10 s
    assert all(8.0 <= life <= 10.0 for life in lives)
    assert max(lives) - min(lives) > 1.5


# Early refresh (XFetch) ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chance", "early"), [(0.0, False), (0.77, False), (0.78, True), (0.999, True)])
def test_early_refresh_follows_the_formula(
    parts: Parts, make: Make, source: VersionedSource, key: str, chance: float, early: bool
) -> None:
    """Due where now - delta * beta * ln(rand) >= expiry; 1.5 load times before it that is for 1 - rand > 0.7769."""
    assert (-math.log(1 - chance) > 1.5) == early
    cache = make(CachePolicy(jitter=0.0, eager=1.0), chance=lambda: chance)
    cache.get("1")
    now_s, micros = parts.client.time()
    expiry = int(now_s) * 1000 + int(micros) // 1000 + 150_000
    parts.client.hset(key, mapping={"fresh": expiry, "stale": expiry, "keep": expiry, "delta": 100_000})
    assert cache.get("1").status == "hit"
    assert counted(cache)["refresh"] == early
    wait_until(lambda: not parts.client.hexists(key, "lease"), 5)
    assert source.loads("1") == 1 + early


def refreshes(parts: Parts, cache: OurCache, board: str, keys: int) -> Counter[int]:
    """Entries that end at one moment and took 300 ms to load, each read every 50 ms: how many refreshes begin in which
    step before their end (0: the step at which they are over). Their ends are set by hand, so no time has to pass.
    """
    source, begun = cache.source, Counter[int]()
    waiting = {f"{n}-of-many" for n in range(keys)}
    for id in waiting:
        source.write(id)
        cache.get(id)
    source.go_on.clear()  # a refresh that has begun holds its lease until we have counted it
    for step in range(30, -1, -1):
        for id in sorted(waiting):
            key = f"sc:cache:{{{board}:{id}}}"
            now_s, micros = parts.client.time()
            end = int(now_s) * 1000 + int(micros) // 1000 + 50 * step
            parts.client.hset(key, mapping={"fresh": end, "stale": end + 20_000, "delta": 300})
            assert cache.get(id).value == b"1"
            if parts.client.hexists(key, "lease"):
                begun[step] += 1
                waiting.remove(id)
    source.go_on.set()
    assert not waiting
    return begun


def test_early_refresh_spreads_what_ends_at_one_moment(parts: Parts, make: Make, board: str) -> None:
    cache = make(CachePolicy(jitter=0.0, eager=1.0), chance=random.Random(3).random)
    begun = refreshes(parts, cache, board, 30)
    assert max(begun.values()) <= 10
    assert len(begun) >= 10


def test_control_with_a_fixed_end_all_refresh_at_one_moment(parts: Parts, make: Make, board: str) -> None:
    assert refreshes(parts, make(EVEN), board, 30) == {0: 30}


# Failing sources ----------------------------------------------------------------------------------------------------


def test_what_is_kept_stands_in_for_a_source_that_fails(
    parts: Parts, make: Make, source: VersionedSource, key: str
) -> None:
    cache = make()
    cache.get("1")
    let_pass(parts, key, 90)  # neither fresh nor to be served while it is refreshed
    source.break_down()
    kept = cache.get("1")
    assert (kept.status, kept.value) == ("spare", b"1")
    assert kept.age_s == pytest.approx(90, abs=5)
    source.repair()
    assert cache.get("1").status == "miss"


def test_without_anything_kept_a_failing_source_is_said_so(make: Make, source: VersionedSource) -> None:
    cache = make()
    source.break_down()
    with pytest.raises(SourceUnavailable):
        cache.get("1")
    source.repair()
    assert cache.get("1").value == b"1"  # its lease was given back


def test_all_who_wait_for_a_load_hear_that_it_failed(make: Make, source: VersionedSource) -> None:
    cache = make(breaker=Breaker(failures=100))
    source.break_down()
    source.load_s = 0.2
    failures: list[Exception] = []

    def read() -> None:
        try:
            cache.get("1")
        except SourceUnavailable as error:
            failures.append(error)

    readers = [threading.Thread(target=read) for _ in range(30)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert len(failures) == 30
    assert source.loads("1") < 30


def test_an_error_of_the_loader_itself_keeps_nobody_waiting(make: Make, source: VersionedSource) -> None:
    cache = make()
    load, failing = source.load, [ValueError("a mistake in the loader")]

    def mistaken(id: str) -> bytes | None:
        if failing:
            raise failing.pop()
        return load(id)

    cache.cache._source._load = mistaken
    with pytest.raises(ValueError, match="a mistake"):
        cache.get("1")
    began = time.monotonic()
    assert cache.get("1").value == b"1"
    assert time.monotonic() - began < EVEN.lease_s / 2


def test_the_breaker_opens_leaves_the_source_alone_and_closes(make: Make, source: VersionedSource) -> None:
    now = [0.0]
    breaker = Breaker(failures=3, rest_s=5.0, monotonic_s=lambda: now[0])
    cache = make(breaker=breaker)
    source.break_down()
    for n in range(10):
        with pytest.raises(SourceUnavailable):
            cache.get(f"id-{n}")
    assert len(source.all_loads()) == 3
    source.repair()
    with pytest.raises(SourceUnavailable):  # it is well again, which nobody has looked at
        cache.get("1")
    now[0] = 5.1
    assert cache.get("1").value == b"1"
    assert cache.get("id-1").value is None
    assert len(source.all_loads()) == 5
    found = counted(cache)
    assert (found["failed"], found["refused"], found["opened"], found["unanswered"]) == (3, 8, 1, 11)


def test_the_breaker_half_open_lets_one_through(make: Make) -> None:
    now = [0.0]
    breaker = Breaker(failures=1, rest_s=5.0, monotonic_s=lambda: now[0])
    assert breaker.failed()
    now[0] = 5.1
    assert [breaker.allows() for _ in range(5)] == [True, False, False, False, False]
    breaker.failed()
    now[0] = 10.0
    assert not breaker.allows()
    now[0] = 10.2
    assert breaker.allows()
    breaker.succeeded()
    assert breaker.allows()
    assert breaker.allows()


# Redis away ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(data_dir: Path) -> Iterator[EmbeddedStore]:
    """A store that the test may stop."""
    store = EmbeddedStore(data_dir)
    store.start()
    yield store
    store.stop()


def test_without_redis_the_source_answers_and_nothing_is_written(
    own: EmbeddedStore, source: VersionedSource, board: str
) -> None:
    cache = OurCache(connect(own.start(), timeout_s=1.0), source, board, EVEN)
    assert [cache.get("1").status for _ in range(2)] == ["miss", "hit"]
    own.stop()
    found = cache.get("1")
    assert (found.status, found.value, found.fresh_s) == ("bypass", b"1", None)
    with pytest.raises(StoreUnavailable, match="Redis"):
        cache.write("1")
    assert source.load("1") == b"1"  # a write that no reader could be told of does not happen
    own.start()
    wait_until(lambda: cache.get("1").status == "hit", 10)
    assert cache.write("1") == 2
    assert cache.get("1").value == b"2"


def test_without_redis_only_a_few_ask_the_source_at_once(
    own: EmbeddedStore, source: VersionedSource, board: str
) -> None:
    cache = OurCache(connect(own.start(), timeout_s=1.0), source, board, EVEN)
    own.stop()
    load, lock, running, most = source.load, threading.Lock(), [0], [0]

    def watched(id: str) -> bytes | None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            return load(id)
        finally:
            with lock:
                running[0] -= 1

    cache.cache._source._load = watched
    source.load_s = 0.02
    readers = [threading.Thread(target=cache.get, args=("1",)) for _ in range(40)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert 1 < most[0] <= DIRECT_LOADS
    assert source.loads("1") == 40


def test_a_redis_that_hangs_costs_one_reader_its_patience(
    own: EmbeddedStore, source: VersionedSource, board: str, data_dir: Path
) -> None:
    cache = OurCache(connect(own.start(), timeout_s=0.5), source, board, EVEN)
    cache.get("1")
    (pid,) = servers_in(data_dir)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert cache.get("1").status == "bypass"
        assert time.monotonic() - began > 0.4
        began = time.monotonic()
        assert {cache.get("1").status for _ in range(5)} == {"bypass"}
        assert time.monotonic() - began < 0.4
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: cache.get("1").status == "hit", 10)


def test_a_write_whose_end_redis_did_not_hear_says_so(own: EmbeddedStore, source: VersionedSource, board: str) -> None:
    """The source is written, Redis is gone before it is told: an error, and nothing old once Redis is back."""
    cache = OurCache(connect(own.start(), timeout_s=1.0), source, board, EVEN)
    cache.get("1")
    with pytest.raises(StoreUnavailable, match="It is written"), cache.holds.writing("1"):  # noqa: PT012
        source.write("1")
        own.stop()
    assert cache.get("1").value == b"2"
    own.start()
    wait_until(lambda: cache.get("1").status == "hit", 10)
    assert cache.get("1").value == b"2"


def test_a_write_that_takes_too_long_is_taken_back(make: Make, source: VersionedSource) -> None:
    cache = make(hold_s=0.02)  # half of it is the writer's
    with pytest.raises(SourceUnavailable, match="too long"), cache.holds.writing("1") as hold:  # noqa: PT012
        late = time.monotonic() + 0.03

        def commit_late() -> None:
            wait_until(lambda: time.monotonic() > late, 5)
            hold.check()

        source.write("1", commit_late)
    assert source.load("1") == b"1"
