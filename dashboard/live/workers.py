"""Workers: loops that take entries from streams and do what they ask for, each in a thread of its own.

Owns: the loop that survives outages and stops cleanly, and the order in which a consumer of a group reads: first what was
delivered to its own name, then what is new, and every few seconds what the dead left. Leaves to others: what an entry
asks for (`handle` is handed in), reading and finishing (`store/stream.py`).

A worker that lives may be robbed of an entry on which it works for longer than `idle_ms`: accepted, because effects are
exactly-once whoever finishes. A batch that is slow as a whole is not robbed: what waits in hand is touched meanwhile.
"""

import logging
import time
from collections.abc import Callable, Sequence
from threading import Event

from dashboard.errors import InvalidInput, LockHeld, ScorecastError, StoreUnavailable
from dashboard.store.group import BLOCK_MS, Effect, Group
from dashboard.store.stream import Entry

log = logging.getLogger(__name__)

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 4.0)
BATCH = 16
ONE = 1
"""What was delivered before may kill its worker: taken one by one, so that what only shared a batch with it is spared."""
ADOPT_S = 0.05
"""Between two looks for what the dead left, at the least: what is new has its turn too."""
AGAIN_S = 0.5
DELIVERIES = 5
"""An entry that was tried so often and never finished is poison."""

Turn = Callable[[Event], None]
Handle = Callable[[Entry], Sequence[Effect]]


class Worker:
    """Takes turns until `stop`. A turn that fails is tried again, later and later; it may wait on the event it is given."""

    def __init__(self, name: str, turn: Turn) -> None:
        self.name = name
        self._turn = turn
        self._stop = Event()

    def run(self) -> None:
        """Blocks until `stop`, then until the turn is over (at most BLOCK_MS and what is in hand)."""
        failures = 0
        while not self._stop.is_set():
            try:
                self._turn(self._stop)
                if failures:
                    log.info("worker %s: goes on", self.name)
                failures = 0
            except Exception as error:
                if not isinstance(error, ScorecastError):
                    log.exception("worker %s: a turn failed; the next one tries again", self.name)
                elif failures == 0 and not self._stop.is_set():
                    log.warning("worker %s: %s", self.name, error)
                self._stop.wait(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)])
                failures += 1

    def stop(self) -> None:
        self._stop.set()


class Consumer:
    """One name in a group. `handle(entry)` returns the effects that finish it. It raises InvalidInput where the entry is
    malformed (a dead letter at once), LockHeld where somebody else is at it (it is set aside for AGAIN_S), another temporary
    error where nothing can be done now (it waits, and with it all); after any other error it is delivered again,
    DELIVERIES times in all. Waiting is no delivery: only what was tried counts.
    """

    def __init__(self, group: Group, name: str, handle: Handle) -> None:
        self._group = group
        self._name = name
        self._handle = handle
        self._own: str | None = "0"  # how far our own pending entries are read; None: all
        self._again_at: float | None = None  # when to look again for what was set aside
        self._start = "0-0"
        self._adopt_at = 0.0
        self._touched = 0.0

    def turn(self, stop: Event) -> None:
        """Read once and handle what was read. Raises StoreUnavailable."""
        try:
            entries = self._read()
            self._touched = time.monotonic()
            for at, entry in enumerate(entries):
                if not self._work(entry, entries[at:], stop):
                    return  # stopping: the rest stays pending
        except StoreUnavailable:
            self._own = "0"  # whether what was in hand is finished shows when Redis is back
            raise

    def _read(self) -> Sequence[Entry]:
        group, now = self._group, time.monotonic()
        if self._own is None and self._again_at is not None and now >= self._again_at:
            self._own, self._again_at = "0", None
        if self._own is not None:
            entries = group.own(self._name, self._own, ONE)
            self._own = entries[-1].id if entries else None
            return entries
        wait_s = self._adopt_at - now
        if wait_s > 0:
            return group.new(self._name, BATCH, block_ms=max(1, min(BLOCK_MS, int(wait_s * 1000))))
        self._start, entries, unnamed = group.adopt(self._name, self._start, ONE)
        if unnamed:
            self._own = "0"
        if self._start == "0-0":
            self._adopt_at = time.monotonic() + max(ADOPT_S, group.idle_ms / 2000)
            group.tidy()
        return entries

    def _work(self, entry: Entry, hand: Sequence[Entry], stop: Event) -> bool:
        if not entry.fields:
            self._bury(entry, "it was trimmed from the stream before it was handled")
            return True
        if entry.deliveries > DELIVERIES:
            self._bury(entry, f"delivered {entry.deliveries - 1} times and never finished: its workers die of it")
            return True
        failures = 0
        while True:
            self._keep(hand)
            try:
                self._group.finish(entry, self._handle(entry))
                return True
            except StoreUnavailable:
                raise
            except InvalidInput as error:
                self._bury(entry, error.detail)
                return True
            except LockHeld:
                self._group.touch(self._name, [entry.id], deliveries=entry.deliveries - 1)
                self._again_at = time.monotonic() + AGAIN_S
                return True
            except Exception as error:
                if not (isinstance(error, ScorecastError) and error.temporary):
                    log.exception("worker %s: entry %s failed", self._name, entry.id)
                    if entry.deliveries >= DELIVERIES:
                        self._bury(entry, f"{type(error).__name__}: {error}")
                    return True  # else it is delivered again
                if failures == 0:
                    self._group.touch(self._name, [entry.id], deliveries=entry.deliveries - 1)
                    log.warning("worker %s: entry %s waits: %s", self._name, entry.id, error)
            if stop.wait(BACKOFF_S[min(failures, len(BACKOFF_S) - 1)]):
                return False
            failures += 1

    def _keep(self, hand: Sequence[Entry]) -> None:
        """Hold on to what is in hand, a few times within the time after which it would be taken over."""
        if time.monotonic() - self._touched > self._group.idle_ms / 4000:
            self._group.touch(self._name, [entry.id for entry in hand])
            self._touched = time.monotonic()

    def _bury(self, entry: Entry, error: str) -> None:
        log.warning("worker %s: entry %s goes to the dead letters: %s", self._name, entry.id, error)
        self._group.bury(entry.id, error)
