"""The demo on a real server: what it posts, its pace, keys, and how it ends."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import pytest

from dashboard.demo.world import World
from tests.conftest import ROOT, Api, ServerProcess, Start
from tests.store.hold import wait_until

Demo = subprocess.Popen[str]


@pytest.fixture
def demos(tmp_path: Path) -> Iterator[Any]:
    """Start demos: `demos("--url", url, ...)`; all end with the test."""
    started: list[Demo] = []

    def start(*words: str) -> Demo:
        command = [sys.executable, str(ROOT / "run.py"), "demo", *words]
        demo = subprocess.Popen(command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        started.append(demo)
        return demo

    yield start
    for demo in started:
        demo.kill()
        demo.communicate()


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Calls to a server that is there for these tests alone."""
    server = ServerProcess(data_dir=tmp_path_factory.mktemp("a"))
    api = Api(server.url)
    yield api
    api.session.close()
    server.stop()


def ended(demo: Demo) -> tuple[int, str]:
    """Its exit code and what it said."""
    out, err = demo.communicate(timeout=30)
    return demo.returncode, out + err


def sums(board: str, api: Api) -> dict[str, int]:
    return {row["player"]: row["score"] for row in api.get(f"/boards/{board}/top", limit=1000)["rows"]}


def entries(stream: str, api: Api) -> int:
    """How many the stream holds."""
    return sum(row["length"] for row in api.get("/streams")["streams"] if row["stream"] == stream)


def test_what_the_seed_says_is_what_the_board_shows(demos: Any, server: ServerProcess, api: Api, board: str) -> None:
    words = (
        "--url",
        server.url,
        "--board",
        board,
        "--seed",
        "3",
        "--players",
        "50",
        "--rate",
        "150",
        "--scores",
        "200",
        "--only-scores",
    )
    orders = entries("payments-stream", api)
    assert ended(demos(*words)) == (0, "demo: 200 scores\n")
    assert entries("payments-stream", api) == orders
    expected: Counter[str] = Counter()
    for play in islice(World(3, 50, 150).plays(), 200):
        expected[play.player] += play.score
    assert sums(board, api) == expected
    settings = api.get(f"/boards/{board}")
    assert [settings[name] for name in ("rule", "title")] == ["sum", "Global arena"]
    assert settings["periods"] == ["all", "day", "week", "month"]


def test_the_pace_is_the_rate(demos: Any, arena: Api, board: str) -> None:
    code, said = ended(demos("--url", arena.url, "--board", board, "--rate", "200", "--duration", "2", "--only-scores"))
    posted = int(said.split()[1])
    due = [play.due_s for play in takewhile(lambda play: play.due_s < 2, World(7, 400, 200).plays())]
    assert code == 0
    assert sum(due_s < 0.5 for due_s in due) <= posted <= len(due)  # its clients take a moment to connect


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_and_soon(demos: Any, arena: Api, board: str, number: signal.Signals) -> None:
    demo = demos("--url", arena.url, "--board", board)
    wait_until(lambda: arena.get(f"/boards/{board}").get("players", 0) > 5)
    sent_s = time.monotonic()
    demo.send_signal(number)
    code, said = ended(demo)
    assert time.monotonic() - sent_s < 3
    assert (code, said.startswith("demo: "), said.count("\n")) == (0, True, 1)


def test_a_key_opens_both_ways_in(demos: Any, start_server: Start) -> None:
    server = start_server(env={"API_KEYS": "one,two"})
    words = ("--url", server.url, "--board", "b", "--rate", "100", "--scores", "60")
    code, said = ended(demos(*words))
    assert (code, said.count("\n")) == (1, 1)
    assert "the demo cannot have the board 'b': Writing needs a key" in said
    assert ended(demos(*words, "--api-key", "two")) == (0, "demo: 60 scores\n")


def test_a_board_that_does_not_add_up_is_left_alone(demos: Any, arena: Api, board: str) -> None:
    arena.put(f"/boards/{board}", {"rule": "best"})
    code, said = ended(demos("--url", arena.url, "--board", board))
    assert (code, said.count("\n")) == (1, 1)
    assert f"the board {board!r} has the rule 'best'" in said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1", "no server answers at http://127.0.0.1:1: start one with `python run.py`"),
        ("nonsense", "nonsense is no address of a server: write http://host:port"),
        ("http://", "http: is no address of a server: write http://host:port"),
    ],
)
def test_a_bad_address_is_one_clear_line(demos: Any, url: str, said: str) -> None:
    code, words = ended(demos("--url", url))
    assert (code, words.count("\n")) == (1, 1)
    assert said in words
