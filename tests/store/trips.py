"""Round trips, as the store counts them."""

from collections.abc import Callable

from dashboard.store.client import Client


def trips(client: Client, work: Callable[[], object]) -> int:
    """How often the store had to read from its connections meanwhile. It reads 16 KiB at most: ask for less at once."""
    before = int(client.info("stats")["total_reads_processed"])
    work()
    return int(client.info("stats")["total_reads_processed"]) - before - 1  # without the look itself
