"""A frame may find out that a viewer is gone: one who polls and has answered no ping. The library then ends the connection
within the sending, while the feed that sends has the turn.
"""

import threading
from typing import Any

import pytest

from dashboard.live.panels import Panels
from dashboard.live.pulse import PulseFeed
from dashboard.live.topics import parse_topic
from dashboard.parts import Parts


def nowhere(viewer: str, room: str) -> None:
    """No connection follows."""


@pytest.mark.parametrize("kind", ["panel", "pulse"])
def test_its_end_within_the_sending_holds_nobody_up(kind: str, parts: Parts, board: str) -> None:
    rooms: list[str] = []

    def emit(event: str, frame: Any, room: str) -> None:
        feed.gone("v")
        rooms.append(room)

    feed: Panels | PulseFeed
    if kind == "panel":
        topic = "locks"
        feed = Panels({topic: dict}, emit, nowhere, nowhere)
    else:
        topic = f"analytics:{board}:all"
        feed = PulseFeed(parts.boards, parts.rankings, parts.analytics, parts.clock, emit, nowhere, nowhere)
    for viewer in ("v", "w"):
        feed.subscribe(viewer, parse_topic(topic))
    beating = threading.Thread(target=feed.beat, daemon=True)
    beating.start()
    beating.join(10)
    assert not beating.is_alive()
    assert len(rooms) == 1
