"""What boards show, put together from frames as clients do.

Owns: one frame as it is read, and the rows that follow from snapshots and frames. Pure.
"""

from dataclasses import dataclass
from typing import Any

MARKER = "marker"
"""The player whose score says when it was posted, in microseconds of perf_counter."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One frame as sent."""

    topic: str
    epoch: str
    seq: int
    full: bool
    players: int
    rows: list[dict[str, Any]]
    marker: int


class Picture:
    """What a topic shows, put together from the frames that anybody was sent.

    `whole`: no frame of changed rows came after a gap. `contradicted`: frames that say something else of the same `seq`.
    """

    def __init__(self) -> None:
        self.contradicted = 0
        self.epoch = ""
        self.seq = -1
        self.whole = False
        self._rows: dict[int, dict[str, Any]] = {}

    def start(self, epoch: str, seq: int, rows: list[dict[str, Any]]) -> None:
        """The snapshot of a subscription."""
        if epoch != self.epoch or seq > self.seq:
            self.epoch, self.seq, self.whole = epoch, seq, True
            self._rows = {row["rank"]: row for row in rows}

    def take(self, shown: Shown) -> None:
        """A frame that nobody was sent before."""
        if shown.epoch == self.epoch and shown.seq == self.seq:  # a full frame, say, for one who was skipped
            self.contradicted += any(self._rows.get(row["rank"]) != row for row in shown.rows)
        if shown.epoch != self.epoch or shown.seq <= self.seq:
            return
        self.whole = shown.full or (self.whole and shown.seq == self.seq + 1)
        rows = {} if shown.full else self._rows
        rows = rows | {row["rank"]: row for row in shown.rows}
        self._rows = {rank: row for rank, row in rows.items() if rank <= shown.players}
        self.seq = shown.seq

    @property
    def rows(self) -> list[tuple[int, str, int]]:
        """Rank, player and score, first row first."""
        return [(rank, self._rows[rank]["player"], self._rows[rank]["score"]) for rank in sorted(self._rows)]
