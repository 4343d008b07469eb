"""Imports: a file's rows onto a board, each exactly once, however often the import is killed and begun again.

Owns: the import's place in the store (its mark), what two importers of one file do, how long a store may be away. Leaves
to others: batches of a file (`batches.py`), what is shown (`run.py`).

Why no row counts twice: the place reached is written in the same script as the batch that reached it, and the script
takes a batch only while the place is still the one that the batch was read from. A place belongs to the file's content,
not to its name: a file that was changed is another file. The lock (`import_turn.py`) only saves a second importer its work.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.core.batches import Batch, Batches, Place
from dashboard.core.boards import Boards
from dashboard.core.import_turn import import_turn
from dashboard.core.mappings import Mapping
from dashboard.core.refusals import Refusal, Report
from dashboard.core.rows import Format, format_of, open_file
from dashboard.core.scores import Scores
from dashboard.errors import ImportFailed, MarkMoved, StoreUnavailable
from dashboard.store.lock import Held, Locks
from dashboard.values import Board, BoardSettings, Mark, Order, Rule

PATIENCE_S = 20.0
"""So long the store may be away, restarting say, before an import gives up."""
RETRY_S = 0.25


@dataclass(frozen=True, slots=True)
class Job:
    """What to import. `form` None: as the file's name says. `rule` and `order` None: those of the board, or the defaults
    where it is new. `report` None: beside the file, or in the current folder where that cannot be written.
    """

    path: Path
    board: str
    mapping: Mapping
    form: Format | None = None
    rule: Rule | None = None
    order: Order | None = None
    report: Path | None = None

    def report_places(self) -> tuple[Path, ...]:
        """Where the report may go, the best first."""
        if self.report is not None:
            return (self.report,)
        name = f"{self.path.name}.refused.csv"
        return (self.path.with_name(name), Path(name))


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished import. `before` is where earlier runs had left it; `report` the file of refused rows, if there is one."""

    board: Board
    before: Place
    place: Place
    report: Path | None


class Watch:
    """Is told how an import goes on. This one looks away; the command line's draws a bar."""

    def reading(self, bytes_read: int, size_bytes: int) -> None:
        """The file is read once to know it again by its content."""

    def moved(self, place: Place, size_bytes: int) -> None:
        """This place is in the store now; the first call says where the import begins."""

    def refused(self, refusal: Refusal) -> None:
        """A row was not taken."""

    def waiting(self, reason: str) -> None:
        """The store does not answer, or another holds the import; it is asked again."""


class Importer:
    """Imports files. `clock_s` is monotonic; `wait_s` waits that long, and may look after the store meanwhile."""

    def __init__(
        self,
        boards: Boards,
        scores: Scores,
        locks: Locks,
        clock_s: Callable[[], float],
        wait_s: Callable[[float], object],
    ) -> None:
        self._boards = boards
        self._scores = scores
        self._locks = locks
        self._clock_s = clock_s
        self._wait_s = wait_s

    def run(self, job: Job, watch: Watch) -> Outcome:
        """Import a file from where earlier runs left it; a finished one adds nothing.

        Raises ImportFailed; StoreUnavailable where the store stays away, LockHeld and LockLost where another importer
        has the file: the same call goes on later. One round trip per batch.
        """
        with open_file(job.path) as file:
            report = Report(job.report_places())
            batches = Batches(file, job.form or format_of(job.path), job.mapping, report, watch.refused)
            board = self._board(job)
            id = batches.fingerprint(watch.reading)
            with import_turn(self._locks, job.board, id, self._wait_s, watch.waiting) as held:
                return self._import(job, board, id, batches, report, held, watch)

    def _import(
        self, job: Job, board: Board, id: str, batches: Batches, report: Report, held: Held, watch: Watch
    ) -> Outcome:
        """From the place in the store to the end, while it is our turn."""
        stored = self._scores.mark(job.board, id)
        place = before = batches.go_to(stored)
        patient_until_s: float | None = None
        watch.moved(place, batches.size_bytes)
        while not place.done:
            try:
                place = self._apply(job.board, id, stored, batches, batches.next(place))
                stored, patient_until_s = place.text(), None
            except MarkMoved as moved:
                held.check()  # paused or cut off beyond its time, it leaves the rest to who came after
                # The board may have been deleted and made anew: go on only if it still ranks as it did.
                board = self._board(replace(job, rule=board.settings.rule, order=board.settings.order))
                stored = moved.evidence["mark"]
                place = batches.go_to(stored)
            except StoreUnavailable as error:
                patient_until_s = patient_until_s or self._clock_s() + PATIENCE_S
                stored = self._ask_again(job.board, id, watch, error, patient_until_s)
                place = batches.go_to(stored)
            watch.moved(place, batches.size_bytes)
        where = report.end(place.report_bytes)
        return Outcome(self._boards.with_players(board), before, place, where)

    def _apply(self, board: str, id: str, stored: str, batches: Batches, batch: Batch) -> Place:
        """Apply a batch and move the place, both or neither. Returns the place that is stored then. One round trip."""
        place = batch.place
        refused = self._scores.load(board, batch.scores, Mark(id, stored, place.text()))
        if not refused:
            return place
        # Killed before this second call, an import has its scores right and these few in its total of applied rows.
        corrected = batches.refuse(batch, refused)
        self._scores.load(board, [], Mark(id, place.text(), corrected.text()))
        return corrected

    def _ask_again(self, board: str, id: str, watch: Watch, error: StoreUnavailable, until_s: float) -> str:
        """Wait until the store says where the import stands: the batch may be in it or not."""
        while self._clock_s() < until_s:
            watch.waiting(error.detail)
            self._wait_s(RETRY_S)
            try:
                return self._scores.mark(board, id)
            except StoreUnavailable as again:
                error = again
        raise error

    def _board(self, job: Job) -> Board:
        """The board, made if it is absent. Raises ImportFailed where it ranks otherwise than the job says."""
        board = self._boards.read(job.board)
        if board is None:
            board, _ = self._boards.put(job.board, BoardSettings(order=job.order or "desc", rule=job.rule or "best"))
        for name, wanted in (("rule", job.rule), ("order", job.order)):
            has = getattr(board.settings, name)
            if wanted not in (None, has):
                raise ImportFailed(
                    f"the board {job.board!r} has the {name} {has!r}, not {wanted!r}: import to another board, "
                    f"or without --{name}"
                )
        names, given = [column.name for column in board.settings.columns], [name for name, _ in job.mapping.columns]
        if sorted(names) != sorted(given):
            has = f"the columns {', '.join(names)}: say --column NAME=COL for each" if names else "no columns"
            raise ImportFailed(f"the board {job.board!r} has {has}")
        return board
