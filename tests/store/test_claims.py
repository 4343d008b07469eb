"""Claims: one does it, the others get the answer; what a dead one held is done by the next."""

import threading
import time
import uuid
from typing import Any

import pytest

from dashboard.errors import IdempotencyConflict, StillRunning
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.claims import Claims
from dashboard.store.once import KEPT_MS, Once
from dashboard.store.scripts import Scripts


@pytest.fixture
def once() -> Once:
    return Once(uuid.uuid4().hex * 2, "print")


def claims(parts: Parts, **times: float) -> Claims:
    return Claims(Scripts(parts.client), **times)


def test_one_does_it_and_all_who_wait_get_the_answer(parts: Parts, once: Once) -> None:
    found: list[Any] = []
    mine = claims(parts).take(once)
    assert mine.answer is None
    waiting = [threading.Thread(target=lambda: found.append(claims(parts).take(once).answer)) for _ in range(8)]
    for thread in waiting:
        thread.start()
    claims(parts).keep(mine, "the answer")
    for thread in waiting:
        thread.join(10)
    assert found == ["the answer"] * 8
    assert KEPT_MS - 60_000 < parts.client.pttl(keys.claim(once.digest)) <= KEPT_MS


def test_another_body_is_a_conflict_while_it_runs_and_after(parts: Parts, once: Once) -> None:
    mine = claims(parts).take(once)
    for _ in range(2):
        with pytest.raises(IdempotencyConflict):
            claims(parts).take(Once(once.digest, "another"))
        claims(parts).keep(mine, "the answer")


def test_who_has_waited_for_long_enough_is_told_so(parts: Parts, once: Once) -> None:
    claims(parts).take(once)
    with pytest.raises(StillRunning):
        claims(parts, patience_s=0.1).take(once)


def test_what_was_given_back_is_free_at_once_also_for_another_body(parts: Parts, once: Once) -> None:
    claims(parts).drop(claims(parts).take(once))
    assert not parts.client.exists(keys.claim(once.digest))
    assert claims(parts, patience_s=0).take(Once(once.digest, "another")).answer is None


def test_the_claim_of_one_who_died_ends_and_its_late_answer_is_not_kept(parts: Parts, once: Once) -> None:
    began = time.monotonic()
    dead = claims(parts, lease_s=0.3).take(once)
    assert KEPT_MS - 60_000 < parts.client.pttl(keys.claim(once.digest)) <= KEPT_MS
    heir = claims(parts).take(once)
    assert heir.answer is None
    assert 0.3 <= time.monotonic() - began < 5
    claims(parts).keep(dead, "late")
    claims(parts).drop(dead)
    claims(parts).keep(heir, "the answer")
    assert claims(parts).take(once).answer == "the answer"
