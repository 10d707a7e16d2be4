from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendars import MarketCalendar, MarketState, SystemClock

NEW_YORK = ZoneInfo("America/New_York")
PRE, TRADING, POST, CLOSED = (
    MarketState.PRE_MARKET,
    MarketState.TRADING,
    MarketState.POST_MARKET,
    MarketState.CLOSED,
)


def ny(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


@pytest.fixture(scope="module")
def nyse() -> MarketCalendar:
    return MarketCalendar()


@pytest.mark.parametrize(
    ("at", "state"),
    [
        # A regular Tuesday
        ("2026-11-24 00:00", CLOSED),
        ("2026-11-24 03:59:59.999999", CLOSED),
        ("2026-11-24 04:00", PRE),
        ("2026-11-24 09:29:59.999999", PRE),
        ("2026-11-24 09:30", TRADING),
        ("2026-11-24 15:59:59.999999", TRADING),
        ("2026-11-24 16:00", POST),
        ("2026-11-24 19:59:59.999999", POST),
        ("2026-11-24 20:00", CLOSED),
        # Thanksgiving and the half day after it
        ("2026-11-26 12:00", CLOSED),
        ("2026-11-27 12:59", TRADING),
        ("2026-11-27 13:00", POST),
        ("2026-11-27 16:59", POST),
        ("2026-11-27 17:00", CLOSED),
        # A late open keeps its pre-market
        ("2002-09-11 09:30", PRE),
        ("2002-09-11 11:59", PRE),
        ("2002-09-11 12:00", TRADING),
        # Four hours of post-market after odd closes too, never past 20:00
        ("1994-02-11 18:29", POST),
        ("1994-02-11 18:30", CLOSED),
        ("2005-06-01 19:55", POST),
        ("2005-06-01 19:56", CLOSED),
        # The weekend
        ("2026-11-28 10:00", CLOSED),
    ],
)
def test_state(nyse: MarketCalendar, at: str, state: MarketState) -> None:
    assert nyse.get_market_state(ny(at)) is state
    assert nyse.is_market_open(ny(at)) is (state is TRADING)


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        ("2026-11-24 09:29", "2026-11-24 09:30", "2026-11-24 16:00"),
        ("2026-11-24 09:30", "2026-11-25 09:30", "2026-11-24 16:00"),  # strictly after
        ("2026-11-24 15:59", "2026-11-25 09:30", "2026-11-24 16:00"),
        ("2026-11-24 16:00", "2026-11-25 09:30", "2026-11-25 16:00"),
        ("2026-11-25 16:00", "2026-11-27 09:30", "2026-11-27 13:00"),  # over Thanksgiving to the half day
        ("2026-11-27 13:00", "2026-11-30 09:30", "2026-11-30 16:00"),  # over a weekend
        ("2001-09-10 16:00", "2001-09-17 09:33", "2001-09-17 16:00"),  # over the attacks and a late open
        ("2012-10-26 16:00", "2012-10-31 09:30", "2012-10-31 16:00"),  # over Sandy
        ("2026-12-31 16:00", "2027-01-04 09:30", "2027-01-04 16:00"),  # over a year's end
        ("2006-12-29 17:00", "2007-01-03 09:30", "2007-01-03 16:00"),  # New Year's Day, then mourning
        ("2028-02-28 16:00", "2028-02-29 09:30", "2028-02-29 16:00"),  # a leap day
    ],
)
def test_next_open_and_close(nyse: MarketCalendar, at: str, opens: str, closes: str) -> None:
    assert nyse.get_next_market_open(ny(at)) == ny(opens)
    assert nyse.get_next_market_close(ny(at)) == ny(closes)


def test_next_change_walks_through_the_day_and_over_the_weekend(nyse: MarketCalendar) -> None:
    at, seen = ny("2026-11-27 00:00"), []
    for _ in range(6):
        following = nyse.next_change(at)
        assert following is not None
        at = following
        seen.append((f"{at:%m-%d %H:%M}", nyse.get_market_state(at)))
    assert seen == [
        ("11-27 04:00", PRE),
        ("11-27 09:30", TRADING),
        ("11-27 13:00", POST),
        ("11-27 17:00", CLOSED),
        ("11-30 04:00", PRE),
        ("11-30 09:30", TRADING),
    ]


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2026-03-06", "14:30", "21:00"),  # before the clocks go forward on the 8th
        ("2026-03-09", "13:30", "20:00"),
        ("2026-10-30", "13:30", "20:00"),  # before they go back on 1 November
        ("2026-11-02", "14:30", "21:00"),
        ("2006-10-30", "14:30", "21:00"),  # the rule before 2007: last Sunday of October
    ],
)
def test_hours_follow_the_exchanges_clocks(nyse: MarketCalendar, day: str, opens: str, closes: str) -> None:
    session = nyse.session(date.fromisoformat(day))
    assert session is not None
    assert f"{session.open.astimezone(UTC):%H:%M}" == opens
    assert f"{session.close.astimezone(UTC):%H:%M}" == closes
    assert session.open.time() == MarketCalendar.MARKET_OPEN_TIME


def test_a_session_over_the_change_of_the_clocks_is_an_hour_shorter() -> None:
    calendar = MarketCalendar(overrides={"2026-03-08": {"open": "00:00", "close": "06:00"}})
    session = calendar.session(date(2026, 3, 8))
    assert session is not None
    assert session.close.astimezone(UTC) - session.open.astimezone(UTC) == timedelta(hours=5)


def test_documented_hours() -> None:
    calendar = MarketCalendar
    regular = (calendar.PRE_MARKET_START, calendar.MARKET_OPEN_TIME)
    assert regular == (time(4, 0), time(9, 30))
    regular = (calendar.MARKET_CLOSE_TIME, calendar.POST_MARKET_END)
    assert regular == (time(16, 0), time(20, 0))


def test_anchors_of_a_session(nyse: MarketCalendar) -> None:
    session = nyse.session(date(2026, 11, 27))
    assert session is not None
    assert [f"{at:%H:%M}" for at in (session.pre_open, session.open, session.close, session.post_close)] == [
        "04:00",
        "09:30",
        "13:00",
        "17:00",
    ]


def test_kinds_of_days(nyse: MarketCalendar) -> None:
    monday, thanksgiving, saturday = date(2026, 11, 23), date(2026, 11, 26), date(2026, 11, 28)
    assert [nyse.is_trading_day(day) for day in (monday, thanksgiving, saturday)] == [True, False, False]
    assert [nyse.is_holiday(day) for day in (monday, thanksgiving, saturday)] == [False, True, False]
    assert [nyse.is_weekend(day) for day in (monday, thanksgiving, saturday)] == [False, False, True]
    assert nyse.is_holiday(date(2012, 10, 29)), "a storm is a holiday too"


def test_an_instant_stands_for_the_day_that_it_is_at_the_exchange(nyse: MarketCalendar) -> None:
    late_on_friday = datetime(2026, 11, 28, 2, 0, tzinfo=UTC)  # still 21:00 on the 27th in New York
    assert nyse.is_trading_day(late_on_friday)
    assert not nyse.is_weekend(late_on_friday)
    assert nyse.session(late_on_friday) == nyse.session(date(2026, 11, 27))
    assert nyse.why(late_on_friday) == "Day after Thanksgiving: closes 13:00"


def test_sessions_include_both_ends_and_run_over_years(nyse: MarketCalendar) -> None:
    found = nyse.sessions(date(2026, 12, 30), date(2027, 1, 5))
    assert [str(session.date) for session in found] == [
        "2026-12-30",
        "2026-12-31",
        "2027-01-04",
        "2027-01-05",
    ]
    assert nyse.sessions(date(2026, 12, 30), date(2026, 12, 30)) == found[:1]
    assert nyse.sessions(date(2026, 12, 25), date(2026, 12, 27)) == []
    assert nyse.sessions(date(2027, 1, 5), date(2026, 12, 30)) == []
    assert nyse.sessions(date(2026, 12, 30), date(2026, 12, 29)) == []


def test_the_zone_of_answers_changes_how_instants_are_told_and_nothing_else(nyse: MarketCalendar) -> None:
    tokyo = MarketCalendar("NYSE", timezone="Asia/Tokyo")
    at = ny("2026-11-27 10:00")
    assert tokyo.get_next_market_open(at).isoformat() == "2026-11-30T23:30:00+09:00"
    assert tokyo.get_next_market_close(at).isoformat() == "2026-11-28T03:00:00+09:00"
    assert tokyo.next_change(at) == nyse.next_change(at)
    assert tokyo.session(at) == nyse.session(at)
    assert tokyo.why(date(2026, 11, 27)) == "Day after Thanksgiving: closes 13:00"
    assert (tokyo.timezone.key, tokyo.exchange_timezone.key) == ("Asia/Tokyo", "America/New_York")


def test_answers_are_in_exchange_time(nyse: MarketCalendar) -> None:
    assert nyse.get_next_market_open(datetime(2026, 11, 24, tzinfo=UTC)).isoformat() == "2026-11-24T09:30:00-05:00"
    assert nyse.timezone is nyse.exchange_timezone


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "America"])
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match=r"unknown time zone .*America/New_York"):
        MarketCalendar(timezone=zone)


NAIVE = datetime(2026, 11, 24, 10, 0)


@pytest.mark.parametrize(
    "question",
    [
        "is_market_open",
        "get_market_state",
        "get_next_market_open",
        "get_next_market_close",
        "next_change",
        "session",
        "is_trading_day",
        "is_holiday",
        "is_weekend",
        "why",
    ],
)
def test_a_naive_datetime_is_refused(nyse: MarketCalendar, question: str) -> None:
    with pytest.raises(ValueError, match=r"2026, 11, 24, 10, 0\) is naive; give it a zone"):
        getattr(nyse, question)(NAIVE)


def test_a_date_is_no_instant(nyse: MarketCalendar) -> None:
    with pytest.raises(TypeError, match="aware datetime"):
        nyse.is_market_open(date(2026, 11, 24))  # type: ignore[arg-type]


def test_the_default_is_now(nyse: MarketCalendar) -> None:
    before = SystemClock().now()
    assert nyse.get_next_market_open() > before
    assert nyse.get_next_market_close() > before
    assert nyse.is_trading_day() == (nyse.session() is not None)
    assert nyse.is_market_open() in {True, False}
    assert nyse.why()


def test_years_that_are_not_known_are_refused(nyse: MarketCalendar) -> None:
    with pytest.raises(ValueError, match="knows the years 1990 to 2100, not 1989"):
        nyse.session(date(1989, 12, 29))
    with pytest.raises(ValueError, match="not 2101"):
        nyse.is_market_open(ny("2101-01-03 10:00"))
    with pytest.raises(ValueError, match="not 2101"):
        nyse.sessions(date(2100, 12, 1), date(2101, 1, 5))


def test_the_last_session_has_no_successor(nyse: MarketCalendar) -> None:
    assert nyse.get_next_market_close(ny("2100-12-31 10:00")) == ny("2100-12-31 16:00")
    with pytest.raises(ValueError, match="the calendar of NYSE ends with 2100"):
        nyse.get_next_market_open(ny("2100-12-31 10:00"))
    with pytest.raises(ValueError, match="ends with 2100"):
        nyse.next_change(ny("2100-12-31 20:00"))


def test_the_first_instants_are_known_in_every_zone(nyse: MarketCalendar) -> None:
    assert nyse.get_market_state(datetime(1990, 1, 1, tzinfo=UTC)) is CLOSED
    assert nyse.get_next_market_open(datetime(1990, 1, 1, tzinfo=UTC)) == ny("1990-01-02 09:30")


def test_an_instant_of_another_year_elsewhere_is_answered_alike(nyse: MarketCalendar) -> None:
    at = ny("2026-12-31 15:00")
    same = at.astimezone(ZoneInfo("Pacific/Kiritimati"))
    assert same.year == 2027
    assert nyse.get_market_state(same) is TRADING
    assert nyse.get_next_market_close(same) == ny("2026-12-31 16:00")
    assert nyse.next_change(same) == ny("2026-12-31 16:00")


def test_it_says_what_it_is(nyse: MarketCalendar) -> None:
    assert nyse.name == "NYSE"
    assert repr(nyse) == "<MarketCalendar NYSE in America/New_York>"
