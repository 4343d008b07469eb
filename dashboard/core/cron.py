"""Cron: when seasons begin that follow a cron expression in a named zone.

Owns: what expressions and zones are allowed, the season in which an instant lies. Leaves to others: names of periods
(`calendars.py`). Where a clock is put forward, a start that it skips comes right after the gap; where it is put back, a
start comes once, the first time.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from dashboard.core.periods import EPOCH, FIRST_MS, LAST_MS, to_ms
from dashboard.errors import InvalidInput

HOUR_MS = 3_600_000
SECOND_YEAR_MS = -62_104_060_800_000
"""0002-01-01: before it there may be no last start to be found."""
LONGEST = 100
SECOND = timedelta(seconds=1)


def clean_cron(text: str) -> str:
    """The expression with single spaces. Raises InvalidInput with what is allowed."""
    fields = text.split()
    try:
        if len(fields) != 5 or len(text) > LONGEST:
            raise ValueError
        starts = CronSim(" ".join(fields), datetime(2000, 1, 1, tzinfo=UTC))
        next(starts), next(starts)
    except (CronSimError, ValueError, TypeError, AssertionError, StopIteration):
        raise InvalidInput(
            "a cron expression has five fields, minute hour day-of-month month day-of-week, and comes true again and "
            "again: `0 0 1 * *` is midnight on the first of each month"
        ) from None
    return " ".join(fields)


def clean_zone(name: str) -> str:
    """The zone's name. Raises InvalidInput."""
    if name in available_timezones():
        return name
    raise InvalidInput("a zone has its name from the IANA time zone database: UTC, Europe/Berlin, America/New_York")


def season_at(cron: str, zone: str, at_ms: int) -> tuple[int, int]:
    """When the season of an instant begins (inclusive) and ends (exclusive). Raises InvalidInput outside the years 2 to
    9998.
    """
    if not SECOND_YEAR_MS <= at_ms < LAST_MS:
        raise InvalidInput(f"{at_ms} ms lies outside the years 2 to 9998")
    starts = _starts(cron, zone, at_ms // HOUR_MS)
    place = bisect_right(starts, at_ms)
    return starts[place - 1], starts[place]


@lru_cache(maxsize=4096)
def _starts(cron: str, zone: str, hour: int) -> tuple[int, ...]:
    """The last start until an hour begins, those in it, and the first one behind it.

    Starts are reckoned on the clock of the wall and put into time afterwards: there is no gap in it, and what comes out
    does not depend on where the reckoning begins.
    """
    where, begin_ms = ZoneInfo(zone), hour * HOUR_MS
    here = (EPOCH + timedelta(hours=hour)).astimezone(where)
    wall = here.replace(tzinfo=None, fold=0)
    again = (here.replace(fold=0).utcoffset() or timedelta()) - (here.utcoffset() or timedelta())
    past = CronSim(cron, wall + again + SECOND, reverse=True)
    coming = CronSim(cron, wall)
    starts = [_next(past, where, FIRST_MS)]
    while starts[0] > begin_ms:
        starts = [_next(past, where, FIRST_MS)]
    while starts[-1] < begin_ms + HOUR_MS:
        start = _next(coming, where, LAST_MS)
        if start > starts[-1]:
            starts.append(min(start, LAST_MS))
    return tuple(starts)


def _next(starts: Iterator[datetime], zone: ZoneInfo, end_ms: int) -> int:
    """`end_ms` where the calendar ends before."""
    try:
        return to_ms(_moment(next(starts), zone))
    except (OverflowError, StopIteration):
        return end_ms


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    """When a clock on the wall first shows it, or goes past it."""
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while moment - before > SECOND:
        middle = (before + (moment - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            before = middle
        else:
            moment = middle
    return moment
