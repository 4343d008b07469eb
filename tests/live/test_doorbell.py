"""The doorbell: hears every ring, and comes back from whatever takes its connection away."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import redis

from dashboard.live.doorbell import Doorbell
from dashboard.store import channel, keys
from dashboard.store.client import connect
from tests.store.hold import wait_until
from tests.store.servers import Valkey, valkey


class Ears:
    """A doorbell in a thread of its own; `rung` keeps the boards heard, None for each `ring_all`."""

    def __init__(self, url: str) -> None:
        self.rung: list[str | None] = []
        self._client = connect(url, connections=2)
        self.doorbell = Doorbell(self._client, self.rung.append, lambda: self.rung.append(None))
        self.thread = threading.Thread(target=self.doorbell.run)
        self.thread.start()

    def hears(self, server: Valkey, board: str = "b") -> None:
        """Rings until one is heard: whether somebody listens on the channel is known to the store alone."""

        def heard() -> bool:
            with suppress(redis.ConnectionError, redis.TimeoutError):
                server.client.publish(keys.CHANGED, board)
            return board in self.rung

        wait_until(heard, 15)

    def stop(self) -> None:
        self.doorbell.stop()
        self.thread.join(10)
        self._client.close()


class Mute:
    """A TCP port before a store's socket, whose connections can go deaf: open to the eye, and nothing passes any more, as
    where a machine in between lost its power. New connections pass.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}/0"
        self._ends: list[socket.socket] = []
        self._deaf: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def deafen(self) -> None:
        self._deaf |= {*self._ends}

    def close(self) -> None:
        for end in (self._listener, *self._ends):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX)
                self._ends += [near, far]
                far.connect(str(self._target))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(65_536):
                if one not in self._deaf:
                    other.sendall(data)


@pytest.fixture
def server() -> Iterator[Valkey]:
    with valkey() as running:
        yield running


def test_every_ring_is_heard_and_each_subscription_rings_all(server: Valkey) -> None:
    ears = Ears(server.url)
    assert ears.doorbell.listening.wait(5)
    boards = [f"b{n}" for n in range(200)]
    for board in boards:
        server.client.publish(keys.CHANGED, board)
    wait_until(lambda: len(ears.rung) == 201)
    assert ears.rung == [None, *boards]
    ears.stop()
    assert not ears.thread.is_alive()


def test_it_hears_again_after_the_store_died_hung_and_threw_it_out(server: Valkey) -> None:
    ears = Ears(server.url)
    ears.hears(server, "at-first")
    server.stop()
    server.start()
    ears.hears(server, "after-its-death")
    assert ears.rung.count(None) >= 2
    server.pause()
    server.resume()
    ears.hears(server, "after-a-pause")
    server.client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    ears.hears(server, "after-it-was-thrown-out")
    ears.stop()
    assert not ears.thread.is_alive()


def test_an_answer_it_does_not_expect_does_not_end_it(server: Valkey) -> None:
    """Such as a user who may not listen, for a while."""
    server.client.execute_command("ACL", "SETUSER", "default", "resetchannels")
    ears = Ears(server.url)
    assert not ears.doorbell.listening.wait(0.3)
    assert ears.thread.is_alive()
    server.client.execute_command("ACL", "SETUSER", "default", "allchannels")
    ears.hears(server)
    ears.stop()


def test_a_connection_that_is_dead_without_saying_so_is_replaced(
    server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "LISTEN_S", 0.1)
    monkeypatch.setattr(channel, "SILENCE_S", 0.5)
    between = Mute(server.socket)
    ears = Ears(between.url)
    ears.hears(server, "before")
    between.deafen()
    ears.hears(server, "afterwards")
    ears.stop()
    between.close()


def test_control_a_quiet_connection_that_lives_is_kept(server: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LISTEN_S", 0.1)
    monkeypatch.setattr(channel, "SILENCE_S", 0.5)
    ears = Ears(server.url)
    assert ears.doorbell.listening.wait(5)
    pings = server.client.info("commandstats").get("cmdstat_ping", {}).get("calls", 0)
    wait_until(lambda: server.client.info("commandstats")["cmdstat_ping"]["calls"] > pings + 10)
    assert ears.rung == [None]
    ears.stop()
