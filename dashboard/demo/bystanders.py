"""Bystanders: who else is about at a game, so that the rest of the toolbox is at work too.

Owns: a shopper, a reader, two jobs and two viewers, what they do and how often; what happens while the server is away.
Leaves to others: the players (`clients.py`, `world.py`), when all begins and ends (`show.py`).

Each is a thread with one HTTP connection. One that is refused goes on with the next thing, so nobody's refusal is the end
of the show; a server that is away is tried again until it is back.
"""

import threading
from collections.abc import Callable, Generator
from itertools import accumulate, count
from random import Random
from typing import Any

import requests

from dashboard.demo.clients import RETRY_S
from dashboard.demo.posters import ANSWER_S

USERS = 100
READS_PER_S = 4.0
HURRY = 60
"""A reader in a hurry reads so many at once, or until refused."""
TTL_MS = 5_000
WAIT_MS = 2_000

Call = Callable[..., dict[str, Any]]
Days = Generator[float, None, None]
"""What one does, without end: between two things so many seconds of rest."""


class Bystander:
    """One of them. `days(call, random)` is what it does; whatever stands in its `finally` is still done at the end."""

    def __init__(self, name: str, days: Callable[[Call, Random], Days], url: str, key: str | None, seed: int) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"scorecast-demo ({name})"
        if key:
            self._session.headers["X-API-Key"] = key
        self._days = days(self._call, Random(f"{seed} {name}"))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the call that is under way."""
        self._stopping.set()

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    def _run(self) -> None:
        for rest_s in self._days:
            if self._stopping.wait(rest_s):
                break
        self._days.close()
        self._session.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer; empty where the server refuses or is away, after the rest that is due then."""
        rest_s = RETRY_S
        try:
            answer = self._session.request(method, self._url + path, json=body, timeout=ANSWER_S)
            if answer.ok:
                document = answer.json() if answer.content else {}
                return document if isinstance(document, dict) else {}
            if answer.status_code < 500:
                rest_s = float(answer.headers.get("Retry-After", 0))
        except (requests.RequestException, ValueError):
            pass
        self._stopping.wait(rest_s)
        return {}


def gather(url: str, key: str | None, seed: int) -> list[Bystander]:
    """All of them, not begun yet."""
    everybody: dict[str, Callable[[Call, Random], Days]] = {
        "shopper": _shop,
        "reader": _read,
        "season-report": _work,
        "backup": _work,
        "Amara": _watch,
        "Tomás": _watch,
    }
    return [Bystander(name, days, url, key, seed) for name, days in everybody.items()]


def _shop(call: Call, random: Random) -> Days:
    """An order every 2 to 4 s: announced, then paid. The worker says when it is settled."""
    for number in count(5001):
        call("POST", "/api/v1/channels/orders", {"message": f"Order #{number} created"})
        amount = f"{random.randrange(5, 120)}.{random.choice(('00', '50', '90', '99'))}"
        payment = {"user": random.randint(1, USERS), "amount": amount, "currency": "EUR", "order": number}
        call("POST", "/api/v1/payments", payment)
        yield random.uniform(2, 4)


def _read(call: Call, random: Random) -> Days:
    """Users through the cache: the n-th of them 1/n as often as the first; now and then many at once, or a write."""
    reach = list(accumulate(1 / n for n in range(1, USERS + 1)))
    for turn in count():
        [user] = random.choices(range(1, USERS + 1), cum_weights=reach)
        call("GET", f"/user/{user}")
        if turn % 60 == 4:
            # A user of its own: what it read of another may be old, and writing that back would undo a change.
            city = random.choice(("Lisbon", "Osaka", "Accra", "Tallinn"))
            call("PUT", "/api/v1/users/visitor", {"name": "A Visitor", "username": "visitor", "city": city})
            call("GET", "/user/visitor")
        if turn % 60 == 9:
            for _ in range(HURRY):
                if not call("GET", f"/user/{random.choices(range(1, USERS + 1), cum_weights=reach)[0]}"):
                    break
        yield random.expovariate(READS_PER_S)


def _work(call: Call, random: Random) -> Days:
    """A job that must not run beside another one: takes the lock, waiting for it, holds it and releases it."""
    while True:
        grant = call("POST", "/api/v1/locks/nightly", {"ttl_ms": TTL_MS, "wait_ms": WAIT_MS})
        if grant:
            try:
                yield random.uniform(1, 2)
            finally:
                call("DELETE", "/api/v1/locks/nightly", {"token": grant["token"]})
        yield random.uniform(0.5, 3)


def _watch(call: Call, random: Random) -> Days:
    """A viewer who signs in, stays for a while, and signs out."""
    while True:
        yield random.uniform(0.5, 4)
        try:
            call("POST", "/api/v1/session", {"name": threading.current_thread().name})
            yield random.uniform(15, 40)
        finally:
            call("DELETE", "/api/v1/session", {})
