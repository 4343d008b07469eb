"""Streams to many viewers at two instances: every entry once and in order, although their connections break."""

import random
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Api, ServerProcess, Start
from tests.journeys.ordered_client import OrderedClient
from tests.store.hold import wait_until

BOARD = "readers"
BATCH = 100
AHEAD = 1000
"""Scores are posted no further ahead of the slowest reader: where all share two cores, readers are the slow ones."""


class Reader:
    """A viewer of one stream, who notes the ids of entries in the order in which they come."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def options(self) -> dict[str, str]:
        return {"after": self.ids[-1] if self.ids else "0"}

    def join(self, url: str) -> None:
        """Watch from behind the last entry it has."""
        self.client = OrderedClient()
        self.client.on("entry", self._hear)
        self.client.connect(url, transports=["websocket"])
        answer = self.client.call("subscribe", {"topic": f"stream:events:{BOARD}", **self.options()}, timeout=30)
        assert answer["snapshot"]["complete"], answer

    def lose(self) -> None:
        """The connection breaks without a goodbye, with entries on their way."""
        connection = self.client.eio.ws
        connection.sock.shutdown(socket.SHUT_RDWR)
        self.client.eio.read_loop_task.join(10)
        connection.shutdown()

    def _hear(self, frame: dict[str, Any]) -> None:
        self.ids.append(frame["id"])


class Forgetful(Reader):
    """The recipe: subscribe again, and take it from there."""

    def options(self) -> dict[str, str]:
        return {}


def post(api: Api, first: int) -> list[str]:
    """A batch of scores; the ids of their entries."""
    scores = [{"player": f"p{k}", "score": first + k} for k in range(BATCH)]
    return [result["position"] for result in api.post(f"/boards/{BOARD}/scores", {"scores": scores})["results"]]


def keep_up(readers: list[Reader], entries: int) -> bool:
    return all(len(reader.ids) >= entries for reader in readers)


@pytest.fixture
def readers() -> Iterator[list[Reader]]:
    joined: list[Reader] = []
    yield joined
    for reader in joined:
        reader.client.disconnect()


@pytest.mark.parametrize(
    ("readers_each", "entries", "losses"),
    [pytest.param(3, 600, 1, id="few"), pytest.param(25, 10_000, 3, id="many", marks=pytest.mark.soak)],
)
def test_every_entry_reaches_every_reader_once_and_in_order_although_connections_break(
    start_server: Start, tmp_path: Path, readers: list[Reader], readers_each: int, entries: int, losses: int
) -> None:
    chance = random.Random(8)
    folder = tmp_path / "d"
    servers = [start_server(data_dir=folder), start_server("--async-mode", "threading", data_dir=folder)]
    api = Api(servers[0].url)
    api.put(f"/boards/{BOARD}", {})
    for server in servers:
        for _ in range(readers_each):
            readers.append(Reader())
            readers[-1].join(server.url)
    breaks = readers * losses
    chance.shuffle(breaks)
    share = len(breaks) // (entries // BATCH) + 1
    expected: list[str] = []
    while len(expected) < entries:
        expected += post(api, len(expected))
        for reader in breaks[:share]:
            reader.lose()
            reader.join(chance.choice(servers).url)
        del breaks[:share]
        wait_until(partial(keep_up, readers, len(expected) - AHEAD), 30)
        if len(expected) % 2000 == 0:
            print(f"{len(expected)} entries, {len(readers) * losses - len(breaks)} connections broken")
    wait_until(partial(keep_up, readers, entries), 30)
    assert breaks == []
    assert all(reader.ids == expected for reader in readers)
    api.session.close()


def test_control_a_reader_that_forgets_where_it_was_misses_entries(
    server: ServerProcess, readers: list[Reader]
) -> None:
    api = Api(server.url)
    expected = post(api, 0)
    reader = Forgetful()
    reader.join(server.url)
    readers.append(reader)
    reader.lose()
    expected += post(api, BATCH)
    reader.join(server.url)
    expected += post(api, 2 * BATCH)
    wait_until(lambda: reader.ids[-1:] == expected[-1:])
    assert reader.ids == expected[2 * BATCH :]
    api.session.close()
