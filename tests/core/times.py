"""The store's clock in tests, and processes whose own clock is wrong."""

import time
from dataclasses import replace

from dashboard.core.analytics import Analytics
from dashboard.core.archive import Archive
from dashboard.core.archiving import Archiving
from dashboard.core.boards import Boards
from dashboard.core.chronicle import Chronicle
from dashboard.core.chronicling import Chronicling
from dashboard.core.clock import Clock
from dashboard.core.rankings import Rankings
from dashboard.core.removals import Removals
from dashboard.core.scores import Scores
from dashboard.core.sharded_rankings import ShardedRankings
from dashboard.parts import Parts
from dashboard.store.client import Client
from dashboard.store.scripts import Scripts

DAY_MS = 86_400_000


def store_ms(client: Client) -> int:
    """What the store's clock says, in epoch milliseconds."""
    seconds, microseconds = client.time()
    return int(seconds) * 1000 + int(microseconds) // 1000


def wait_until_ms(client: Client, at_ms: int) -> None:
    """Look at the store's clock until it shows that instant: passing time rings no bell."""
    while (left_ms := at_ms - store_ms(client)) > 0:
        time.sleep(min(left_ms, 50) / 1000)


def away_from_midnight(client: Client) -> None:
    """A test that names today's periods shall not see them end, nor begin a moment ago."""
    into_ms = store_ms(client) % DAY_MS
    if into_ms > DAY_MS - 20_000:
        wait_until_ms(client, store_ms(client) + 30_000)
    elif into_ms < 10_000:
        wait_until_ms(client, store_ms(client) + 10_000)


def archiving_at(parts: Parts, shift_ms: int, scripts: Scripts | None = None) -> Archiving:
    """An archiver for which so much time has passed: what was open is over."""
    clock = Clock(lambda: store_ms(parts.client) + shift_ms)
    archive, hold = Archive(parts.sql), parts.locks.hold
    return Archiving(parts.client, scripts or Scripts(parts.client), parts.boards, parts.rankings, archive, hold, clock)


def chronicling_at(parts: Parts, shift_ms: int = 0) -> Chronicling:
    """Somebody who archives history, for whom so much time has passed."""
    clock = Clock(lambda: store_ms(parts.client) + shift_ms)
    return Chronicling(parts.client, parts.boards, Chronicle(parts.sql), clock)


def with_host_clock(parts: Parts, shift_ms: int) -> Parts:
    """Another process on the same store, with nothing remembered, whose machine's clock is wrong by so much."""
    scripts = Scripts(parts.client)
    clock = Clock(lambda: time.time_ns() // 1_000_000 + shift_ms)
    boards = Boards(parts.client, scripts, clock)
    scores = Scores(scripts, boards, clock, ShardedRankings(parts.client, scripts, boards))
    return replace(
        parts,
        clock=clock,
        boards=boards,
        scores=scores,
        rankings=Rankings(parts.client, scripts, boards, clock),
        removals=Removals(parts.client, scripts, boards, scores),
        analytics=Analytics(parts.client, boards, clock),
    )
