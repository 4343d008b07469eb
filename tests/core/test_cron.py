"""Cron seasons: every instant in one of them, also where clocks change, and what is allowed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.core.calendars import kept_until_ms, open_periods, period_of
from dashboard.core.cron import SECOND_YEAR_MS, clean_cron, clean_zone, season_at
from dashboard.core.periods import LAST_MS, Period, to_ms
from dashboard.errors import InvalidInput
from dashboard.values import Board, BoardSettings, Season

CRONS = [
    "0 0 1 * *",
    "30 2 * * *",
    "0 * * * *",
    "*/20 1-3 * * SUN",
    "0 0 29 2 *",
    "0 0 L * *",
    "15 4 * * MON#1",
    "* * * * *",
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]
instants = st.one_of(
    st.integers(SECOND_YEAR_MS, LAST_MS - 1),
    st.integers(-3_000_000_000_000, 3_000_000_000_000),
    st.datetimes(datetime(2020, 3, 7), datetime(2030, 4, 8)).map(lambda moment: to_ms(moment.replace(tzinfo=UTC))),
)

DAY_MS = 86_400_000


def ms(text: str) -> int:
    return to_ms(datetime.fromisoformat(text))


def with_season(cron: str | None, zone: str = "UTC", *seasons: int) -> Board:
    return Board("b", BoardSettings(periods=("season",), season=Season(cron, zone)), "r", "r", seasons)


@given(cron=st.sampled_from(CRONS), zone=st.sampled_from(ZONES), at_ms=instants)
@settings(max_examples=600, deadline=None)
def test_seasons_cover_all_time_without_gap_or_overlap_and_have_one_name(cron: str, zone: str, at_ms: int) -> None:
    board = with_season(cron, zone)
    (mine,) = open_periods(board, at_ms)
    assert mine.start_ms <= at_ms < mine.end_ms
    for inside in (max(mine.start_ms, SECOND_YEAR_MS), mine.end_ms - 1):
        assert open_periods(board, inside) == (mine,)
    if mine.end_ms < LAST_MS:
        assert season_at(cron, zone, mine.end_ms)[0] == mine.end_ms
    assert period_of(board, mine.id) == mine


@pytest.mark.parametrize(
    ("at", "start", "end"),
    [
        # the clock is put forward on 2026-03-29 at 02:00 (01:00 UTC), back on 2026-10-25 at 03:00 (01:00 UTC)
        ("2026-03-15T00:00Z", "2026-02-28T23:00Z", "2026-03-31T22:00Z"),
        ("2026-03-31T22:30Z", "2026-03-31T22:00Z", "2026-04-30T22:00Z"),
        ("2026-10-31T22:59Z", "2026-09-30T22:00Z", "2026-10-31T23:00Z"),
        ("2026-11-02T00:00Z", "2026-10-31T23:00Z", "2026-11-30T23:00Z"),
    ],
)
def test_a_month_in_berlin_begins_at_midnight_there(at: str, start: str, end: str) -> None:
    found = Period(f"season:{start}", "season", ms(start), ms(end))
    assert open_periods(with_season("0 0 1 * *", "Europe/Berlin"), ms(at)) == (found,)
    # control: by the hour of the winter the season of summer would begin an hour late
    assert open_periods(with_season("0 0 1 * *"), ms(at)) != (found,)


def test_a_start_that_the_clock_skips_comes_after_the_gap_and_one_that_it_repeats_comes_once() -> None:
    berlin = with_season("30 2 * * *", "Europe/Berlin")
    starts = {open_periods(berlin, ms("2026-03-28T12:00Z") + hour * 3_600_000)[0].id for hour in range(24)}
    assert starts == {"season:2026-03-28T01:30Z", "season:2026-03-29T01:00Z"}
    autumn = {open_periods(berlin, ms("2026-10-24T12:00Z") + hour * 1_800_000)[0].id for hour in range(48)}
    assert autumn == {"season:2026-10-24T00:30Z", "season:2026-10-25T00:30Z"}


def test_control_adding_a_day_of_24_hours_does_not_come_to_the_same_hour() -> None:
    zone = ZoneInfo("Europe/Berlin")
    day = datetime(2026, 10, 24, 2, 30, tzinfo=zone).astimezone(UTC) + timedelta(days=2)
    assert day.astimezone(zone).hour == 1


def test_seasons_begun_by_hand_are_numbered_and_the_first_has_no_beginning() -> None:
    board = with_season(None, "UTC", 1000, 2000)
    assert [open_periods(board, at)[0].id for at in (-(10**12), 999, 1000, 1999, 2000, 10**13)] == [
        *("season:1", "season:1", "season:2", "season:2", "season:3", "season:3")
    ]
    assert period_of(board, "season:2") == Period("season:2", "season", 1000, 2000)
    assert kept_until_ms(board.settings, period_of(board, "season:2")) == 2000 + board.settings.keep * 92 * DAY_MS
    assert kept_until_ms(board.settings, period_of(board, "season:3")) is None


def test_a_cron_season_is_kept_for_its_own_length() -> None:
    board = with_season("0 0 1 1 *")
    (year,) = open_periods(board, ms("2025-06-01T00:00Z"))
    assert kept_until_ms(board.settings, year) == ms("2026-01-01T00:00Z") + board.settings.keep * 365 * DAY_MS


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "* * * *", "* * * * * *", "@daily", "60 0 * * *", "0 0 30 2 *", "0 0 * * MON#1/2", "*/0 * * * *"),
        *("0 0 1 * * " + "x" * 100, "9" * 5000 + " * * * *", "0 0 0 * *", "0 0 1 13 *", "٣ 0 1 * *", "0 0 31 2,4,6 *"),
    ],
)
def test_a_bad_cron_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(InvalidInput, match="five fields"):
        clean_cron(text)


@pytest.mark.parametrize("text", CRONS)
def test_a_good_cron_is_taken(text: str) -> None:
    assert clean_cron(f" {text.replace(' ', '   ')} ") == text


@pytest.mark.parametrize("name", ["", "Berlin", "europe/berlin", "../../etc/passwd", "UTC+1", "/etc/localtime", "\0"])
def test_a_zone_is_one_of_the_database(name: str) -> None:
    with pytest.raises(InvalidInput, match="Europe/Berlin"):
        clean_zone(name)
    assert clean_zone("Europe/Berlin") == "Europe/Berlin"


def test_years_without_a_start_before_them_are_refused() -> None:
    with pytest.raises(InvalidInput, match="years 2 to 9998"):
        season_at("0 0 1 * *", "UTC", SECOND_YEAR_MS - 1)
