"""Counters that all processes share: what happened in the last minutes, in buckets of some seconds.

Owns: buffering in the process (one write a second, however much is counted), the buckets, latencies as a histogram.
Leaves to others: what is counted and what it means. Redis away: the buffer waits; what it holds then lands in the
bucket in which Redis is back.
"""

import logging
import math
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dashboard.errors import StoreUnavailable
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts, answering

log = logging.getLogger(__name__)

STEP_S, WINDOW_S = 5, 300
STEPS_PER_DOUBLING = 4  # of the latency histogram: 2 ** (1 / 4), so a percentile is right within 9 %


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was counted in the STEP_S seconds from `at_ms` on."""

    at_ms: int
    counts: Mapping[str, int]


class Counts:
    """Counters under one key of Redis, which expires when nothing was counted for WINDOW_S."""

    def __init__(self, client: Client, scripts: Scripts, key: str) -> None:
        self._client = client
        self._scripts = scripts
        self._key = key
        self._lock = threading.Lock()
        self._buffer: Counter[str] = Counter()

    def add(self, name: str, by: int = 1) -> None:
        """Count something. No round trip."""
        with self._lock:
            self._buffer[name] += by

    def time(self, name: str, seconds: float) -> None:
        """Count a latency, for `percentile_ms`. No round trip."""
        self.add(f"{name}~{round(STEPS_PER_DOUBLING * math.log2(max(seconds * 1e6, 1)))}")

    def flush(self) -> None:
        """Write the buffer; to be called once a second. Redis away: it is kept. At most one round trip."""
        with self._lock:
            taken, self._buffer = self._buffer, Counter()
        if not taken:
            return
        pairs = [part for name, by in taken.items() for part in (name, by)]
        try:
            self._scripts.read("add_counts", [self._key], [STEP_S * 1000, WINDOW_S // STEP_S, *pairs])
        except StoreUnavailable:
            with self._lock:
                self._buffer += taken
        except Exception:
            log.exception("counts %s were lost", self._key)

    def read(self) -> tuple[int, list[Bucket]]:
        """The store's time in ms, and the buckets of the last WINDOW_S seconds in which something was counted.

        Oldest first; the last one may still be open. Raises StoreUnavailable. One round trip.
        """
        with answering(), self._client.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.hgetall(self._key)
            (now_s, micros), stored = pipe.execute()
        buckets: dict[int, dict[str, int]] = {}
        for field, count in stored.items():
            number, _, name = field.decode().partition(":")
            if int(number) > now_s // STEP_S - WINDOW_S // STEP_S:
                of_bucket = buckets.setdefault(int(number), {})
                if name:
                    of_bucket[name] = int(count)
        found = [Bucket(number * STEP_S * 1000, buckets[number]) for number in sorted(buckets)]
        return now_s * 1000 + micros // 1000, found


def total(buckets: list[Bucket]) -> Counter[str]:
    """The sum over buckets."""
    summed: Counter[str] = Counter()
    for bucket in buckets:
        summed.update(bucket.counts)
    return summed


def percentile_ms(counts: Mapping[str, int], name: str, share: float) -> float | None:
    """The latency, in ms, that `share` (0 to 1) of those timed under `name` do not exceed; None where there are none.

    Nearest rank, read off the histogram: within 9 % of the truth.
    """
    bins = sorted((int(field.rpartition("~")[2]), n) for field, n in counts.items() if field.startswith(f"{name}~"))
    rank = math.ceil(share * sum(n for _, n in bins))
    for step, n in bins:
        rank -= n
        if rank <= 0:
            return float(f"{2 ** (step / STEPS_PER_DOUBLING) / 1000:.3g}")
    return None
