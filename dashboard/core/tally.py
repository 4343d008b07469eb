"""The tally: every score event of every board, counted once into buckets of time and of size.

Owns: the consumer group `analytics` of each board's events, what is read back for the panel `analytics`. Leaves to
others: when to count (`live/tallying.py`), the history of one board (`analytics.py`).

The buckets of a board are a ring of six hashes, one per minute, that live ten minutes, and a sorted set of the players of
the last five. An event counts when it arrived, whatever time it was played at. A worker that is away for longer than
the events stream is long (about 10,000 events) misses what was trimmed meanwhile: `missed` says how many.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dashboard.core.boards import Boards
from dashboard.core.clock import Clock
from dashboard.core.periods import rfc3339
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.group import Group
from dashboard.store.scripts import Scripts
from dashboard.store.stream import Stream

GROUP = "analytics"
BATCH = 500
"""Most events in one script: about 2 ms of the store's time."""
STEP_S, POINTS = 5, 60
WINDOW_S = STEP_S * POINTS
SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Row:
    """The last minutes of one board. `bins`: lower bound -> submitted scores."""

    board: str
    counted: int
    missed: int
    active: int
    per_second: float
    points: tuple[int, ...]
    bins: dict[int, int]


class Tally:
    """Counts, and reads what was counted."""

    def __init__(
        self, client: Client, scripts: Scripts, boards: Boards, clock: Clock, *, idle_ms: int = 10_000
    ) -> None:
        self._client = client
        self._scripts = scripts
        self._boards = boards
        self._clock = clock
        self._idle_ms = idle_ms

    def count(self, boards: Sequence[str], consumer: str, *, adopt: bool = False) -> dict[str, int]:
        """Count up to BATCH new events of each board; board -> events read. `adopt`: also what others left pending.

        Malformed events go to the dead letters. Raises StoreUnavailable. Two round trips, and one per malformed event.
        """
        idle: str | int = self._idle_ms if adopt else ""
        args: list[str | int] = [GROUP, consumer, BATCH, idle]
        calls = [(_keys(name), args) for name in boards]
        replies = self._scripts.read_many("tally_events", calls)
        for name, (_, *malformed) in zip(boards, replies, strict=True):
            for id in malformed:
                self.group(name).bury(
                    id.decode(), "it is no score event: `player` and a whole number as `score` are needed"
                )
        return {name: int(reply[0]) for name, reply in zip(boards, replies, strict=True)}

    def group(self, board: str) -> Group:
        """The consumer group of a board's events."""
        events = Stream(self._client, self._scripts, keys.events(board))
        return Group(self._client, self._scripts, events, GROUP, idle_ms=self._idle_ms)

    def state(self) -> dict[str, Any]:
        """What the panel `analytics` shows: all boards together, and the SHOWN busiest. Five round trips.

        `scores_per_second` is over the last 5 closed seconds; `active_players` of the last 5 minutes (one who plays on two
        boards counts on each); `points` are closed buckets of `step_s`, oldest first; `distribution` the scores that
        were submitted in the last 5 to 6 minutes, in bins with bounds of 1, 2 and 5 times the powers of ten.
        """
        names = self._boards.stored()
        calls: list[tuple[list[str], list[str | int]]] = [(_keys(name)[3:], [STEP_S, POINTS]) for name in names]
        replies = zip(names, self._scripts.read_many("read_tally", calls), strict=True)
        rows = [_row(name, reply) for name, reply in replies if len(reply) > 1]
        bins: Counter[int] = Counter()
        for row in rows:
            bins.update(row.bins)
        points = [sum(counts) for counts in zip(*(row.points for row in rows), strict=True)] or [0] * POINTS
        busiest = sorted(rows, key=lambda row: (-sum(row.points), row.board))[:SHOWN]
        return {
            "at": rfc3339(self._clock.now_ms()),
            "scores_per_second": round(sum(row.per_second for row in rows), 1),
            "active_players": sum(row.active for row in rows),
            "window_s": WINDOW_S,
            "step_s": STEP_S,
            "points": points,
            "distribution": [{"from": low, "to": high, "scores": bins[low]} for low, high in _bounds(bins)],
            "counted": sum(row.counted for row in rows),
            "missed": sum(row.missed for row in rows),
            "boards": [
                {
                    "board": row.board,
                    "scores_per_second": row.per_second,
                    "active_players": row.active,
                    "counted": row.counted,
                    "missed": row.missed,
                }
                for row in busiest
            ],
        }


def _keys(board: str) -> list[str]:
    return [keys.board(board), keys.events(board), *keys.tallied(board)[:-1]]


def _row(board: str, reply: Sequence[Any]) -> _Row:
    counted, missed, active, recent = (int(value) for value in reply[1:5])
    points, bins = reply[5 : 5 + POINTS], reply[5 + POINTS :]
    return _Row(
        board,
        counted,
        missed,
        active,
        recent / 5,
        tuple(int(count) for count in points),
        {int(low): int(count) for low, count in zip(bins[::2], bins[1::2], strict=True)},
    )


def _bounds(bins: Counter[int]) -> list[tuple[int, int]]:
    """The bins that hold something, in order, each as [from, to); negative ones mirror the positive: (to, from]."""
    return [(low, -next_bound(-low) if low < 0 else next_bound(low)) for low in sorted(bins)]


def next_bound(low: int) -> int:
    """The next of 0, 1, 2, 5, 10, 20, 50, ..."""
    if low == 0:
        return 1
    power = 10 ** (len(str(low)) - 1)
    return low * 5 // 2 if low == 2 * power else low * 2
