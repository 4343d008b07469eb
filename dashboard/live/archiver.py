"""The archiver: looks for what is to go into the SQL database and has it archived. Every server runs one for rankings that
are final and one for history.

Leaves to others: what is done (`core/archiving.py`, `core/chronicling.py`; it is handed in).
"""

import logging
from collections.abc import Callable
from threading import Event

from dashboard.errors import SourceUnavailable, StoreUnavailable

log = logging.getLogger(__name__)

LOOK_S = 10.0


class Archiver:
    """Calls `archive` every `look_s` until `stop`; where Redis or the database is away, the next look tries again."""

    def __init__(self, archive: Callable[[], object], look_s: float = LOOK_S) -> None:
        self._archive = archive
        self._look_s = look_s
        self._stop = Event()

    def run(self) -> None:
        away = False
        while not self._stop.wait(self._look_s):
            try:
                self._archive()
                away = False
            except (StoreUnavailable, SourceUnavailable) as error:
                if not away:
                    log.warning("archiver: %s", error)
                away = True
            except Exception:
                log.exception("archiver: failed; the next look tries again")

    def stop(self) -> None:
        self._stop.set()
