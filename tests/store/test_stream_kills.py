"""kill -9 of consumers: every effect exactly once, and the judge of that can tell when it is not."""

import random
import sys
import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from dashboard.live.workers import DELIVERIES
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.store.stream import Stream
from tests.store.consume import Consumers, counts
from tests.store.hold import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills as POSIX does")


@pytest.fixture
def stream(parts: Parts) -> Iterator[Stream]:
    one = Stream(parts.client, Scripts(parts.client), f"test-{uuid.uuid4().hex[:12]}")
    yield one
    parts.client.delete(one.key, keys.dead(one.key), keys.fates(one.key), counts(one.key))


def applied(parts: Parts, stream: Stream) -> dict[int, int]:
    """Number -> how often its effect was applied."""
    return {int(n): int(times) for n, times in parts.client.hgetall(counts(stream.key)).items()}


def is_done(stream: Stream) -> bool:
    [group] = stream.figures()["groups"]
    return bool(group["lag"] == 0 and group["pending"] == 0)


def has_come_to(parts: Parts, stream: Stream, effects: int) -> bool:
    return len(applied(parts, stream)) >= effects or is_done(stream)


def wrong(counted: dict[int, int], messages: int) -> dict[int, int]:
    """The judge: numbers whose effect was not applied exactly once."""
    return {n: counted.get(n, 0) for n in {*range(messages), *counted} if counted.get(n) != 1 or n >= messages}


@pytest.mark.parametrize(
    ("workers", "kills", "messages", "poison"),
    [(2, 6, 2_000, 10), pytest.param(4, 60, 20_000, 50, marks=pytest.mark.soak)],
)
def test_every_effect_is_applied_exactly_once_whoever_is_killed(
    parts: Parts, stream: Stream, workers: int, kills: int, messages: int, poison: int
) -> None:
    chance = random.Random(4)
    names = [f"w{n}" for n in range(workers)]
    consumers = Consumers(parts.url, stream.key)
    lots = [{"n": str(n)} for n in range(messages)] + [{"nothing": str(n)} for n in range(poison)]
    chance.shuffle(lots)
    share = len(lots) // (kills + 1) + 1
    fresh = workers
    try:
        for name in names:
            consumers.start(name)
        for at in range(0, len(lots), share):
            wanted = len(applied(parts, stream)) + chance.randint(1, share // 2)
            with parts.client.pipeline(transaction=False) as pipe:
                for fields in lots[at : at + share]:
                    pipe.xadd(stream.key, fields)
                pipe.execute()
            if kills:
                kills -= 1
                wait_until(partial(has_come_to, parts, stream, wanted), 30)
                victim = chance.choice(sorted(consumers.running))
                consumers.kill(victim)
                back = victim if chance.random() < 0.5 else f"w{fresh}"  # under its name, or a new one takes over
                fresh += 1
                consumers.start(back)
                if kills % 10 == 0:
                    print(f"{kills} kills to go, {len(applied(parts, stream))} of {messages} messages applied")
        wait_until(partial(is_done, stream), 60)
        consumers.end()
    finally:
        for name in list(consumers.running):
            consumers.kill(name)
    assert kills == 0
    assert wrong(applied(parts, stream), messages) == {}
    letters = stream.letters(limit=1000)
    assert {letter.fields["nothing"] for letter in letters} == {str(n) for n in range(poison)}
    assert len(letters) == poison
    assert {(letter.error, letter.group) for letter in letters} == {("there is no `n`", "g")}


@pytest.mark.parametrize(("how", "expected"), [("exactly-once", 1), ("two-calls", 2)])
def test_killed_between_effect_and_acknowledgement(parts: Parts, stream: Stream, how: str, expected: int) -> None:
    """With one script there is no between. The control, which makes two calls of it, applies the effect twice."""
    stream.add({"n": "0"})
    first = Consumers(parts.url, stream.key, how, "pausing")
    first.start("a")
    assert first.says("a") == "between"
    first.kill("a")
    second = Consumers(parts.url, stream.key, how)
    second.start("b")
    wait_until(partial(is_done, stream))
    second.end()
    assert applied(parts, stream) == {0: expected}


def test_an_entry_that_kills_its_workers_ends_as_a_dead_letter(parts: Parts, stream: Stream) -> None:
    id = stream.add({"deadly": "yes"})
    stream.add({"n": "0"})
    consumers = Consumers(parts.url, stream.key, idle_ms=50)
    for n in range(DELIVERIES):
        consumers.start(f"w{n}")
        assert consumers.died(f"w{n}")
    consumers.start("last")
    wait_until(partial(is_done, stream))
    consumers.end()
    [letter] = stream.letters()
    assert (letter.entry, letter.deliveries) == (id, DELIVERIES + 1)
    assert applied(parts, stream) == {0: 1}
