"""The archiver: looks for rankings that are final and has them archived. Every server runs one.

Leaves to others: what is done (`core/archiving.py`; it is handed in).
"""

import logging
from collections.abc import Callable
from threading import Event

from dashboard.errors import SourceUnavailable, StoreUnavailable

log = logging.getLogger(__name__)

LOOK_S = 10.0


class Archiver:
    """Calls `archive_due` until `stop`; where Redis or the database is away, the next look tries again."""

    def __init__(self, archive_due: Callable[[], int], look_s: float = LOOK_S) -> None:
        self._archive_due = archive_due
        self._look_s = look_s
        self._stop = Event()

    def run(self) -> None:
        away = False
        while not self._stop.wait(self._look_s):
            try:
                if count := self._archive_due():
                    log.info("archiver: %s rankings archived", count)
                away = False
            except (StoreUnavailable, SourceUnavailable) as error:
                if not away:
                    log.warning("archiver: %s", error)
                away = True
            except Exception:
                log.exception("archiver: failed; the next look tries again")

    def stop(self) -> None:
        self._stop.set()
