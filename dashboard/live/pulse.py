"""The pulse: once a second, what happens on each watched board; to the page it is also the sign that we are alive.

Owns: `analytics:...` topics: scores per second, the buckets of the last minutes, the distribution of scores; and, where
the store does not let it beat, the `notice` that says so.
Leaves to others: who watches (`audience.py`), reading (`core/`), connections (`emit`, `enter`, `leave` are handed in).
"""

import logging
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from threading import Event, RLock
from time import monotonic

from dashboard.core.analytics import Analytics, as_point
from dashboard.core.boards import Boards, Version
from dashboard.core.buckets import STEP_S
from dashboard.core.clock import Clock
from dashboard.core.periods import rfc3339
from dashboard.core.rankings import Rankings
from dashboard.errors import BoardNotFound, InvalidInput, KeyConflict, StoreUnavailable
from dashboard.live.audience import Audience, Move
from dashboard.live.topics import Topic
from dashboard.live.turn import turn
from dashboard.live.view import Frame
from dashboard.values import Distribution, Pulse

log = logging.getLogger(__name__)

BEAT_S = 1.0
WINDOW_S = 300
RATE_S = 5.0
SILENT_S = 5.0
"""So long without a beat is news; a store that restarts is back before."""

Emit = Callable[[str, Frame, str], None]


@dataclass(slots=True)
class _Watch:
    """One topic, its viewers, the last bucket they know and the counts from which the rate follows."""

    topic: Topic
    epoch: str
    viewers: set[str] = field(default_factory=set)
    seq: int = 0
    last_ms: int = 0
    counts: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=60))

    @property
    def room(self) -> str:
        return self.topic.name


class PulseFeed:
    """`emit(event, frame, room)` sends to all in a room; `enter` and `leave` (viewer, room) change rooms."""

    def __init__(
        self,
        boards: Boards,
        rankings: Rankings,
        analytics: Analytics,
        clock: Clock,
        emit: Emit,
        enter: Move,
        leave: Move,
    ) -> None:
        self._boards = boards
        self._rankings = rankings
        self._analytics = analytics
        self._clock = clock
        self._emit = emit
        self._audience: Audience[_Watch] = Audience(enter, leave)
        self._lock = RLock()  # taken twice where a frame finds out that who polls is gone
        self._stop = Event()
        self._epochs = (f"{secrets.token_hex(4)}-{n}" for n in count(1))
        self._beaten = monotonic()
        self._told = False

    def subscribe(self, viewer: str, topic: Topic) -> Frame:
        """Let a viewer watch; the snapshot holds the last WINDOW_S seconds. Three round trips.

        Raises StoreUnavailable.
        """
        with self._reading():
            version = self._boards.versions([topic.board])[0]
            watch = self._audience.watches.get(topic.name) or _Watch(topic, next(self._epochs))
            state, last_ms = self._state(watch, version, self._clock.now_ms() - 1000 * WINDOW_S)
            if not watch.viewers:
                watch.last_ms = last_ms
            self._audience.join(viewer, topic.name, watch)
            return {"topic": topic.name, "epoch": watch.epoch, "seq": watch.seq, "snapshot": state}

    def unsubscribe(self, viewer: str, topic: Topic) -> None:
        """Raises NotSubscribed, StoreUnavailable."""
        with turn(self._lock):
            self._audience.quit(viewer, topic.name)

    def gone(self, viewer: str) -> None:
        """A viewer's connection has ended."""
        with self._lock:
            self._audience.gone(viewer)

    def run(self) -> None:
        """Beat until `stop`. Without Redis there is no pulse: viewers are told after SILENT_S."""
        while not self._stop.wait(BEAT_S):
            try:
                self.beat()
            except StoreUnavailable:
                continue  # the broadcaster says it
            except Exception:
                log.exception("pulse: a beat failed; the next one tries again")

    def stop(self) -> None:
        self._stop.set()

    def beat(self) -> None:
        """One frame for each watched topic. One round trip for all versions, and two for each topic.

        Raises StoreUnavailable.
        """
        with self._reading():
            watches = list(self._audience.watches.values())
            names = sorted({watch.topic.board for watch in watches})
            versions = dict(zip(names, self._boards.versions(names), strict=True))
            for watch in watches:
                state, watch.last_ms = self._state(watch, versions[watch.topic.board], watch.last_ms + 1)
                watch.seq += 1
                frame = {"topic": watch.topic.name, "epoch": watch.epoch, "seq": watch.seq, **state}
                self._emit("analytics", frame, watch.room)
            self._beaten, self._told = monotonic(), False

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """A turn at reading the store. Where it fails, whoever waits for a beat for SILENT_S is told, once in an outage:
        asking would take the viewer the timeouts of all who read before.
        """
        with turn(self._lock):
            try:
                yield
            except StoreUnavailable as error:
                if monotonic() - self._beaten >= SILENT_S and not self._told:
                    self._told = True
                    for watch in list(self._audience.watches.values()):
                        notice = {"code": error.code, "detail": error.detail, "topic": watch.topic.name}
                        self._emit("notice", notice, watch.room)
                raise

    def _state(self, watch: _Watch, version: Version, from_ms: int) -> tuple[Frame, int]:
        topic = watch.topic
        points: list[Pulse] = []
        spread = Distribution(0, 1, ())
        try:
            points = self._analytics.history(topic.board, topic.period, from_ms=from_ms)
            spread = self._rankings.distribution(topic.board, topic.period)
        except (BoardNotFound, InvalidInput, KeyConflict):
            pass  # a viewer may wait for a board, and for its period, before its first score
        state = {
            "at": rfc3339(self._clock.now_ms()),
            "version": version.number,
            "players": sum(spread.counts),
            "scores_per_second": _rate(watch, version.scores, points),
            "step_s": STEP_S,
            "points": [as_point(point) for point in points],
            "distribution": {"from": spread.start, "width": spread.width, "counts": spread.counts},
        }
        return state, max([watch.last_ms, *(point.at_ms for point in points)])


def _rate(watch: _Watch, scores: int, points: list[Pulse]) -> float:
    """Scores per second over the last RATE_S; before that long is known, that of the last closed bucket."""
    now = monotonic()
    watch.counts.append((now, scores))
    while len(watch.counts) > 1 and watch.counts[1][0] <= now - RATE_S:
        watch.counts.popleft()
    since, before = watch.counts[0]
    if now - since < BEAT_S / 2:
        return round(points[-1].scores / STEP_S, 1) if points else 0.0
    return round(max(0, scores - before) / (now - since), 1)
