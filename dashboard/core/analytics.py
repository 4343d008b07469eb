"""Analytics of one board over time: how many scores came, and who led, in buckets of STEP_S seconds.

Owns: reading the history stream. It is written by `submit_scores.lua`: the first score of a new bucket notes how the
last one ended; until then that is read from the board itself. A bucket without scores has no entry: nothing came,
nobody moved.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dashboard.core.boards import Boards, restless
from dashboard.core.calendars import pick_period
from dashboard.core.clock import Clock
from dashboard.core.periods import rfc3339
from dashboard.core.runs import number, ranked
from dashboard.errors import InvalidInput
from dashboard.store import keys
from dashboard.store.client import Client
from dashboard.store.scripts import answering, sharing
from dashboard.values import Board, Pulse, Standing

STEP_S = 5
TOP = 10
ATTEMPTS = 20


class Analytics:
    """Reads what happened on boards."""

    def __init__(self, client: Client, boards: Boards, clock: Clock) -> None:
        self._client = client
        self._boards = boards
        self._clock = clock

    def history(
        self,
        board: str,
        kind: str,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        step_s: int = STEP_S,
    ) -> list[Pulse]:
        """Closed buckets that began in [from_ms, to_ms), oldest first, joined to `step_s` (a multiple of STEP_S).

        Defaults: the last hour; never before the period began. About the last hour of activity is kept.
        Raises BoardNotFound, InvalidInput. One round trip.
        """
        if step_s < STEP_S or step_s % STEP_S:
            raise InvalidInput(f"step is a multiple of {STEP_S} seconds", ("/step", f"a multiple of {STEP_S}"))
        for _ in range(ATTEMPTS):
            known = self._boards.get(board)
            now_ms = self._clock.now_ms()
            period = pick_period(known, kind, now_ms)
            start = max(now_ms - 3_600_000 if from_ms is None else from_ms, period.start_ms)
            with sharing(known.settings.key), answering(), self._client.pipeline(transaction=True) as pipe:
                pipe.hmget(keys.board(board), "revision", "bucket", "bucket_scores")
                # an entry is written after its bucket began, so its id is never smaller
                pipe.xrange(keys.history(board), min=max(start, 0))
                top = pipe.zrevrange if known.settings.order == "desc" else pipe.zrange
                top(keys.standings(board, period.id, known.settings.key)[0], 0, TOP - 1, withscores=True)
                pipe.time()
                (revision, *last), entries, rows, (seconds, _) = pipe.execute()
            if self._boards.is_current(known, revision):
                break
        else:
            raise restless(board)
        pulses = [_pulse(fields, kind) for _, fields in entries] + _ended(known, last, rows, seconds)
        end = 1000 * seconds if to_ms is None else to_ms
        return _joined([pulse for pulse in pulses if start <= pulse.at_ms < end], 1000 * step_s)


def as_point(pulse: Pulse) -> dict[str, Any]:
    """A bucket as it goes over the wire: `{"at", "scores", "rows"}`."""
    return {"at": rfc3339(pulse.at_ms), "scores": pulse.scores, "rows": [row.as_dict() for row in pulse.rows]}


def _ended(board: Board, last: Sequence[bytes | None], rows: Sequence[tuple[bytes, float]], now_s: int) -> list[Pulse]:
    """The last bucket, if it has ended and scores came in it; nothing has come since, so the board shows how it ended."""
    bucket, scores = (int(value or 0) for value in last)
    if not scores or (bucket + 1) * STEP_S > now_s:
        return []
    top = tuple(Standing(row.rank, row.player, row.score) for row in ranked(board.settings, rows))
    return [Pulse(1000 * STEP_S * bucket, scores, top)]


def _pulse(fields: dict[bytes, bytes], kind: str) -> Pulse:
    flat: Sequence[Any] = ()
    for name, value in fields.items():
        if name.split(b":")[0].decode() == kind:
            flat = list(json.loads(value.decode(errors="replace")))  # an empty table is written as {}
    rows = tuple(Standing(r, p, number(s)) for p, s, r in zip(flat[::3], flat[1::3], flat[2::3], strict=True))
    return Pulse(int(fields[b"at"]), int(fields[b"scores"]), rows)


def _joined(pulses: list[Pulse], step_ms: int) -> list[Pulse]:
    joined: list[Pulse] = []
    for pulse in pulses:
        at_ms = pulse.at_ms - pulse.at_ms % step_ms
        if joined and joined[-1].at_ms == at_ms:
            joined[-1] = replace(pulse, at_ms=at_ms, scores=joined[-1].scores + pulse.scores)
        else:
            joined.append(replace(pulse, at_ms=at_ms))
    return joined
