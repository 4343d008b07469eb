"""Users by id, read through the cache, written to their source.

Owns: what an id is, the nature of a source, reading through the cache, writing in the order that keeps every reader up
to date, what the cache's panel says. Leaves to others: the sources (`sql_users.py`, `http_users.py`), caching (`store/`).
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args

from dashboard.core.periods import rfc3339
from dashboard.errors import InvalidInput, MethodNotAllowed
from dashboard.store.cache import Cache
from dashboard.store.counts import STEP_S, Bucket, Counts, percentile_ms, total
from dashboard.store.holds import Hold, Holds
from dashboard.values import Fetched, Profile, Status

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
RECENT_S = 60
STATUSES = get_args(Status)
OTHERS = ("load", "refresh", "absent", "overtaken", "refused", "opened", "failed", "unanswered")


class UserSource(Protocol):
    """Where users come from. `name` is what answers say; `load` gives a JSON object as UTF-8, None for no such user."""

    @property
    def name(self) -> Literal["database", "api"]: ...

    def load(self, id: str) -> bytes | None: ...


class WritableUserSource(UserSource, Protocol):
    """A source that can be written. `hold.check()` is called last before the commit."""

    def put(self, id: str, profile: Profile, hold: Hold) -> tuple[dict[str, Any], bool]: ...
    def delete(self, id: str, hold: Hold) -> None: ...


@dataclass(frozen=True, slots=True)
class User:
    """A user as read: `data` is None where there is none; `fetched` says how it was come by."""

    source: str
    data: dict[str, Any] | None
    fetched: Fetched


def clean_user_id(value: object) -> str:
    """A user's id, safe as one segment of a path. Raises InvalidInput."""
    if isinstance(value, str) and ID.fullmatch(value):
        return value
    raise InvalidInput(
        "a user's id has 1 to 64 of the characters A-Z a-z 0-9 _ - and begins with a letter or digit",
        ("/id", "not an id"),
    )


class Users:
    """`writes` is the source again where it can be written, else None."""

    def __init__(
        self, source: UserSource, writes: WritableUserSource | None, cache: Cache, holds: Holds, counts: Counts
    ) -> None:
        self._source = source
        self._writes = writes
        self._cache = cache
        self._holds = holds
        self._counts = counts

    def get(self, id: str) -> User:
        """A user, or that there is none. Raises SourceUnavailable. Round trips: see Cache.get."""
        fetched = self._cache.get(id)
        source = "redis-cache" if fetched.from_cache else self._source.name
        return User(source, None if fetched.value is None else json.loads(fetched.value), fetched)

    def put(self, id: str, profile: Profile) -> tuple[dict[str, Any], bool]:
        """Make or replace a user: the user as stored, and whether it is new. After this nobody reads the old one.

        Raises MethodNotAllowed where the source is an API, SourceUnavailable, StoreUnavailable. Two round trips.
        """
        source = self._writable()
        with self._holds.writing(id) as hold:
            return source.put(id, profile, hold)

    def delete(self, id: str) -> None:
        """Raises UserNotFound, and as `put`."""
        source = self._writable()
        with self._holds.writing(id) as hold:
            source.delete(id, hold)

    def _writable(self) -> WritableUserSource:
        if self._writes is None:
            raise MethodNotAllowed("Users come from USER_API_URL here; write them there.")
        return self._writes

    def report(self) -> None:
        """Write what this process counted to where all share it; called once a second. One round trip or none."""
        self._counts.flush()

    def panel(self) -> dict[str, Any]:
        """What the cache did, over all servers: figures of the last RECENT_S seconds, and points of the last minutes.

        Raises StoreUnavailable. One round trip.
        """
        now_ms, buckets = self._counts.read()
        recent = total([bucket for bucket in buckets if bucket.at_ms > now_ms - 1000 * RECENT_S])
        return {
            "at": rfc3339(now_ms),
            "source": self._source.name,
            "window_s": RECENT_S,
            **_ratio(recent),
            "loads_per_second": round(recent["load"] / RECENT_S, 2),
            "hit_ms": _percentiles(recent, "hit"),
            "miss_ms": _percentiles(recent, "miss"),
            "load_ms": _percentiles(recent, "load"),
            "counts": {name: recent[name] for name in (*STATUSES, *OTHERS)},
            "step_s": STEP_S,
            "points": [_point(bucket) for bucket in buckets],
        }


def _ratio(counts: Counter[str]) -> dict[str, Any]:
    hits = counts["hit"] + counts["stale"] + counts["spare"]
    reads = sum(counts[name] for name in STATUSES) + counts["unanswered"]
    return {"reads": reads, "hits": hits, "hit_ratio": round(hits / reads, 4) if reads else None}


def _percentiles(counts: Counter[str], name: str) -> dict[str, float | None]:
    return {"p50": percentile_ms(counts, name, 0.5), "p95": percentile_ms(counts, name, 0.95)}


def _point(bucket: Bucket) -> dict[str, Any]:
    counts = total([bucket])
    ratio = _ratio(counts)
    return {
        "at": rfc3339(bucket.at_ms),
        "reads": ratio["reads"],
        "hit_ratio": ratio["hit_ratio"],
        "loads": counts["load"],
    }
