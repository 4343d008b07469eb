"""Calendars: which periods of a board an instant belongs to, and how long each is kept.

Owns: a board's open periods, seasons among them. Leaves to others: hours to months (`periods.py`), the starts of cron
seasons (`cron.py`), beginning a season by hand (`seasons.py`).
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from typing import cast

from dashboard.core.cron import SECOND_YEAR_MS, season_at
from dashboard.core.periods import ALL, EPOCH, FIRST_MS, LAST_MS, Period, period, to_ms
from dashboard.errors import InvalidInput
from dashboard.values import Board, BoardSettings, CalendarKind, PeriodKind, Season

PERIOD_S = {"hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 31 * 86_400, "season": 92 * 86_400}
"""How long a period is at the most; a season begun by hand counts as a quarter of a year."""


def open_periods(board: Board, at_ms: int) -> tuple[Period, ...]:
    """The periods of a board to which an instant belongs, in the board's order."""
    return tuple(_period(board, kind, at_ms) for kind in board.settings.periods)


def pick_period(board: Board, kind: str, at_ms: int) -> Period:
    """The board's period of that kind at an instant. Raises InvalidInput naming the kinds there are."""
    for known in board.settings.periods:
        if known == kind:
            return _period(board, known, at_ms)
    kinds = ", ".join(board.settings.periods)
    raise InvalidInput(f"The board has no period {kind!r}; it has {kinds}.", ("/period", f"one of {kinds}"))


def period_of(board: Board, id: str) -> Period:
    """The period of a board that has this id."""
    kind, _, name = id.partition(":")
    if kind == "all":
        return ALL
    if kind == "season":
        return _numbered(board, int(name)) if name.isdecimal() else _season(board, to_ms(datetime.fromisoformat(name)))
    if kind == "week":
        day = datetime.strptime(f"{name}-1", "%G-W%V-%u")
    else:
        day = datetime.fromisoformat({"hour": f"{name}:00", "month": f"{name}-01"}.get(kind, name))
    return period(cast(CalendarKind, kind), to_ms(day.replace(tzinfo=UTC)))


def kept_until_ms(settings: BoardSettings, period: Period) -> int | None:
    """Until when the ranking of a period stays in Redis at the least, and does if it is archived by then; None where no
    end is known.
    """
    if period.end_ms >= LAST_MS:
        return None
    length_ms = 1000 * PERIOD_S[period.kind]
    if period.kind == "season" and settings.season is not None and settings.season.cron is not None:
        length_ms = period.end_ms - period.start_ms
    return period.end_ms + max(settings.keep * length_ms, 1000 * settings.late_s)


def _period(board: Board, kind: PeriodKind, at_ms: int) -> Period:
    return _season(board, at_ms) if kind == "season" else period(kind, at_ms)


def _season(board: Board, at_ms: int) -> Period:
    season = board.settings.season or Season()
    if season.cron is None:
        return _numbered(board, bisect_right(board.seasons, at_ms) + 1)
    start_ms, end_ms = season_at(season.cron, season.zone, max(at_ms, SECOND_YEAR_MS))
    start = EPOCH + timedelta(milliseconds=start_ms)
    name = start.replace(tzinfo=None).isoformat(timespec="seconds" if start.second else "minutes")
    return Period(f"season:{name}Z", "season", start_ms, end_ms)


def _numbered(board: Board, number: int) -> Period:
    """The first season has no beginning, the last one no end."""
    starts = (FIRST_MS, *board.seasons, LAST_MS)
    return Period(f"season:{number}", "season", starts[number - 1], starts[number])
