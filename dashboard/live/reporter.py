"""The reporter: once a second, what this process counted goes into the account that all servers share.

Leaves to others: what is counted (its `report` is handed in).
"""

import logging
from collections.abc import Callable
from threading import Event

log = logging.getLogger(__name__)

BEAT_S = 1.0


class Reporter:
    """Calls `report` until `stop`; a call that fails is logged, and the next beat tries again. `subject` is what it is
    about, for the log.
    """

    def __init__(self, subject: str, report: Callable[[], None]) -> None:
        self._subject = subject
        self._report = report
        self._stop = Event()

    def run(self) -> None:
        while not self._stop.wait(BEAT_S):
            try:
                self._report()
            except Exception:
                log.exception("the account of %s failed; the next beat tries again", self._subject)

    def stop(self) -> None:
        self._stop.set()
