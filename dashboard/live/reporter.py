"""The reporter: again and again, what this process counted goes into the accounts that all servers share.

Leaves to others: what is counted (its reports are handed in).
"""

import logging
from collections.abc import Callable, Mapping
from threading import Event

log = logging.getLogger(__name__)

BEAT_S = 1.0


class Reporter:
    """Calls each report until `stop`; one that fails is logged, and the next beat tries again. `reports` by what they are
    about, for the log.
    """

    def __init__(self, reports: Mapping[str, Callable[[], None]], beat_s: float = BEAT_S) -> None:
        self._reports = reports
        self._beat_s = beat_s
        self._stop = Event()

    def run(self) -> None:
        while not self._stop.wait(self._beat_s):
            for subject, report in self._reports.items():
                try:
                    report()
                except Exception:
                    log.exception("the account of %s failed; the next beat tries again", subject)

    def stop(self) -> None:
        self._stop.set()
