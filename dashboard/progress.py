"""Progress on the terminal: a bar or a living line where people look, a line every few seconds where a log is written.

Owns: stderr while an import, an export or the demo runs, the words of an import's summary. Leaves to others: the import
(`core/imports.py`), the demo (`demo/`), exit codes (`run.py`).
"""

import time
from shutil import get_terminal_size
from typing import NoReturn, TextIO

from tqdm import tqdm

from dashboard.core.batches import Place
from dashboard.core.imports import Job, Outcome, Watch
from dashboard.core.refusals import Refusal

LINE_S = 5.0
SHOWN = 10
"""So many refused rows are shown; the report has all."""
BAR = "{desc}: {percentage:3.0f}%{postfix}, {remaining} left |{bar}|"
DIGEST_NOTICE_BYTES = 1 << 28
"""Reading a larger file to know it again takes long enough to say so."""


class Progress(Watch):
    """Shows one import on `stream` (stderr). A context manager, so that the bar's line is ended."""

    def __init__(self, job: Job, stream: TextIO) -> None:
        self._name = job.path.name
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._bar: tqdm[NoReturn] | None = None
        self._first: Place | None = None
        self._since_s = time.monotonic()
        self._next_line_s = self._since_s + LINE_S
        self._refused = 0
        self._is_waiting = False

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def reading(self, bytes_read: int, size_bytes: int) -> None:
        if size_bytes > DIGEST_NOTICE_BYTES and self._due(bytes_read == size_bytes):
            self._line(f"{self._name}: reading it once to know it again, {bytes_read / size_bytes:.0%}")

    def moved(self, place: Place, size_bytes: int) -> None:
        self._is_waiting = False
        if self._first is None:
            self._first, self._since_s = place, time.monotonic()
            if place.rows and not place.done:
                self._line(f"{self._name}: going on behind the {place.rows:,} rows of an earlier run")
            if self._is_terminal and not place.done:
                size = get_terminal_size()  # tqdm shows nothing on a terminal that says it has no columns
                self._bar = tqdm(
                    total=size_bytes,
                    initial=place.end,
                    desc=self._name,
                    file=self._stream,
                    bar_format=BAR,
                    leave=False,
                    miniters=1,  # redraw by the clock alone: after a wait, the usual guess would show nothing for long
                    ncols=size.columns,
                    nrows=size.lines,
                )
        seconds = time.monotonic() - self._since_s
        rate = (place.rows - self._first.rows) / seconds if seconds else 0.0
        if self._bar is not None:
            self._bar.set_postfix_str(f"{place.rows:,} rows, {rate:,.0f} rows/s", refresh=False)
            self._bar.update(place.end - self._bar.n)
        elif self._due(False):
            speed = (place.end - self._first.end) / seconds
            left = f", {(size_bytes - place.end) / speed:,.0f} s left" if speed else ""
            share = place.end / size_bytes
            self._line(f"{self._name}: {share:.0%}, {place.rows:,} rows, {rate:,.0f} rows/s{left}")

    def refused(self, refusal: Refusal) -> None:
        self._refused += 1
        if self._refused <= SHOWN:
            self._line(f"line {refusal.line}: {refusal.reason}")
        elif self._refused == SHOWN + 1:
            self._line("more rows are refused: see the report")

    def waiting(self, reason: str) -> None:
        if not self._is_waiting:
            self._line(f"{reason} Waiting for it.")
        self._is_waiting = True

    def summary(self, outcome: Outcome) -> list[str]:
        """The lines that end an import."""
        before, place = outcome.before, outcome.place
        players = outcome.board.players
        standing = f"The board {outcome.board.name} has {players:,} player{'s' if players != 1 else ''}."
        if before.done:
            return [f"{self._name} was imported before; nothing was added. {standing}"]
        seconds = time.monotonic() - self._since_s
        rows = place.rows - before.rows
        counts = f"{place.applied:,} applied, {place.filtered:,} filtered out, {place.refused:,} refused"
        lines = [f"{place.rows:,} rows: {counts}. {standing}"]
        if before.rows:
            lines.append(f"This run read {rows:,} of them, behind the {before.rows:,} of earlier runs.")
        lines.append(f"{seconds:.1f} s, {rows / seconds:,.0f} rows/s.")
        if place.refused:
            lines.append(f"The refused rows and the reasons: {outcome.report}")
        return lines

    def _due(self, now: bool) -> bool:
        if time.monotonic() < self._next_line_s and not now:
            return False
        self._next_line_s = time.monotonic() + LINE_S
        return True

    def _line(self, text: str) -> None:
        if self._bar is not None:
            self._bar.write(text, file=self._stream)
        else:
            print(text, file=self._stream, flush=True)


class ExportProgress:
    """Shows one export on `stream` (stderr). A context manager, so that the bar's line is ended."""

    def __init__(self, name: str, players: int, stream: TextIO) -> None:
        self._name, self._players, self._stream = name, players, stream
        self._rows = 0
        self._since_s = time.monotonic()
        self._next_line_s = self._since_s + LINE_S
        self._bar: tqdm[NoReturn] | None = None
        if stream.isatty():
            size = get_terminal_size()
            self._bar = tqdm(
                total=players,
                desc=name,
                file=stream,
                bar_format=BAR,
                leave=False,
                miniters=1,
                ncols=size.columns,
                nrows=size.lines,
            )

    def __enter__(self) -> "ExportProgress":
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
        if error is None:
            self._line(f"{self._name}: {self._rows:,} rows, {self._rows / self._seconds():,.0f} rows/s.")

    def moved(self, rows: int) -> None:
        """So many more rows are written."""
        self._rows += rows
        rate = self._rows / self._seconds()
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._rows:,} rows, {rate:,.0f} rows/s", refresh=False)
            self._bar.update(rows)
        elif time.monotonic() >= self._next_line_s:
            self._next_line_s += LINE_S
            self._line(f"{self._name}: {self._rows:,} of {self._players:,} rows, {rate:,.0f} rows/s")

    def _seconds(self) -> float:
        return max(time.monotonic() - self._since_s, 0.001)

    def _line(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class LivingLine:
    """One line that is written over and over on a terminal; elsewhere it is written every `every_s` seconds."""

    def __init__(self, stream: TextIO, every_s: float = 10.0) -> None:
        self._stream = stream
        self._every_s = every_s
        self._is_terminal = stream.isatty()
        self._next_s = time.monotonic() + every_s
        self._last = ""

    def say(self, text: str) -> None:
        """What the line says now."""
        self._last = text
        if self._is_terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._stream.flush()
        elif time.monotonic() >= self._next_s:
            self._next_s += self._every_s
            print(text, file=self._stream, flush=True)

    def end(self) -> None:
        """Leave the line as it is."""
        if self._last:
            print("" if self._is_terminal else self._last, file=self._stream, flush=True)
