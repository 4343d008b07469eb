"""Periods: which hour, day, week or month an instant belongs to. All of them in UTC; weeks are ISO weeks, from Monday.

Owns: what a period is, names and bounds of these. Leaves to others: seasons and what a board has (`calendars.py`), keys,
clocks (instants are handed in).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboard.errors import InvalidInput
from dashboard.values import CalendarKind, PeriodKind

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_MS = -62_135_596_800_000
"""0001-01-01, the earliest instant a calendar name can be given to."""
LAST_MS = 253_370_764_800_000
"""9999-01-01: instants from here on have no name."""


@dataclass(frozen=True, slots=True)
class Period:
    """One span of time. `id` names its ranking (`all`, `hour:2026-11-23T12`, `day:2026-11-23`, `week:2026-W48`,
    `month:2026-11`, `season:2026-11-01T00:00Z`, `season:3`); it holds from `start_ms` (inclusive) until `end_ms` (exclusive).
    """

    id: str
    kind: PeriodKind
    start_ms: int
    end_ms: int


ALL = Period("all", "all", FIRST_MS, LAST_MS)


def period(kind: CalendarKind, at_ms: int) -> Period:
    """The period of that kind to which the instant belongs. Raises InvalidInput outside the years 1 to 9998."""
    if not FIRST_MS <= at_ms < LAST_MS:
        raise InvalidInput(f"{at_ms} ms lies outside the years 1 to 9998")
    if kind == "all":
        return ALL
    hour = (EPOCH + timedelta(milliseconds=at_ms)).replace(minute=0, second=0, microsecond=0)
    if kind == "hour":
        return _period(f"hour:{hour.isoformat()[:13]}", kind, hour, hour + timedelta(hours=1))
    day = hour.replace(hour=0)
    if kind == "day":
        return _period(f"day:{day.date().isoformat()}", kind, day, day + timedelta(days=1))
    if kind == "week":
        year, week, weekday = day.isocalendar()
        monday = day - timedelta(days=weekday - 1)
        return _period(f"week:{year:04}-W{week:02}", kind, monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return _period(f"month:{first.date().isoformat()[:7]}", kind, first, (first + timedelta(days=31)).replace(day=1))


def _period(id: str, kind: PeriodKind, start: datetime, end: datetime) -> Period:
    return Period(id, kind, to_ms(start), to_ms(end))


def to_ms(moment: datetime) -> int:
    """Epoch milliseconds of an aware datetime, rounded down."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def rfc3339(at_ms: int) -> str:
    """The instant as RFC 3339 text in UTC with milliseconds, e.g. `2026-11-23T12:03:04.250Z`."""
    return (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(value: object) -> int:
    """Epoch milliseconds of an RFC 3339 text, a date (its midnight, UTC) or an integer of epoch milliseconds.

    A text without an offset is UTC. Raises InvalidInput.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidInput("a time is an RFC 3339 text or an integer of epoch milliseconds")
    if isinstance(value, str):
        text = value
        try:
            if not text.isprintable():  # behind a NUL anything would pass
                raise ValueError
            moment = datetime.fromisoformat(text.upper())
            value = to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        except (ValueError, OverflowError) as error:
            raise InvalidInput(
                f"{text[:40]!r} is not a time: write 2026-11-23T12:03:04Z, 2026-11-23 or epoch milliseconds"
            ) from error
    if not FIRST_MS <= value < LAST_MS:
        raise InvalidInput(f"{value} ms lies outside the years 1 to 9998")
    return value
