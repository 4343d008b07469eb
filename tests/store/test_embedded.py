"""The embedded store's life in one process: start, stop, repair, log. All on the real server."""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import redis

from dashboard.errors import StoreStartFailed
from dashboard.store import embedded
from dashboard.store.embedded import EmbeddedStore
from dashboard.store.folder import LOG_LIMIT
from tests.store.hold import IMPATIENT_S, is_gone, is_up, server_pid, servers_in, wait_until, write, written

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes as Linux shows them")


def slow_to_load(data_dir: Path, writes: int) -> None:
    """Lay down an append-only file of so many INCRs of `n`."""
    if not servers_in(data_dir):
        store = EmbeddedStore(data_dir)
        store.start()
        store.stop()
    [file] = (data_dir / "store/appendonlydir").glob("*.incr.aof")
    file.write_bytes(b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n" * writes)


@pytest.mark.parametrize("durability", ["always", "everysec"])
def test_what_was_written_is_there_after_a_restart(data_dir: Path, durability: Any) -> None:
    for _ in range(2):
        store = EmbeddedStore(data_dir, durability=durability)
        write(store.start(), 10)
        store.stop()
    url = store.start()
    assert written(url) == [*range(10), *range(10)]
    with redis.Redis.from_url(url) as client:
        assert client.config_get("appendfsync") == {"appendfsync": durability}
        assert client.config_get("save") == {"save": ""}
        assert client.info("server")["tcp_port"] == 0, "no network port"
    store.stop()


def test_a_relative_folder_with_odd_characters_serves_and_is_private(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data_dir)
    odd = Path("a b?#%41\"'\\ü")
    store = EmbeddedStore(odd)
    url = store.start()
    monkeypatch.chdir("/")
    write(url, 3)
    assert written(url) == [0, 1, 2]
    for path in (odd, odd / "store", odd / "store/appendonlydir", odd / "store/valkey.sock"):
        assert (data_dir / path).stat().st_mode & 0o777 == 0o700
    store.stop()


def test_stop_ends_the_server_removes_the_socket_and_may_be_repeated(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    store.stop()
    pid = server_pid(store.start())
    owner = [store.owner]
    store.stop()
    store.stop()
    store.keep()
    assert is_gone(pid, 0)
    assert [*owner, store.owner] == [True, False]
    assert not (data_dir / "store/valkey.sock").exists()


def test_a_server_that_ignores_sigterm_is_killed(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "GRACE_S", 0.2)
    store = EmbeddedStore(data_dir)
    pid = server_pid(store.start())
    os.kill(pid, signal.SIGSTOP)
    store.stop()
    assert is_gone(pid, 0)
    assert not (data_dir / "store/valkey.sock").exists()


def test_keep_repairs_a_killed_server(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    url = store.start()
    write(url)
    old = server_pid(url)
    os.kill(old, signal.SIGKILL)
    assert is_gone(old)
    store.keep()
    wait_until(lambda: is_up(url))
    assert written(url) == list(range(100))
    assert server_pid(url) != old
    store.stop()


def test_keep_tells_why_a_server_cannot_start_again_and_tries_anew_at_each_look(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    url = store.start()
    write(url)
    [file] = (data_dir / "store/appendonlydir").glob("*.incr.aof")
    good = file.read_bytes()
    file.write_bytes(b"nonsense\r\n" * 3)
    old = server_pid(url)
    os.kill(old, signal.SIGKILL)
    assert is_gone(old)

    told: list[str] = []

    def keep() -> None:
        try:
            store.keep()
        except StoreStartFailed as failure:
            told.append(failure.detail)

    while len(told) < 2:
        keep()
    assert all("Bad file format reading the append only file" in sentence for sentence in told)
    file.write_bytes(good)
    store.keep()
    wait_until(lambda: is_up(url))
    assert written(url) == list(range(100))
    store.stop()


def test_keep_does_not_wait_for_a_server_that_loads_a_lot(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    url = store.start()
    old = server_pid(url)
    slow_to_load(data_dir, writes=3_000_000)
    os.kill(old, signal.SIGKILL)
    assert is_gone(old)
    store.keep()
    assert not is_up(url), "it loads"
    store.keep()
    assert not is_up(url), "it still loads"
    store.stop()


def test_a_server_started_by_a_short_lived_thread_ends_with_it_and_keep_repairs_that(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    pids: list[int] = []
    thread = threading.Thread(target=lambda: pids.append(server_pid(store.start())))
    thread.start()
    thread.join()
    assert is_gone(pids[0])
    store.keep()
    assert server_pid(store.start()) != pids[0]
    store.stop()


def test_starts_wait_for_a_server_that_loads_a_lot_without_blocking_the_hub(data_dir: Path, holders: Any) -> None:
    slow_to_load(data_dir, writes=3_000_000)
    owner = holders("eventlet", "impatient", wait=False)
    wait_until((data_dir / "store/valkey.sock").exists)
    guest = holders("eventlet", "impatient", wait=False)
    for answer in (owner.answer(), guest.answer()):
        assert answer["error"] is None
        assert answer["took_s"] > IMPATIENT_S, "longer than their patience for a server that says nothing"
        assert answer["ticks"] > 10, "other greenlets went on"
    with redis.Redis.from_url("unix://" + str(data_dir / "store/valkey.sock")) as client:
        assert client.get("n") == b"3000000"


def test_stop_from_another_thread_ends_a_start_that_waits(data_dir: Path) -> None:
    slow_to_load(data_dir, writes=3_000_000)
    store = EmbeddedStore(data_dir)
    failures: list[str] = []

    def start() -> None:
        with pytest.raises(StoreStartFailed) as failure:
            store.start()
        failures.append(failure.value.detail)

    thread = threading.Thread(target=start)
    thread.start()
    wait_until(lambda: servers_in(data_dir))
    store.stop()
    thread.join()
    assert failures == ["The store was stopped while it was starting."]
    assert servers_in(data_dir) == []


def test_the_log_is_bounded_and_the_server_goes_on_in_the_new_one(data_dir: Path) -> None:
    store = EmbeddedStore(data_dir)
    url = store.start()
    log, older = data_dir / "store/valkey.log", data_dir / "store/valkey.log.1"
    for _ in range(2):
        with log.open("ab") as file:
            file.write(b"x" * (LOG_LIMIT + 1))
        store.keep()
        assert older.stat().st_size > LOG_LIMIT
        assert not log.exists()
        with redis.Redis.from_url(url) as client:
            client.bgrewriteaof()
        wait_until(lambda: log.exists() and b"AOF rewrite finished" in log.read_bytes())
    store.stop()
    assert sorted(path.name for path in log.parent.iterdir()) == [
        "appendonlydir",
        "lock",
        "valkey.log",
        "valkey.log.1",
    ]
