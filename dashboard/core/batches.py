"""Batches: a file cut into lots of scores, each with the place behind it.

Owns: places, reading on from one, totals. Leaves to others: records (`csv_rows.py`, `ndjson_rows.py`), columns
(`mappings.py`), the report's file (`refusals.py`), what a batch does to a board (`imports.py`).
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import BinaryIO

from dashboard.core.csv_rows import CsvRows
from dashboard.core.mappings import Mapping
from dashboard.core.ndjson_rows import NdjsonRows
from dashboard.core.refusals import Refusal, Report
from dashboard.core.rows import Format, Row, Rows
from dashboard.core.scores import BATCH
from dashboard.errors import ImportFailed, InvalidInput, ScorecastError
from dashboard.values import Score

READ_BYTES = 1 << 20
MOST_ROWS = 20 * BATCH
"""A batch ends after so many rows even if few of them count, so that the place moves on."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far an import has come: the byte and the line that come next, and what became of the rows before them.
    `rows` = `applied` + `filtered` + `refused`. `report_bytes` is the length of the report.
    """

    end: int
    line: int
    rows: int = 0
    applied: int = 0
    filtered: int = 0
    refused: int = 0
    report_bytes: int = 0
    done: bool = False

    def text(self) -> str:
        """As it stands in the store."""
        return json.dumps(asdict(self), separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Batch:
    """Up to BATCH scores, the rows they came from, and the place behind them, as if the store takes them all."""

    scores: list[Score]
    rows: list[Row]
    place: Place


class Batches:
    """Reads batches from an open file. `on_refusal` hears of each refused row once it stands in the report."""

    def __init__(
        self, file: BinaryIO, form: Format, mapping: Mapping, report: Report, on_refusal: Callable[[Refusal], None]
    ) -> None:
        self._file = file
        self._form = form
        self._mapping = mapping
        self._report = report
        self._on_refusal = on_refusal
        self._rows: Rows = CsvRows(file) if form == "csv" else NdjsonRows(file)
        self._binding = mapping.bind(self._rows)
        self._first = Place(self._rows.end, self._rows.line)
        self._iterator = iter(self._rows)
        self._seen = self._state()
        self.size_bytes = self._seen[0]

    def fingerprint(self, on_read: Callable[[int, int], None]) -> str:
        """The same text for the same content read in the same way. Reads the whole file; `on_read` gets (bytes, of)."""
        digest = hashlib.sha256(f"{self._form} {self._mapping.key()}\n".encode())
        self._file.seek(0)
        while data := self._file.read(READ_BYTES):
            digest.update(data)
            on_read(self._file.tell(), self.size_bytes)
        return digest.hexdigest()

    def go_to(self, stored: str) -> Place:
        """Read on from a place as it stands in the store ('' = the first row)."""
        place = Place(**json.loads(stored)) if stored else self._first
        self._rows.go_to(place.end, place.line)
        self._iterator = iter(self._rows)
        return place

    def next(self, place: Place) -> Batch:
        """The batch behind `place`, which is where the reading stands. Its refused rows are in the report by then.

        Raises ImportFailed where the file changed since it was opened.
        """
        scores: list[Score] = []
        kept: list[Row] = []
        refusals: list[Refusal] = []
        read = filtered = 0
        for row in self._iterator:
            read += 1
            if row.fault:
                refusals.append(Refusal(row.line, row.fault, self._rows.text()))
            elif not self._binding.counts(row.values):
                filtered += 1
            else:
                try:
                    scores.append(self._binding.score(row.values))
                    kept.append(row)
                except InvalidInput as error:
                    refusals.append(Refusal(row.line, error.detail, self._rows.text()))
            if len(scores) == BATCH or read == MOST_ROWS:
                done = False
                break
        else:
            done = True
        if self._state() != self._seen:
            raise ImportFailed(
                "the file changed while it was read. What was imported of it so far stays on the board; "
                "delete the board and import a file that nobody writes to any more"
            )
        behind = replace(
            place,
            end=self._rows.end,
            line=self._rows.line,
            rows=place.rows + read,
            applied=place.applied + len(scores),
            filtered=place.filtered + filtered,
            done=done,
        )
        return Batch(scores, kept, self._refuse(behind, refusals))

    def refuse(self, batch: Batch, errors: dict[int, ScorecastError]) -> Place:
        """The place behind a batch of which the store itself refused some, by the index of the score."""
        refusals = [Refusal(batch.rows[i].line, error.detail, _text(batch.rows[i])) for i, error in errors.items()]
        return self._refuse(replace(batch.place, applied=batch.place.applied - len(refusals)), refusals)

    def _refuse(self, place: Place, refusals: list[Refusal]) -> Place:
        if not refusals:
            return place
        size = self._report.write(place.report_bytes, refusals)
        for refusal in refusals:
            self._on_refusal(refusal)
        return replace(place, refused=place.refused + len(refusals), report_bytes=size)

    def _state(self) -> tuple[int, int]:
        state = os.fstat(self._file.fileno())
        return state.st_size, state.st_mtime_ns


def _text(row: Row) -> str:
    return ",".join(row.values) if isinstance(row.values, list) else json.dumps(row.values, ensure_ascii=False)
