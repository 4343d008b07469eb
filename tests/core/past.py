"""A past for boards: closed buckets of long ago, as the script would have written them then."""

import json
from collections.abc import Mapping, Sequence

from dashboard.core.buckets import STEP_MS
from dashboard.parts import Parts
from dashboard.store import keys


def note(
    parts: Parts,
    board: str,
    at_ms: int,
    periods: Mapping[str, Sequence[str]],
    *,
    scores: int = 7,
    noted_ms: int | None = None,
) -> None:
    """The bucket that began at `at_ms`, with who led in each period, in order; written when it had ended, or later. Each
    bucket of a board comes after the ones before it, and before real scores.
    """
    fields: dict[str, str | int] = {"at": at_ms, "scores": scores, "version": at_ms // STEP_MS}
    for id, players in periods.items():
        rows = [(player, str(100 - place), place) for place, player in enumerate(players, 1)]
        fields[id] = json.dumps([len(players), *(cell for row in rows for cell in row)])
    parts.client.xadd(keys.history(board), fields, id=f"{noted_ms or at_ms + STEP_MS}-0")
