"""Refusals: the report of the rows that an import did not take.

Owns: the report's file and form: `line,reason,row`, where `row` is the record as it stands in the file. Leaves to others:
why a row is refused (`mappings.py`) and how far the report has come (`imports.py` keeps that with the import's place).
"""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dashboard.errors import ImportFailed


class Refusal(NamedTuple):
    """One row that was not taken. `line` is where it begins, 1 being the file's first."""

    line: int
    reason: str
    row: str


HEADER = b"line,reason,row\n"


class Report:
    """Written only once a row is refused, and at places the import names: a run that was killed and one that goes on
    where it was write the same bytes to the same place. `places` are tried in their order.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        self._places = places
        self._file: BinaryIO | None = None
        self._path: Path | None = None

    def write(self, at_byte: int, refusals: Iterable[Refusal]) -> int:
        """Write refusals behind the `at_byte` bytes that are there (0 = a new report). Returns the bytes it then has.

        Raises ImportFailed where no place can be written. A report that somebody took away begins anew.
        """
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(refusals)
        data = text.getvalue().encode(errors="backslashreplace")
        file = self._open()
        if os.fstat(file.fileno()).st_size < at_byte or not at_byte:
            file.seek(0)
            at_byte = file.write(HEADER)
        file.seek(at_byte)
        file.write(data)
        file.flush()
        return at_byte + len(data)

    def end(self, size: int) -> Path | None:
        """Close it at `size` bytes: what a killed run wrote ahead goes. With size 0, a report of an earlier import goes.

        Returns where the report is, None where there is none.
        """
        if self._file is not None:
            self._file.close()
            self._file = None
        path = self._path or next((place for place in self._places if _is_ours(place)), None)
        if path is None:
            return None
        if not size:
            path.unlink()
            return None
        if path.stat().st_size > size:
            os.truncate(path, size)
        return path

    def _open(self) -> BinaryIO:
        if self._file is not None:
            return self._file
        problems = []
        for path in self._places:
            try:
                if path.exists() and path.stat().st_size and not _is_ours(path):
                    problems.append(f"{path} is there and is no such report")
                    continue
                self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
            except OSError as error:
                problems.append(f"{path}: {error.strerror}")
                continue
            self._path = path
            return self._file
        raise ImportFailed(
            f"rows were refused and the report cannot be written ({'; '.join(problems)}). Name a place for it: --report PATH"
        )


def _is_ours(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(HEADER)) == HEADER
    except OSError:
        return False
