"""The report of refused rows: where it goes, and that going on where a killed run was makes the same report."""

import csv
from pathlib import Path

import pytest

from dashboard.core.refusals import Refusal, Report
from dashboard.errors import ImportFailed

FIRST = [Refusal(3, "no player", ",1"), Refusal(4, "a quote, unclosed", '"x')]
SECOND = [Refusal(9, "not UTF-8", "two\nlines")]


def read(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_the_report_has_line_reason_and_row(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    report = Report([path])
    size = report.write(report.write(0, FIRST), SECOND)
    assert report.end(size) == path
    assert read(path) == [["line", "reason", "row"], *([str(line), *words] for line, *words in FIRST + SECOND)]


def test_nothing_refused_leaves_no_file_and_takes_an_older_report_away(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    older = Report([path])
    older.end(older.write(0, FIRST))
    assert Report([path]).end(0) is None
    assert not path.exists()


def test_a_killed_run_and_the_one_behind_it_make_the_same_report(tmp_path: Path) -> None:
    killed = Report([tmp_path / "r.csv"])
    place = killed.write(0, FIRST)
    killed.write(place, SECOND)  # killed before this place was stored
    killed.write(place + 500, FIRST)
    goes_on = Report([tmp_path / "r.csv"])
    goes_on.end(goes_on.write(place, SECOND))
    whole = Report([tmp_path / "whole.csv"])
    whole.end(whole.write(whole.write(0, FIRST), SECOND))
    assert read(tmp_path / "r.csv") == read(tmp_path / "whole.csv")


def test_a_run_that_goes_on_with_nothing_to_add_still_finds_and_cuts_the_report(tmp_path: Path) -> None:
    killed = Report([tmp_path / "r.csv"])
    place = killed.write(0, FIRST)
    killed.write(place, SECOND)
    assert Report([tmp_path / "r.csv"]).end(place) == tmp_path / "r.csv"
    assert len(read(tmp_path / "r.csv")) == 3


def test_a_report_that_was_taken_away_begins_anew(tmp_path: Path) -> None:
    report = Report([tmp_path / "r.csv"])
    report.end(report.write(10_000, SECOND))
    assert read(tmp_path / "r.csv") == [["line", "reason", "row"], ["9", "not UTF-8", "two\nlines"]]


def test_the_next_place_is_taken_where_the_first_cannot_be_written(tmp_path: Path) -> None:
    report = Report([tmp_path / "absent" / "r.csv", tmp_path / "r.csv"])
    assert report.end(report.write(0, FIRST)) == tmp_path / "r.csv"


def test_a_file_of_somebody_else_is_never_written_to(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("name,score\n", encoding="utf-8")
    with pytest.raises(ImportFailed, match=r"is there and is no such report.*--report PATH"):
        Report([path]).write(0, FIRST)
    assert Report([path]).end(0) is None
    assert path.read_text(encoding="utf-8") == "name,score\n"


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ImportFailed, match=r"file/r.csv: Not a directory.*--report PATH"):
        Report([tmp_path / "file" / "r.csv"]).write(0, FIRST)
