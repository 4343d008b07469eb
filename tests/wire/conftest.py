"""A site (see `site.py`) as a process of its own, one for each set of options and module."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests

from tests.conftest import ROOT
from tests.store.hold import wait_until


class Site:
    """A running site. `errors` is what it wrote to its log."""

    def __init__(self, options: dict[str, Any], files: int = 0) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.wire.site", json.dumps(options)]
        if files:
            command = ["prlimit", f"--nofile={files}", *command]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.errors: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert line.strip(), f"no start: {self.process.wait(10)} {''.join(self.errors)}"
        self.port = int(line)
        self.url = f"http://127.0.0.1:{self.port}"

    def get(self, path: str, **query: Any) -> Any:
        return requests.get(f"{self.url}{path}", params=query, timeout=30).json()

    def do(self, what: str, **query: Any) -> Any:
        return self.get(f"/do/{what}", **query)

    def tables(self) -> dict[str, int]:
        found: dict[str, int] = self.get("/state")["tables"]
        return found

    def comes_back_to(self, before: dict[str, int], within_s: float = 10.0) -> None:
        """Wait until all that clients cost is given back."""
        self.do("collect")
        with suppress(AssertionError):
            wait_until(lambda: not self._more_than(before), within_s)
        assert self._more_than(before) == {}

    def _more_than(self, before: dict[str, int]) -> dict[str, int]:
        return {name: n for name, n in self.tables().items() if n > before[name]}

    def stop(self) -> int:
        self.process.terminate()
        code = self.process.wait(10)
        self._reader.join(5)
        return code

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.errors.extend(self.process.stderr)


Run = Callable[..., Site]


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    """Sites by their options; started when first asked for."""
    running: dict[str, Site] = {}

    def of(files: int = 0, **options: Any) -> Site:
        name = f"{files} {options}"
        if name not in running:
            running[name] = Site(options, files)
        return running[name]

    yield of
    for site in running.values():
        site.stop()
        assert site.process.stdout is not None
        assert site.process.stderr is not None
        site.process.stdout.close()
        site.process.stderr.close()


@pytest.fixture
def site(run: Run) -> Iterator[Site]:
    """The usual one. A test leaves no error in its log."""
    usual = run(limits={"slow_s": 2.0})
    wait_until(lambda: usual.tables()["connections"] == 0)  # those of the test before
    before = len(usual.errors)
    yield usual
    assert usual.errors[before:] == []
