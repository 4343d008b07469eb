"""Channels live: every message of a watched channel to every viewer, each one, in order.

Owns: topics `channel:{name}`, events `message`, and the `notice` after a gap. Leaves to others: Redis' side
(`store/channel.py`), who watches (`audience.py`), connections (handed in).
"""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from threading import RLock

from dashboard.core.clock import Clock
from dashboard.core.periods import rfc3339
from dashboard.errors import StoreUnavailable
from dashboard.live.audience import Audience, Move
from dashboard.live.topics import Topic
from dashboard.live.view import Frame
from dashboard.store.channel import Subscription
from dashboard.store.client import Client

Emit = Callable[[str, Frame, str], None]


@dataclass(slots=True)
class _Watch:
    topic: str
    channel: str
    epoch: str
    viewers: set[str] = field(default_factory=set)
    seq: int = 0

    @property
    def room(self) -> str:
        return self.topic


class ChannelFeed:
    """`client` is for the one subscription of this process; `emit`, `enter` and `leave` reach the connections."""

    def __init__(self, client: Client, clock: Clock, emit: Emit, enter: Move, leave: Move) -> None:
        self._clock = clock
        self._emit = emit
        self._audience: Audience[_Watch] = Audience(enter, leave)
        self._coming: Counter[str] = Counter()  # viewers who wait for Redis to confirm a channel
        self._lock = RLock()  # taken twice where a frame finds out that who polls is gone
        self._epochs = (f"{secrets.token_hex(4)}-{n}" for n in count(1))
        self._subscription = Subscription(client, self._hear, self._tell_gap)
        self.run = self._subscription.run
        self.stop = self._subscription.stop

    def subscribe(self, viewer: str, topic: Topic) -> Frame:
        """Let a viewer watch: what is published after the answer reaches it. Raises StoreUnavailable.

        No round trip where somebody watches the channel already.
        """
        with self._lock:
            self._coming[topic.subject] += 1
        confirmed = self._subscription.add(topic.subject)
        with self._lock:
            self._coming -= Counter((topic.subject,))
            if confirmed:
                watch = self._audience.watches.get(topic.name) or _Watch(topic.name, topic.subject, next(self._epochs))
                self._audience.join(viewer, topic.name, watch)
                state = {"channel": topic.subject, "viewers": len(watch.viewers)}
                return {"topic": topic.name, "epoch": watch.epoch, "seq": watch.seq, "snapshot": state}
        self._drop(topic.subject)
        raise StoreUnavailable(f"Redis did not confirm the channel {topic.subject!r}; try again shortly.")

    def unsubscribe(self, viewer: str, topic: Topic) -> None:
        """Raises NotSubscribed."""
        with self._lock:
            self._audience.quit(viewer, topic.name)
        self._drop(topic.subject)

    def gone(self, viewer: str) -> None:
        """A viewer's connection has ended."""
        with self._lock:
            watched = self._audience.gone(viewer)
        for watch in watched:
            self._drop(watch.channel)

    def _drop(self, channel: str) -> None:
        with self._lock:
            if f"channel:{channel}" not in self._audience.watches and channel not in self._coming:
                self._subscription.remove(channel)

    def _hear(self, channel: str, text: str) -> None:
        with self._lock:
            watch = self._audience.watches.get(f"channel:{channel}")
            if watch is None:
                return
            watch.seq += 1
            frame: Frame = {"topic": watch.topic, "epoch": watch.epoch, "seq": watch.seq, "channel": channel}
            self._emit("message", frame | {"message": text, "at": rfc3339(self._clock.now_ms())}, watch.room)

    def _tell_gap(self, away_s: float) -> None:
        if not away_s:
            return
        detail = f"Subscribed again after {away_s:.1f} s; what was published meanwhile is not shown."
        with self._lock:
            for watch in list(self._audience.watches.values()):
                self._emit("notice", {"code": "resubscribed", "detail": detail, "topic": watch.topic}, watch.room)
