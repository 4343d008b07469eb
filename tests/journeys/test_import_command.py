"""`python run.py import` as its users meet it: exit codes, what it says, what it leaves."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sc-") as name:
        yield Path(name)


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "run.py"), "import", *words]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, timeout=60, check=False)


def test_refused_rows_are_told_and_reported(folder: Path) -> None:
    (folder / "some.csv").write_text("name,score\nA,1\nB,x\n,3\n", encoding="utf-8")
    done = run(folder, "some.csv", "--board", "some", "--player", "name")
    assert done.returncode == 1
    assert done.stderr == "line 3: the score x is not a whole number\nline 4: no player: the column is empty\n"
    first, *_, last = done.stdout.splitlines()
    assert first == "3 rows: 1 applied, 0 filtered out, 2 refused. The board some has 1 player."
    assert last == "The refused rows and the reasons: some.csv.refused.csv"
    assert (folder / "some.csv.refused.csv").read_text(encoding="utf-8").splitlines()[0] == "line,reason,row"
    again = run(folder, "some.csv", "--board", "some", "--player", "name")
    assert (again.returncode, again.stderr) == (1, "")
    assert again.stdout.startswith("some.csv was imported before; nothing was added.")


def test_all_rows_taken_is_exit_code_0(folder: Path) -> None:
    (folder / "all.ndjson").write_text('{"name": "A", "score": 1}\n', encoding="utf-8")
    done = run(folder, "all.ndjson", "--board", "all", "--player", "name")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.csv", "--player", "name"], "cannot read absent.csv: No such file or directory"),
        (["one.csv", "--player", "nam"], "there is no column 'nam'; the columns are 'name', 'score'"),
        (["one.csv", "--player", "name", "--board", "a b"], "a board's name has 1 to 64 of the characters"),
        (["one.csv", "--player", "name", "--durability", "never"], "DURABILITY=never: allowed:"),
        (["one.csv"], "Missing option '--player'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_exit_code_2(words: list[str], said: str, folder: Path) -> None:
    (folder / "one.csv").write_text("name,score\nA,1\n", encoding="utf-8")
    done = run(folder, *(words if "--board" in words else ["--board", "one", *words]))
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_does_not_answer_is_exit_code_3(folder: Path) -> None:
    (folder / "one.csv").write_text("name,score\nA,1\n", encoding="utf-8")
    done = run(folder, "one.csv", "--board", "one", "--player", "name", "--redis-url", "redis://127.0.0.1:1")
    assert done.returncode == 3
    assert "Redis does not answer" in done.stderr
    assert done.stderr.endswith("The same command goes on where this one stopped.\n")
