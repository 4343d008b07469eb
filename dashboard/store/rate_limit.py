"""Rate limits: how many of something a subject may do in a time, decided in one script by Redis' own clock.

Owns: the three algorithms (`lua/take_limits.lua`) and what their replies mean. Leaves to others: who is limited in what
(`core/`), and telling clients (`web/`).

- `gcra`, the generic cell rate algorithm (ITU-T I.371): the whole count at once, then one each window / count. Never more
  than count + length x count / window in any interval of that length. One number per subject.
- `sliding`, an exact log: never more than count in any interval [t, t + window), and nothing less. At most one entry,
  about 14 bytes, per unit of the count.
- `fixed`, the well-known INCR and EXPIRE: count per window, the window beginning with its first taker. Twice the count
  can fall into one interval of its length, around the seam. Its key is the recipe's plain counter.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dashboard.store import keys
from dashboard.store.scripts import Scripts
from dashboard.values import RateDecision

SCRIPT = "take_limits"
Algorithm = Literal["gcra", "sliding", "fixed"]
US = 1_000_000
MOST = 1_000_000_000
"""The largest count. Lua's numbers are doubles: GCRA is exact to the microsecond while count x window in us is below
2**52 (52,000 a day, 75 million a minute), beyond that to a millionth of one.
"""
MOST_LOGGED = 100_000
"""The largest count of a sliding window: its log may grow to 2 MB per subject."""


@dataclass(frozen=True, slots=True)
class Quota:
    """`count` per `window_s` seconds. `name` tells it from the other quotas of a subject."""

    name: str
    count: int
    window_s: int
    algorithm: Algorithm = "gcra"

    def __post_init__(self) -> None:
        most = MOST_LOGGED if self.algorithm == "sliding" else MOST
        if not 1 <= self.count <= most:
            raise ValueError(f"{self.count} is not allowed: a count is 1 to {most:,} under {self.algorithm}")


@dataclass(frozen=True, slots=True)
class Claim:
    """`n` of a quota, wanted for a subject; 0 only looks."""

    quota: Quota
    subject: str
    n: int = 1


class RateLimiter:
    """Decides claims. `one_slot=False` is for a cluster, where one script reaches only the keys of one subject."""

    def __init__(self, scripts: Scripts, *, one_slot: bool = True) -> None:
        self._scripts = scripts
        self.one_slot = one_slot

    def take(self, claims: Sequence[Claim]) -> list[RateDecision]:
        """Take all claims or, where one is refused, none. Decisions in the order of the claims; all carry the same
        `at_us` where they were made together. A claim for more than the whole count has `retry_after_s` None.

        No two claims for the same quota and subject. Raises StoreUnavailable. One round trip; in a cluster one per
        subject, all or none within each, ending at the first that refuses: what an earlier subject gave is then spent.
        """
        if self.one_slot:
            return self._take(claims)
        found: list[RateDecision] = []
        for subject in dict.fromkeys(claim.subject for claim in claims):
            found += self._take([claim for claim in claims if claim.subject == subject])
            if not all(decision.allowed for decision in found):
                break
        return found

    def look(self, claims: Sequence[Claim]) -> list[RateDecision]:
        """How the quotas of these claims stand; nothing is taken. Raises StoreUnavailable. Round trips as `take`."""
        return self.take([Claim(claim.quota, claim.subject, 0) for claim in claims])

    def _take(self, claims: Sequence[Claim]) -> list[RateDecision]:
        reply = self._scripts.read(SCRIPT, *command(claims))  # not `write`: no replica has to confirm it
        return decisions(claims, reply)


def command(claims: Sequence[Claim]) -> tuple[list[str], list[str | int]]:
    """The keys and the arguments of one call of SCRIPT."""
    names: list[str] = []
    args: list[str | int] = []
    for claim in claims:
        quota = claim.quota
        names.append(keys.limit(claim.subject, quota.name, quota.algorithm))
        args += [quota.algorithm, quota.count, quota.window_s * US, claim.n]
    return names, args


def decisions(claims: Sequence[Claim], reply: Sequence[Any]) -> list[RateDecision]:
    """What its reply says, in the order of the claims."""
    at_us, *replies = reply
    return [_decision(claim, int(at_us), each) for claim, each in zip(claims, replies, strict=True)]


def _decision(claim: Claim, at_us: int, reply: Sequence[bytes | int]) -> RateDecision:
    allowed, remaining, more_us, reset_us, wait_us = (int(part) for part in reply)
    return RateDecision(
        policy=claim.quota.name,
        limit=claim.quota.count,
        window_s=claim.quota.window_s,
        remaining=remaining,
        more_s=more_us / US,
        reset_s=reset_us / US,
        retry_after_s=None if wait_us < 0 else wait_us / US,
        allowed=bool(allowed),
        subject=claim.subject,
        at_us=at_us,
    )
