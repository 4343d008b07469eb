"""Sessions in Redis: a hash each, found by a secret that Redis never sees.

Owns: secret ids and their digests, JSON fields that are merged one by one, idle and absolute end, the indexes by role
and owner, telling an end to all processes. Leaves to others: who signs in and what the fields mean (`core/sessions.py`).
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering

SECRET_BYTES = 32
HANDLE = re.compile("[0-9a-f]{64}")
OWN = "@"
"""Begins the names of the store's own fields; all others are values, as JSON."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it was read. Times in epoch ms, by Redis' clock; `ends_ms` is the absolute end."""

    handle: str
    role: str
    owner: str
    since_ms: int
    seen_ms: int
    ends_ms: int
    values: Mapping[str, Any]

    @property
    def keys(self) -> tuple[str, str, str]:
        return keys.session(self.handle), keys.sessions_of_role(self.role), keys.sessions_of(self.owner)


class SessionStore:
    """`pepper` keys the digest: a copy of Redis then says nothing even to who could guess ids."""

    def __init__(self, client: Client, scripts: Scripts, pepper: str | None = None) -> None:
        self._client = client
        self._scripts = scripts
        self._pepper = (pepper or "").encode()

    def handle(self, secret: str) -> str:
        """The public name of a secret id: its SHA-256, keyed where there is a pepper. No way leads back."""
        given = secret.encode(errors="replace")
        if self._pepper:
            return hmac.new(self._pepper, given, hashlib.sha256).hexdigest()
        return hashlib.sha256(given).hexdigest()

    def open(self, role: str, owner: str, values: Mapping[str, Any], *, idle_ms: int, life_ms: int) -> tuple[str, str]:
        """A new session: its secret id, for the cookie only, and its handle. Raises StoreUnavailable. One round trip."""
        secret = secrets.token_urlsafe(SECRET_BYTES)
        handle = self.handle(secret)
        fields = [f"{OWN}role", role, f"{OWN}owner", owner]
        fields += [part for name, value in values.items() for part in (name, dumps(value))]
        names = keys.session(handle), keys.sessions_of_role(role), keys.sessions_of(owner)
        if not self._scripts.write("open_session", names, [handle, idle_ms, life_ms, *fields]):
            raise RuntimeError("a random id came twice")
        return secret, handle

    def read(self, *handles: str) -> list[Stored]:
        """Those of the sessions that have not ended. Raises StoreUnavailable. One round trip, none for no handle."""
        if not handles:
            return []
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for handle in handles:
                pipe.hgetall(keys.session(handle))
            found = zip(handles, pipe.execute(), strict=True)
        return [_stored(handle, fields) for handle, fields in found if fields]

    def save(self, stored: Stored, changed: Mapping[str, Any], gone: Iterable[str] = ()) -> bool:
        """Write these fields and no other, and begin the idle time anew; false where the session has ended meanwhile.

        Raises StoreUnavailable. One round trip.
        """
        pairs = [part for name, value in changed.items() for part in (name, dumps(value))]
        return bool(self._scripts.write("save_session", stored.keys, [stored.handle, len(changed), *pairs, *gone]))

    def end(self, stored: Stored) -> bool:
        """End it, here and at every process; false where it had ended. Raises StoreUnavailable. One round trip."""
        return bool(self._scripts.write("end_session", stored.keys, [stored.handle, keys.SESSIONS_ENDED]))

    def alive(self, handles: Iterable[str]) -> set[str]:
        """Which of them have not ended. Raises StoreUnavailable. One round trip."""
        asked = list(handles)
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for handle in asked:
                pipe.exists(keys.session(handle))
            return {handle for handle, there in zip(asked, pipe.execute(), strict=True) if there}

    def of_owner(self, owner: str, most: int) -> list[str]:
        """As `of_role`, of one owner."""
        return self._handles(keys.sessions_of(owner), most)

    def of_role(self, role: str, most: int) -> list[str]:
        """Handles of one role's sessions, those that end last first, at most `most`; some may have ended.

        Raises StoreUnavailable. One round trip.
        """
        return self._handles(keys.sessions_of_role(role), most)

    def _handles(self, index: str, most: int) -> list[str]:
        with answering():
            return [raw.decode() for raw in self._client.zrevrange(index, 0, most - 1)]

    def trim(self, roles: Iterable[str], now_ms: int) -> int:
        """Strike those off the roles' indexes whose time is over; how many. Each is counted by one process only.

        Raises StoreUnavailable. One round trip.
        """
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for role in roles:
                pipe.zremrangebyscore(keys.sessions_of_role(role), "-inf", now_ms)
            return sum(pipe.execute())

    def count(self, roles: Iterable[str], now_ms: int) -> list[int]:
        """How many sessions each role has now. Raises StoreUnavailable. One round trip."""
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for role in roles:
                pipe.zcount(keys.sessions_of_role(role), f"({now_ms}", "+inf")
            return list(pipe.execute())

    def keep(self, owner: str, values: Mapping[str, Any], keep_s: int) -> None:
        """What the owner's next session begins with, field by field; None takes one away.

        Raises StoreUnavailable. One round trip.
        """
        key = keys.session_kept(owner)
        with answering(), self._client.pipeline(transaction=True) as pipe:
            for name, value in values.items():
                pipe.hdel(key, name) if value is None else pipe.hset(key, name, dumps(value))
            pipe.expire(key, keep_s)
            pipe.execute()

    def kept(self, owner: str) -> dict[str, Any]:
        """Raises StoreUnavailable. One round trip."""
        with answering():
            found = self._client.hgetall(keys.session_kept(owner))
        return {name.decode(): json.loads(value) for name, value in found.items()}


def dumps(value: Any) -> str:
    """JSON and nothing else. Raises TypeError, ValueError."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _stored(handle: str, fields: Mapping[bytes, bytes]) -> Stored:
    own = {name.decode()[1:]: value.decode() for name, value in fields.items() if name.startswith(OWN.encode())}
    values = {name.decode(): json.loads(value) for name, value in fields.items() if not name.startswith(OWN.encode())}
    since, seen, ends = (int(own[name]) for name in ("since", "seen", "ends"))
    return Stored(handle, own["role"], own["owner"], since, seen, ends, values)
