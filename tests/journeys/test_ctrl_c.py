"""Ctrl-C, and kill -9, on server + demo + store: all of it ends, nothing stays behind, nobody complains."""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Api, ServerProcess, Start
from tests.store.hold import is_gone, servers_in, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes as Linux shows them")


def children(pid: int) -> set[int]:
    """The processes that a process has started and that still run."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):  # one that has ended meanwhile
            if f"\nPPid:\t{pid}\n" in status.read_text():
                found.add(int(status.parent.name))
    return found


def living(start_server: Start, mode: str) -> tuple[ServerProcess, set[int]]:
    """A server whose demo plays, and its children: the store and the demo."""
    server = start_server("--demo", "--async-mode", mode)
    api = Api(server.url)
    wait_until(lambda: api.get("/boards/global-arena").get("players", 0) > 5, 20)
    api.session.close()
    family = children(server.process.pid)
    assert len(family) == 2
    assert set(servers_in(server.data_dir)) < family
    return server, family


@pytest.mark.parametrize("mode", ["eventlet", "threading"])
def test_ctrl_c_ends_all_of_it(start_server: Start, mode: str) -> None:
    server, family = living(start_server, mode)
    pressed_s = time.monotonic()
    os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    assert server.process.wait(10) == 0
    assert all(is_gone(pid, 5) for pid in family)
    assert time.monotonic() - pressed_s < 5
    server.stop()
    said = "".join(server.errors)
    assert "Traceback" not in said
    assert "ERROR" not in said


def test_no_orphan_outlives_a_killed_server(start_server: Start) -> None:
    server, family = living(start_server, "eventlet")
    server.process.kill()
    assert all(is_gone(pid, 5) for pid in family)
