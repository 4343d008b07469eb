"""47,914 real goals from the command line: counted like a plain count, killed and resumed, beside a server and alone."""

import csv
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Self

import pytest

from dashboard.config import Settings
from dashboard.parts import open_parts
from tests.conftest import ROOT, SHARED, Api, Start

GOALS = SHARED / "data" / "goalscorers.csv"
KILLED = Path(__file__).with_name("killed_import.py")

pytestmark = pytest.mark.skipif(not GOALS.exists(), reason="goalscorers.csv is not beside this checkout")


class Screen:
    """A terminal to write to, and what was written to it."""

    def __init__(self) -> None:
        self._master, self.terminal = os.openpty()
        self.text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self.terminal)
        os.close(self._master)

    def read_until(self, is_there: Callable[[str], bool], within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while not is_there(self.text):
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"not within {within_s} s: {self.text}"
            self.text += os.read(self._master, 4096).decode(errors="replace")


def plain_count(file: Path = GOALS, only: str | None = None) -> Counter[str]:
    with file.open(encoding="utf-8", newline="") as lines:
        return Counter(row["scorer"] for row in csv.DictReader(lines) if only is None or row["own_goal"] == only)


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sc-") as folder:
        yield Path(folder)


def command(data_dir: Path, *more: str) -> list[str]:
    """The import as the README has it."""
    words = [
        "import",
        str(GOALS),
        "--board",
        "goals",
        "--rule",
        "sum",
        "--player",
        "scorer",
        "--score",
        "1",
        "--at",
        "date",
    ]
    return [sys.executable, str(ROOT / "run.py"), *words, "--data-dir", str(data_dir), *more]


def run(data_dir: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(data_dir, *more), cwd=data_dir, text=True, capture_output=True, check=False)


@contextmanager
def importing(percent: int, data_dir: Path, *more: str) -> Iterator[tuple["subprocess.Popen[bytes]", Screen]]:
    """An import on a terminal, whose bar has come so far."""
    with Screen() as screen:
        words = command(data_dir, *more)
        process = subprocess.Popen(words, cwd=data_dir, stderr=screen.terminal, stdout=subprocess.DEVNULL)
        try:
            screen.read_until(lambda text: any(int(n) >= percent for n in re.findall(r"(\d+)%", text)))
            yield process, screen
        finally:
            process.kill()
            process.wait(20)


def killed_at(percent: int, data_dir: Path, *more: str) -> None:
    with importing(percent, data_dir, *more) as (process, screen):
        process.kill()
        assert process.wait(20) == -signal.SIGKILL, f"it had ended before it was killed: {screen.text}"


def found(data_dir: Path) -> dict[str, int]:
    """The whole board, read from the store while no server runs."""
    sums: dict[str, int] = {}
    cursor = None
    with open_parts(Settings(_env_file=None, data_dir=data_dir)) as parts:  # type: ignore[call-arg]
        while True:
            page = parts.rankings.top("goals", limit=1000, cursor=cursor)
            sums |= {row.player: row.score for row in page.rows}
            if (cursor := page.next) is None:
                return sums


def found_over_http(url: str) -> dict[str, int]:
    """The whole board, as a server serves it."""
    api = Api(url)
    sums: dict[str, int] = {}
    more: dict[str, str] = {}
    while True:
        page = api.get("/boards/goals/top", limit=1000, **more)
        sums |= {row["player"]: row["score"] for row in page["rows"]}
        if "next" not in page:
            api.session.close()
            return sums
        more = {"cursor": page["next"]}


def test_an_import_without_a_server_survives_three_kills(data_dir: Path) -> None:
    filtered = ("--where", "own_goal=FALSE")
    for percent in (15, 40, 65):
        killed_at(percent, data_dir, *filtered)
    last = run(data_dir, *filtered)
    assert last.returncode == 0, last.stderr
    assert "46,978 applied, 936 filtered out, 0 refused. The board goals has 14,854 players." in last.stdout
    assert re.search(r"This run read [\d,]+ of them, behind the [\d,]+ of earlier runs", last.stdout)
    board = found(data_dir)
    assert board == plain_count(only="FALSE")
    assert (len(board), sum(board.values())) == (14_854, 46_978)


def test_an_import_beside_a_server_survives_three_kills(start_server: Start, data_dir: Path) -> None:
    server = start_server(data_dir=data_dir)
    for percent in (15, 40, 65):
        killed_at(percent, data_dir)
    last = run(data_dir)
    assert last.returncode == 0, last.stderr
    assert "47,914 applied, 0 filtered out, 0 refused. The board goals has 15,350 players." in last.stdout
    board = found_over_http(server.url)
    assert board == plain_count()
    assert (len(board), sum(board.values())) == (15_350, 47_914)
    again = run(data_dir)
    assert (again.returncode, "was imported before; nothing was added" in again.stdout) == (0, True)
    assert found_over_http(server.url) == board


def test_an_import_goes_on_by_itself_when_the_server_that_holds_the_store_is_killed(
    start_server: Start, data_dir: Path
) -> None:
    server = start_server(data_dir=data_dir)
    with importing(20, data_dir) as (process, screen):
        server.kill()
        screen.read_until(lambda text: "Waiting for it." in text)
        assert process.wait(30) == 0
    assert found(data_dir) == plain_count()


def test_an_import_that_was_paused_too_long_leaves_the_rest_to_who_came_after(
    start_server: Start, data_dir: Path
) -> None:
    server = start_server(data_dir=data_dir)
    with importing(20, data_dir) as (process, screen):
        process.send_signal(signal.SIGSTOP)
        second = run(data_dir)
        assert second.returncode == 0, second.stderr
        assert f":{process.pid} was importing this file to this board. Waiting for it." in second.stderr
        process.send_signal(signal.SIGCONT)
        screen.read_until(lambda text: "was lost while it was in use. The same command goes on" in text)
        assert process.wait(20) == 3
    assert "was imported before" in run(data_dir).stdout
    assert found_over_http(server.url) == plain_count()


@pytest.mark.parametrize(("kind", "too_many"), [("real", 0), ("naive", 2000)])
def test_control_a_place_written_in_a_second_call_counts_twice(kind: str, too_many: int, data_dir: Path) -> None:
    head = data_dir / "head.csv"
    with GOALS.open(encoding="utf-8") as goals:
        head.write_text("".join(islice(goals, 5_001)), encoding="utf-8")

    def importer(last: int) -> int:
        words = [sys.executable, str(KILLED), kind, str(head), str(data_dir), str(last)]
        return subprocess.run(words, cwd=data_dir, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False).returncode

    assert [importer(last) for last in (3, 1, 0)] == [-signal.SIGKILL] * 2 + [0]
    board = found(data_dir)
    assert (board == plain_count(head)) is (too_many == 0)
    assert sum(board.values()) == 5_000 + too_many
