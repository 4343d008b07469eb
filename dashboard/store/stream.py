"""Streams: bounded, read by consumer groups, with dead letters for what cannot be handled.

Owns: adding, a group's reading (what a name had already, what is new, what the dead left), finishing and burying entries,
putting dead letters back, figures. Leaves to others: what an entry means (`core/`), the loop (`live/workers.py`).

An entry is in a group's pending list from its reading to its acknowledgement. That list is the marker of exactly-once:
`finish` applies the effects and acknowledges in one script, and only if the entry is still pending. So taking entries
over from a worker that lives after all does no harm: of two that finish an entry, one does.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from dashboard.errors import EntryNotFound, InvalidInput, StreamFull
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering

BLOCK_MS = 2000
"""Longest wait for new entries; the connection's own time limit must be longer."""
LETTERS = 1000
COUNT_LAG = 10_000
GONE_MS = 3_600_000
ID = re.compile(r"[0-9]{1,20}-[0-9]{1,20}", re.ASCII)
RETRY_OF = "retry-of"
"""Field of an entry that was put back: the id it had first."""

Fields = dict[str, str]
Effect = tuple[str, str | None, *tuple[str | int, ...]]
"""A Redis command as (command, key or None, further words), e.g. `("HINCRBY", key, "n", 1)`, `("PUBLISH", None, "c", "m")`."""


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

    def add(self, fields: Mapping[str, str]) -> str:
        """Add an entry; its id. Raises StreamFull, StoreUnavailable (not acknowledged). One round trip."""
        words = [word for pair in fields.items() for word in pair]
        id = self._scripts.write("add_entry", [self.key], [self._limit, *words])
        if id is None:
            raise StreamFull(f"{self.key} holds {self._limit} entries: its workers are behind. Try again shortly.")
        return _text(id)

    def get(self, id: str) -> Fields | None:
        """The fields of an entry, None if it is not there (any more). One round trip."""
        with answering():
            found = self._client.xrange(self.key, id, id)
        return _fields(found[0][1]) if found else None

    def figures(self) -> dict[str, Any]:
        """`{"length", "added", "last", "dead", "groups": [{"group", "lag", "pending", "consumers": [{"consumer",
        "pending", "idle_ms"}]}]}`. `added` counts all entries ever, None before Redis 7. One round trip.
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
        return _text(id)


class Group:
    """A consumer group of a stream. `idle_ms`: an entry that is pending for longer belongs to nobody any more.

    Every reading method raises StoreUnavailable. A group that is not there is made, from the stream's beginning.
    """

    def __init__(self, client: Client, scripts: Scripts, stream: Stream, group: str, *, idle_ms: int = 10_000) -> None:
        self._client = client
        self._scripts = scripts
        self.stream = stream
        self.name = group
        self.idle_ms = idle_ms

    def create(self) -> None:
        """Make the group, and the stream, where they are not there. One round trip."""
        try:
            with answering():
                self._client.xgroup_create(self.stream.key, self.name, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise

    def own(self, consumer: str, after: str, count: int) -> list[Entry]:
        """What was delivered to this name before and is still pending, behind an id ('0': all). Two round trips."""
        found = self._read(consumer, after, count, None)
        return self._counted(consumer, [(_text(id), _fields(raw)) for id, raw in found])

    def new(self, consumer: str, count: int, *, block_ms: int = BLOCK_MS) -> list[Entry]:
        """What nobody has read yet; waits for it. One round trip."""
        return [Entry(_text(id), _fields(raw)) for id, raw in self._read(consumer, ">", count, block_ms)]

    def adopt(self, consumer: str, start: str, count: int) -> tuple[str, list[Entry], bool]:
        """Take over what is pending for longer than `idle_ms`, from id `start` on.

        Returns where to go on ('0-0': that was all), the entries, and whether some of them are to be read with `own`
        (Redis 6.2 does not tell the ids of trimmed ones). Two round trips.
        """
        options: dict[str, Any] = {"min_idle_time": self.idle_ms, "start_id": start, "count": count}
        with answering():
            reply = self._client.xautoclaim(self.stream.key, self.name, consumer, **options)
        found = [(_text(id), _fields(raw)) for id, raw in reply[1] if id is not None]
        return _text(reply[0]), self._counted(consumer, found), len(found) < len(reply[1])

    def is_open(self, id: str) -> bool:
        """Whether an entry is still to be finished: pending, or not yet read. One round trip."""
        with answering(), self._client.pipeline(transaction=False) as pipe:
            pipe.xpending_range(self.stream.key, self.name, id, id, 1)
            pipe.xinfo_groups(self.stream.key)
            pending, groups = pipe.execute(raise_on_error=False)
        if isinstance(pending, redis.ResponseError) or isinstance(groups, redis.ResponseError):
            return True  # no group or no stream yet
        last = next(group["last-delivered-id"] for group in groups if group["name"] == self.name.encode())
        return bool(pending) or _place(id) > _place(_text(last))

    def touch(self, consumer: str, ids: Sequence[str]) -> None:
        """Say that this consumer still works on these: they are not taken over, and this counts as no delivery. One
        round trip.
        """
        with answering():
            self._client.xclaim(self.stream.key, self.name, consumer, 0, list(ids), justid=True)

    def finish(self, entry: Entry, effects: Sequence[Effect] = ()) -> bool:
        """Apply the effects and acknowledge the entry, both or neither; false if it was finished before.

        An effect that Redis refuses (WRONGTYPE, say) ends the script: the entry stays pending, effects before it in the
        list stay applied. Raises StoreUnavailable, redis.ResponseError. One round trip.
        """
        names = [self.stream.key, keys.fates(self.stream.key)]
        args: list[str | int] = [self.name, entry.id, entry.origin]
        for command, key, *words in effects:
            if key is not None:
                names.append(key)
            args += [2 + len(words), command, len(names) if key is not None else 0, *words]
        return bool(self._scripts.write("finish_entry", names, args))

    def bury(self, id: str, error: str) -> bool:
        """Move an entry to the dead letters; false if it was finished before. Raises StoreUnavailable. One round trip."""
        names = [self.stream.key, keys.dead(self.stream.key), keys.fates(self.stream.key)]
        return (
            self._scripts.write(
                "bury_entry", names, [self.name, id, error[:500].encode(errors="replace").decode(), LETTERS]
            )
            is not None
        )

    def tidy(self, *, trim: bool = True) -> None:
        """Trim what every group has finished beyond the stream's length (at most 1,000 entries a call), and forget
        consumers that left nothing and were not seen for an hour. One round trip.
        """
        keep = self.stream.length if trim else ""
        self._scripts.read("tidy_stream", [self.stream.key], [self.name, keep, GONE_MS])

    def _read(
        self, consumer: str, id: str, count: int, block_ms: int | None
    ) -> Sequence[tuple[bytes, dict[bytes, bytes]]]:
        options: dict[str, Any] = {"count": count, "block": block_ms}
        try:
            with answering():
                reply = self._client.xreadgroup(self.name, consumer, {self.stream.key: id}, **options)
        except redis.ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            self.create()
            return ()
        found: Sequence[tuple[bytes, dict[bytes, bytes]]] = reply[0][1] if reply else ()
        return found

    def _counted(self, consumer: str, found: Sequence[tuple[str, Fields]]) -> list[Entry]:
        if not found:
            return []
        first, last = found[0][0], found[-1][0]
        with answering():
            pending = self._client.xpending_range(self.stream.key, self.name, first, last, 1000, consumer)
        times = {_text(item["message_id"]): int(item["times_delivered"]) for item in pending}
        return [Entry(id, fields, times[id]) for id, fields in found if id in times]


def shown(fields: Fields) -> Fields:
    """The fields as text that every reader takes: what is not UTF-8 is marked as such."""
    return {_shown(name): _shown(value) for name, value in fields.items()}


def _shown(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _figures(raw: dict[str, Any]) -> dict[str, Any]:
    groups = [dict(group, consumers=list(group["consumers"])) for group in raw["groups"]]  # Lua's empty list is {}
    return raw | {"groups": groups}


def _letter(id: bytes, raw: Mapping[bytes, bytes]) -> Letter:
    fields = shown(_fields(raw))
    own = {name: fields.pop(f"dead:{name}", "") for name in ("entry", "origin", "group", "deliveries", "error")}
    return Letter(_text(id), own["entry"], own["origin"], own["group"], int(own["deliveries"]), own["error"], fields)


def _place(id: str) -> tuple[int, int]:
    milliseconds, _, number = id.partition("-")
    return int(milliseconds), int(number)


def _fields(raw: Mapping[bytes, bytes] | None) -> Fields:
    return {_text(name): _text(value) for name, value in (raw or {}).items()}


def _text(raw: bytes) -> str:
    return raw.decode(errors="surrogateescape")  # what is not UTF-8 stays what it is, for whoever judges it
