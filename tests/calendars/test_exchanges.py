from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest

from calendars import ALWAYS, MarketCalendar, MarketState, exchange_names
from calendars.exchanges import exchange_named


@pytest.mark.parametrize(
    ("exchange", "day", "opens", "closes", "why"),
    [
        ("LSE", "2026-12-23", "08:00", "16:30", ""),
        ("LSE", "2026-12-24", "08:00", "12:30", "Christmas Eve: closes 12:30"),
        ("TSX", "2026-12-24", "09:30", "13:00", "Christmas Eve: closes 13:00"),
        ("XETR", "2026-10-05", "09:00", "17:30", ""),
        ("XPAR", "2026-12-24", "09:00", "14:05", "Christmas Eve: closes 14:05"),
        ("XLIS", "2026-12-24", "08:00", "13:05", "Christmas Eve: closes 13:05"),  # told in Paris's time
        ("JPX", "2026-11-24", "09:00", "15:30", ""),
        (
            "HKEX",
            "2026-12-24",
            "09:30",
            "12:00",
            "Christmas Eve: closes 12:00",
        ),  # without a time in `holidays`
        ("ASX", "2026-12-24", "10:00", "14:10", "Last Business Day before Christmas Day: closes 14:10"),
        ("BIST", "2026-10-28", "10:00", "12:30", "Republic Day: closes 12:30"),
        ("JSE", "2026-12-24", "09:00", "12:00", "Christmas Eve: closes 12:00"),
        ("NSE", "2026-11-25", "09:15", "15:30", ""),
        ("XSAU", "2026-11-22", "10:00", "15:00", ""),  # a Sunday
    ],
)
def test_sessions_elsewhere(exchange: str, day: str, opens: str, closes: str, why: str) -> None:
    session = MarketCalendar(exchange).session(date.fromisoformat(day))
    assert session is not None
    assert (f"{session.open:%H:%M}", f"{session.close:%H:%M}", session.why) == (opens, closes, why)
    assert (session.pre_open, session.post_close) == (session.open, session.close)


@pytest.mark.parametrize(
    ("exchange", "day", "why"),
    [
        ("LSE", "2022-09-19", "State Funeral of Queen Elizabeth II: closed"),
        ("TSX", "2026-07-01", "Canada Day: closed"),
        ("XETR", "2026-05-01", "Labor Day: closed"),
        ("JPX", "2026-11-23", "Labor Thanksgiving Day: closed"),
        ("XSAU", "2026-11-20", "Friday: closed"),
    ],
)
def test_closures_elsewhere(exchange: str, day: str, why: str) -> None:
    calendar = MarketCalendar(exchange)
    assert calendar.session(date.fromisoformat(day)) is None
    assert calendar.why(date.fromisoformat(day)) == why


def test_without_extended_hours_there_is_only_trading_and_closed() -> None:
    london = MarketCalendar("LSE")
    at, states = datetime(2026, 11, 23, tzinfo=UTC), []
    for _ in range(4):
        following = london.next_change(at)
        assert following is not None
        at = following
        states.append((f"{at:%d %H:%M}", london.get_market_state(at)))
    assert states == [
        ("23 08:00", MarketState.TRADING),
        ("23 16:30", MarketState.CLOSED),
        ("24 08:00", MarketState.TRADING),
        ("24 16:30", MarketState.CLOSED),
    ]


def test_a_session_may_begin_on_the_evening_before() -> None:
    globex = MarketCalendar("CME")
    monday = globex.session(date(2026, 11, 23))
    assert monday is not None
    assert str(monday.open) == "2026-11-22 17:00:00-06:00"
    assert str(monday.close) == "2026-11-23 16:00:00-06:00"
    assert globex.is_market_open(monday.open)
    assert not globex.is_market_open(monday.close)
    assert globex.why(date(2026, 11, 23)) == "regular session 17:00-16:00"


def test_names_are_taken_in_any_case() -> None:
    assert MarketCalendar("nyse").name == "NYSE"
    assert MarketCalendar("xnys").session(date(2026, 11, 27)) == MarketCalendar().session(date(2026, 11, 27))


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown exchange 'NYES'; known are .*ALWAYS, .*NASDAQ, .*NYSE, "):
        MarketCalendar("NYES")


@pytest.mark.parametrize("code", sorted({exchange_named(name).code for name in exchange_names()} - {ALWAYS}))
def test_the_table_agrees_with_the_library(code: str) -> None:
    exchange = exchange_named(code)
    library = holidays.financial_holidays(code, expand=False)
    assert exchange.since == max(1990, library.start_year)
    assert exchange.until == library.end_year
    assert exchange.weekend == library.weekend
    assert exchange.hours.pre_open <= exchange.hours.open < exchange.hours.close <= exchange.hours.post_close
    calendar = MarketCalendar(code)
    for year in (exchange.since, 2026, exchange.until):
        assert 225 < len(calendar.sessions(date(year, 1, 1), date(year, 12, 31))) < 262


def test_data_that_begins_later_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="calendar of XETR knows the years 2016 to 2100, not 2015"):
        MarketCalendar("XETR").is_trading_day(date(2015, 6, 1))


class TestAlways:
    at = datetime(2026, 12, 31, 18, 0, tzinfo=UTC)

    def test_it_is_always_trading_and_nothing_changes(self) -> None:
        always = MarketCalendar(ALWAYS)
        christmas = datetime(2026, 12, 25, 3, 0, tzinfo=UTC)
        for at in (self.at, christmas, datetime(2027, 1, 1, tzinfo=UTC), datetime(1990, 1, 1, tzinfo=UTC)):
            assert always.is_market_open(at)
            assert always.get_market_state(at) is MarketState.TRADING
            assert always.next_change(at) is None

    def test_sessions_are_the_whole_days_of_utc(self) -> None:
        always = MarketCalendar(ALWAYS)
        session = always.session(self.at)
        assert session is not None
        assert session.open == session.pre_open == datetime(2026, 12, 31, tzinfo=UTC)
        assert session.close == session.post_close == datetime(2027, 1, 1, tzinfo=UTC)
        assert not session.early_close
        assert not session.late_open
        assert session.why == ""
        assert len(always.sessions(date(2028, 1, 1), date(2028, 12, 31))) == 366

    def test_the_next_open_and_close_are_the_next_midnight(self) -> None:
        always = MarketCalendar(ALWAYS)
        midnight = datetime(2027, 1, 1, tzinfo=UTC)
        assert always.get_next_market_open(self.at) == always.get_next_market_close(self.at) == midnight
        assert always.get_next_market_open(midnight) == midnight + timedelta(days=1)

    def test_there_are_no_weekends_and_no_holidays(self) -> None:
        always = MarketCalendar("always")
        for day in (date(2026, 12, 25), date(2026, 12, 26)):
            assert always.is_trading_day(day)
            assert not always.is_holiday(day)
            assert not always.is_weekend(day)
            assert always.why(day) == "regular session 00:00-24:00"

    def test_answers_may_be_in_another_zone(self) -> None:
        always = MarketCalendar(ALWAYS, timezone="America/New_York")
        assert always.get_next_market_open(self.at).isoformat() == "2026-12-31T19:00:00-05:00"
        assert always.exchange_timezone == ZoneInfo("UTC")
