"""Who is signed in: viewers by name, operators by name and key; what they prefer; and which sessions they have.

Owns: roles and how long their sessions live, preferences, who owns a session, the panel's counts. A name alone is no
proof of anything: whoever signs in as ada is ada here. An operator of a name is somebody else than its viewer.
Leaves to others: Redis (`store/session_store.py`), cookies and keys (`web/`), connections (`live/sessions.py`).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import Any, Literal

from dashboard.core.clock import Clock
from dashboard.errors import NotFound, SignedOut, StoreUnavailable
from dashboard.store.counts import STEP_S, Counts, total
from dashboard.store.session_store import HANDLE, SessionStore, Stored

Role = Literal["viewer", "operator"]
PREFERENCES = ("player", "theme", "board")
KEEP_S = 90 * 86_400
"""How long what a name prefers is kept after its last change or sign-in."""
TOUCH_MS = 60_000
LISTED = 1000
PANEL_S = 60

BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"))


@dataclass(frozen=True, slots=True)
class Life:
    """How long a session may lie idle, and how long it lives at most."""

    idle_ms: int
    life_ms: int

    @property
    def touch_ms(self) -> int:
        """Use is noted this often at most, so that reading does not mean writing."""
        return min(TOUCH_MS, self.idle_ms // 20)


HOUR_MS = 3_600_000
LIVES: Mapping[str, Life] = {
    "viewer": Life(7 * 24 * HOUR_MS, 30 * 24 * HOUR_MS),
    "operator": Life(HOUR_MS, 12 * HOUR_MS),
}


class Sessions:
    """The sessions of one store. `lives` says for each role how long its sessions last."""

    def __init__(self, store: SessionStore, counts: Counts, clock: Clock, lives: Mapping[str, Life] = LIVES) -> None:
        self._store = store
        self._counts = counts
        self._clock = clock
        self._lives = lives
        self.handle: Callable[[str], str] = store.handle
        self.alive: Callable[[Iterable[str]], set[str]] = store.alive

    def sign_in(
        self, name: str, *, operator: bool, address: str, agent: str, instead_of: Stored | None = None
    ) -> tuple[str, Stored]:
        """A new session with a new id, which begins with what the name preferred last; the secret id and the session.

        `instead_of` ends. Raises StoreUnavailable. Three to five round trips.
        """
        role: Role = "operator" if operator else "viewer"
        owner = f"{role}:{name}"
        kept = {key: value for key, value in self._store.kept(owner).items() if key in PREFERENCES}
        values = {"name": name, "operator": operator, "address": short_address(address), "agent": short_agent(agent)}
        life = self._lives[role]
        secret, handle = self._store.open(role, owner, values | kept, idle_ms=life.idle_ms, life_ms=life.life_ms)
        self._counts.add("signed-in")
        stored = self.find(handle)
        if instead_of is not None:  # not before the new one is there
            self.end(instead_of)
        return secret, stored

    def find(self, handle: str) -> Stored:
        """Raises SignedOut, StoreUnavailable. One round trip."""
        for stored in self._store.read(handle):
            return stored
        raise SignedOut("You are not signed in, or no longer: sign in with POST /api/v1/session.")

    def is_due(self, stored: Stored) -> bool:
        """Whether its use is worth noting: it was last noted some while ago."""
        return self._clock.now_ms() - stored.seen_ms >= self._lives[stored.role].touch_ms

    def change(self, stored: Stored, changed: Mapping[str, Any], gone: Iterable[str] = ()) -> None:
        """Write these fields and no other; preferences among them also for the name's next session.

        Raises SignedOut where the session has ended meanwhile, StoreUnavailable. One or two round trips.
        """
        left = list(gone)
        if not self._store.save(stored, changed, left):
            raise SignedOut("This session has ended: sign in again.")
        kept = {key: value for key, value in {**changed, **dict.fromkeys(left)}.items() if key in PREFERENCES}
        if kept:
            self._store.keep(stored.owner, kept, KEEP_S)

    def of(self, owner: str) -> list[Stored]:
        """The sessions of one owner, up to LISTED, the one used last first. Raises StoreUnavailable. Two round trips."""
        return _latest_first(self._store.read(*self._store.of_owner(owner, LISTED)))

    def all(self) -> list[Stored]:
        """Everybody's sessions, up to LISTED of a role. Raises StoreUnavailable. Three round trips."""
        handles = [handle for role in self._lives for handle in self._store.of_role(role, LISTED)]
        return _latest_first(self._store.read(*handles))

    def end(self, stored: Stored) -> None:
        """It has ended when this returns; its connections follow at once. Raises StoreUnavailable. One round trip."""
        if self._store.end(stored):
            self._counts.add("ended")

    def end_one(self, handle: str, owner: str | None) -> None:
        """End a session of `owner` (None: anybody's). Raises NotFound, StoreUnavailable. Two round trips."""
        for stored in self._store.read(handle) if HANDLE.fullmatch(handle) else ():
            if owner in (None, stored.owner):
                return self.end(stored)
        raise NotFound("There is no such session, or it is not yours.")

    def end_all(self, owner: str | None) -> int:
        """End all sessions of `owner` (None: everybody's); how many. Raises StoreUnavailable. A round trip for each."""
        ended = 0
        while found := self.all() if owner is None else self.of(owner):
            for stored in found:
                self.end(stored)
            ended += len(found)
        return ended

    def report(self) -> None:
        """To be called every few seconds: counts those whose time ran out, and writes the counts. Redis away: the next call
        does it. Two round trips at most.
        """
        try:
            if ran_out := self._store.trim(self._lives, self._clock.now_ms()):
                self._counts.add("ended", ran_out)
        except StoreUnavailable:
            return
        self._counts.flush()

    def panel(self) -> dict[str, Any]:
        """The topic `sessions`. Raises StoreUnavailable. Four round trips at most."""
        self.report()
        viewers, operators = self._store.count(("viewer", "operator"), self._clock.now_ms())
        now_ms, buckets = self._counts.read()
        lately = total([bucket for bucket in buckets if bucket.at_ms > now_ms - (PANEL_S + STEP_S) * 1000])
        state = {"active": viewers + operators, "viewers": viewers, "operators": operators}
        return state | {"signed_in": lately["signed-in"], "ended": lately["ended"]}


def preferences(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a session's fields that are the viewer's wishes; None where there is none."""
    return {key: values.get(key) for key in PREFERENCES}


def short_address(address: str) -> str:
    """Enough to tell home from abroad, not enough to tell a person: 203.0.113.x, 2001:db8:1:x."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "unknown"
    if ip.is_loopback:
        return "this machine"
    if isinstance(ip, IPv6Address):
        return ":".join(part.lstrip("0") or "0" for part in islice(ip.exploded.split(":"), 3)) + ":x"
    return address.rpartition(".")[0] + ".x"


def short_agent(agent: str) -> str:
    """`Firefox on Linux`, or the first word of what a program calls itself."""
    browser = next((name for mark, name in BROWSERS if f"{mark}/" in agent), None)
    if browser is None:
        return re.sub(r"[^\w./ -]", "", agent.partition(" ")[0])[:40] or "unknown"
    system = next((name for mark, name in SYSTEMS if mark in agent), "Linux" if "Linux" in agent else None)
    return f"{browser} on {system}" if system else browser


def _latest_first(found: list[Stored]) -> list[Stored]:
    return sorted(found, key=lambda stored: -stored.seen_ms)
