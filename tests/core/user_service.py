"""A service of users as it should be and as it should not, run as a process of its own; `Service` starts it."""

import gzip
import json
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

GOOD = {"id": 1, "name": "Leanne", "username": "bret", "address": {"city": "Gwenborough"}}


class Handler(BaseHTTPRequestHandler):
    """What is asked for says how the answer goes wrong."""

    asked: list[dict[str, Any]] = []  # noqa: RUF012 - one for all requests
    broken: list[bool] = []  # noqa: RUF012
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        what = self.path.rpartition("/")[2]
        if what == "asked":
            self._send(json.dumps(self.asked).encode())
            return
        self.asked.append({"path": self.path, "headers": dict(self.headers)})
        if self.broken:
            self._send(b"{}", 500)
            return
        getattr(self, f"_{what}", self._missing)()

    def do_POST(self) -> None:
        """`/break` and `/repair`."""
        self.broken.clear()
        if self.path == "/break":
            self.broken.append(True)
        self._send(b"{}")

    def _send(
        self, body: bytes, status: int = 200, type: str = "application/json; charset=utf-8", **headers: str
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _missing(self) -> None:
        self._send(b"{}", 404)

    def _1(self) -> None:
        self._send(json.dumps(GOOD).encode(), Set_Cookie="track=me; Path=/")

    def _pause(self) -> None:
        time.sleep(0.3)  # what a load costs
        self._send(json.dumps(GOOD).encode())

    def _redirect(self) -> None:
        self._send(b"{}", 302, Location="/users/1")

    def _boom(self) -> None:
        self._send(b'{"id": 1}', 500)

    def _html(self) -> None:
        self._send(b"<p>Log in first</p>", type="text/html")

    def _list(self) -> None:
        self._send(json.dumps([GOOD]).encode())

    def _nan(self) -> None:
        self._send(b'{"id": NaN}')

    def _inf(self) -> None:
        self._send(b'{"id": 1e999}')

    def _latin(self) -> None:
        self._send('{"name": "Zoë"}'.encode("latin-1"))

    def _surrogate(self) -> None:
        self._send(b'{"name": "\\ud800"}')

    def _deep(self) -> None:
        self._send(b'{"a":' * 30_000 + b"1" + b"}" * 30_000)

    def _nested(self) -> None:
        self._send(b'{"a":' * 500 + b"1" + b"}" * 500)

    def _gzip(self) -> None:
        self._send(gzip.compress(json.dumps({"name": "a" * 1_000_000}).encode()), Content_Encoding="gzip")

    def _huge(self) -> None:
        self._send(json.dumps({"name": "a" * 10_000_000}).encode())

    def _endless(self) -> None:
        self._head("Transfer-Encoding: chunked")
        chunk = b'"' + b"a" * 60_000
        while True:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))

    def _cut(self) -> None:
        self._head("Content-Length: 1000")
        self.wfile.write(b'{"id": 1}')
        self.close_connection = True

    def _slow(self) -> None:
        """A body that comes one byte at a time, each within any timeout for one read."""
        self._head("Content-Length: 500")
        for _ in range(500):
            self._trickle(b" ")

    def _slowhead(self) -> None:
        for _ in range(500):
            self._trickle(b"HTTP/1.1 200 OK\r\n"[:1])

    def _silent(self) -> None:
        time.sleep(20)

    def _head(self, *more: str) -> None:
        lines = ("HTTP/1.1 200 OK", "Content-Type: application/json", *more, "", "")
        self.wfile.write("\r\n".join(lines).encode())
        self.wfile.flush()

    def _trickle(self, piece: bytes) -> None:
        self.wfile.write(piece)
        self.wfile.flush()
        time.sleep(0.05)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:  # who asked had enough
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Service:
    """The service's process. `url` is the address under which its users lie."""

    def __init__(self) -> None:
        self.process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.base = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        self.url = f"{self.base}/users"

    def asked(self) -> list[dict[str, Any]]:
        """Every request so far: path and headers."""
        asked: list[dict[str, Any]] = requests.get(f"{self.base}/asked", timeout=10).json()
        return asked

    def break_down(self) -> None:
        requests.post(f"{self.base}/break", timeout=10)

    def repair(self) -> None:
        requests.post(f"{self.base}/repair", timeout=10)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(10)
        if self.process.stdout is not None:
            self.process.stdout.close()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
