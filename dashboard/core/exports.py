"""Exports: a whole ranking as a file that an import reads back.

Owns: a file's fields and their order, how a row is written. Leaves to others: rows (`rankings.py`), reading such a file
(`imports.py`), where it goes (`web/exports.py`, `run.py`).
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.rankings import Rankings
from dashboard.core.rows import Format
from dashboard.errors import StoreUnavailable
from dashboard.values import Page, Standing

PAGE_ROWS = 1000
FIRST, LAST = ("rank", "player", "score"), ("at", "data")


@dataclass(frozen=True, slots=True)
class Export:
    """A ranking on its way out. `period` is its id, `players` how many it had at the start. `parts` are the pieces of
    the file, UTF-8, each with its number of rows; taking one costs one round trip and may raise StoreUnavailable.
    """

    period: str
    players: int
    fields: tuple[str, ...]
    parts: Iterator[tuple[int, bytes]]


class Exports:
    """Writes rankings out, page by page: never more than one in memory."""

    def __init__(self, boards: Boards, rankings: Rankings, clock: Clock) -> None:
        self._boards = boards
        self._rankings = rankings
        self._clock = clock

    def open(self, board: str, kind: str = "all", *, form: Format = "csv", at_ms: int | None = None) -> Export:
        """The ranking of one period, in order of rank, from the first row to the last.

        While scores change, no row that stays where it was is missing or stands twice. Raises BoardNotFound, InvalidInput
        (period). One or two round trips, and one for each PAGE_ROWS rows.
        """
        now_ms = self._clock.now_ms()  # one moment for all pages
        at_ms = now_ms if at_ms is None else at_ms  # one period, whatever opens meanwhile
        names = tuple(column.name for column in self._boards.get(board).settings.columns)
        first = self._rankings.top(board, kind, limit=PAGE_ROWS, at_ms=at_ms, now_ms=now_ms)
        fields = (*FIRST, *map(_field, names), *LAST)
        return Export(first.period, first.players, fields, self._parts(first, names, fields, form, at_ms, now_ms))

    def _parts(
        self, page: Page, names: Sequence[str], fields: Sequence[str], form: Format, at_ms: int, now_ms: int
    ) -> Iterator[tuple[int, bytes]]:
        write = _csv if form == "csv" else _ndjson
        head = _csv_lines([fields]) if form == "csv" else b""
        kind = page.period.partition(":")[0]
        while True:
            if any(tuple(name for name, _ in row.columns) != names for row in page.rows):
                raise StoreUnavailable(f"The board {page.board!r} was deleted and made anew; export it again.")
            yield len(page.rows), head + write(page.rows, fields)
            if page.next is None:
                return
            page = self._rankings.top(page.board, kind, limit=PAGE_ROWS, cursor=page.next, at_ms=at_ms, now_ms=now_ms)
            head = b""


def _field(column: str) -> str:
    """A column's name in the file. No name of a column begins with `_`, so that this one is free."""
    return f"_{column}" if column in (*FIRST, *LAST) else column


def _csv(rows: Sequence[Standing], fields: Sequence[str]) -> bytes:
    return _csv_lines((row.rank, row.player, row.score, *(v for _, v in row.columns), row.at, row.data) for row in rows)


def _csv_lines(rows: Iterable[Iterable[object]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _ndjson(rows: Sequence[Standing], fields: Sequence[str]) -> bytes:
    return "".join(_line(row, fields) for row in rows).encode()


def _line(row: Standing, fields: Sequence[str]) -> str:
    data = None if row.data is None else json.loads(row.data)
    values = (row.rank, row.player, row.score, *(value for _, value in row.columns), row.at, data)
    return json.dumps(dict(zip(fields, values, strict=True)), ensure_ascii=False, separators=(",", ":")) + "\n"
