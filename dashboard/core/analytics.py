"""Analytics of one board over time: how many scores came, and who led, in buckets of STEP_S seconds.

Owns: reading the history: the stream, and before its first entry the chronicle. The stream is written by
`submit_scores.lua`: the first score of a new bucket notes how the last one ended; until then that is read from the board
itself. A bucket without scores has no entry: nothing came, nobody moved.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from dashboard.core.boards import Boards, restless
from dashboard.core.buckets import HEAD, STEP_MS, STEP_S, Absent, noted_of
from dashboard.core.calendars import pick_period
from dashboard.core.chronicle import Chronicle
from dashboard.core.clock import Clock
from dashboard.core.decay import decayed
from dashboard.core.merging import standings
from dashboard.core.periods import FIRST_MS, Period, rfc3339
from dashboard.core.runs import ranked
from dashboard.errors import InvalidInput
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import answering, sharing
from dashboard.values import Board, Pulse, Standing

TOP = 10
ATTEMPTS = 20
MOST = 2000


class Analytics:
    """Reads what happened on boards."""

    def __init__(self, client: Client, boards: Boards, clock: Clock, chronicle: Chronicle | None = None) -> None:
        self._client = client
        self._boards = boards
        self._clock = clock
        self._chronicle = chronicle

    def history(
        self,
        board: str,
        kind: str,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        step_s: int = STEP_S,
    ) -> list[Pulse]:
        """Closed buckets that began in [from_ms, to_ms), oldest first, joined to `step_s` (a multiple of STEP_S), of the
        period that holds the end of that time.

        Defaults: the last hour; never before the period began. Who was removed later is left out. Raises BoardNotFound,
        InvalidInput (also for more than MOST of them). One round trip, one more where players were removed; two reads of the
        chronicle where it begins before the stream does.
        """
        if step_s < STEP_S or step_s % STEP_S:
            raise InvalidInput(f"step is a multiple of {STEP_S} seconds", ("/step", f"a multiple of {STEP_S}"))
        if self._boards.get(board).settings.shards is not None:
            homes = self._boards.homes(board)
            parts = [self.history(home, kind, from_ms=from_ms, to_ms=to_ms, step_s=step_s) for home in homes]
            return _of_shards(self._boards.get(board), parts)
        for _ in range(ATTEMPTS):
            known = self._boards.get(board)
            now_ms = self._clock.now_ms()
            period = pick_period(known, kind, now_ms if to_ms is None else max(FIRST_MS, min(to_ms - 1, now_ms)))
            start = max(now_ms - 3_600_000 if from_ms is None else from_ms, period.start_ms)
            with sharing(known.settings.key), answering(), self._client.pipeline(transaction=True) as pipe:
                pipe.hmget(keys.board(board), "revision", "bucket", "bucket_scores")
                # an entry is written after its bucket began, so its id is never smaller
                pipe.xrange(keys.history(board), min=max(start, 0))
                pipe.xrange(keys.history(board), count=1)
                pipe.hlen(keys.aside(board))
                top = pipe.zrevrange if known.settings.order == "desc" else pipe.zrange
                top(standings(known, period.id)[0], 0, TOP - 1, withscores=True)
                pipe.time()
                (revision, *last), entries, oldest, aside, rows, (seconds, _) = pipe.execute()
            if self._boards.is_current(known, revision):
                break
        else:
            raise restless(board)
        end = 1000 * seconds if to_ms is None else to_ms
        buckets = [bucket for _, fields in entries if (bucket := noted_of(fields, kind)) and bucket.period == period.id]
        pulses = [Pulse(bucket.at_ms, bucket.scores, bucket.rows) for bucket in buckets]
        if 1000 * seconds < period.end_ms:
            pulses += _ended(known, last, rows, seconds)
        pulses = [pulse for pulse in pulses if start <= pulse.at_ms < end]
        if oldest:
            until_ms = min(int(oldest[0][1][HEAD[0]]) + 1, end)  # with it: there it may stand for others besides
            earlier = self._earlier(known, period, start, until_ms, 1000 * step_s)
            pulses = earlier + [pulse for pulse in pulses if not earlier or pulse.at_ms > earlier[-1].at_ms]
        if aside:
            absent = Absent(self._client, known, {row.player for pulse in pulses for row in pulse.rows})
            pulses = [replace(p, rows=absent.without(p.rows, p.at_ms + STEP_MS)) for p in pulses]
        return _joined(pulses, 1000 * step_s)

    def _earlier(self, board: Board, period: Period, start_ms: int, end_ms: int, step_ms: int) -> list[Pulse]:
        """What only the chronicle has."""
        if self._chronicle is None or start_ms >= end_ms:
            return []
        found = self._chronicle.read(board.name, board.life, period.id, start_ms, end_ms, step_ms, MOST + 1)
        if len(found) > MOST:
            raise InvalidInput(
                f"more than {MOST} points: ask for a larger step", ("/step", "too small for so much time")
            )
        return [Pulse(bucket.at_ms, bucket.scores, bucket.rows) for bucket in found]


def as_point(pulse: Pulse) -> dict[str, Any]:
    """A bucket as it goes over the wire: `{"at", "scores", "rows"}`."""
    return {"at": rfc3339(pulse.at_ms), "scores": pulse.scores, "rows": [row.as_dict() for row in pulse.rows]}


def _ended(board: Board, last: Sequence[bytes | None], rows: Sequence[tuple[bytes, float]], now_s: int) -> list[Pulse]:
    """The last bucket, if it has ended and scores came in it; nothing has come since, so the board shows how it ended."""
    bucket, scores = (int(value or 0) for value in last)
    if not scores or (bucket + 1) * STEP_S > now_s:
        return []
    rows_then = decayed(board.settings, ranked(board.settings, rows), STEP_MS * (bucket + 1))
    top = tuple(Standing(row.rank, row.player, row.score) for row in rows_then)
    return [Pulse(STEP_MS * bucket, scores, top)]


def _of_shards(board: Board, parts: Sequence[Sequence[Pulse]]) -> list[Pulse]:
    """The buckets of all shards as one, with the first ten of what each last noted: of a shard nothing stands before its first
    bucket in that time.
    """
    down, pulses = board.settings.order == "desc", []
    last: list[Sequence[Standing]] = [()] * len(parts)
    noted = sorted((pulse.at_ms, shard, pulse) for shard, part in enumerate(parts) for pulse in part)
    for at_ms, group in groupby(noted, key=lambda entry: entry[0]):
        scores = 0
        for _, shard, pulse in group:
            last[shard], scores = pulse.rows, scores + pulse.scores
        rows = sorted((row for mine in last for row in mine), key=lambda row: (row.score, row.player), reverse=down)
        top = rows[:TOP]
        if board.settings.ties == "shared":
            ranks = [1 + next(i for i, one in enumerate(top) if one.score == row.score) for row in top]
        else:
            ranks = list(range(1, len(top) + 1))
        pulses.append(
            Pulse(at_ms, scores, tuple(row._replace(rank=rank) for row, rank in zip(top, ranks, strict=True)))
        )
    return pulses


def _joined(pulses: list[Pulse], step_ms: int) -> list[Pulse]:
    joined: list[Pulse] = []
    for pulse in pulses:
        at_ms = pulse.at_ms - pulse.at_ms % step_ms
        if joined and joined[-1].at_ms == at_ms:
            joined[-1] = replace(pulse, at_ms=at_ms, scores=joined[-1].scores + pulse.scores)
        else:
            joined.append(replace(pulse, at_ms=at_ms))
    return joined
