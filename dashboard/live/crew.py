"""The crew: the workers of one process, which start and stop together.

Owns: which kinds of workers there are. Leaves to others: what they do (`tallying.py`, `core/payments.py`), how they go on
(`workers.py`).
"""

import threading
import time
from collections.abc import Sequence
from typing import Literal

from dashboard.core.boards import Boards
from dashboard.core.payments import Payments
from dashboard.core.tally import Tally
from dashboard.live.tallying import Tallying
from dashboard.live.workers import Consumer, Worker

Kind = Literal["analytics", "payments", "all"]


class Crew:
    """For each of `names` the workers of that kind, known by that name in their groups."""

    def __init__(self, kind: Kind, names: Sequence[str], boards: Boards, tally: Tally, payments: Payments) -> None:
        self._workers: list[Worker] = []
        for name in names:
            if kind in ("analytics", "all"):
                self._workers.append(Worker(f"analytics {name}", Tallying(tally, boards, name).turn))
            if kind in ("payments", "all"):
                settling = Consumer(payments.group, name, payments.settle)
                self._workers.append(Worker(f"payments {name}", settling.turn))
        self._threads = [threading.Thread(target=worker.run, name=worker.name, daemon=True) for worker in self._workers]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, *, within_s: float) -> bool:
        """Let each end its turn; whether all did within the time. What one that did not has in hand stays pending."""
        for worker in self._workers:
            worker.stop()
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)
