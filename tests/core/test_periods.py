"""Periods and times: UTC days, ISO weeks and months, and what counts as a time."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.core.periods import ALL, FIRST_MS, LAST_MS, Period, parse_time, period, rfc3339, to_ms
from dashboard.errors import InvalidInput
from dashboard.values import CalendarKind

DAY_MS = 86_400_000
KINDS: tuple[CalendarKind, ...] = ("day", "week", "month")
kinds = st.sampled_from(KINDS)
instants = st.one_of(
    st.integers(FIRST_MS, LAST_MS - 1),
    st.integers(FIRST_MS // DAY_MS, LAST_MS // DAY_MS - 1).map(lambda day: day * DAY_MS),
    st.integers(FIRST_MS // DAY_MS + 1, LAST_MS // DAY_MS).map(lambda day: day * DAY_MS - 1),
)


def ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("kind", "at", "expected"),
    [
        ("day", "2026-11-23T12:34:56.789", ("day:2026-11-23", "2026-11-23", "2026-11-24")),
        ("day", "2024-02-29", ("day:2024-02-29", "2024-02-29", "2024-03-01")),
        ("week", "2026-11-23", ("week:2026-W48", "2026-11-23", "2026-11-30")),
        ("week", "2027-01-03T23:59:59.999", ("week:2026-W53", "2026-12-28", "2027-01-04")),  # a year's 53rd week
        ("week", "2024-12-31", ("week:2025-W01", "2024-12-30", "2025-01-06")),  # belongs to the next year
        ("week", "2023-01-01", ("week:2022-W52", "2022-12-26", "2023-01-02")),  # and to the last one
        ("month", "2026-12-31", ("month:2026-12", "2026-12-01", "2027-01-01")),
        ("month", "2024-02-15", ("month:2024-02", "2024-02-01", "2024-03-01")),
        ("month", "1969-12-31", ("month:1969-12", "1969-12-01", "1970-01-01")),
        ("day", "0001-01-01", ("day:0001-01-01", "0001-01-01", "0001-01-02")),
        ("month", "9998-12-31", ("month:9998-12", "9998-12-01", "9999-01-01")),
    ],
)
def test_an_instant_belongs_to_its_day_week_and_month(kind: CalendarKind, at: str, expected: tuple[str, ...]) -> None:
    id, start, end = expected
    assert period(kind, ms(at)) == Period(id, kind, ms(start), ms(end))


@given(kind=kinds, at_ms=instants)
@settings(max_examples=300)
def test_periods_cover_all_time_without_gap_or_overlap(kind: CalendarKind, at_ms: int) -> None:
    mine = period(kind, at_ms)
    assert mine.start_ms <= at_ms < mine.end_ms
    assert period(kind, max(mine.start_ms, FIRST_MS)) == mine
    if mine.end_ms < LAST_MS:
        assert period(kind, mine.end_ms - 1) == mine
        assert period(kind, mine.end_ms).start_ms == mine.end_ms


@given(kind=kinds, one=instants, other=instants)
@settings(max_examples=300)
def test_two_instants_share_an_id_only_where_they_share_the_period(kind: CalendarKind, one: int, other: int) -> None:
    assert (period(kind, one).id == period(kind, other).id) == (period(kind, one) == period(kind, other))


def test_control_the_calendars_year_and_the_week_number_do_not_tell_weeks_apart() -> None:
    assert period("week", ms("2024-12-30")).id == "week:2025-W01"
    assert datetime(2024, 12, 30, tzinfo=UTC).strftime("%Y-W%V") == "2024-W01"  # that of eleven months earlier


@given(at_ms=instants)
def test_all_is_one_period(at_ms: int) -> None:
    assert period("all", at_ms) is ALL


@pytest.mark.parametrize("at_ms", [FIRST_MS - 1, LAST_MS, 10**30, -(10**30)])
@pytest.mark.parametrize("kind", ["all", *KINDS])
def test_an_instant_without_a_calendar_name_is_refused(kind: CalendarKind, at_ms: int) -> None:
    with pytest.raises(InvalidInput, match="lies outside the years 1 to 9998"):
        period(kind, at_ms)
    with pytest.raises(InvalidInput, match="lies outside the years 1 to 9998"):
        parse_time(at_ms)


@given(at_ms=instants)
@settings(max_examples=300)
def test_a_time_survives_being_written_and_read(at_ms: int) -> None:
    text = rfc3339(at_ms)
    assert len(text) == 24
    assert text.endswith("Z")
    assert parse_time(text) == at_ms == parse_time(at_ms)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T12:03:04Z", "2026-11-23T12:03:04"),
        ("2026-11-23t12:03:04z", "2026-11-23T12:03:04"),  # RFC 3339 5.6: T and Z may be lower case
        ("2026-11-23 12:03:04+00:00", "2026-11-23T12:03:04"),
        ("2026-11-23T12:03:04-00:00", "2026-11-23T12:03:04"),
        ("2026-11-23T01:03:04+05:30", "2026-11-22T19:33:04"),
        ("2026-11-23T12:03:04", "2026-11-23T12:03:04"),
        ("2026-11-23", "2026-11-23T00:00:00"),
        ("2026-11-23T12:03:04.5Z", "2026-11-23T12:03:04.500"),
        ("2026-11-23T12:03:04.123999999Z", "2026-11-23T12:03:04.123"),  # rounded down
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999"),
        ("0001-01-01T00:00:00+00:00", "0001-01-01T00:00:00"),
    ],
)
def test_a_time_may_be_written_in_these_ways(text: str, expected: str) -> None:
    assert parse_time(text) == ms(expected)


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", "now", "12:00", "23.11.2026", "2026-13-01", "2026-02-29", "2026-11-23T25:00Z", "1700000000000"),
        *(
            "2026-11-23T12:00:00+24:00",
            "2026-11-23T12:00:00 UTC",
            "９９９９-01-01",
            "2026-11-23T12:00:00\0",
            "x" * 10**6,
        ),
        *("0001-01-01T00:00:00+01:00", "9999-01-01", "9998-12-31T23:59:59-23:59"),
        *(None, True, 1.5, 1e400, float("nan"), [], {}, b"2026-11-23"),
    ],
)
def test_what_is_no_time_is_refused_in_a_short_sentence(value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_time(value)
    assert len(refused.value.detail) < 150


offsets = st.integers(-24 * 60 + 1, 24 * 60 - 1).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9998, 12, 30), timezones=offsets))
def test_any_offset_is_understood(moment: datetime) -> None:
    assert parse_time(moment.isoformat()) == to_ms(moment)
