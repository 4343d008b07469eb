"""One picture of a board as its viewers have it: the rows they were sent, and the frame that leads to the next ones.

Owns: `seq`, the choice between a full frame and changed rows. Pure: no clock, no Redis, no sockets.
"""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from dashboard.values import Page, Standing

FULL_SHARE = 0.6
"""From this share of changed rows on, a full frame is the shorter one."""

Frame = dict[str, Any]


def changed_rows(old: Sequence[Standing], new: Sequence[Standing]) -> list[Standing]:
    """The rows of `new` whose position held something else in `old`."""
    return [standing for held, standing in zip_longest(old[: len(new)], new) if held != standing]


def room_of(topic: str, limit: int) -> str:
    """Who watches the same rows of the same topic is in one room."""
    return f"{topic}#{limit}"


class View:
    """The first `limit` rows of one topic. All who watch it share its frames, byte for byte."""

    def __init__(self, topic: str, limit: int, epoch: str) -> None:
        self.topic = topic
        self.limit = limit
        self.epoch = epoch
        self.room = room_of(topic, limit)
        self.seq = 0
        self.version = 0
        self.players = 0
        self.rows: tuple[Standing, ...] = ()
        self._snapshot: Frame | None = None

    def advance(self, page: Page) -> Frame | None:
        """Take over what `page` shows (cut to our limit); the frame that tells viewers, None if they see no change.

        A changed row says by its rank where it stands; where ranks repeat, that is no place, and every frame is full.
        """
        self._snapshot = None
        rows, old = page.rows[: min(self.limit, page.players)], self.rows  # viewers drop what is beyond `players`
        self.version = page.version
        if rows == old and page.players == self.players:
            return None
        self.rows, self.players = rows, page.players
        self.seq += 1
        changed = changed_rows(old, rows)
        full = len(changed) > FULL_SHARE * max(len(rows), 1) or any(row.rank != i for i, row in enumerate(rows, 1))
        return {**self._head(full), "rows": [standing.as_dict() for standing in (rows if full else changed)]}

    def whole(self) -> Frame:
        """The full frame of what the last one led to: for a viewer who missed frames before it."""
        return {**self._head(True), "rows": [standing.as_dict() for standing in self.rows]}

    def _head(self, full: bool) -> Frame:
        head: Frame = {"topic": self.topic, "epoch": self.epoch, "seq": self.seq}
        return head | {"full": full, "players": self.players}

    def snapshot(self) -> Frame:
        """The answer to `subscribe`: the same object, until the picture moves. Do not change it."""
        if self._snapshot is None:
            rows = [standing.as_dict() for standing in self.rows]
            state = {"players": self.players, "version": self.version, "rows": rows}
            self._snapshot = {"topic": self.topic, "epoch": self.epoch, "seq": self.seq, "snapshot": state}
        return self._snapshot
