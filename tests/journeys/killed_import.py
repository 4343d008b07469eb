"""An import that kills its own process around a chosen batch: `python killed_import.py KIND FILE DATA_DIR BATCH`.

KIND: `real` is ours and dies right after the batch; `naive` writes its place in a second call and dies between the two.
"""

import os
import signal
import sys
import time
from itertools import count
from pathlib import Path

from dashboard.config import Settings
from dashboard.core import import_turn
from dashboard.core.batches import Batch, Batches, Place
from dashboard.core.imports import Importer, Job, Watch
from dashboard.core.mappings import Mapping
from dashboard.parts import open_parts
from dashboard.values import Mark

BOARD = "goals"


class Mortal(Importer):
    """Dies right after its batch number `last`."""

    last = 0
    numbers = count(1)

    def _apply(self, board: str, id: str, stored: str, batches: Batches, batch: Batch) -> Place:
        place = super()._apply(board, id, stored, batches, batch)
        self.die_at_last()
        return place

    def die_at_last(self) -> None:
        if next(self.numbers) == self.last:
            os.kill(os.getpid(), signal.SIGKILL)


class Naive(Mortal):
    """Applies a batch, then writes how far it came."""

    def _apply(self, board: str, id: str, stored: str, batches: Batches, batch: Batch) -> Place:
        self._scores.submit(board, batch.scores)
        self.die_at_last()
        self._scores.load(board, [], Mark(id, stored, batch.place.text()))
        return batch.place


if __name__ == "__main__":
    kind, file, data_dir, last = sys.argv[1:]
    importer = {"real": Mortal, "naive": Naive}[kind]
    importer.last = int(last)
    import_turn.TTL_S = 0.3  # the next one shall not wait long for a lock that is not what this is about
    with open_parts(Settings(_env_file=None, data_dir=Path(data_dir))) as parts:  # type: ignore[call-arg]
        job = Job(Path(file), BOARD, Mapping("scorer", "1"), rule="sum")
        importer(parts.boards, parts.scores, parts.locks, time.monotonic, time.sleep).run(job, Watch())
