"""CSV records.

Owns: quoting, the header, going on behind a broken record. Leaves to others: lines and encodings (`rows.py`).
"""

import csv
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, BinaryIO

from dashboard.core.rows import Lines, Pick, Row, no_such_column, read_json
from dashboard.errors import ImportFailed, InvalidInput


class CsvRows(Lines):
    """CSV as RFC 4180 has it: comma, double quotes, line ends inside quotes. The first record is the header.

    Quoting is read strictly: what a lenient reader would guess at is a fault. After a broken record the reading goes on
    at the next line, so that one stray quote costs one row and not the rest of the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.columns: Sequence[str] = ()
        header = next(iter(self), None)
        if header is None:
            raise ImportFailed("the file is empty: its first line should name the columns")
        if header.fault:
            raise ImportFailed(f"the header in line {header.line} cannot be read: {header.fault}")
        self.columns = tuple(header.values)

    def pick(self, column: str) -> Pick:
        places = [place for place, name in enumerate(self.columns) if name == column]
        if not places:
            raise no_such_column(column, self.columns)
        if len(places) > 1:
            numbers = " and ".join(str(place + 1) for place in places)
            raise ImportFailed(f"the column {column!r} stands several times in the header, at {numbers}: rename one")
        return itemgetter(places[0])

    def pick_json(self, column: str) -> Pick:
        pick = self.pick(column)

        def value(cells: Sequence[str]) -> Any:
            try:
                return read_json(pick(cells)) if pick(cells) else None
            except ValueError as error:
                raise InvalidInput(f"the column {column!r} is {error}") from error

        return value

    def __iter__(self) -> Iterator[Row]:
        width = len(self.columns)
        reader = csv.reader(iter(self._next_line, ""), strict=True)
        while True:
            line = self.line
            self._begin()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                fault = self._fault if len(self._raw) == 1 else ""
                self._back_to(line + 1)
                reader = csv.reader(iter(self._next_line, ""), strict=True)
                yield Row(line, [], fault or _plain(error))
                continue
            fault = self._fault
            if not fault and width and cells and len(cells) != width:
                fault = f"{len(cells)} columns where the header has {width}"
            if cells or fault:
                yield Row(line, cells, fault)

    def _back_to(self, line: int) -> None:
        """Take back all of the record but its first line; `line` is the number of the one that follows."""
        first = self._raw[:1]
        self.go_to(self._first_end, line)
        self._raw = first


def _plain(error: csv.Error) -> str:
    """The csv module's complaint in words that say what to look for."""
    text = str(error)
    if "unexpected end of data" in text:
        return "a quote is opened and never closed"
    if "expected after" in text:
        return "a quote is followed by text instead of a comma"
    if "field limit" in text:
        return f"a field is longer than {csv.field_size_limit():,} characters, or its quote is never closed"
    if "new-line character" in text:
        return "a carriage return stands alone; line ends are LF or CR LF"
    return text
