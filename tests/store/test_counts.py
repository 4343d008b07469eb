"""Shared counters: what several processes count is one account, which forgets, and whose percentiles are right."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.parts import Parts
from dashboard.store.client import connect
from dashboard.store.counts import STEP_S, WINDOW_S, Counts, percentile_ms, total
from dashboard.store.scripts import Scripts


@pytest.fixture
def key(board: str) -> str:
    return f"sc:cache-counts:{{{board}}}"


def make(parts: Parts, key: str) -> Counts:
    return Counts(parts.client, Scripts(parts.client), key)


def test_what_two_count_is_one_account(parts: Parts, key: str) -> None:
    here, there = make(parts, key), make(parts, key)
    here.add("load")
    there.add("load", 4)
    here.flush()
    there.flush()
    here.flush()  # nothing new
    for counts in (here, there):
        assert total(counts.read()[1])["load"] == 5
    assert 0 < parts.client.ttl(key) <= WINDOW_S


def test_what_is_past_the_window_is_forgotten(parts: Parts, key: str) -> None:
    now = parts.client.time()[0] // STEP_S
    old, young = now - WINDOW_S // STEP_S, now - 2
    parts.client.hset(key, mapping={f"{old}:": 1, f"{old}:load": 7, f"{young}:": 1, f"{young}:load": 2})
    counts = make(parts, key)
    assert total(counts.read()[1])["load"] == 2
    counts.add("load")
    counts.flush()
    assert total(counts.read()[1])["load"] == 3
    assert not parts.client.hexists(key, f"{old}:load")
    assert parts.client.ttl(key) > 0


def test_without_redis_the_buffer_waits(parts: Parts, key: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    away = connect(f"unix://{tmp_path_factory.mktemp('away')}/none.sock")
    counts = make(parts, key)
    real = counts._scripts
    counts._scripts = Scripts(away)
    counts.add("load", 3)
    counts.flush()
    counts.add("load")
    counts._scripts = real
    counts.flush()
    assert total(counts.read()[1])["load"] == 4


@given(
    st.lists(st.floats(min_value=1e-6, max_value=100.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 1.0])
)
def test_percentiles_are_right_within_nine_percent(seconds: list[float], share: float) -> None:
    counts = Counts(None, None, "unused")  # type: ignore[arg-type]  # nothing is written
    for each in seconds:
        counts.time("hit", each)
    exact_ms = sorted(seconds)[math.ceil(share * len(seconds)) - 1] * 1000
    assert percentile_ms(counts._buffer, "hit", share) == pytest.approx(exact_ms, rel=0.1)


def test_percentiles_of_nothing_are_none() -> None:
    assert percentile_ms({"load~3": 1}, "hit", 0.5) is None
