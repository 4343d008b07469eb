"""Channels: Redis pub/sub as it is, so that `redis-cli PUBLISH orders "..."` and our own publishing are the same thing.

Owns: publishing, and one subscription for a whole process that follows what is wanted. Leaves to others: who watches.
Pub/sub keeps nothing: a message that is published while the subscription is away is gone, which is therefore reported.
"""

import logging
from collections import Counter
from collections.abc import Callable
from threading import Event, Lock
from time import monotonic
from typing import Any

import redis

from dashboard.store.client import Client
from dashboard.store.scripts import answering

log = logging.getLogger(__name__)

LISTEN_S = 0.05
"""How soon a new wish is acted on while nothing arrives."""
RETRY_S = (0.2, 0.5, 1.0, 2.0)


def publish(client: Client, channel: str, text: str) -> int:
    """Send a text to all who listen now; how many connections Redis gave it to. Raises StoreUnavailable. One round trip."""
    with answering():
        return int(client.publish(channel, text))


class Subscription:
    """The one subscription of a process. `hear(channel, text)` is called for each message, in order.

    `gap(away_s)` is called after the connection was lost and all channels are subscribed again.
    """

    def __init__(self, client: Client, hear: Callable[[str, str], None], gap: Callable[[float], None]) -> None:
        self._client = client
        self._hear = hear
        self._gap = gap
        self._wanted: set[str] = set()
        self._confirmed: dict[str, Event] = {}
        self._heard: set[str] = set()  # what Redis has confirmed and was not told to end
        self._lock = Lock()
        self._wake = Event()
        self._stop = Event()

    def add(self, channel: str, *, timeout_s: float = 5.0) -> bool:
        """Listen to a channel too. True once Redis has confirmed it: what is published from then on is heard."""
        with self._lock:
            self._wanted.add(channel)
            confirmed = self._confirmed.setdefault(channel, Event())
            if channel in self._heard:  # the last listener left, and this one came before Redis was told
                confirmed.set()
            self._wake.set()
        return confirmed.wait(timeout_s)

    def remove(self, channel: str) -> None:
        """Listen to it no longer."""
        with self._lock:
            self._wanted.discard(channel)
            self._confirmed.pop(channel, None)
            self._wake.set()

    def run(self) -> None:
        """Listen until `stop`; subscribe again whenever the connection is lost."""
        failures, lost_s = 0, 0.0
        while not self._stop.is_set():
            if not self._wake.wait(1.0):
                continue
            try:
                with self._client.pubsub() as subscription:
                    self._listen(subscription, lost_s)
                    failures, lost_s = 0, 0.0
            except (redis.ConnectionError, redis.TimeoutError) as error:
                if self._stop.is_set():
                    return
                lost_s = lost_s or monotonic()
                if failures == 0:
                    log.warning("channels: lost Redis (%s); subscribing again until it answers", error)
                with self._lock:
                    self._heard.clear()
                    for confirmed in self._confirmed.values():
                        confirmed.clear()
                self._stop.wait(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1

    def stop(self) -> None:
        self._stop.set()

    def _listen(self, subscription: Any, lost_s: float) -> None:
        having: set[str] = set()
        asked: Counter[str] = Counter()  # subscriptions that Redis has yet to confirm
        while not self._stop.is_set():
            with self._lock:
                wanted = set(self._wanted)
                if not wanted and not having:
                    self._wake.clear()
                    return
                self._heard &= wanted
            asked.update(wanted - having)
            if more := wanted - having:
                subscription.subscribe(*more)
            if fewer := having - wanted:
                subscription.unsubscribe(*fewer)
            having = wanted
            message = subscription.get_message(timeout=LISTEN_S)
            if message is None:
                continue
            channel = message["channel"].decode(errors="replace")
            if message["type"] == "message":
                self._hear(channel, message["data"].decode(errors="replace"))
            elif message["type"] == "subscribe":
                asked[channel] -= 1
                with self._lock:
                    if not asked[channel] and channel in self._confirmed:
                        self._heard.add(channel)
                        self._confirmed[channel].set()
                    complete = all(event.is_set() for event in self._confirmed.values())
                if lost_s and complete:
                    self._gap(monotonic() - lost_s)
                    lost_s = 0.0
