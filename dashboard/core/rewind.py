"""Rewind: a board as it stood at a past moment, and the moments that are known.

Owns: finding the newest bucket that had ended by then, in the history stream or in the chronicle. Leaves to others: final
standings (`rankings.py`), many buckets in a row (`analytics.py`).

The last bucket of a period is often noted when the next period is open. It is known that there was one, and as nothing came
after it in time, the final standings of its period are what stood.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.core.analytics import ATTEMPTS, TOP
from dashboard.core.boards import Boards, restless
from dashboard.core.buckets import HEAD, STEP_MS, Absent, Bucket, noted_of
from dashboard.core.calendars import pick_period
from dashboard.core.chronicle import Chronicle
from dashboard.core.clock import Clock
from dashboard.core.decay import decayed
from dashboard.core.merging import standings
from dashboard.core.periods import LAST_MS, Period
from dashboard.core.rankings import Rankings
from dashboard.core.runs import ranked
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import answering, sharing
from dashboard.values import Board, Standing

STEPS = (
    (600_000, STEP_MS),
    (7_200_000, 60_000),
    (86_400_000, 600_000),
    (30 * 86_400_000, 6 * 3_600_000),
    (LAST_MS, 7 * 86_400_000),
)
"""Moments that are listed: up to which age, one in how much time, in ms. The whole takes a few hundred."""
PERIODS = 500


@dataclass(frozen=True, slots=True)
class Moment:
    """The first ten of one period as they stood at `at_ms`, which is when the last bucket ended before the moment that was
    asked for; None where nothing is known of before. `final`: they are the period's final standings.
    """

    board: str
    period: str
    at_ms: int | None
    players: int
    version: int
    rows: tuple[Standing, ...]
    final: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A period with the moments at which it is known as it stood, oldest first."""

    period: Period
    moments: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The last bucket that had ended by a moment, as far as Redis knows; `live`: the rows that stand since, if nothing came
    after it; `aside`: how many players are removed or hidden.
    """

    board: Board
    period: Period
    bucket: Bucket | None
    aside: int
    live: tuple[Standing, ...] | None = None


class Rewind:
    """Reads the past of boards."""

    def __init__(
        self, client: Client, boards: Boards, rankings: Rankings, clock: Clock, chronicle: Chronicle | None = None
    ) -> None:
        self._client = client
        self._boards = boards
        self._rankings = rankings
        self._clock = clock
        self._chronicle = chronicle

    def top(self, board: str, kind: str, at_ms: int) -> Moment:
        """The first ten as they stood at an instant, in the period that held it; for one to come, as they stand.

        Raises BoardNotFound, InvalidInput. One round trip and one more where players were removed; a read of the chronicle
        for what is older than the stream, three trips more for final standings.
        """
        at_ms = min(at_ms, self._clock.now_ms())
        seen = self._look(board, kind, at_ms)
        period, bucket = seen.period, seen.bucket
        if bucket is None and self._chronicle is not None:
            bucket = self._chronicle.find(board, seen.board.life, kind, at_ms - STEP_MS + 1)
        if bucket is None or bucket.end_ms <= period.start_ms:
            return Moment(board, period.id, None, 0, 0, ())
        if bucket.period != period.id or (seen.live is not None and self._clock.now_ms() >= period.end_ms):
            page = self._rankings.top(board, kind, limit=TOP, at_ms=at_ms)
            return Moment(board, period.id, bucket.end_ms, page.players, page.version, page.rows, final=True)
        rows = bucket.rows if seen.live is None else seen.live
        if seen.live is None and seen.aside:
            rows = Absent(self._client, seen.board, {row.player for row in rows}).without(rows, bucket.end_ms)
        return Moment(board, period.id, bucket.end_ms, bucket.players, bucket.version, rows)

    def _look(self, board: str, kind: str, at_ms: int) -> _Seen:
        """What Redis knows of a moment. One round trip."""
        for _ in range(ATTEMPTS):
            known = self._boards.get(board)
            period = pick_period(known, kind, at_ms)
            name = standings(known, period.id)[0]
            with sharing(known.settings.key), answering(), self._client.pipeline(transaction=True) as pipe:
                pipe.hmget(keys.board(board), "revision", "bucket", "bucket_scores", "version")
                # an entry by the moment is of a bucket that ended by then; the one after it may be, those after that are not
                pipe.xrevrange(keys.history(board), max=max(at_ms, 0), count=1)
                pipe.xrange(keys.history(board), min=f"({max(at_ms, 0)}-18446744073709551615", count=1)
                top = pipe.zrevrange if known.settings.order == "desc" else pipe.zrange
                top(name, 0, TOP - 1, withscores=True)
                pipe.zcard(name)
                pipe.hlen(keys.aside(board))
                (revision, last, came, version), before, after, rows, players, aside = pipe.execute()
            if not self._boards.is_current(known, revision):
                continue
            open_ms = STEP_MS * int(last or 0)
            if int(came or 0) and open_ms + STEP_MS <= at_ms:
                bucket = Bucket(open_ms, int(came), period.id, int(version or 0), f"[{players}]")
                return _Seen(
                    known, period, bucket, aside, decayed(known.settings, ranked(known.settings, rows), bucket.end_ms)
                )
            ended = [fields for _, fields in [*before, *after] if int(fields[HEAD[0]]) + STEP_MS <= at_ms]
            return _Seen(known, period, noted_of(ended[-1], kind) if ended else None, aside)
        raise restless(board)

    def moments(self, board: str, kind: str) -> list[Span]:
        """The periods of a kind with the moments that are known of each, oldest first: fewer of them the older they are, see
        STEPS. A period that is over has its final standings besides. Up to PERIODS periods.

        Raises BoardNotFound, InvalidInput. Four round trips, a few reads of an index.
        """
        known, now_ms = self._boards.get(board), self._clock.now_ms()
        current = pick_period(known, kind, now_ms)
        periods = sorted({*self._rankings.periods(board, kind)[:PERIODS], current}, key=lambda one: one.start_ms)
        with answering():
            entries = self._client.xrange(keys.history(board))
        starts = [bucket.at_ms for _, fields in entries if (bucket := noted_of(fields, kind))]
        if self._chronicle is not None and starts:
            older = [self._listed(known, kind, now_ms, n, starts[0]) for n in reversed(range(len(STEPS)))]
            starts = [start for part in older for start in part] + starts
        spans: list[list[int]] = [[] for _ in periods]
        begins = [period.start_ms for period in periods]
        for moment in _thinned([start + STEP_MS for start in starts], now_ms):
            at = bisect_right(begins, moment - 1) - 1
            if at >= 0 and moment < periods[at].end_ms:
                spans[at].append(moment)
        return [Span(period, tuple(moments)) for period, moments in zip(periods, spans, strict=True)]

    def _listed(self, board: Board, kind: str, now_ms: int, tier: int, before_ms: int) -> Sequence[int]:
        """When those buckets of one tier of STEPS began that only the chronicle has."""
        assert self._chronicle is not None
        age_ms, step_ms = STEPS[tier]
        younger_ms = STEPS[tier - 1][0] if tier else 0
        from_ms, to_ms = max(0, now_ms - age_ms), min(before_ms, now_ms - younger_ms)
        return self._chronicle.starts(board.name, board.life, kind, from_ms, to_ms, step_ms) if from_ms < to_ms else ()


def _thinned(moments: Sequence[int], now_ms: int) -> list[int]:
    """The last moment of each step, by STEPS."""
    last: dict[tuple[int, int], int] = {}
    for moment in moments:
        step_ms = next(step for age, step in STEPS if now_ms - moment <= age)
        last[step_ms, (moment - 1) // step_ms] = moment
    return list(last.values())
