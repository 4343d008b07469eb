"""Archive what is due and die between the archive's commit and the mark in Redis: `killed_archiver.py REDIS_URL
DATABASE_URL SHIFT_MS`.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from dashboard.config import Settings
from dashboard.parts import open_parts
from dashboard.store.scripts import Scripts
from tests.core.times import archiving_at


class Dying(Scripts):
    """Scripts of a process that is killed before it marks."""

    def write(self, name: str, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
        if name == "close_ranking":
            print("committed", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().write(name, keys, args)


if __name__ == "__main__":
    url, database, shift_ms = sys.argv[1:]
    with open_parts(Settings(_env_file=None, redis_url=url, database_url=database)) as parts:  # type: ignore[call-arg]
        archiving_at(parts, int(shift_ms), Dying(parts.client)).archive_due()
