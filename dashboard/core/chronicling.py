"""Chronicling: from the history streams to the chronicle, before the streams are trimmed.

Owns: what is to be copied, trimming streams. Leaves to others: the chronicle (`chronicle.py`), calling it (`live/`).

A stream is trimmed here, behind what was copied, and never before it: a server that is off, or a database that is away,
costs nothing. Only where a whole day of activity goes by without any copying does the script that writes an entry let the
oldest go.
"""

from collections.abc import Sequence

from dashboard.core.boards import Boards
from dashboard.core.buckets import noted
from dashboard.core.chronicle import Chronicle, Mark
from dashboard.core.clock import Clock
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import answering

PART = 500
BOARDS = 50
STAYS_MS = 3_600_000
"""What is older leaves the stream when it was copied."""


class Chronicling:
    """Copies new buckets. Any number of processes may, at the same time."""

    def __init__(self, client: Client, boards: Boards, chronicle: Chronicle, clock: Clock) -> None:
        self._client = client
        self._boards = boards
        self._chronicle = chronicle
        self._clock = clock

    def copy_new(self) -> int:
        """Copy what was noted since the last time, trim what was copied, thin what is old; how many entries there were.

        Raises StoreUnavailable, SourceUnavailable. One read and one trip, and one trip for BOARDS boards; one transaction
        for each board with something new.
        """
        marks, names = self._chronicle.marks(), self._boards.names()
        count = sum(self._copy(names[at : at + BOARDS], marks) for at in range(0, len(names), BOARDS))
        for mark in (self._chronicle.marks() if count else marks).values():
            self._chronicle.thin(mark, self._clock.now_ms())
        return count

    def _copy(self, names: Sequence[str], marks: dict[tuple[str, str], Mark]) -> int:
        with answering(), self._client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hget(
                    keys.board(name), "life"
                )  # before the entries: those of another life do not come into this one
            lives = [raw.decode() if raw else None for raw in pipe.execute()]
        count = 0
        wanted = [marks.get((name, life), Mark(name, life)) for name, life in zip(names, lives, strict=True) if life]
        while wanted:
            with answering(), self._client.pipeline(transaction=False) as pipe:
                for mark in wanted:
                    pipe.xrange(keys.history(mark.board), min=f"({mark.entry}", count=PART)
                found = zip(wanted, pipe.execute(), strict=True)
            wanted = []
            for mark, entries in found:
                read = [(id.decode(), noted(fields)) for id, fields in entries]
                if not read or not self._chronicle.add(mark.board, mark.life, read):
                    continue
                count += len(read)
                self._trim(mark.board, read[-1][0])
                if len(read) == PART:
                    wanted.append(Mark(mark.board, mark.life, read[-1][0]))
        return count

    def _trim(self, board: str, copied: str) -> None:
        """Let go of what was copied, but for the last hour, and but for the last entry, which says that there is no other."""
        oldest = self._clock.now_ms() - STAYS_MS
        behind = copied if int(copied.partition("-")[0]) < oldest else str(oldest)
        with answering():
            self._client.xtrim(keys.history(board), minid=behind, approximate=False)
