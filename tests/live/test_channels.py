"""Who watches a channel hears what is published from then on, whoever else comes and goes."""

import queue
import sys
import threading
from collections.abc import Iterator

import pytest

from dashboard.live.channels import ChannelFeed
from dashboard.live.topics import Topic, parse_topic
from dashboard.live.view import Frame
from dashboard.parts import Parts
from dashboard.store.channel import publish
from dashboard.store.client import connect

ROUNDS = 300


@pytest.fixture
def quick_switches() -> Iterator[None]:
    """Threads take turns as often as can be."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("quick_switches")
def test_who_leaves_takes_the_channel_from_nobody_who_comes(parts: Parts, board: str) -> None:
    heard: queue.Queue[str] = queue.Queue()
    topic: Topic = parse_topic(f"channel:{board}")

    def emit(_: str, frame: Frame, __: str) -> None:
        heard.put(frame["message"])

    client = connect(parts.url, connections=2)
    feed = ChannelFeed(client, parts.clock, emit, lambda *_: None, lambda *_: None)
    listening = threading.Thread(target=feed.run)
    listening.start()
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            feed.subscribe("restless", topic)
            feed.unsubscribe("restless", topic)

    restless = threading.Thread(target=come_and_go)
    restless.start()
    try:
        for n in range(ROUNDS):
            feed.subscribe("viewer", topic)
            publish(parts.client, board, str(n))
            while heard.get(timeout=5) != str(n):
                pass
            feed.unsubscribe("viewer", topic)
    finally:
        over.set()
        restless.join(10)
        feed.stop()
        listening.join(10)
        client.close()
