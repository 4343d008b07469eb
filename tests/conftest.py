"""What tests stand on: a real store for the session, the parts on top of it, and whole servers as processes of their own."""

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from dashboard.config import Settings
from dashboard.parts import Parts, open_parts

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
READY = "Scorecast is at "


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What was logged about broken text may hold lone surrogates, which no worker of pytest-xdist can pass on."""
    report = yield
    report.sections = [(title, text.encode(errors="backslashreplace").decode()) for title, text in report.sections]
    return report


@pytest.fixture(scope="session")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parts]:
    """Boards, scores and rankings on an embedded store that lives as long as the session."""
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("d"))  # type: ignore[call-arg]
    with open_parts(settings) as opened:
        yield opened


@pytest.fixture
def board() -> str:
    """A board's name that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


class ServerProcess:
    """`python run.py ...` as a process of its own. `url` is where it says it can be reached; `files` its most descriptors;
    `program` another that serves likewise.
    """

    def __init__(
        self,
        *flags: str,
        data_dir: Path,
        env: dict[str, str] | None = None,
        files: int = 0,
        program: tuple[str, ...] = (str(ROOT / "run.py"),),
    ) -> None:
        self.data_dir = data_dir
        command = [sys.executable, *program, "--data-dir", str(data_dir), *flags]
        if files:
            command = ["prlimit", f"--nofile={files}", *command]
        if "--port" not in flags:
            command += ["--port", "0"]
        clean = {
            name: value for name, value in os.environ.items() if name not in {f.upper() for f in Settings.model_fields}
        }
        self.process = subprocess.Popen(
            command,
            cwd=data_dir,  # no .env of the checkout
            env=clean | {"PYTHONUNBUFFERED": "1"} | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.errors: list[str] = []
        self._reader = threading.Thread(target=self._read_errors, daemon=True)
        self._reader.start()
        self.url = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(READY):
                self.url = line.removeprefix(READY).strip()
                break
        if not self.url:
            self._ended()
            raise RuntimeError(f"the server did not start: {''.join(self.errors)}")

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._ended()

    def kill(self) -> None:
        """End it as a crash does."""
        self.process.kill()
        self._ended()

    def _ended(self) -> int:
        code = self.process.wait(20)
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream, suppress(ValueError):
            for line in stream:
                self.errors.append(line)


Start = Callable[..., ServerProcess]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[Start]:
    """Start servers: `start_server("--async-mode", "threading", data_dir=...)`. All end with the test."""
    started: list[ServerProcess] = []

    def start(
        *flags: str, data_dir: Path | None = None, env: dict[str, str] | None = None, files: int = 0
    ) -> ServerProcess:
        folder = data_dir or tmp_path / "data"
        folder.mkdir(parents=True, exist_ok=True)
        server = ServerProcess(*flags, data_dir=folder, env=env, files=files)
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ServerProcess]]:
    """The session's server in an async mode, started when it is first asked for."""
    started: dict[str, ServerProcess] = {}

    def server_in(mode: str) -> ServerProcess:
        if mode not in started:
            started[mode] = ServerProcess("--async-mode", mode, data_dir=tmp_path_factory.mktemp("s"))
        return started[mode]

    yield server_in
    for process in started.values():
        process.stop()


@pytest.fixture(scope="session", params=["eventlet", "threading"])
def server(request: pytest.FixtureRequest, servers: Callable[[str], ServerProcess]) -> ServerProcess:
    """A server for the session, in both async modes: what is tested on it is tested twice."""
    return servers(request.param)


class Api:
    """HTTP calls to one server: `api.post(path, json)` and so on; answers are checked to be JSON."""

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        self.session = requests.Session()
        if key:
            self.session.headers["X-API-Key"] = key

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.url}/api/v1{path}", timeout=20, **options)

    def get(self, path: str, **params: Any) -> Any:
        return self.call("GET", path, params=params).json()

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, json=body).json()

    def put(self, path: str, body: Any) -> Any:
        return self.call("PUT", path, json=body).json()


@pytest.fixture
def api(server: ServerProcess) -> Iterator[Api]:
    """Calls to the session's server."""
    caller = Api(server.url)
    yield caller
    caller.session.close()
