"""Real clients over a bad network: they end with what the store has, see every gap, and cost the server nothing afterwards."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.journeys.evening import OVER_THE_NETWORK, TOPICS, Evening
from tests.journeys.network import Faults
from tests.store.hold import wait_until
from tests.web.raw import Line, request
from tests.wire.client import Raw

CLIENTS = ROOT / "tests" / "clients"
NEVER_S = 3600

Report = dict[str, Any]


class Watchers:
    """Viewers of one library, in a process of their own (`tests/clients/watcher.*`)."""

    def __init__(self, library: str, url: str, viewers: int, **options: Any) -> None:
        given = json.dumps({"name": library, "viewers": viewers, "topics": TOPICS, **options})
        self.process = subprocess.Popen(
            [*programs()[library], url, given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        self.library = library

    def ready(self) -> None:
        assert self._line() == "ready\n"

    def finish(self, rows: dict[str, str], within_s: float) -> Report:
        """What they were told, once they are shown those rows."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"rows": rows, "within_s": within_s}) + "\n")
        self.process.stdin.flush()
        report: Report = json.loads(self._line())
        assert self.process.wait(20) == 0
        return report

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def __enter__(self) -> "Watchers":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


def programs() -> dict[str, list[str]]:
    node = shutil.which("node", path=os.pathsep.join([os.environ["PATH"], str(ROOT / ".venv" / "bin")]))
    assert node, "there is no Node here: `make setup` installs one"
    python = [sys.executable, "-m", "tests.clients.watcher"]
    return {"socket.io-client": [node, str(CLIENTS / "watcher.mjs")], "python-socketio": python}


@pytest.fixture
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Evening]]:
    with ExitStack() as stack:

        def begin(seed: int = 1, **options: int) -> Evening:
            return Evening(stack, tmp_path_factory.mktemp("e"), seed, **options)

        yield begin


def contradictions(reports: list[Report]) -> list[str]:
    """What was shown to some and something else to others, as of the same frame."""
    first: dict[str, str] = {}
    return [key for report in reports for key, seen in report["states"].items() if first.setdefault(key, seen) != seen]


def watch(
    evening: Evening, faults: Faults, viewers: dict[str, int], over: Callable[[], bool], **options: Any
) -> list[Report]:
    """Reports of all viewers, that of an undisturbed one first, after an evening of such faults."""
    with ExitStack() as stack:
        witness = stack.enter_context(Watchers("socket.io-client", evening.server.url, 1))
        through = [
            stack.enter_context(Watchers(library, evening.network.url, count, scores=OVER_THE_NETWORK, **options))
            for library, count in viewers.items()
        ]
        for each in (witness, *through):
            each.ready()
        began = time.monotonic()
        with evening.load():
            evening.network.become(faults)
            wait_until(over, 600)
        took_s = time.monotonic() - began
        evening.last_word()
        rows = evening.rows()
        within_s = 0.5 if options.get("naive") else 20.0
        reports = [each.finish(rows, within_s) for each in (witness, *through)]
        network = evening.network
        print(
            f"\n{took_s:.0f} s, {network.accepted} connections, {network.swallowed} frames swallowed, {dict(network.ended)}"
        )
        for each, told in zip((witness, *through), reports, strict=True):
            sizes = {name: len(value) if isinstance(value, list | dict) else value for name, value in told.items()}
            print(each.library, sizes)
        return reports


@pytest.mark.parametrize(
    ("ends", "viewers"), [pytest.param(20, 4, id="20"), pytest.param(1000, 12, id="1000", marks=pytest.mark.soak)]
)
def test_clients_end_with_what_the_store_has_and_leave_nothing_behind(
    evening: Callable[..., Evening], ends: int, viewers: int
) -> None:
    tonight = evening()
    count = {"socket.io-client": viewers, "python-socketio": viewers}
    ended = tonight.network.ended
    reports = watch(
        tonight,
        Faults(swallow=0.25),
        count,
        lambda: ended.total() >= ends and all(ended.values()) and tonight.network.swallowed > 0,
    )
    assert [report["unequal"] for report in reports] == [[], [], []]
    assert [report["wrong"] for report in reports] == [[], [], []]
    assert contradictions(reports) == []
    assert all(report["gaps"] for report in reports[1:]), "none was there to be seen"
    stored = tonight.scores()
    for library, report in zip(count, reports[1:], strict=True):
        assert report["acknowledged"]
        assert all(stored.get(f"{library} {number}") == number for number in report["acknowledged"])
    assert all(score == int(player.split()[1]) for player, score in stored.items()), "a score applied twice"
    tonight.comes_back()
    refused = " ERROR engineio.server: "  # how the library tells, once each, of ended sessions and torn addresses
    assert [line for line in tonight.server.errors if refused not in line] == []


def test_control_who_does_not_look_for_gaps_is_found_out(evening: Callable[..., Evening]) -> None:
    tonight = evening()
    faults = Faults(lives_s=None, swallow=0.2)
    count = {"socket.io-client": 1, "python-socketio": 1}
    reports = watch(tonight, faults, count, lambda: tonight.network.swallowed > 10, naive=True)
    for report in reports[1:]:
        assert report["gaps"] == 0
        assert contradictions([reports[0], report]) or report["wrong"]


def test_half_open_connections_are_found_out_and_given_back(evening: Callable[..., Evening]) -> None:
    """The control is a server that waits for them for ever."""
    both = [evening(), evening(timeout_s=NEVER_S)]
    for each in both:
        with ExitStack() as stack:
            port = int(each.network.url.rpartition(":")[2])
            for _ in range(10):
                client = stack.enter_context(Raw(port))
                client.ask("subscribe", {"topic": "board:north:all"})
            whole = request("POST", "/api/v1/boards/south/scores", b'{"player":"a","score":1}')
            lines = [stack.enter_context(Line(each.network.url)) for _ in range(5)]
            lines[0].send(whole)
            assert lines[0].answer().status == 200
            for line, part in zip(lines[1:], (b"", whole[:30], whole[:-5], b"GET / HTTP/1.1\r\n"), strict=True):
                line.send(part)
            wait_until(lambda each=each: each.costs()["sockets"] == 15)  # type: ignore[misc]
            assert each.network.silence() == 15
    both[0].comes_back()
    assert both[1].costs() == {"connections": 10, "memberships": 20, "viewers": 10, "sockets": 15}
