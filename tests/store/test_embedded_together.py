"""Several processes at one embedded store: who starts it, who joins, who takes over, whom it outlives."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dashboard.store.embedded import EmbeddedStore, _binary
from tests.store.hold import is_gone, is_up, server_pid, servers_in, wait_until, write, written

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes as Linux shows them")
both_modes = pytest.mark.parametrize("mode", ["threading", "eventlet"])


@both_modes
def test_a_program_that_forgets_to_stop_leaves_no_server(holders: Any, mode: str) -> None:
    holder = holders(mode)
    pid = server_pid(holder.first["url"])
    holder.tell("exit")
    assert holder.process.wait(10) == 0
    assert is_gone(pid, 0)


@both_modes
def test_the_server_goes_with_a_parent_that_is_killed(holders: Any, mode: str) -> None:
    first = holders(mode)
    pid = server_pid(first.first["url"])
    write(first.first["url"])
    first.kill()
    assert is_gone(pid)
    assert written(holders(mode).first["url"]) == list(range(100))


def test_control_without_the_tie_the_server_outlives_its_parent_and_the_next_start_joins_it(
    data_dir: Path, holders: Any
) -> None:
    first = holders("untied")
    pid = server_pid(first.first["url"])
    first.kill()
    assert not is_gone(pid, 0.3)
    guest = holders("untied")
    assert not guest.first["owner"]
    assert server_pid(guest.first["url"]) == pid
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    assert guest.tell("keep")["owner"], "and replaces it when it ends"
    guest.tell("stop")


@both_modes
def test_a_second_start_joins_the_first_and_both_see_the_same(holders: Any, mode: str) -> None:
    owner, guest = holders(mode), holders(mode)
    assert (owner.first["owner"], guest.first["owner"]) == (True, False)
    write(guest.first["url"])
    assert written(owner.first["url"]) == list(range(100))
    guest.tell("stop")
    assert written(owner.first["url"]) == list(range(100)), "a guest that leaves does not end the store"


@both_modes
def test_a_guest_takes_over_from_a_killed_owner_with_every_acknowledged_write(holders: Any, mode: str) -> None:
    owner = holders(mode)
    guests = [holders(mode) for _ in range(2)]
    write(owner.first["url"])
    owner.kill()
    wait_until(lambda: any(guest.tell("keep")["owner"] for guest in guests))
    answers = [guest.tell("keep") for guest in guests]
    assert [answer["error"] for answer in answers] == [None] * 2
    assert sum(answer["owner"] for answer in answers) == 1
    wait_until(lambda: is_up(owner.first["url"]))
    assert written(owner.first["url"]) == list(range(100))


def test_nobody_takes_over_while_the_old_server_still_finishes(data_dir: Path, holders: Any) -> None:
    owner, guest = holders(), holders("impatient")
    pid = server_pid(owner.first["url"])
    os.kill(pid, signal.SIGSTOP)  # it cannot obey its SIGTERM yet
    owner.kill()
    assert not guest.tell("keep")["owner"]
    assert servers_in(data_dir) == [pid]
    os.kill(pid, signal.SIGCONT)
    assert is_gone(pid)
    assert guest.tell("keep")["owner"]


def test_many_starts_at_once_make_one_server(data_dir: Path, holders: Any) -> None:
    starters = [holders(wait=False) for _ in range(6)]
    answers = [starter.answer() for starter in starters]
    assert [answer["error"] for answer in answers] == [None] * 6
    assert sum(answer["owner"] for answer in answers) == 1
    assert len(servers_in(data_dir)) == 1


def test_control_without_the_lock_they_make_several(data_dir: Path, holders: Any) -> None:
    for starter in [holders("unlocked", wait=False) for _ in range(6)]:
        starter.answer()
    assert len(servers_in(data_dir)) > 1


def test_ctrl_c_in_the_terminal_leaves_the_server_until_its_owner_stops_it(holders: Any) -> None:
    holder = holders("deaf")
    pid = server_pid(holder.first["url"])
    os.killpg(holder.process.pid, signal.SIGINT)  # what the terminal does: the whole foreground group
    assert not is_gone(pid, 0.3)
    write(holder.first["url"], 5)
    holder.tell("stop")
    assert is_gone(pid, 0)


def test_control_a_server_in_its_parents_group_is_ended_by_ctrl_c(data_dir: Path) -> None:
    (data_dir / "store").mkdir()
    command = [str(_binary()), "--port", "0", "--unixsocket", "s", "--logfile", "log"]
    with subprocess.Popen(command, cwd=data_dir / "store", start_new_session=True) as server:
        wait_until((data_dir / "store/s").exists)
        os.killpg(server.pid, signal.SIGINT)
        assert is_gone(server.pid)


def test_joining_a_store_that_promises_less_is_told(
    data_dir: Path, holders: Any, caplog: pytest.LogCaptureFixture
) -> None:
    owner = holders("everysec")
    guest = EmbeddedStore(data_dir, durability="always")
    guest.start()
    guest.stop()
    assert f"process {owner.process.pid} has DURABILITY=everysec" in caplog.text
