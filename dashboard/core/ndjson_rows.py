"""NDJSON records: one JSON object per line.

Owns: which JSON is accepted, the columns of a format without a header. Leaves to others: lines and encodings (`rows.py`).
"""

from collections.abc import Iterator, Sequence
from typing import BinaryIO

from dashboard.core.rows import Lines, Pick, Row, no_such_column, read_json

PEEK_ROWS = 100
"""The columns are the names met in so many first objects."""


class NdjsonRows(Lines):
    """One JSON object per line. Blank lines are no rows."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        start = self.end
        names: dict[str, None] = {}
        for count, row in enumerate(self):
            if count == PEEK_ROWS:
                break
            names.update(dict.fromkeys(row.values))
        self.columns: Sequence[str] = tuple(names)
        self.go_to(start, 1)

    def pick(self, column: str) -> Pick:
        if self.columns and column not in self.columns:
            raise no_such_column(column, self.columns)
        return lambda values: values.get(column)

    pick_json = pick

    def __iter__(self) -> Iterator[Row]:
        while True:
            line = self.line
            self._begin()
            text = self._next_line()
            if not text:
                return
            if self._fault:
                yield Row(line, {}, self._fault)
            elif not text.isspace():
                yield _object(line, text.rstrip())


def _object(line: int, text: str) -> Row:
    try:
        value = read_json(text)
    except ValueError as error:
        return Row(line, {}, str(error))
    if not isinstance(value, dict):
        return Row(line, {}, "not a JSON object")
    return Row(line, value, "")
