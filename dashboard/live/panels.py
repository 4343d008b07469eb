"""The panels: once a second, the state of each part of the toolbox that somebody watches.

Owns: topics `limits`, `streams`, `cache`, `locks`, `sessions`, `analytics`. Leaves to others: what a panel says (its
reader is handed in), who watches (`audience.py`). A panel nobody watches is not read.
"""

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from threading import Event, RLock
from typing import Any

from dashboard.errors import InvalidInput, StoreUnavailable
from dashboard.live.audience import Audience, Move
from dashboard.live.topics import Topic
from dashboard.live.view import Frame

log = logging.getLogger(__name__)

BEAT_S = 1.0

Emit = Callable[[str, Frame, str], None]
Reader = Callable[[], dict[str, Any]]


@dataclass(slots=True)
class _Watch:
    topic: str
    epoch: str
    viewers: set[str] = field(default_factory=set)
    seq: int = 0

    @property
    def room(self) -> str:
        return self.topic


class Panels:
    """`readers`: topic -> what the panel says now, ready for JSON. `emit(event, frame, room)`; the event is the topic."""

    def __init__(self, readers: Mapping[str, Reader], emit: Emit, enter: Move, leave: Move) -> None:
        self._readers = readers
        self._emit = emit
        self._audience: Audience[_Watch] = Audience(enter, leave)
        self._lock = RLock()  # taken twice where a frame finds out that who polls is gone
        self._stop = Event()
        self._epochs = (f"{secrets.token_hex(4)}-{n}" for n in count(1))

    def subscribe(self, viewer: str, topic: Topic) -> Frame:
        """Let a viewer watch; the snapshot is the panel's state. One read."""
        if topic.name not in self._readers:
            raise InvalidInput(f"There is no panel {topic.name!r} here.", ("/topic", "unknown topic"))
        with self._lock:
            state = self._readers[topic.name]()
            watch = self._audience.watches.get(topic.name) or _Watch(topic.name, next(self._epochs))
            self._audience.join(viewer, topic.name, watch)
            return {"topic": topic.name, "epoch": watch.epoch, "seq": watch.seq, "snapshot": state}

    def unsubscribe(self, viewer: str, topic: Topic) -> None:
        """Raises NotSubscribed."""
        with self._lock:
            self._audience.quit(viewer, topic.name)

    def gone(self, viewer: str) -> None:
        """A viewer's connection has ended."""
        with self._lock:
            self._audience.gone(viewer)

    def run(self) -> None:
        """Beat until `stop`."""
        while not self._stop.wait(BEAT_S):
            self.beat()

    def stop(self) -> None:
        self._stop.set()

    def beat(self) -> None:
        """One read and one frame for each watched panel; a panel that cannot be read now is skipped."""
        with self._lock:
            for watch in list(self._audience.watches.values()):
                try:
                    state = self._readers[watch.topic]()
                except StoreUnavailable:
                    continue  # its viewers see that the picture is old
                except Exception:
                    log.exception("panel %s failed; the next beat tries again", watch.topic)
                    continue
                watch.seq += 1
                frame = {"topic": watch.topic, "epoch": watch.epoch, "seq": watch.seq, **state}
                self._emit(watch.topic, frame, watch.room)
