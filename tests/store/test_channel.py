"""The one subscription of a process: who comes back to a channel before Redis was told that it was left."""

import queue
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from dashboard.parts import Parts
from dashboard.store.channel import Subscription, publish
from dashboard.store.client import connect
from tests.store.servers import valkey, wait_for

Heard = queue.Queue[tuple[str, str]]


@pytest.fixture
def listening(parts: Parts) -> Iterator[tuple[Subscription, Heard]]:
    """A subscription that runs, and what it hears."""
    heard: Heard = queue.Queue()
    client = connect(parts.url, timeout_s=10.0, connections=2)
    subscription = Subscription(client, lambda channel, text: heard.put((channel, text)), lambda away_s: None)
    thread = threading.Thread(target=subscription.run)
    thread.start()
    yield subscription, heard
    subscription.stop()
    thread.join(10)
    client.close()


@pytest.mark.parametrize("others", [False, True], ids=["alone", "beside-another"])
def test_leaving_and_coming_back_at_once_is_confirmed_and_heard(
    parts: Parts, board: str, listening: tuple[Subscription, Heard], others: bool
) -> None:
    subscription, heard = listening
    if others:
        assert subscription.add(f"{board}-other")
    assert subscription.add(board)
    for n in range(50):
        subscription.remove(board)
        assert subscription.add(board, timeout_s=5.0), f"round {n}"
        publish(parts.client, board, str(n))
        assert heard.get(timeout=10) == (board, str(n))


def test_what_is_confirmed_was_not_left_since() -> None:
    """Who asked, left and asked again has to wait for the answer to the second time."""
    said: list[bool] = []
    name = ""

    def hear(_: str, text: str) -> None:
        if text == "ask":
            subscription.add(name, timeout_s=0)
            publish(client, "base", "look")  # heard before any answer to what the loop says next
        else:
            said.append(subscription.add(name, timeout_s=0))

    with valkey() as server, socket.socket(socket.AF_UNIX) as other:
        client = connect(server.url, timeout_s=10.0, connections=2)
        subscription = Subscription(client, hear, lambda away_s: None)
        thread = threading.Thread(target=subscription.run)
        thread.start()
        assert subscription.add("base")
        other.connect(str(server.socket))
        for n in range(6):  # not each time Redis takes first what came first
            name = f"again-{n}"
            server.pause()  # what it is told meanwhile it answers together
            try:
                other.sendall(b"PUBLISH base ask\r\n")
                subscription.add(name, timeout_s=0)
                time.sleep(0.05)  # the loop tells Redis
                subscription.remove(name)
                time.sleep(0.05)
            finally:
                server.resume()
            wait_for(lambda: len(said) > n, "the second message")  # noqa: B023
            assert subscription.add(name)
        subscription.stop()
        thread.join(10)
        client.close()
    assert said == [False] * 6
