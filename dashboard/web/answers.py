"""What is read of boards, as the bodies of answers. Leaves to others: reading (`core/`), paths (`api.py`, `groups.py`)."""

from typing import Any

from dashboard.core.periods import FIRST_MS, LAST_MS, Period, rfc3339
from dashboard.core.rankings import Guess, Place, Threshold
from dashboard.core.rewind import Moment
from dashboard.values import Board, Page


def board(known: Board) -> dict[str, Any]:
    """A board with its settings."""
    settings = known.settings.as_dict()
    if known.season_ends_ms is not None:
        settings["season_ends"] = rfc3339(known.season_ends_ms)
    return {"board": known.name, "players": known.players, **settings}


def period(span: Period) -> dict[str, Any]:
    """Null where it has no beginning or no end yet."""
    bounds = [None if ms in (FIRST_MS, LAST_MS) else rfc3339(ms) for ms in (span.start_ms, span.end_ms)]
    return {"period_id": span.id, "from": bounds[0], "to": bounds[1]}


def moment(stood: Moment, limit: int) -> dict[str, Any]:
    """`moment` is null where nothing is known of before."""
    at = None if stood.at_ms is None else rfc3339(stood.at_ms)
    answer = head(stood) | {"moment": at, "final": stood.final, "players": stood.players, "version": stood.version}
    return answer | {"rows": [row.as_dict() for row in stood.rows[:limit]]}


def head(read: Page | Place | Guess | Threshold | Moment) -> dict[str, Any]:
    """`period` as it was asked for, and `period_id`, which says which one that is."""
    return {"board": read.board, "period": read.period.partition(":")[0], "period_id": read.period}


def page(read: Page) -> dict[str, Any]:
    """Rows, and `next` where there are more."""
    answer = head(read) | {"players": read.players, "version": read.version}
    answer |= {"rows": [row.as_dict() for row in read.rows]}
    return answer | ({"next": read.next} if read.next else {})
