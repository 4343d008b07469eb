"""Scores that decay: a board's points halve every `half_life_s`.

Owns: reading weights, which rankings of such boards hold instead of points. Leaves to others: making them
(`store/lua/parts/decay.lua` has the formula and its source).

A ranking decays until its period is over and then stands still. The moment is that of the store's clock as this process
knows it, handed in by the caller.
"""

import math
from collections.abc import Sequence

from dashboard.core.calendars import period_of
from dashboard.errors import InvalidInput
from dashboard.values import MAX_SCORE, Board, BoardSettings, Standing

EPOCH_MS = 1_767_225_600_000
"""2026-01-01: weights are written as if all was played then."""
LEAST = -MAX_SCORE
"""The weight of nothing: log2(0), but finite."""


def check_decay(settings: BoardSettings, points: int, match: object = None) -> None:
    """Whether points can be added where scores decay. Raises InvalidInput."""
    if settings.half_life_s is None:
        return
    if points < 0:
        raise InvalidInput("Scores decay on this board: points of 0 or more are added.", ("/score", "0 or more"))
    if match not in ("any", None):
        raise InvalidInput(
            "Scores decay on this board: what a player holds changes all the time, and `match` can only be null.",
            ("/match", "null, or none"),
        )


def halvings(settings: BoardSettings, at_ms: int) -> float:
    """How many half-lives lie between EPOCH_MS and a moment."""
    assert settings.half_life_s is not None
    return (at_ms - EPOCH_MS) / (1000 * settings.half_life_s)


def weigh(settings: BoardSettings, points: float, at_ms: int) -> float:
    """What a ranking holds for points that are worth so much at a moment; the points themselves where none decay."""
    if settings.half_life_s is None:
        return points
    return LEAST if points <= 0 else math.log2(points) + halvings(settings, at_ms)


def worth(settings: BoardSettings, score: float, at_ms: int) -> int:
    """What a ranking's score is at a moment, a whole number; the score itself where none decay."""
    if settings.half_life_s is None:
        return score  # type: ignore[return-value]
    return min(MAX_SCORE, math.floor(math.pow(2.0, min(score - halvings(settings, at_ms), 64.0)) + 0.5))


def decayed(settings: BoardSettings, rows: Sequence[Standing], at_ms: int) -> tuple[Standing, ...]:
    """Rows of a ranking with what their scores are worth at a moment."""
    if settings.half_life_s is None:
        return tuple(rows)
    return tuple(row._replace(score=worth(settings, row.score, at_ms)) for row in rows)


def moment_ms(board: Board, period_id: str, now_ms: int) -> int:
    """When a ranking is looked at: now, or at the end of its period where that is over."""
    return now_ms if board.settings.half_life_s is None else min(now_ms, period_of(board, period_id).end_ms)
