"""Channels end to end: what is published anywhere reaches every viewer at every instance, in order."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from dashboard.store.client import connect
from tests.conftest import Api, ServerProcess, Start
from tests.journeys.ordered_client import OrderedClient

TOPIC = "channel:orders"
AHEAD = 1000
"""A publisher that is further ahead of a viewer waits: where all share two cores, the viewers are the slow ones."""


class Viewer:
    """A client that notes the messages of one channel in the order of their arrival."""

    def __init__(self, url: str) -> None:
        self.messages: list[str] = []
        self.notices: list[dict[str, Any]] = []
        self.seqs: list[int] = []
        self._more = threading.Condition()
        self.client = OrderedClient()
        self.client.on("message", self._hear)
        self.client.on("notice", self._notice)
        self.client.connect(url, transports=["websocket"])
        answer = self.client.call("subscribe", {"topic": TOPIC})
        assert "error" not in answer, answer
        self.seqs.append(answer["seq"])

    def _hear(self, frame: dict[str, Any]) -> None:
        with self._more:
            self.messages.append(frame["message"])
            self.seqs.append(frame["seq"])
            self._more.notify_all()

    def _notice(self, notice: dict[str, Any]) -> None:
        with self._more:
            self.notices.append(notice)
            self._more.notify_all()

    def wait(self, reached: Any, timeout_s: float = 30) -> None:
        with self._more:
            assert self._more.wait_for(lambda: reached(self), timeout_s), (len(self.messages), self.notices)


@pytest.fixture
def viewers() -> Iterator[list[Viewer]]:
    open_ones: list[Viewer] = []
    yield open_ones
    for viewer in open_ones:
        viewer.client.disconnect()


def _two_instances(start_server: Start, folder: Path) -> tuple[ServerProcess, ServerProcess]:
    return start_server(data_dir=folder), start_server("--async-mode", "threading", data_dir=folder)


@pytest.mark.parametrize(
    ("viewers_each", "messages"),
    [pytest.param(5, 600, id="few"), pytest.param(25, 10_000, id="many", marks=pytest.mark.soak)],
)
def test_every_message_reaches_every_viewer_at_both_instances_in_order(
    start_server: Start, tmp_path: Path, viewers: list[Viewer], viewers_each: int, messages: int
) -> None:
    first, second = _two_instances(start_server, tmp_path / "d")
    viewers += [Viewer(server.url) for server in (first, second) for _ in range(viewers_each)]
    redis = connect(f"unix://{tmp_path}/d/store/valkey.sock")
    for n in range(messages):
        assert redis.publish("orders", f"Order #{n} created") == 2  # one subscription per process
        if n % (AHEAD // 2) == 0:
            for viewer in viewers:
                viewer.wait(lambda v, n=n: len(v.messages) > n - AHEAD)
            if n % 2000 == 0:
                print(f"{n} messages published to {len(viewers)} viewers")
    redis.close()
    expected = [f"Order #{n} created" for n in range(messages)]
    for viewer in viewers:
        viewer.wait(lambda v: len(v.messages) >= messages)
        assert viewer.messages == expected
        assert viewer.seqs == list(range(viewer.seqs[0], viewer.seqs[0] + messages + 1))


def test_http_sockets_and_redis_cli_publish_alike(start_server: Start, viewers: list[Viewer]) -> None:
    server = start_server()
    viewers.append(Viewer(server.url))
    api = Api(server.url)
    posted = api.call("POST", "/channels/orders", json={"message": "Order #5001 created"})
    assert (posted.status_code, posted.json()) == (202, {"receivers": 1})
    viewers[0].wait(lambda v: len(v.messages) == 1)
    assert viewers[0].client.call("publish", {"channel": "orders", "message": {"order": 5002}}) == {"receivers": 1}
    viewers[0].wait(lambda v: len(v.messages) == 2)
    assert viewers[0].messages == ["Order #5001 created", '{"order":5002}']
    refused = api.call("POST", "/channels/sc:changed", json={"message": "x"})
    assert refused.json()["code"] == "invalid"
    assert api.call("POST", "/channels/nobody", json={"message": "x"}).json() == {"receivers": 0}
    assert viewers[0].client.call("publish", {"channel": "orders"})["error"]["code"] == "invalid"
    api.session.close()


def test_after_a_restart_of_the_store_it_subscribes_again_and_says_so(
    start_server: Start, tmp_path: Path, viewers: list[Viewer]
) -> None:
    server = start_server(data_dir=tmp_path / "d")
    viewers.append(Viewer(server.url))
    redis = connect(f"unix://{tmp_path}/d/store/valkey.sock")
    redis.publish("orders", "before")
    viewers[0].wait(lambda v: v.messages == ["before"])
    with suppress(RedisConnectionError):
        redis.execute_command("SHUTDOWN", "NOSAVE")
    viewers[0].wait(lambda v: any(notice["code"] == "resubscribed" for notice in v.notices))
    redis.publish("orders", "after")
    viewers[0].wait(lambda v: v.messages == ["before", "after"])
    redis.close()


def test_the_last_viewer_ends_the_subscription(start_server: Start, tmp_path: Path, viewers: list[Viewer]) -> None:
    server = start_server(data_dir=tmp_path / "d")
    viewers += [Viewer(server.url), Viewer(server.url)]
    redis = connect(f"unix://{tmp_path}/d/store/valkey.sock")
    viewers.pop().client.disconnect()
    assert redis.pubsub_numsub("orders") == [(b"orders", 1)]
    assert viewers[0].client.call("unsubscribe", {"topic": TOPIC}) == {"topic": TOPIC}
    while redis.pubsub_numsub("orders") != [(b"orders", 0)]:
        pass
    redis.close()
