"""Who is limited in what: policies applied to callers, and an account of the busiest of them.

Owns: which claims a call makes, what a refusal says, what the panel shows. Leaves to others: the setting's words
(`policies.py`), the algorithms (`store/rate_limit.py`), who is calling and how the answer is sent (`web/limits.py`).
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from threading import Lock
from typing import Any

from dashboard.core.clock import Clock
from dashboard.core.periods import rfc3339
from dashboard.core.policies import PERIOD_S, Policy, SubjectKind
from dashboard.errors import RateLimited, StoreUnavailable
from dashboard.store.rate_limit import Claim, RateLimiter
from dashboard.store.top_list import TopList
from dashboard.values import RateDecision

READS = ("user", "read")
"""Guards of what can be answered without Redis: where it is away they let everybody pass, the others raise."""
SHOWN = 20
REPORTED = 50
MOST_COUNTED = 10_000
"""Subjects counted between two reports of a process; those beyond only count in the total."""
RATE_S = 5
"""Rates are means over that many whole seconds."""
LATELY_S = 45
"""Who did nothing for so long is not shown."""
TOTAL = ""
Counts = dict[str, Counter[str]]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the peer's address (`X-Forwarded-For` is not trusted, anybody can write it) and its API key."""

    address: str
    key: str | None = None

    @property
    def by_address(self) -> str:
        """`address:203.0.113.7`; of IPv6 the /64 network, as one customer has at least that many addresses."""
        return _by_address(self.address)

    @property
    def by_key(self) -> str:
        """`key:abcd...#1f2e3d4c5b6a7988`, its first characters and a digest: keys are not written into Redis. A caller
        without a key goes by address.
        """
        return _by_key(self.key) if self.key else self.by_address


@lru_cache(4096)
def _by_address(address: str) -> str:
    try:
        ip = ip_address(address)
    except ValueError:
        return f"address:{address}"
    if ip.version == 6 and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    if ip.version == 6 and not ip.is_loopback:
        return f"address:{ip_network((ip, 64), strict=False)}"
    return f"address:{ip}"


@lru_cache(4096)
def _by_key(key: str) -> str:
    digest = hashlib.sha256(key.encode(errors="replace")).hexdigest()[:16]
    start = key[: min(4, len(key) // 2)].replace("#", "_")
    return f"key:{start}...#{digest}"


class Limits:
    """The limits of this server. With no policy for a guard, `take` costs nothing."""

    def __init__(self, limiter: RateLimiter, busiest: TopList, policies: Iterable[Policy], clock: Clock) -> None:
        self.policies = tuple(policies)
        self._limiter = limiter
        self._busiest = busiest
        self._clock = clock
        self._by_guard: dict[str, list[Policy]] = {}
        for policy in self.policies:
            self._by_guard.setdefault(policy.guard, []).append(policy)
        self._quotas = {policy.quota.name: policy.quota for policy in self.policies}
        self._lock = Lock()
        self._counts = _none()

    def guards(self, guard: str, by: SubjectKind | None = None) -> bool:
        """Whether there is a policy for it (with that subject)."""
        return any(by in (None, policy.subject) for policy in self._by_guard.get(guard, ()))

    def take(
        self, guard: str, caller: Caller, n: int = 1, players: Mapping[str, int] | None = None
    ) -> list[RateDecision]:
        """Let a caller do `n` of what is guarded, `players` saying how many for whom, under all policies or none.

        Raises RateLimited (nothing was taken); StoreUnavailable, unless the guard is one of READS: it then lets pass and
        decides nothing. One round trip, none where the guard has no policy.
        """
        claims = self.claims(guard, caller, n, players)
        if not claims:
            return []
        try:
            decisions = self._limiter.take(claims)
        except StoreUnavailable:
            if guard in READS:
                return []
            raise
        return self.settle(claims, decisions, n)

    def claims(self, guard: str, caller: Caller, n: int, players: Mapping[str, int] | None) -> list[Claim]:
        """What `take` takes."""
        return [
            Claim(policy.quota, subject, count)
            for policy in self._by_guard.get(guard, ())
            for subject, count in _subjects(policy, caller, n, players)
        ]

    def settle(self, claims: list[Claim], decisions: list[RateDecision], n: int) -> list[RateDecision]:
        """Count what was decided. Raises RateLimited where one claim was refused."""
        refused = [decision for decision in decisions if not decision.allowed]
        self._count(claims, refused, n)
        if refused:
            raise RateLimited(_sentence(refused, n), decisions=decisions)
        return decisions

    @property
    def at_once(self) -> bool:
        """Whether one call decides all claims."""
        return self._limiter.one_slot

    def report(self) -> None:
        """Add what this process counted to the shared account. Call it once a second. At most one round trip.

        Where Redis is away the counts of that second are dropped: they are a picture, not an effect.
        """
        with self._lock:
            counts, self._counts = self._counts, _none()
        if not any(counts.values()):
            return
        top = {kind: dict(found.most_common(REPORTED)) for kind, found in counts.items() if found}
        try:
            self._busiest.add(self._clock.now_ms() // 1000, top)
        except StoreUnavailable:
            return

    def state(self) -> dict[str, Any]:
        """The panel: `at`, `policies`, `allowed_per_second`, `refused_per_second` and the busiest `subjects`, those who
        are refused most first. Raises StoreUnavailable. Two round trips.
        """
        now_ms = self._clock.now_ms()
        last = now_ms // 1000
        just, lately = range(last - RATE_S, last), range(last - LATELY_S, last + 1)
        allowed, refused, *seen = self._busiest.read(
            (just, "allowed"), (just, "refused"), (lately, "allowed"), (lately, "refused")
        )
        total = {"allowed": allowed.pop(TOTAL, 0) / RATE_S, "refused": refused.pop(TOTAL, 0) / RATE_S}
        recent = Counter(seen[0]) + Counter(seen[1])
        known = [who for who in recent if who.partition(" ")[0] in self._quotas]
        known.sort(key=lambda who: (-refused.get(who, 0), -allowed.get(who, 0), -recent[who], who))
        claims = [
            Claim(self._quotas[policy], subject) for policy, _, subject in (w.partition(" ") for w in known[:SHOWN])
        ]
        decisions = self._limiter.look(claims) if claims else []
        return {
            "at": rfc3339(now_ms),
            "policies": [_policy(policy) for policy in self.policies],
            "allowed_per_second": total["allowed"],
            "refused_per_second": total["refused"],
            "subjects": [
                {
                    **_shown(decision.subject),
                    "policy": decision.policy,
                    "limit": decision.limit,
                    "used": decision.limit - decision.remaining,
                    "remaining": decision.remaining,
                    "reset_s": round(decision.reset_s, 1),
                    "allowed_per_second": allowed.get(who, 0) / RATE_S,
                    "refused_per_second": refused.get(who, 0) / RATE_S,
                }
                for who, decision in zip(known, decisions, strict=False)
            ],
        }

    def _count(self, claims: list[Claim], refused: list[RateDecision], n: int) -> None:
        over = {(decision.policy, decision.subject) for decision in refused}
        with self._lock:
            self._counts["refused" if refused else "allowed"][TOTAL] += n
            for claim in claims:
                who = f"{claim.quota.name} {claim.subject}"
                if not refused:
                    found = self._counts["allowed"]
                elif (claim.quota.name, claim.subject) in over:
                    found = self._counts["refused"]
                else:
                    continue  # it would have been let through, but another policy refused
                if who in found or len(found) < MOST_COUNTED:
                    found[who] += claim.n


def _none() -> Counts:
    return {"allowed": Counter(), "refused": Counter()}


def _subjects(policy: Policy, caller: Caller, n: int, players: Mapping[str, int] | None) -> Iterable[tuple[str, int]]:
    if policy.subject == "player" and players:
        return [(f"player:{player}", count) for player, count in players.items()]
    return [(caller.by_key if policy.subject == "key" else caller.by_address, n)]


def _shown(subject: str) -> dict[str, str]:
    by, _, name = subject.partition(":")
    return {"by": by, "subject": name.partition("#")[0] if by == "key" else name}


def _policy(policy: Policy) -> dict[str, Any]:
    quota = policy.quota
    return {
        "policy": quota.name,
        "guard": policy.guard,
        "limit": quota.count,
        "window_s": quota.window_s,
        "subject": policy.subject,
        "algorithm": quota.algorithm,
    }


def _sentence(refused: list[RateDecision], n: int) -> str:
    worst = max(refused, key=lambda d: (d.retry_after_s is None, d.retry_after_s or 0.0))
    period = next(name for name, seconds in PERIOD_S.items() if seconds == worst.window_s)
    rule = f"{worst.limit:,} per {period} are allowed ({worst.policy})"
    if worst.retry_after_s is None:
        return f"{rule}, so {n:,} at once never are: send fewer at once."
    return f"{rule} and {worst.remaining:,} are left now; try again in {worst.retry_after_s:.1f} s."
