"""A payments worker that stops between the ledger's commit and the acknowledgement, says so, and waits to be killed."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from dashboard.config import Settings
from dashboard.live.workers import Consumer
from dashboard.parts import open_parts
from dashboard.store.group import Effect
from dashboard.store.stream import Entry


def main(data_dir: str) -> None:
    settings = Settings(_env_file=None, data_dir=Path(data_dir))  # type: ignore[call-arg]
    with open_parts(settings) as parts:

        def settle(entry: Entry) -> Sequence[Effect]:
            parts.payments.settle(entry)
            print(entry.id, flush=True)
            while True:
                signal.pause()

        consumer = Consumer(parts.payments.group, "paused", settle)
        while True:
            consumer.turn(Event())


if __name__ == "__main__":
    main(sys.argv[1])
