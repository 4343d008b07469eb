"""The streams of the product, as others may see them: by public name, never by key.

Owns: which streams there are (`payments-stream`, and `events:{board}` for each board), their figures, what the panel
`streams` shows. Leaves to others: streams themselves (`store/stream.py`), who watches entries (`live/tails.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.periods import rfc3339
from dashboard.errors import BoardNotFound, StreamNotFound
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts
from dashboard.store.stream import ID, Letter, Stream

EVENTS = "events:"
FRESH = 100
"""How many streams are read anew for one picture of the panel; with more of them they take turns."""
SHOWN = 20


@dataclass(slots=True)
class _Seen:
    """The last figures of a stream, and the number of its entries and when it was read."""

    figures: dict[str, Any]
    per_second: float
    added: int | None
    at: float


class Streams:
    """All streams of one store."""

    def __init__(self, client: Client, scripts: Scripts, boards: Boards, clock: Clock) -> None:
        self._client = client
        self._scripts = scripts
        self._boards = boards
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._next = 0

    def find(self, name: str) -> Stream:
        """The stream of that public name. Raises StreamNotFound. At most one round trip."""
        if name == keys.PAYMENTS:
            return self._stream(name)
        if name.startswith(EVENTS):
            try:
                return self._stream(self._boards.get(name.removeprefix(EVENTS)).name, events=True)
            except BoardNotFound:
                pass
        raise StreamNotFound(f"There is no stream {name[:80]!r}; there are {keys.PAYMENTS} and events:<board>.")

    def list(self, limit: int) -> list[dict[str, Any]]:
        """The figures of the first `limit` streams. Three round trips."""
        names = self._names()[:limit]
        return [{"stream": name} | _public(figures) for name, figures in zip(names, self._read(names), strict=True)]

    def show(self, name: str, limit: int) -> dict[str, Any]:
        """One stream's figures, and its newest dead letters. Raises StreamNotFound. Two round trips."""
        stream = self.find(name)
        letters = [_letter(letter) for letter in stream.letters(limit)]
        return {"stream": name} | _public(stream.figures()) | {"dead_letters": letters}

    def retry(self, name: str, letter: str) -> str:
        """Put a dead letter back. Raises StreamNotFound, EntryNotFound, InvalidInput. One round trip."""
        return self.find(name).retry(letter if ID.fullmatch(letter) else "0-0")

    def state(self) -> dict[str, Any]:
        """What the panel shows: totals, and the SHOWN streams that have most to do. Three round trips.

        `per_second` are entries added per second since the last picture, or over the last 5 seconds before Redis 7.
        """
        names = self._names()
        start = self._next if self._next < len(names) else 0
        self._next = start + FRESH
        due = list(dict.fromkeys([keys.PAYMENTS, *names[start : start + FRESH]]))
        self._seen = {name: self._seen[name] for name in names if name in self._seen}
        for name, figures in zip(due, self._read(due), strict=True):
            self._seen[name] = _now(self._seen.get(name), figures)
        rows = [_row(name, seen) for name, seen in self._seen.items()]
        rows.sort(key=lambda row: (row["stream"] != keys.PAYMENTS, -row["lag"] - row["pending"], -row["per_second"]))
        totals = {name: sum(row[name] for row in rows) for name in ("lag", "pending", "dead")}
        per_second = round(sum(row["per_second"] for row in rows), 1)
        return {"at": rfc3339(self._clock.now_ms()), "per_second": per_second, **totals, "streams": rows[:SHOWN]}

    def _names(self) -> Sequence[str]:
        return [keys.PAYMENTS, *(EVENTS + board for board in self._boards.stored())]

    def _read(self, names: Sequence[str]) -> Sequence[dict[str, Any]]:
        found = [name if name == keys.PAYMENTS else keys.events(name.removeprefix(EVENTS)) for name in names]
        return Stream.figures_of(self._scripts, found)

    def _stream(self, name: str, *, events: bool = False) -> Stream:
        return Stream(self._client, self._scripts, keys.events(name) if events else name)


def _now(before: _Seen | None, figures: dict[str, Any]) -> _Seen:
    at, added = monotonic(), figures["added"]
    if added is None:
        return _Seen(figures, figures.get("recent", 0) / 5, added, at)
    if before is None or before.added is None or before.added > added:
        return _Seen(figures, 0.0, added, at)
    if at - before.at < 0.5:  # two pictures at once: too short for a rate
        return _Seen(figures, before.per_second, before.added, before.at)
    return _Seen(figures, round((added - before.added) / (at - before.at), 1), added, at)


def _row(name: str, seen: _Seen) -> dict[str, Any]:
    return {"stream": name, "per_second": seen.per_second} | _public(seen.figures)


def _public(figures: dict[str, Any]) -> dict[str, Any]:
    groups = figures["groups"]
    totals = {name: sum(group[name] for group in groups) for name in ("lag", "pending")}
    return {"length": figures["length"], "last": figures["last"], **totals, "dead": figures["dead"], "groups": groups}


def _letter(letter: Letter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "at": rfc3339(int(letter.id.partition("-")[0])),
        "entry": letter.entry,
        "group": letter.group,
        "deliveries": letter.deliveries,
        "error": letter.error,
        "fields": letter.fields,
    }
