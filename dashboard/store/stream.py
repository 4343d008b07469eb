"""Streams: bounded, with dead letters for what cannot be handled.

Owns: adding, entries and dead letters, putting these back, figures. Leaves to others: reading in groups (`group.py`),
what an entry means (`core/`).
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from dashboard.errors import EntryNotFound, InvalidInput, StreamFull
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.once import KEPT_MS, Once
from dashboard.store.scripts import Scripts, answering

COUNT_LAG = 10_000
ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}", re.ASCII)
RETRY_OF = "retry-of"
"""Field of an entry that was put back: the id it had first."""

Fields: TypeAlias = dict[str, str]
Raw: TypeAlias = Sequence[tuple[bytes, Mapping[bytes, bytes]]]
"""Entries as the driver hands them over: (id, fields)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as a worker reads it. `deliveries` counts this reading; no fields: it was trimmed before."""

    id: str
    fields: Fields
    deliveries: int = 1

    @property
    def origin(self) -> str:
        """The id it had before it was put back from the dead letters; else its own."""
        first = self.fields.get(RETRY_OF, "")
        return first if ID.fullmatch(first) else self.id


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: the entry it was, the group that could not handle it, why, and after how many deliveries."""

    id: str
    entry: str
    origin: str
    group: str
    deliveries: int
    error: str
    fields: Fields


class Stream:
    """One stream with its dead letters. `length` entries stay to be read again, `limit` is where it is full."""

    def __init__(
        self, client: Client, scripts: Scripts, key: str, *, length: int = 10_000, limit: int = 100_000
    ) -> None:
        self._client = client
        self._scripts = scripts
        self.key = key
        self.length = length
        self._limit = limit

    def add(self, fields: Mapping[str, str], once: Once | None = None) -> str:
        """Add an entry; its id. With `once` it is added once, and its id comes again.

        Raises StreamFull, IdempotencyConflict, StoreUnavailable (not acknowledged). One round trip.
        """
        words = [word for pair in fields.items() for word in pair]
        names = [self.key, *([keys.added(self.key, once.digest)] if once else ())]
        reply = self._scripts.write("add_entry", names, [self._limit, once.print if once else "", KEPT_MS, *words])
        match reply[0], once:
            case b"full", _:
                raise StreamFull(f"{self.key} holds {self._limit} entries: its workers are behind. Try again shortly.")
            case b"conflict", Once():
                raise once.conflict()
            case b"again", Once():
                once.replayed = True
        return as_text(reply[1])

    def get(self, id: str) -> Fields | None:
        """The fields of an entry, None if it is not there (any more). One round trip."""
        with answering():
            found = self._client.xrange(self.key, id, id)
        return as_fields(found[0][1]) if found else None

    def figures(self) -> dict[str, Any]:
        """`{"length", "added", "last", "dead", "groups": [{"group", "lag", "pending", "consumers": [{"consumer",
        "pending", "idle_ms"}]}]}`. `added` counts all entries ever; before Redis 7 it is None, and `recent` has the number
        of the last 5 seconds. One round trip.
        """
        return self.figures_of(self._scripts, [self.key])[0]

    @staticmethod
    def figures_of(scripts: Scripts, streams: Sequence[str]) -> list[dict[str, Any]]:
        """The figures of many streams. One round trip for all."""
        calls = [([key, keys.dead(key)], [COUNT_LAG]) for key in streams]
        return [_figures(json.loads(reply)) for reply in scripts.read_many("read_stream", calls)]

    def letters(self, limit: int = 100) -> list[Letter]:
        """The newest dead letters, newest first. One round trip."""
        with answering():
            found = self._client.xrevrange(keys.dead(self.key), count=limit)
        return [_letter(id, raw) for id, raw in found]

    def fate(self, id: str) -> Letter | str | None:
        """What became of an entry that could not be handled: its dead letter, 'retried' while it is to be handled again,
        None for any other entry. At most two round trips.
        """
        with answering():
            fate = self._client.hget(keys.fates(self.key), id)
            if fate is None or fate == b"retried":
                return None if fate is None else "retried"
            found = self._client.xrange(keys.dead(self.key), fate, fate)
        return _letter(*found[0]) if found else None

    def retry(self, letter_id: str) -> str:
        """Put a dead letter back as a new entry; its id. Raises EntryNotFound, InvalidInput. One round trip."""
        names = [self.key, keys.dead(self.key), keys.fates(self.key)]
        id = self._scripts.write("retry_entry", names, [letter_id])
        if id is None:
            raise EntryNotFound(f"{self.key} has no dead letter {letter_id}: it was put back before, or never was.")
        if not id:
            raise InvalidInput(
                f"The dead letter {letter_id} holds no fields: its entry was trimmed before it was read."
            )
        return as_text(id)


def shown(fields: Fields) -> Fields:
    """The fields as text that every reader takes: what is not UTF-8 is marked as such."""
    return {_shown(name): _shown(value) for name, value in fields.items()}


def _shown(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _figures(raw: dict[str, Any]) -> dict[str, Any]:
    groups = [dict(group, consumers=list(group["consumers"])) for group in raw["groups"]]  # Lua's empty list is {}
    return raw | {"groups": groups}


def _letter(id: bytes, raw: Mapping[bytes, bytes]) -> Letter:
    fields = shown(as_fields(raw))
    own = {name: fields.pop(f"dead:{name}", "") for name in ("entry", "origin", "group", "deliveries", "error")}
    return Letter(as_text(id), own["entry"], own["origin"], own["group"], int(own["deliveries"]), own["error"], fields)


def place(id: str) -> tuple[int, int]:
    """An id as two numbers that compare in its order."""
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number)


def as_fields(raw: Mapping[bytes, bytes] | None) -> Fields:
    """The fields as the driver hands them over, as text."""
    return {as_text(name): as_text(value) for name, value in (raw or {}).items()}


def as_text(raw: bytes) -> str:
    """Bytes as text that turns back into the same bytes."""
    return raw.decode(errors="surrogateescape")  # what is not UTF-8 stays what it is, for whoever judges it
