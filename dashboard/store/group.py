"""Consumer groups: entries of a stream shared out to named consumers, each finished once.

Owns: a group's reading (what a name had already, what is new, what the dead left), finishing and burying entries, tidying.
Leaves to others: the stream (`stream.py`), what an entry means (`core/`), the loop (`live/workers.py`).

An entry is in a group's pending list from its reading to its acknowledgement. That list is the marker of exactly-once:
`finish` applies the effects and acknowledges in one script, and only if the entry is still pending. So taking entries
over from a worker that lives after all does no harm: of two that finish an entry, one does.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import redis

from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering
from dashboard.store.stream import Entry, Fields, Raw, Stream, as_fields, as_text, place

BLOCK_MS = 1000
"""Longest wait for new entries; the connection's own time limit must be longer."""
LETTERS = 1000
"""Most dead letters of a stream; beyond that the oldest is dropped."""
GONE_MS = 3_600_000

Effect: TypeAlias = tuple[str, str | None, *tuple[str | int, ...]]
"""A Redis command as (command, key or None, further words), e.g. `("HINCRBY", key, "n", 1)`, `("PUBLISH", None, "c", "m")`."""


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
        return self._counted(consumer, [(as_text(id), as_fields(raw)) for id, raw in found])

    def new(self, consumer: str, count: int, *, block_ms: int = BLOCK_MS) -> list[Entry]:
        """What nobody has read yet; waits for it. One round trip."""
        return [Entry(as_text(id), as_fields(raw)) for id, raw in self._read(consumer, ">", count, block_ms)]

    def adopt(self, consumer: str, start: str, count: int) -> tuple[str, list[Entry], bool]:
        """Take over what is pending for longer than `idle_ms`, from id `start` on.

        Returns where to go on ('0-0': that was all), the entries, and whether some of them are to be read with `own`
        (Redis 6.2 does not tell the ids of trimmed ones). Two round trips.
        """
        options: dict[str, Any] = {"min_idle_time": self.idle_ms, "start_id": start, "count": count}
        with answering():
            reply = self._client.xautoclaim(self.stream.key, self.name, consumer, **options)
        found = [(as_text(id), as_fields(raw)) for id, raw in reply[1] if id is not None]
        return as_text(reply[0]), self._counted(consumer, found), len(found) < len(reply[1])

    def is_open(self, id: str) -> bool:
        """Whether an entry is still to be finished: pending, or not yet read. One round trip."""
        with answering(), self._client.pipeline(transaction=False) as pipe:
            pipe.xpending_range(self.stream.key, self.name, id, id, 1)
            pipe.xinfo_groups(self.stream.key)
            pending, groups = pipe.execute(raise_on_error=False)
        if isinstance(pending, redis.ResponseError) or isinstance(groups, redis.ResponseError):
            return True  # no group or no stream yet
        last = next(group["last-delivered-id"] for group in groups if group["name"] == self.name.encode())
        return bool(pending) or place(id) > place(as_text(last))

    def touch(self, consumer: str, ids: Sequence[str], *, deliveries: int | None = None) -> None:
        """Say that this consumer still works on these: they are not taken over, and this counts as no delivery. With
        `deliveries` that is how many they had. One round trip.
        """
        with answering():
            self._client.xclaim(self.stream.key, self.name, consumer, 0, list(ids), retrycount=deliveries, justid=True)

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

    def _read(self, consumer: str, id: str, count: int, block_ms: int | None) -> Raw:
        options: dict[str, Any] = {"count": count, "block": block_ms}
        try:
            with answering():
                reply = self._client.xreadgroup(self.name, consumer, {self.stream.key: id}, **options)
        except redis.ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                raise
            self.create()
            return ()
        found: Raw = reply[0][1] if reply else ()
        return found

    def _counted(self, consumer: str, found: Sequence[tuple[str, Fields]]) -> list[Entry]:
        if not found:
            return []
        first, last = found[0][0], found[-1][0]
        with answering():
            pending = self._client.xpending_range(self.stream.key, self.name, first, last, 1000, consumer)
        times = {as_text(item["message_id"]): int(item["times_delivered"]) for item in pending}
        return [Entry(id, fields, times[id]) for id, fields in found if id in times]
