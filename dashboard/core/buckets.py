"""Buckets: what was noted of a board for STEP_S seconds in which scores came, and how it is read back.

Owns: the form of an entry of the history stream (`store/lua/parts/pulse.lua` writes it), rows without those who were
removed since. Leaves to others: where buckets are kept (Redis: `analytics.py`, `rewind.py`; SQL: `chronicle.py`).
"""

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from dashboard.core.runs import number
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import answering
from dashboard.values import Board, Standing

STEP_S = 5
STEP_MS = 1000 * STEP_S
HEAD = (b"at", b"scores", b"version")
GONE = 2**63


@dataclass(frozen=True, slots=True)
class Bucket:
    """How one period of a board stood when STEP_S seconds from `at_ms` on had gone by. `scores`: how many came in them on
    the board, and in earlier buckets that were thinned out. `top`: number of players, then player, score, rank of the
    first ten, as JSON.
    """

    at_ms: int
    scores: int
    period: str
    version: int
    top: str

    @property
    def end_ms(self) -> int:
        return self.at_ms + STEP_MS

    @property
    def kind(self) -> str:
        return self.period.partition(":")[0]

    @property
    def players(self) -> int:
        return int(json.loads(self.top)[0])

    @property
    def rows(self) -> tuple[Standing, ...]:
        """The first ten; columns, times and data are not noted."""
        _, *flat = json.loads(self.top)
        cells: Iterable[Sequence[Any]] = zip(flat[::3], flat[1::3], flat[2::3], strict=True)
        return tuple(Standing(rank, player, number(score)) for player, score, rank in cells)


def noted(fields: Mapping[bytes, bytes]) -> list[Bucket]:
    """The buckets of an entry of the history stream, one for each period that was open when it was written."""
    at_ms, scores, version = (int(fields.get(name) or 0) for name in HEAD)
    return [
        Bucket(at_ms, scores, name.decode(), version, top.decode(errors="replace"))
        for name, top in fields.items()
        if name not in HEAD
    ]


def noted_of(fields: Mapping[bytes, bytes], kind: str) -> Bucket | None:
    """That of one kind of period, None where the board did not have it then."""
    return next((bucket for bucket in noted(fields) if bucket.kind == kind), None)


class Absent:
    """Who was taken off a board, and when: what stood before that is not shown any more."""

    def __init__(self, client: Client, board: Board, players: Set[str]) -> None:
        """One round trip. `players`: whom it may concern."""
        asked, found = sorted(players), []
        if asked:
            with answering():
                found = client.hmget(keys.aside(board.name), asked)
        records = {player: json.loads(raw) for player, raw in zip(asked, found, strict=True) if raw}
        self._since = {player: int(record.get("at", GONE)) for player, record in records.items()}
        self._ties = board.settings.ties

    def without(self, rows: Sequence[Standing], end_ms: int) -> tuple[Standing, ...]:
        """The rows that stood at `end_ms` without those who were removed later; ranks close, so fewer than ten may be left."""
        gone = [row for row in rows if self._since.get(row.player, 0) >= end_ms]
        if not gone:
            return tuple(rows)
        left = [row for row in rows if row not in gone]
        if self._ties == "dense":
            ranks = sorted({row.rank for row in left})
            offset = rows[0].rank
            return tuple(_at(row, offset + ranks.index(row.rank)) for row in left)
        return tuple(_at(row, row.rank - sum(other.rank < row.rank for other in gone)) for row in left)


def _at(row: Standing, rank: int) -> Standing:
    return Standing(rank, row.player, row.score)
