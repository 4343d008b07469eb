"""The one subscription of a process: who comes back to a channel before Redis was told that it was left."""

import queue
import threading
from collections.abc import Iterator

import pytest

from dashboard.parts import Parts
from dashboard.store.channel import Subscription, publish
from dashboard.store.client import connect

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
