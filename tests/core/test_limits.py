"""Who is limited in what, on the real store."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from dashboard.core.limits import Caller, Limits
from dashboard.core.policies import parse_policies
from dashboard.errors import RateLimited, StoreUnavailable
from dashboard.parts import Parts
from dashboard.store import keys
from dashboard.store.client import connect
from dashboard.store.rate_limit import RateLimiter
from dashboard.store.scripts import Scripts
from dashboard.store.top_list import KEPT, TopList
from tests.store.hold import wait_until


def limits_of(parts: Parts, text: str) -> Limits:
    busiest = TopList(parts.client, keys.limits_busy)
    return Limits(RateLimiter(Scripts(parts.client)), busiest, parse_policies(text), parts.clock)


@pytest.fixture
def caller() -> Caller:
    """Somebody whom no other test knows."""
    return Caller("192.0.2.1", uuid.uuid4().hex)


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("203.0.113.7", "address:203.0.113.7"),
        ("::ffff:203.0.113.7", "address:203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "address:2001:db8:1:2::/64"),
        ("::1", "address:::1"),
        ("unknown", "address:unknown"),
    ],
)
def test_an_address_is_a_subject_and_a_whole_ipv6_network_is_one(address: str, subject: str) -> None:
    assert Caller(address).by_address == subject
    assert Caller(address).by_key == subject, "who has no key goes by address"


def test_keys_are_not_written_into_redis(parts: Parts, caller: Caller) -> None:
    limits_of(parts, "score:5/minute").take("score", caller)
    assert caller.key
    assert Caller("1.1.1.1", caller.key).by_key == caller.by_key != Caller("1.1.1.1", caller.key + "x").by_key
    assert not [name for name in parts.client.scan_iter() if caller.key.encode() in name]
    assert Caller("1.1.1.1", "abcd").by_key.startswith("key:ab...#"), "of a short key less is shown"


def test_a_refusal_names_the_policy_and_the_wait_and_takes_nothing(parts: Parts, caller: Caller) -> None:
    limits = limits_of(parts, "score:3/minute, score:100/hour/address/sliding")
    for n in (2, 1):
        limits.take("score", caller, n)
    with pytest.raises(
        RateLimited, match=r"^3 per minute are allowed \(score/minute\) and 0 are left now; try again in"
    ) as no:
        limits.take("score", caller)
    first, second = no.value.evidence["decisions"]
    assert (first.allowed, second.allowed, second.remaining) == (False, True, 97)
    with pytest.raises(RateLimited, match="so 4 at once never are: send fewer at once"):
        limits.take("score", caller, 4)


def test_a_batch_costs_each_player_what_is_theirs(parts: Parts, caller: Caller) -> None:
    limits = limits_of(parts, "score:3/minute/player")
    ada, bob = f"ada-{caller.key}", f"bob-{caller.key}"
    decisions = limits.take("score", caller, 4, {ada: 3, bob: 1})
    assert [decision.remaining for decision in decisions] == [0, 2]
    with pytest.raises(RateLimited):
        limits.take("score", caller, 2, {ada: 1, bob: 1})
    assert limits.take("score", caller, 2, {bob: 2})[0].remaining == 0, "the refused batch took nothing"


def test_a_batch_is_counted_with_all_its_scores_however_many_players_have_them(parts: Parts, caller: Caller) -> None:
    busiest = TopList(parts.client, lambda second, kind: f"sc:limits:{{{caller.key}}}:{kind}:{second}")
    limits = Limits(RateLimiter(Scripts(parts.client)), busiest, parse_policies("score:3/minute/player"), parts.clock)
    limits.take("score", caller, 5, {f"{name}-{caller.key}": n for name, n in (("ada", 3), ("bob", 1), ("cat", 1))})
    with pytest.raises(RateLimited):
        limits.take("score", caller, 3, {f"{name}-{caller.key}": 1 for name in ("ada", "bob", "cat")})
    limits.report()
    wait_until(lambda: limits.state()["allowed_per_second"])  # the second in which it was reported has to be over
    state = limits.state()
    assert (5 * state["allowed_per_second"], 5 * state["refused_per_second"]) == (5, 3)


def test_without_a_policy_nothing_is_asked(caller: Caller) -> None:
    nowhere = connect("unix:///nowhere/at/all")
    limits = Limits(RateLimiter(Scripts(nowhere)), TopList(nowhere, keys.limits_busy), (), None)  # type: ignore[arg-type]
    assert limits.take("score", caller, 1000) == []


def test_without_redis_reads_pass_and_writes_do_not(parts: Parts, caller: Caller, tmp_path: Path) -> None:
    nowhere = connect(f"unix://{tmp_path}/s")
    policies = parse_policies(
        "score:9/minute, publish:9/minute, lock:9/minute, payment:9/minute, login:9/minute, user:9/minute, read:9/day"
    )
    limits = Limits(RateLimiter(Scripts(nowhere)), TopList(nowhere, keys.limits_busy), policies, parts.clock)
    for guard in ("user", "read"):
        assert limits.take(guard, caller) == []
    for guard in ("score", "publish", "lock", "payment", "login"):
        with pytest.raises(StoreUnavailable):
            limits.take(guard, caller)
    limits.report()


def test_the_busiest_are_shown_with_what_they_have_left_and_their_keys_masked(parts: Parts, caller: Caller) -> None:
    mine, other = limits_of(parts, "publish:5/hour"), limits_of(parts, "publish:5/hour")
    for n in range(20):
        try:
            (mine if n % 2 else other).take("publish", caller)
        except RateLimited:
            assert n >= 5
    mine.report()
    other.report()
    assert caller.key
    shown = f"{caller.key[:4]}..."

    def found() -> dict[str, Any]:
        return next((s for s in mine.state()["subjects"] if s["subject"] == shown), {"refused_per_second": 0})

    wait_until(lambda: found()["refused_per_second"] >= 3)  # the second in which both reported has to be over
    subject = found()
    assert subject.pop("reset_s")
    assert subject == {
        "by": "key",
        "subject": shown,
        "policy": "publish/hour",
        "limit": 5,
        "used": 5,
        "remaining": 0,
        "allowed_per_second": 1.0,
        "refused_per_second": 3.0,
    }
    state = mine.state()
    assert state["refused_per_second"] >= 3
    assert state["policies"] == [
        {
            "policy": "publish/hour",
            "guard": "publish",
            "limit": 5,
            "window_s": 3600,
            "subject": "key",
            "algorithm": "gcra",
        }
    ]


def test_a_flood_of_subjects_leaves_a_bounded_account_that_ends_by_itself(parts: Parts) -> None:
    busiest = TopList(parts.client, keys.limits_busy)
    second = 12_345
    for part in range(10):
        busiest.add(second, {"allowed": {"": 50} | {f"x address:{part}.{n}": 1 + n for n in range(50)}})
    key = keys.limits_busy(second, "allowed")
    assert parts.client.zcard(key) == KEPT
    assert parts.client.zscore(key, "") == 500
    assert 0 < parts.client.ttl(key) <= 60
