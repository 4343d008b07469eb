"""Rate-limit policies: what `RATE_LIMITS` says.

Owns: the words of that setting. Leaves to others: deciding (`limits.py`), the algorithms (`store/rate_limit.py`).
"""

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

from dashboard.errors import BadSetting
from dashboard.store.rate_limit import Algorithm, Quota

Guarded = Literal["score", "publish", "login", "user", "lock", "payment", "read"]
SubjectKind = Literal["key", "address", "player"]
PERIOD_S = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
GUARDS, SUBJECTS, ALGORITHMS = get_args(Guarded), get_args(SubjectKind), get_args(Algorithm)
_COUNT = re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may do how much of what. `quota.name` is how clients see it, e.g. `login/minute/address`."""

    guard: Guarded
    quota: Quota
    subject: SubjectKind = "key"


def parse_policies(text: str) -> tuple[Policy, ...]:
    """The policies of a text such as `score:600/minute/key, login:10 per minute per address, user:60/minute/sliding`.

    Each is guard:count/period, then optionally a subject and an algorithm; ` per ` is another way to write `/`. An empty
    text or `none` is none. Raises BadSetting: one line that names the policy, what is wrong with it and what is allowed.
    """
    if text.strip().lower() in ("", "none"):
        return ()
    policies: list[Policy] = []
    for item in text.split(","):
        try:
            policy = _policy(item)
        except ValueError as error:
            raise BadSetting(f"RATE_LIMITS={text}: {item.strip()!r}: {error}") from None
        if any(policy.quota.name == other.quota.name for other in policies):
            raise BadSetting(f"RATE_LIMITS={text}: {item.strip()!r}: there are two of {policy.quota.name}; leave one")
        policies.append(policy)
    return tuple(policies)


def _policy(item: str) -> Policy:
    guard, colon, rest = item.strip().lower().partition(":")
    words = [word.strip() for word in re.sub(r"\s+per\s+", "/", rest).split("/")]
    guard = guard.strip()
    if not colon or len(words) < 2:
        raise ValueError("write guard:count/period, e.g. login:10/minute/address")
    if guard not in GUARDS:
        raise ValueError(f"there is no guard {guard!r}; allowed: {', '.join(GUARDS)}")
    count, period, *others = words
    if not _COUNT.fullmatch(count):
        raise ValueError(f"{count!r} is not a count; write a whole number from 1")
    if period.removesuffix("s") not in PERIOD_S:
        raise ValueError(f"{period!r} is not a period; allowed: {', '.join(PERIOD_S)}")
    period = period.removesuffix("s")
    subjects = [word for word in others if word in SUBJECTS]
    algorithms = [word for word in others if word in ALGORITHMS]
    if unknown := [word for word in others if word not in SUBJECTS + ALGORITHMS]:
        raise ValueError(
            f"{unknown[0]!r} is neither a subject ({', '.join(SUBJECTS)}) nor an algorithm ({', '.join(ALGORITHMS)})"
        )
    if len(subjects) > 1 or len(algorithms) > 1:
        raise ValueError("one subject and one algorithm at most")
    name = "/".join([guard, period, *subjects])
    algorithm = cast(Algorithm, (algorithms or ["gcra"])[0])
    subject = cast(SubjectKind, (subjects or ["key"])[0])
    return Policy(cast(Guarded, guard), Quota(name, int(count), PERIOD_S[period], algorithm), subject)
