"""The doorbell: hears which boards changed, over one pub/sub subscription per process.

A ring is a hint. One that is lost (while Redis restarts, say) is made up for by the broadcaster's sweep, and by ringing
every board once after each new subscription.
"""

import logging
import time
from collections.abc import Callable
from threading import Event

import redis

from dashboard.core.shards import outer_name
from dashboard.store import keys
from dashboard.store.client import Client

log = logging.getLogger(__name__)

RETRY_S = (0.2, 0.5, 1.0, 2.0)
LISTEN_S = 1.0
SILENCE_S = 5.0
"""A connection on which nothing was heard for so long, not even the answer to a ping, is dead and did not say so."""


class Doorbell:
    """`ring(board)` is called for every change heard; `ring_all()` after each (new) subscription."""

    def __init__(self, client: Client, ring: Callable[[str], None], ring_all: Callable[[], None]) -> None:
        self._client = client
        self._ring = ring
        self._ring_all = ring_all
        self._stop = Event()
        self.listening = Event()

    def run(self) -> None:
        """Listen until `stop`; subscribe again whenever the connection is lost, or answers no ping."""
        failures = 0
        while not self._stop.is_set():
            try:
                with self._client.pubsub() as subscription:
                    subscription.subscribe(keys.CHANGED)
                    heard_at = time.monotonic()
                    while not self._stop.is_set():
                        message = subscription.get_message(timeout=LISTEN_S)
                        if message is not None:
                            failures, heard_at = 0, time.monotonic()
                            self._hear(message)
                        elif time.monotonic() > heard_at + SILENCE_S:
                            raise redis.TimeoutError(f"no answer for {SILENCE_S:g} s")
                        else:
                            subscription.ping()
            except redis.RedisError as error:
                if failures == 0 and not self._stop.is_set():
                    log.warning("doorbell: lost Redis (%s); subscribing again until it answers", error)
                self.listening.clear()
                self._stop.wait(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1

    def stop(self) -> None:
        self._stop.set()

    def _hear(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe":
            self.listening.set()
            self._ring_all()
        elif message["type"] == "message" and isinstance(message["data"], bytes):
            self._ring(outer_name(message["data"].decode(errors="replace")))
