"""Every single date from 1990-01-01 to 2027-12-31 against the record, and notable days with their reasons."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from calendars import MarketCalendar, Session

FIRST, LAST = date(1990, 1, 1), date(2027, 12, 31)
RECORD = Path(__file__).with_name("nyse_record.txt")


@pytest.fixture(scope="module")
def nyse() -> MarketCalendar:
    return MarketCalendar()


def record() -> dict[date, str]:
    lines = [line.split() for line in RECORD.read_text().splitlines() if not line.startswith("#")]
    return {date.fromisoformat(day): hours for day, hours, *_ in lines}


def every_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def told(session: Session | None) -> str:
    return "closed" if session is None else f"{session.open:%H:%M}-{session.close:%H:%M}"


def test_every_date_is_as_the_record_has_it(nyse: MarketCalendar) -> None:
    special = record()
    differences = []
    for day in every_day(FIRST, LAST):
        expected = "closed" if day.weekday() >= 5 else special.get(day, "09:30-16:00")
        found = told(nyse.session(day))
        if found != expected:
            differences.append((str(day), expected, found))
    assert differences == []


def test_the_record_is_whole() -> None:
    special = record()
    assert len(special) == 440
    assert min(special) == date(1990, 1, 1)
    assert max(special) == date(2027, 12, 24)
    assert all(day.weekday() < 5 for day in special)


def test_sessions_are_the_days_that_are_not_closed(nyse: MarketCalendar) -> None:
    closed = sum(hours == "closed" for hours in record().values())
    weekdays = sum(day.weekday() < 5 for day in every_day(FIRST, LAST))
    sessions = nyse.sessions(FIRST, LAST)
    assert len(sessions) == weekdays - closed
    assert [session.date for session in sessions] == sorted({session.date for session in sessions})


@pytest.mark.parametrize(
    ("day", "why"),
    [
        # Mourning
        ("1994-04-27", "Funeral of former President Richard M. Nixon: closed"),
        ("2004-06-11", "National Day of Mourning for former President Ronald Reagan: closed"),
        ("2007-01-02", "National Day of Mourning for former President Gerald R. Ford: closed"),
        ("2018-12-05", "National Day of Mourning for former President George H. W. Bush: closed"),
        ("2025-01-09", "National Day of Mourning for former President Jimmy Carter: closed"),
        # Attacks and storms
        ("2001-09-11", "Closed following Attacks on the World Trade Center: closed"),
        ("2001-09-14", "Closed following Attacks on the World Trade Center: closed"),
        ("2012-10-29", "Hurricane Sandy: closed"),
        ("2012-10-30", "Hurricane Sandy: closed"),
        ("1994-02-11", "Snowstorm: closes 14:30"),
        ("1996-01-08", "Snowstorm: opens 11:00, closes 14:00"),
        # Trouble on the floor
        ("1990-12-27", "Transformer explosion: opens 11:00"),
        ("1995-12-18", "Computer trouble: opens 10:30"),
        ("1997-10-27", "Circuit breaker: closes 15:30"),
        ("2005-06-01", "Communications problem: closes 15:56"),
        # Silence
        ("1991-01-17", "Silence for the troops in the Persian Gulf: opens 09:31"),
        ("1991-02-25", "Silence for the troops in the Persian Gulf: opens 09:31"),
        ("2001-09-17", "Silence for the victims of September 11: opens 09:33"),
        ("2001-10-08", "Silence for the troops of Enduring Freedom: opens 09:31"),
        ("2002-09-11", "First anniversary of September 11: opens 12:00"),
        ("2003-03-20", "Silence for the troops of Iraqi Freedom: opens 09:32"),
        ("2004-06-07", "Silence for former President Ronald Reagan: opens 09:32"),
        ("2006-12-27", "Silence for former President Gerald R. Ford: opens 09:32"),
        # Half days
        ("1992-12-24", "Christmas Eve: closes 14:00"),  # 14:00 until 1992
        ("1999-12-31", "New Year's Eve: closes 13:00"),  # before the year 2000
        ("2003-12-26", "Friday after Christmas Day: closes 13:00"),
        ("2013-07-03", "Day before Independence Day: closes 13:00"),  # a Wednesday, for the first time
        ("2026-11-27", "Day after Thanksgiving: closes 13:00"),
        # Holidays
        ("1998-01-19", "Martin Luther King Jr. Day: closed"),  # since 1998
        ("2022-06-20", "Juneteenth National Independence Day (observed): closed"),  # since 2022; a Monday
        ("2026-11-26", "Thanksgiving Day: closed"),
        ("2026-07-03", "Independence Day (observed): closed"),  # the 4th is a Saturday
        ("2023-01-02", "New Year's Day (observed): closed"),  # the 1st was a Sunday
        # Days on which one could expect something
        ("1997-01-20", "regular session 09:30-16:00"),  # Martin Luther King Day before 1998
        ("2021-12-31", "regular session 09:30-16:00"),  # New Year's Day on a Saturday is not moved to Friday
        ("2021-06-18", "regular session 09:30-16:00"),  # Juneteenth before 2022
        ("2008-12-26", "regular session 09:30-16:00"),  # no more half days on Fridays after Christmas
        ("2009-07-02", "regular session 09:30-16:00"),  # stranded orders were executed until 16:15
        ("2015-07-08", "regular session 09:30-16:00"),  # halted from 11:32 to 15:10
        ("2020-03-09", "regular session 09:30-16:00"),  # circuit breaker in mid-session
        ("2012-02-29", "regular session 09:30-16:00"),  # leap day, a Wednesday
        ("2020-02-29", "Saturday: closed"),
        ("2026-07-04", "Saturday: closed"),
        ("2027-10-31", "Sunday: closed"),
    ],
)
def test_why(nyse: MarketCalendar, day: str, why: str) -> None:
    assert nyse.why(date.fromisoformat(day)) == why


@pytest.mark.parametrize(
    ("day", "early", "late"),
    [
        ("2026-11-25", False, False),
        ("2026-11-27", True, False),
        ("2002-09-11", False, True),
        ("1996-01-08", True, True),
    ],
)
def test_sessions_tell_early_closes_and_late_opens(nyse: MarketCalendar, day: str, early: bool, late: bool) -> None:
    session = nyse.session(date.fromisoformat(day))
    assert session is not None
    assert (session.early_close, session.late_open) == (early, late)
    assert bool(session.why) == (early or late)


def test_every_year_to_2100_has_its_sessions(nyse: MarketCalendar) -> None:
    counts = {year: len(nyse.sessions(date(year, 1, 1), date(year, 12, 31))) for year in range(2028, 2101)}
    assert set(counts.values()) <= {249, 250, 251, 252, 253}


def test_nasdaq_keeps_the_same_days_without_the_troubles_of_the_floor(nyse: MarketCalendar) -> None:
    nasdaq = MarketCalendar("NASDAQ")
    mine = {session.date for session in nasdaq.sessions(FIRST, LAST)}
    assert mine == {session.date for session in nyse.sessions(FIRST, LAST)}
    assert nasdaq.why(date(2005, 6, 1)) == "regular session 09:30-16:00"
    assert nasdaq.why(date(1996, 1, 8)) == "Snowstorm: opens 11:00, closes 14:00"
