"""Imports on a real store: every row exactly once, whatever happens in between."""

import csv
import os
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from dashboard.config import Settings
from dashboard.core.batches import MOST_ROWS, Place
from dashboard.core.imports import Importer, Job, Outcome, Watch
from dashboard.core.mappings import Condition, Mapping
from dashboard.core.refusals import Refusal
from dashboard.errors import ImportFailed, LockHeld, StoreUnavailable
from dashboard.parts import Parts, open_parts
from dashboard.store import keys
from dashboard.store.lock import OWNER, Locks
from dashboard.store.scripts import Scripts
from dashboard.values import MAX_SCORE, BoardSettings
from tests.store.hold import servers_in, wait_until

ONES = Mapping("name", "1")
POINTS = Mapping("name", "points")


class At(Watch):
    """Does something once, when so many rows are in the store; remembers what it was told."""

    def __init__(self, rows: int = 0, then: Callable[[], object] | None = None) -> None:
        self.rows, self.then = rows, then
        self.places: list[Place] = []
        self.refusals: list[Refusal] = []
        self.waits = 0

    def moved(self, place: Place, size_bytes: int) -> None:
        self.places.append(place)
        if self.then is not None and place.rows >= self.rows and not place.done:
            then, self.then = self.then, None
            then()

    def refused(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def waiting(self, reason: str) -> None:
        self.waits += 1


def write(path: Path, rows: int, players: int = 1500) -> Counter[str]:
    """A file of so many rows; the sums it stands for."""
    sums: Counter[str] = Counter()
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["name", "points"])
        for i in range(rows):
            name, points = f"player {i * 7919 % players}", i % 10 - 2
            out.writerow([name, points])
            sums[name] += points
    return sums


def run(parts: Parts, job: Job, watch: Watch | None = None) -> Outcome:
    return Importer(parts.boards, parts.scores, parts.locks, time.monotonic, time.sleep).run(job, watch or Watch())


def found(parts: Parts, board: str) -> dict[str, int]:
    """All players of a board with their scores."""
    sums: dict[str, int] = {}
    cursor = None
    while True:
        page = parts.rankings.top(board, limit=1000, cursor=cursor)
        sums |= {row.player: row.score for row in page.rows}
        if (cursor := page.next) is None:
            return sums


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "scores.csv"


def test_every_row_counts(parts: Parts, board: str, file: Path) -> None:
    sums = write(file, 5_500)
    outcome = run(parts, Job(file, board, POINTS, rule="sum"))
    assert found(parts, board) == sums
    assert (outcome.board.name, outcome.board.players) == (board, 1500)
    assert (outcome.place.rows, outcome.place.applied, outcome.report) == (5_500, 5_500, None)


def test_a_finished_file_adds_nothing_under_any_name(parts: Parts, board: str, file: Path) -> None:
    sums = write(file, 2_500)
    first = run(parts, Job(file, board, POINTS, rule="sum"))
    again = run(parts, Job(file.rename(file.with_name("other.csv")), board, POINTS))
    assert again.before == again.place == first.place
    assert again.before.done
    assert found(parts, board) == sums


def test_another_mapping_of_the_same_file_is_another_import(parts: Parts, board: str, file: Path) -> None:
    sums = write(file, 100)
    run(parts, Job(file, board, POINTS, rule="sum"))
    run(parts, Job(file, board, ONES))
    assert sum(found(parts, board).values()) == sums.total() + 100


def test_only_rows_that_meet_the_conditions_count(parts: Parts, board: str, file: Path) -> None:
    write(file, 1_000, players=15)
    where = (Condition.parse("points!=1"), Condition.parse("name=player 7"))
    place = run(parts, Job(file, board, Mapping("name", "1", where=where))).place
    rows = [(f"player {i * 7919 % 15}", i % 10 - 2) for i in range(1_000)]
    counting = sum(name == "player 7" and points != 1 for name, points in rows)
    assert 0 < counting < sum(name == "player 7" for name, _ in rows)
    assert (place.applied, place.filtered) == (counting, 1_000 - counting)


def test_the_place_moves_on_where_no_row_counts(parts: Parts, board: str, file: Path) -> None:
    write(file, MOST_ROWS + 10)
    watch = At()
    run(parts, Job(file, board, Mapping("name", "1", where=(Condition.parse("name=nobody"),))), watch)
    assert [place.rows for place in watch.places] == [0, MOST_ROWS, MOST_ROWS + 10]


def test_refused_rows_are_reported_and_the_others_count(parts: Parts, board: str, file: Path) -> None:
    file.write_bytes(b'name,points\nA,1\n,2\n"B\nB",3\nC,12.0\nD\xff,4\nA,5\n')
    watch = At()
    outcome = run(parts, Job(file, board, POINTS, rule="sum"), watch)
    assert found(parts, board) == {"A": 6}
    reasons = [
        (3, "no player: the column is empty", ",2"),
        (4, "a player's name has no control characters or lone surrogates, but U+000A was found", '"B\nB",3'),
        (6, "the score 12.0 is not a whole number", "C,12.0"),
        (7, "byte 2 of the line, 0xff, is not UTF-8", "D\\xff,4"),
    ]
    assert watch.refusals == [Refusal(*reason) for reason in reasons]
    assert (outcome.place.rows, outcome.place.applied, outcome.place.refused) == (6, 2, 4)
    assert outcome.report == file.with_name("scores.csv.refused.csv")
    with outcome.report.open(encoding="utf-8", newline="") as report:
        assert list(csv.reader(report)) == [["line", "reason", "row"], *([str(n), why, row] for n, why, row in reasons)]


def test_a_sum_that_leaves_the_exact_range_is_refused_by_the_store(parts: Parts, board: str, file: Path) -> None:
    file.write_text(f"name,points\nA,{MAX_SCORE}\nB,1\nA,1\nB,1\n", encoding="utf-8")
    watch = At()
    job = Job(file, board, POINTS, rule="sum")
    place = run(parts, job, watch).place
    assert found(parts, board) == {"A": MAX_SCORE, "B": 2}
    assert (place.applied, place.refused) == (3, 1)
    assert [(refusal.line, refusal.row) for refusal in watch.refusals] == [(4, "A,1")]
    assert run(parts, job).place == place


def test_the_board_is_made_with_rule_and_order(parts: Parts, board: str, file: Path) -> None:
    file.write_text("name,points\nA,3\nA,2\nB,5\n", encoding="utf-8")
    settings = run(parts, Job(file, board, POINTS, rule="best", order="asc")).board.settings
    assert (settings.rule, settings.order) == ("best", "asc")
    assert [(row.player, row.score) for row in parts.rankings.top(board).rows] == [("A", 2), ("B", 5)]


def test_a_board_with_another_rule_is_left_alone(parts: Parts, board: str, file: Path) -> None:
    write(file, 10)
    parts.boards.put(board, BoardSettings(rule="last"))
    with pytest.raises(
        ImportFailed, match=r"has the rule 'last', not 'sum': import to another board, or without --rule"
    ):
        run(parts, Job(file, board, ONES, rule="sum"))
    with pytest.raises(ImportFailed, match="has the order 'desc', not 'asc'"):
        run(parts, Job(file, board, ONES, order="asc"))
    assert found(parts, board) == {}
    run(parts, Job(file, board, ONES))
    assert len(found(parts, board)) == 10


def test_a_header_alone_is_an_import_of_no_rows(parts: Parts, board: str, file: Path) -> None:
    file.write_text("name,points\n", encoding="utf-8")
    assert run(parts, Job(file, board, ONES)).place.rows == 0
    assert run(parts, Job(file, board, ONES)).before.done


def test_ndjson_counts_like_csv(parts: Parts, board: str, tmp_path: Path) -> None:
    file = tmp_path / "scores.ndjson"
    file.write_text('{"name": "A", "points": 2}\n\n{"points": 1, "name": "A"}\n{"name": "B"}\n', encoding="utf-8")
    place = run(parts, Job(file, board, POINTS, rule="sum")).place
    assert found(parts, board) == {"A": 3}
    assert (place.rows, place.applied, place.refused) == (3, 2, 1)


def test_history_counts_in_the_periods_in_which_it_was_played(parts: Parts, board: str, file: Path) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=("all", "month"), keep=1_000_000))
    file.write_text("name,points,on\nA,3,1916-07-02\nA,4,2026-01-31\nB,5,2026-01-01\n", encoding="utf-8")
    run(parts, Job(file, board, Mapping("name", "points", "on")))
    assert found(parts, board) == {"A": 7, "B": 5}
    january = parts.rankings.top(board, "month", at_ms=1_767_300_000_000)
    assert [(row.player, row.score) for row in january.rows] == [("B", 5), ("A", 4)]


def test_history_of_a_century_ago_has_its_rankings(parts: Parts, board: str, file: Path) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=("day",)))
    file.write_text("name,points,on\nA,3,1916-07-02\nB,4,1916-07-02\n", encoding="utf-8")
    assert run(parts, Job(file, board, Mapping("name", "points", "on"))).place.applied == 2
    then = parts.rankings.top(board, "day", at_ms=-1_688_342_400_000)
    assert [(row.player, row.score) for row in then.rows] == [("B", 4), ("A", 3)]


def test_history_that_fits_no_period_in_redis_is_refused(parts: Parts, board: str, file: Path) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", periods=("day",)))
    parts.client.sadd(keys.periods(board), "day:1916-07-02")  # archived, and expired
    file.write_text("name,points,on\nA,3,1916-07-02\n", encoding="utf-8")
    watch = At()
    place = run(parts, Job(file, board, Mapping("name", "points", "on")), watch).place
    assert (place.applied, place.refused) == (0, 1)
    assert "archived and final" in watch.refusals[0].reason


def test_a_second_importer_is_told_who_is_at_it(parts: Parts, board: str, file: Path) -> None:
    sums = write(file, 3_000)
    job = Job(file, board, POINTS, rule="sum")
    told = []

    def second() -> None:
        with pytest.raises(LockHeld, match=f"{OWNER} is importing this file to this board") as held:
            run(parts, job)
        told.append(held.value)
        other = Job(file, f"{board}-2", POINTS, rule="sum")
        assert run(parts, other).place.applied == 3_000, "another board is another import"

    assert run(parts, job, At(2_000, second)).place.applied == 3_000
    assert len(told) == 1
    assert found(parts, board) == sums


class Everybodys(Locks):
    """Locks that keep nobody out."""

    def hold(self, name: str, **how: Any) -> Any:
        return super().hold(f"{name}:{secrets.token_hex(4)}", **how)


def test_without_the_lock_two_importers_still_count_each_row_once(parts: Parts, board: str, file: Path) -> None:
    sums = write(file, 20_000)
    locks = Everybodys(parts.client, Scripts(parts.client))
    start = threading.Barrier(2, timeout=20)
    outcomes: list[Outcome] = []

    def work() -> None:
        watch = At(0, start.wait)
        importer = Importer(parts.boards, parts.scores, locks, time.monotonic, time.sleep)
        outcomes.append(importer.run(Job(file, board, POINTS, rule="sum"), watch))

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [outcome.place.applied for outcome in outcomes] == [20_000, 20_000]
    assert found(parts, board) == sums


def test_a_file_that_changes_meanwhile_stops_the_import(parts: Parts, board: str, file: Path) -> None:
    write(file, 5_000)

    def append() -> None:
        with file.open("a", encoding="utf-8") as open_file:
            open_file.write("late,1\n")

    with pytest.raises(ImportFailed, match="the file changed while it was read"):
        run(parts, Job(file, board, ONES), At(2_000, append))


def test_a_board_that_is_deleted_meanwhile_is_not_filled_by_another_rule(parts: Parts, board: str, file: Path) -> None:
    write(file, 5_000)
    with pytest.raises(ImportFailed, match="has the rule 'best', not 'sum'"):
        run(parts, Job(file, board, ONES, rule="sum"), At(2_000, lambda: parts.boards.delete(board)))
    assert found(parts, board) == {}


def test_a_board_that_was_deleted_is_filled_from_the_beginning(parts: Parts, board: str, file: Path) -> None:
    sums = write(file, 3_000)
    run(parts, Job(file, board, POINTS, rule="sum"))
    parts.boards.delete(board)
    run(parts, Job(file, board, POINTS, rule="sum"))
    assert found(parts, board) == sums


@pytest.fixture
def own_parts() -> Iterator[tuple[Parts, Path]]:
    """Parts on a store that a test may kill."""
    if sys.platform != "linux":
        pytest.skip("finds the store's process as Linux shows it")
    with tempfile.TemporaryDirectory(prefix="sc-") as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder))  # type: ignore[call-arg]
        with open_parts(settings) as opened:
            yield opened, Path(folder)


def test_the_store_may_be_killed_and_come_back(own_parts: tuple[Parts, Path], file: Path) -> None:
    parts, folder = own_parts
    sums = write(file, 20_000)

    def kill_store() -> None:
        [pid] = servers_in(folder)
        os.kill(pid, signal.SIGKILL)

    def wait_s(seconds: float) -> None:
        time.sleep(seconds)  # the importer's own pause, with the look after the store that run.py takes
        assert parts.embedded is not None
        parts.embedded.keep()

    watch = At(7_000, kill_store)
    Importer(parts.boards, parts.scores, parts.locks, time.monotonic, wait_s).run(
        Job(file, "b", POINTS, rule="sum"), watch
    )
    assert watch.waits > 0
    assert found(parts, "b") == sums


def answers(parts: Parts) -> bool:
    try:
        return bool(parts.client.ping())
    except redis.RedisError:
        return False


def test_a_store_that_stays_away_ends_the_import(own_parts: tuple[Parts, Path], file: Path) -> None:
    parts, folder = own_parts
    sums = write(file, 5_000)
    clock_s = 0.0

    def wait_s(seconds: float) -> None:
        nonlocal clock_s
        clock_s += seconds

    def kill_store() -> None:
        [pid] = servers_in(folder)
        os.kill(pid, signal.SIGKILL)

    job = Job(file, "b", POINTS, rule="sum")
    with pytest.raises(StoreUnavailable):
        Importer(parts.boards, parts.scores, parts.locks, lambda: clock_s, wait_s).run(job, At(2_000, kill_store))
    assert 20 <= clock_s < 21
    assert parts.embedded is not None
    parts.embedded.keep()
    wait_until(lambda: answers(parts))
    assert run(parts, job).before.rows == 2_000
    assert found(parts, "b") == sums
