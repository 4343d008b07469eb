"""Loads that are under way, and those who wait for one.

Owns: sharing a load inside this process, and waiting for one of another process by a single poll per key, however many
wait. Leaves to others: who loads (the lease in Redis says so) and what is done with the value.

Who was told "somebody holds lease L" may take what L loads, even where a write refuses to have it stored: L stood when
they asked, so no write was answered between the load's begin and their question.
"""

import threading
import time

from dashboard.errors import SourceUnavailable
from dashboard.store.client import Client
from dashboard.store.scripts import answering
from dashboard.values import Fetched

FIRST_POLL_S, LAST_POLL_S = 0.004, 0.05
EXPIRY_SLACK_S = 0.005


class Flight:
    """One load of this process, under the lease `token`."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._over = threading.Event()
        self._fetched: Fetched | None = None
        self._error: SourceUnavailable | None = None

    def land(self, fetched: Fetched) -> None:
        """Hand the value to all who joined."""
        self._fetched = fetched
        self._over.set()

    def fail(self, error: SourceUnavailable) -> None:
        """Tell all who joined."""
        self._error = error
        self._over.set()

    def join(self, wait_s: float) -> Fetched | None:
        """What was loaded; None where it takes longer. Raises SourceUnavailable where the load failed."""
        self._over.wait(wait_s)
        if self._error:
            raise SourceUnavailable(self._error.detail) from self._error
        return self._fetched


class Flights:
    """The loads of this process by lease, and the keys for which it waits."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._own: dict[str, Flight] = {}
        self._rooms: dict[str, threading.Event] = {}

    def announce(self, flight: Flight) -> None:
        self._own[flight.token] = flight

    def end(self, flight: Flight) -> None:
        self._own.pop(flight.token, None)

    def get(self, lease: str) -> Flight | None:
        """The load under that lease, where it is one of ours."""
        return self._own.get(lease)

    def await_landing(self, key: str, lease: str, left_s: float) -> None:
        """Wait until the lease on `key` is given up, taken away or has run out, which is `left_s` from now.

        Raises StoreUnavailable. One process polls a key once in 4 to 50 ms, for all who wait here.
        """
        with self._lock:
            room = self._rooms.get(key)
            polls = room is None
            if room is None:
                room = self._rooms[key] = threading.Event()
        if not polls:
            room.wait(left_s + EXPIRY_SLACK_S)
            return
        try:
            self._poll(key, lease, time.monotonic() + left_s + EXPIRY_SLACK_S)
        finally:
            with self._lock:
                del self._rooms[key]
            room.set()

    def _poll(self, key: str, lease: str, until: float) -> None:
        pause = FIRST_POLL_S
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(1.5 * pause, LAST_POLL_S)
            with answering():
                if self._client.hget(key, "lease") != lease.encode():
                    return
