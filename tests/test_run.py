"""The command line: help, refusals in one line, signals, log lines."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from dashboard.config import Settings
from tests.conftest import ROOT, Start
from tests.store.hold import is_gone, servers_in, wait_until
from tests.web.wire import Wire

COMMANDS = ("import", "export", "demo", "worker")
MODES = ("eventlet", "threading")


class Run:
    """`python run.py ...` in an empty folder, begun at once; `code`, `out` and `err` wait for its end."""

    def __init__(self, folder: Path, *words: str, **env: str) -> None:
        names = {name.upper() for name in Settings.model_fields}
        clean = {name: value for name, value in os.environ.items() if name not in names}
        folder.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "run.py"), *words],
            cwd=folder,
            env=clean | {"COLUMNS": "400"} | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


def test_help_explains_every_command_and_every_setting(tmp_path: Path) -> None:
    runs = {command: Run(tmp_path, *command.split(), "--help") for command in ("", *COMMANDS)}
    texts = {}
    for command, run in runs.items():
        code, out, err = run.end()
        assert (code, err) == (0, "")
        texts[command] = " ".join(out.split())
        flags = re.findall(r"^  (--[\w-]+)", out, re.MULTILINE)
        assert len(flags) > 3
        for flag in flags:  # each is followed by words of its own, not by the next flag
            assert re.search(rf" {flag} ([A-Z|_]+ |\[[\w|]+\] )?[A-Za-z`]", texts[command]), (command, flag)
    for command in COMMANDS:
        assert re.search(rf"\b{command} [A-Z]\w+ ", texts[""].partition(" Commands: ")[2])
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')} VALUE {field.description}" in texts[""]
        assert f"[{name.upper()}; default: " in texts[""]


def test_what_cannot_be_is_refused_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        plain = tmp_path / "file"
        plain.write_text("")
        wanted: list[tuple[list[str], dict[str, str], str]] = [
            (
                ["--host", "0.0.0.0"],
                {},
                "HOST=0.0.0.0: others can reach this address, so writes need a key; set API_KEYS=",
            ),
            (
                [],
                {"PORT": port},
                f"Cannot listen on HOST=127.0.0.1 PORT={port}: Address already in use. Set another PORT",
            ),
            ([], {"ASYNC_MODE": "gevent"}, "ASYNC_MODE=gevent: allowed: 'eventlet' or 'threading'"),
            (
                ["--redis-url", "redis://:secret@127.0.0.1:1"],
                {},
                "REDIS_URL=redis://***@127.0.0.1:1: Redis does not answer",
            ),
            (["--data-dir", str(plain)], {}, "data folder"),
        ]
        runs = [Run(tmp_path / str(n), *words, **env) for n, (words, env, _) in enumerate(wanted)]
        for run, (words, env, line) in zip(runs, wanted, strict=True):
            code, out, err = run.end()
            assert code == 1, (words, env)
            assert out == ""
            assert err.startswith("scorecast: "), err
            assert len(err.splitlines()) == 1
            assert line in err
            assert "secret" not in err


def test_a_command_or_flag_that_is_none_is_refused_with_the_way_to_help(tmp_path: Path) -> None:
    for run in [Run(tmp_path, "serve"), Run(tmp_path, "--prt", "1"), Run(tmp_path, "import")]:
        code, out, err = run.end()
        assert (code, out) == (2, "")
        assert "--help" in err
        assert "Traceback" not in err


def test_a_value_that_is_called_like_a_command_is_a_value(start_server: Start) -> None:
    server = start_server("--data-dir", "demo", "--operator-key=import", "--api-keys", "worker", "--host", "::1")
    assert re.fullmatch(r"http://\[::1\]:\d+", server.url)
    assert requests.get(f"{server.url}/healthz", timeout=20).json() == {"status": "alive"}
    server.process.terminate()
    assert server.process.stdout is not None
    assert server.process.stdout.read() == "", "where it is reached was the only line"


@contextmanager
def viewers(url: str) -> Iterator[Wire]:
    """One that watches over a websocket, and one that polls and waits."""
    polling = f"{url}/socket.io/?EIO=4&transport=polling"
    with Wire(url) as wire, requests.Session() as session, socket.socket() as idle:
        assert "snapshot" in wire.ask("subscribe", {"topic": "board:b:all"})
        session.get(polling, timeout=20)
        host, port = url.removeprefix("http://").split(":")
        idle.connect((host, int(port)))  # and one who only knocks
        yield wire


@pytest.mark.parametrize(
    ("mode", "numbers"), [("eventlet", [signal.SIGTERM]), ("threading", [signal.SIGINT, signal.SIGTERM, signal.SIGINT])]
)
def test_a_signal_or_several_end_it_in_good_order(
    start_server: Start, mode: str, numbers: list[signal.Signals]
) -> None:
    server = start_server("--async-mode", mode)
    requests.post(f"{server.url}/api/v1/boards/b/scores", json={"player": "a", "score": 1}, timeout=20)
    stores = servers_in(server.data_dir)
    assert len(stores) == 1
    with viewers(server.url) as wire:
        for number in numbers:
            server.process.send_signal(number)
        assert wire.hear() == ("notice", {"code": "going-away", "detail": "Server restarts; back in a moment"})
        with pytest.raises((EOFError, OSError)):
            wire.hear()
        assert server.stop() == 0
    assert is_gone(stores[0], 0)
    assert server.errors == []
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/healthz", timeout=20)


@pytest.mark.parametrize("mode", MODES)
def test_log_lines_for_machines_are_json_whatever_happens(start_server: Start, mode: str) -> None:
    server = start_server("--async-mode", mode, env={"LOG_FORMAT": "json"})
    with Wire(server.url) as wire:
        wire.ask("subscribe", {"topic": "board:b:all"})
        os.kill(servers_in(server.data_dir)[0], signal.SIGKILL)
        wait_until(lambda: any("starting it again" in line for line in server.errors))
        wire.send("no packet at all")
        requests.get(f"{server.url}/socket.io/", timeout=20)
        wait_until(lambda: requests.get(f"{server.url}/readyz", timeout=20).status_code == 200)
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.errors]
    assert len(lines) > 2
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}", line["time"]) for line in lines)


def test_a_key_of_the_environment_guards_an_open_address(start_server: Start) -> None:
    server = start_server("--host", "0.0.0.0", env={"API_KEYS": "schlüssel, other"})
    url = f"http://127.0.0.1:{server.url.rpartition(':')[2]}/api/v1/boards/b/scores"
    body = {"player": "a", "score": 1}
    given: tuple[dict[str, bytes], ...] = ({}, {"X-API-Key": b"wrong"}, {"X-API-Key": "schlüssel".encode()})
    assert [requests.post(url, json=body, headers=headers, timeout=20).status_code for headers in given] == [
        401,
        401,
        200,
    ]
