"""A board that is exported and imported again is equal: rows, ranks, times, columns, data, whatever the names."""

import csv
import io
import json
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.core.exports import PAGE_ROWS
from dashboard.core.imports import Importer, Job, Outcome, Watch
from dashboard.core.mappings import Mapping
from dashboard.core.rows import Format
from dashboard.errors import BoardNotFound, ImportFailed, InvalidInput, StoreUnavailable
from dashboard.parts import Parts
from dashboard.values import MAX_SCORE, BoardSettings, Column, Score, Standing

NAMES = [
    "=1+1",
    "@SUM(A1)",
    "-5",
    "+x",
    'a "q"',
    ",",
    ";",
    "'",
    "null",
    "李",
    "Zoë",
    "😀",
    "\u2028x",
    "\u202eabc",
    " a",
    "a ",
]
DATA = ['"line\\nbreak"', '{"a":"\\"x\\",\\r\\n"}', "[1.5,null,true]", "0", '"=1+1"', '"李"', "false", '""']
orders = st.sampled_from(["desc", "asc"])


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sc-") as name:
        yield Path(name)


def fresh() -> str:
    return f"export-{uuid.uuid4().hex[:10]}"


def exported(parts: Parts, board: str, form: Format = "csv", kind: str = "all") -> bytes:
    return b"".join(data for _, data in parts.exports.open(board, kind, form=form).parts)


def imported(parts: Parts, board: str, path: Path, mapping: Mapping) -> Outcome:
    return Importer(parts.boards, parts.scores, parts.locks, time.monotonic, time.sleep).run(
        Job(path, board, mapping), Watch()
    )


def round_trip(parts: Parts, folder: Path, board: str, form: Format, *, timed: bool) -> str:
    """Another board with the same settings and the rows of the file."""
    known, other = parts.boards.get(board).settings, fresh()
    parts.boards.put(other, known)
    path = folder / f"{other}.{form}"
    path.write_bytes(exported(parts, board, form))
    columns = tuple((c.name, f"_{c.name}" if c.name in ("rank", "data") else c.name) for c in known.columns)
    at = "at" if timed else None
    done = imported(parts, other, path, Mapping("player", "score", at, columns=columns, data="data"))
    assert done.place.refused == 0
    return other


def rows(parts: Parts, board: str) -> tuple[Standing, ...]:
    return parts.rankings.top(board, limit=1000).rows


scores = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.one_of(st.integers(-2, 2), st.sampled_from([MAX_SCORE, -MAX_SCORE])),
        st.sampled_from([0, 1, 1_700_000_000_000, -2_000_000_000_000]),
        st.tuples(st.integers(-1, 1), st.integers(-1, 1)),
        st.one_of(st.none(), st.sampled_from(DATA)),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    order=orders,
    rule=st.sampled_from(["best", "last", "sum"]),
    ties=st.sampled_from(["plain", "first", "shared", "dense"]),
    columns=st.lists(orders, max_size=2),
    step=st.sampled_from([None, 4]),
    form=st.sampled_from(["csv", "ndjson"]),
    given_scores=scores,
)
def test_a_board_exported_and_imported_is_equal(
    parts: Parts,
    folder: Path,
    order: Any,
    rule: Any,
    ties: Any,
    columns: list[Any],
    step: Any,
    form: Any,
    given_scores: Any,
) -> None:
    names = ("rank", "data")  # what the file itself calls so
    own = tuple(Column(name, way) for name, way in zip(names, columns, strict=False))
    board = fresh()
    parts.boards.put(board, BoardSettings(order=order, rule=rule, ties=ties, columns=own, max_step=step))
    batch = [
        Score(player, points, at_ms, dict(zip((c.name for c in own), values, strict=False)), data=data)
        for player, points, at_ms, values, data in given_scores
    ]
    parts.scores.submit(board, batch)
    other = round_trip(parts, folder, board, form, timed=ties == "first")
    assert rows(parts, other) == rows(parts, board)
    assert exported(parts, other, form) == exported(parts, board, form)
    parts.boards.delete(board)
    parts.boards.delete(other)


def test_control_without_their_times_ties_by_arrival_come_back_otherwise(parts: Parts, folder: Path) -> None:
    board = fresh()
    parts.boards.put(board, BoardSettings(ties="first"))
    parts.scores.submit(board, [Score("a", 5, 1000), Score("b", 5, 2000), Score("c", 5, 2000)])
    assert rows(parts, round_trip(parts, folder, board, "csv", timed=True)) == rows(parts, board)
    assert rows(parts, round_trip(parts, folder, board, "csv", timed=False)) != rows(parts, board)


def test_a_sum_comes_back_in_one_step_however_small_the_steps_were(parts: Parts, folder: Path, board: str) -> None:
    parts.boards.put(board, BoardSettings(rule="sum", max_step=2))
    parts.scores.submit(board, [Score("a", 2)] * 3)
    assert rows(parts, round_trip(parts, folder, board, "csv", timed=False)) == (Standing(1, "a", 6),)


def test_a_name_of_blanks_is_exported_and_refused_by_the_import(parts: Parts, folder: Path, board: str) -> None:
    parts.scores.submit(board, [Score(" ", 1)])
    (path := folder / "blank.csv").write_bytes(exported(parts, board))
    assert imported(parts, fresh(), path, Mapping("player")).place.refused == 1


def test_a_file_has_a_header_and_any_csv_reader_reads_it(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(columns=(Column("stars"), Column("at", "asc")), ties="first"))
    parts.scores.submit(board, [Score('a "q",', 5, 0, {"stars": 1, "at": 2}, data='"x\\ny"')])
    [head, row] = csv.reader(io.StringIO(exported(parts, board).decode(), newline=""), strict=True)
    assert head == ["rank", "player", "score", "stars", "_at", "at", "data"]
    assert row == ["1", 'a "q",', "5", "1", "2", "1970-01-01T00:00:00.000Z", '"x\\ny"']
    [line] = exported(parts, board, "ndjson").splitlines()
    assert list(json.loads(line)) == head
    assert json.loads(line)["data"] == "x\ny"


def test_an_empty_board_is_a_header_alone(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings())
    assert exported(parts, board) == b"rank,player,score,at,data\r\n"
    assert exported(parts, board, "ndjson") == b""


def test_pages_are_read_as_they_are_taken(parts: Parts, board: str) -> None:
    n = 2 * PAGE_ROWS + 1
    for start in range(0, n, 1000):
        parts.scores.submit(board, [Score(f"p{i}", i % 7) for i in range(start, min(n, start + 1000))])
    found = parts.exports.open(board)
    assert (found.period, found.players) == ("all", n)
    assert [size for size, _ in parts.exports.open(board).parts] == [PAGE_ROWS, PAGE_ROWS, 1]
    text = exported(parts, board).decode()
    assert [int(row["rank"]) for row in csv.DictReader(io.StringIO(text, newline=""))] == [*range(1, n + 1)]
    next(found.parts)
    parts.boards.delete(board)
    with pytest.raises(BoardNotFound):
        next(found.parts)


def test_a_board_made_anew_in_the_middle_ends_the_file(parts: Parts, board: str) -> None:
    parts.scores.submit(board, [Score(f"p{i}", i) for i in range(1000)])
    parts.scores.submit(board, [Score("last", -1)])
    found = parts.exports.open(board)
    next(found.parts)
    parts.boards.delete(board)
    parts.boards.put(board, BoardSettings(columns=(Column("x"),)))
    parts.scores.submit(board, [Score("other", -2, columns={"x": 1})])
    with pytest.raises(StoreUnavailable, match="made anew"):
        next(found.parts)


def test_the_period_that_is_asked_for_is_written(parts: Parts, board: str) -> None:
    parts.boards.put(board, BoardSettings(periods=("all", "day"), late_s=86_400))
    parts.scores.submit(board, [Score("a", 1)])
    assert b"1,a,1" in exported(parts, board, kind="day")
    with pytest.raises(InvalidInput, match="no period 'week'"):
        parts.exports.open(board, "week")
    assert b"".join(data for _, data in parts.exports.open(board, "day", at_ms=0).parts).count(b"\n") == 1


# Importing columns and data -------------------------------------------------------------------------------------------


def test_a_board_with_columns_wants_them_before_any_row(parts: Parts, folder: Path, board: str) -> None:
    parts.boards.put(board, BoardSettings(columns=(Column("stars"),)))
    (path := folder / "c.csv").write_text("player,score,s\na,1,2\nb,1,x\nc,1,\n", encoding="utf-8")
    with pytest.raises(ImportFailed, match="has the columns stars: say --column NAME=COL for each"):
        imported(parts, board, path, Mapping("player"))
    done = imported(parts, board, path, Mapping("player", columns=(("stars", "s"),)))
    assert (done.place.applied, done.place.refused) == (1, 2)
    assert done.report is not None
    assert "the stars x is not a whole number" in done.report.read_text(encoding="utf-8")
    assert rows(parts, board) == (Standing(1, "a", 1, (("stars", 2),)),)
    with pytest.raises(ImportFailed, match="has no columns"):
        imported(parts, fresh(), path, Mapping("player", columns=(("stars", "s"),)))


@pytest.mark.parametrize(
    ("form", "text", "reason"),
    [
        ("csv", "player,score,d\na,1,{\n", "the column 'd' is not JSON: "),
        ("csv", 'player,score,d\na,1,"{""a"":1,""a"":2}"\n', "a name stands twice"),
        ("csv", "player,score,d\na,1,1e999\n", "no JSON that can be kept"),
        ("csv", f"player,score,d\na,1,{'1' * 1025}\n", "at most 1024 bytes"),
        ("csv", f"player,score,d\na,1,{'[' * 60_000}\n", "nested too deeply"),
        ("ndjson", '{"player":"a","score":1,"d":"\\ud800"}\n', "no JSON that can be kept"),
    ],
)
def test_data_that_cannot_be_kept_is_refused(
    parts: Parts, folder: Path, board: str, form: Format, text: str, reason: str
) -> None:
    (path := folder / f"d.{form}").write_text(text, encoding="utf-8")
    done = imported(parts, board, path, Mapping("player", data="d"))
    assert (done.place.applied, done.place.refused) == (0, 1)
    assert done.report is not None
    assert reason in done.report.read_text(encoding="utf-8").replace('""', '"')
