"""Claims on requests that are to happen once: one process does it, the others get its answer.

Owns: who may do it, waiting, keeping the answer. Leaves to others: what an answer is, which requests (`web/retries.py`).

A process that dies between what it did and `keep` leaves a claim that nobody answers: it ends after LEASE_S, and the next
attempt does it again. Where twice is too often, the script that does it remembers it (`once.py`).
"""

import secrets
import time
from dataclasses import dataclass

from dashboard.errors import StillRunning
from dashboard.store import keys
from dashboard.store.once import KEPT_MS, Once
from dashboard.store.scripts import Scripts

LEASE_S = 45.0
"""Longer than any request takes: the longest one waits 30 s for a lock."""
PATIENCE_S = 5.0
LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Claim:
    """What was found: the answer of before, or, where it is None, the right to do it, known by its token."""

    key: str
    token: str
    answer: str | None = None


class Claims:
    """The claims of one store."""

    def __init__(self, scripts: Scripts, *, lease_s: float = LEASE_S, patience_s: float = PATIENCE_S) -> None:
        self._scripts = scripts
        self._lease_ms = int(1000 * lease_s)
        self._patience_s = patience_s

    def take(self, once: Once) -> Claim:
        """Claim a request, or get its answer; waits while another one is at it.

        Raises IdempotencyConflict, StillRunning, StoreUnavailable. One round trip, and one each time it looks again.
        """
        key, token = keys.claim(once.digest), secrets.token_hex(16)
        deadline = time.monotonic() + self._patience_s
        while True:
            reply = self._scripts.write("claim_request", [key], [once.print, token, self._lease_ms, KEPT_MS])
            match reply[0]:
                case b"mine":
                    return Claim(key, token)
                case b"done":
                    return Claim(key, token, reply[1].decode())
                case b"conflict":
                    raise once.conflict()
            if time.monotonic() > deadline:
                raise StillRunning("The first request with this Idempotency-Key is still at work; try again shortly.")
            time.sleep(LOOK_S)

    def keep(self, claim: Claim, answer: str) -> None:
        """The answer that everybody gets from now on. Raises StoreUnavailable. One round trip."""
        self._scripts.write("keep_answer", [claim.key], [claim.token, answer, KEPT_MS])

    def drop(self, claim: Claim) -> None:
        """Give it back: nothing happened. Raises StoreUnavailable. One round trip."""
        self._scripts.write("keep_answer", [claim.key], [claim.token, "", KEPT_MS])
