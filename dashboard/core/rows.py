"""Rows of a file, one at a time, each with its line number and the byte at which it ends.

Owns: opening a file, streaming its lines (never more than one record in memory), encodings, what a row is.
Leaves to others: how a record is written (`csv_rows.py`, `ndjson_rows.py`), which columns mean what (`mappings.py`)
and where a reading was left off (`imports.py`).

A record that cannot be read does not end the reading: it comes out as a Row with a `fault`, and the next one follows.
"""

import json
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple, Protocol

from dashboard.errors import ImportFailed

Pick = Callable[[Any], Any]
"""From a row's values to one of them."""
Format = Literal["csv", "ndjson"]
SUFFIXES: dict[str, Format] = {".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}

MAX_LINE_BYTES = 1 << 20
"""A longer line is refused unread, so that a file without line ends cannot fill the memory."""
SHOWN_BYTES = 4096
"""So much of a broken record is kept for the report."""

BOM = b"\xef\xbb\xbf"
FOREIGN = {
    b"\xff\xfe": "UTF-16 text; save it as UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as UTF-8",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it or save it as CSV",
}


class Row(NamedTuple):
    """One record. `line`: the line it begins on (1 = the file's first). `values`: cells in the order of the columns
    (CSV) or the object (NDJSON). `fault`: why it cannot be read, '' where it can.
    """

    line: int
    values: Any
    fault: str


class Rows(Protocol):
    """A file opened for reading. `columns` are the names that a mapping may use, in the file's order."""

    columns: Sequence[str]
    end: int
    """Byte just behind the last row given out."""
    line: int
    """Number of the line that begins at `end`."""

    def __iter__(self) -> Iterator[Row]: ...

    def pick(self, column: str) -> Pick:
        """How to find a column in a row's values. Raises ImportFailed naming the columns there are."""

    def pick_json(self, column: str) -> Pick:
        """The same for a column of JSON values, None where there is none. The Pick raises InvalidInput."""

    def go_to(self, end: int, line: int) -> None:
        """Continue behind another row: its `end` and `line` as they stood then. Begins a new iteration."""

    def text(self) -> str:
        """The last row given out as it stands in the file, cut after some thousand characters."""


def format_of(path: Path) -> Format:
    """The format that the file's name announces. Raises ImportFailed."""
    try:
        return SUFFIXES[path.suffix.lower()]
    except KeyError:
        raise ImportFailed(f"{path.name} ends in none of {', '.join(SUFFIXES)}: say --format csv or ndjson") from None


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading. Raises ImportFailed with the reason why it cannot be imported."""
    if str(path) == "-":
        raise ImportFailed("standard input cannot be read again after an interruption: save it as a file first")
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ImportFailed(f"{path} is not a regular file")
        file = path.open("rb")
    except OSError as error:
        raise ImportFailed(f"cannot read {path}: {error.strerror}") from error
    head = file.read(4)
    for magic, reason in FOREIGN.items():
        if head.startswith(magic):
            file.close()
            raise ImportFailed(f"{path} is {reason}")
    return file


class Lines:
    """Physical lines of the file, decoded, with what the last record took of them."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)
        self.go_to(len(BOM) if file.read(len(BOM)) == BOM else 0, 1)

    def go_to(self, end: int, line: int) -> None:
        self._file.seek(end)
        self.end, self.line = end, line
        self._begin()

    def _begin(self) -> None:
        """A new record starts here."""
        self._raw: list[str] = []
        self._fault = ""
        self._first_end = self.end

    def _next_line(self) -> str:
        """The next line with its line end; '' at the end of the file. Of a line that is too long, a blank one."""
        data = self._file.readline(MAX_LINE_BYTES)
        self.end += len(data)
        self.line += bool(data)
        long = len(data) == MAX_LINE_BYTES and data[-1:] != b"\n"
        if long:
            self._skip_line()
            data = data[:SHOWN_BYTES]
            self._fault = self._fault or f"the line is longer than {MAX_LINE_BYTES:,} bytes"
        try:
            line = data.decode()
        except UnicodeDecodeError as error:
            self._fault = self._fault or f"byte {error.start + 1} of the line, 0x{data[error.start]:02x}, is not UTF-8"
            line = data.decode(errors="backslashreplace")
        if "\0" in line:
            self._fault = self._fault or "a NUL byte"
        if not self._raw:
            self._first_end = self.end
        self._raw.append(line)
        return "\n" if long else line

    def _skip_line(self) -> None:
        """Read on to the line's end."""
        while rest := self._file.readline(MAX_LINE_BYTES):
            self.end += len(rest)
            if rest[-1:] == b"\n":
                return

    def text(self) -> str:
        return "".join(self._raw).rstrip("\r\n")[:SHOWN_BYTES]


def no_such_column(column: str, columns: Sequence[str]) -> ImportFailed:
    return ImportFailed(f"there is no column {column!r}; the columns are {', '.join(map(repr, columns))}")


def read_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError with the reason why it is none."""
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at place {error.colno}") from error
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ValueError("not JSON that can be read: nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return values


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")
