from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import pytest

from calendars import MarketCalendar, MarketState


def overridden(value: object, day: str = "2026-07-02") -> MarketCalendar:
    return MarketCalendar(overrides={day: value})


@pytest.mark.parametrize(
    ("day", "value", "hours", "why"),
    [
        ("2026-07-02", {"close": "13:00"}, "04:00 09:30 13:00 17:00", "override: closes 13:00"),
        ("2026-07-02", {"open": "11:00"}, "04:00 11:00 16:00 20:00", "override: opens 11:00"),
        (
            "2026-07-02",
            {"open": "10:00", "close": "12:00", "reason": "Drill"},
            "04:00 10:00 12:00 16:00",
            "override (Drill): opens 10:00, closes 12:00",
        ),
        ("2026-07-02", {"close": time(15, 30)}, "04:00 09:30 15:30 19:30", "override: closes 15:30"),
        ("2026-07-02", {"close": "18:00"}, "04:00 09:30 18:00 20:00", "override: closes 18:00"),
        ("2026-07-02", {"open": "3:00"}, "03:00 03:00 16:00 20:00", "override: opens 03:00"),
        # A holiday, a Saturday and a half day
        ("2025-01-09", "open", "04:00 09:30 16:00 20:00", "override: regular session 09:30-16:00"),
        ("2026-07-04", {"close": "12:00"}, "04:00 09:30 12:00 16:00", "override: closes 12:00"),
        ("2026-11-27", "open", "04:00 09:30 16:00 20:00", "override: regular session 09:30-16:00"),
        ("2026-11-27", {"open": "10:00"}, "04:00 10:00 16:00 20:00", "override: opens 10:00"),
        # What the record has is overridden as well
        ("2005-06-01", "open", "04:00 09:30 16:00 20:00", "override: regular session 09:30-16:00"),
    ],
)
def test_hours_are_overridden(day: str, value: object, hours: str, why: str) -> None:
    calendar = overridden(value, day)
    session = calendar.session(date.fromisoformat(day))
    assert session is not None
    anchors = (session.pre_open, session.open, session.close, session.post_close)
    assert " ".join(f"{at:%H:%M}" for at in anchors) == hours
    assert session.why == calendar.why(date.fromisoformat(day)) == why


def test_a_day_is_closed() -> None:
    calendar = overridden("closed")
    day = date(2026, 7, 2)
    assert calendar.session(day) is None
    assert calendar.is_holiday(day)
    assert calendar.why(day) == "override: closed"
    at = datetime(2026, 7, 1, 22, 0, tzinfo=UTC)
    assert calendar.get_next_market_open(at).date() == date(2026, 7, 6)


def test_dates_may_be_dates_and_other_days_are_untouched() -> None:
    calendar = MarketCalendar(overrides={date(2026, 7, 2): "closed"})
    plain = MarketCalendar()
    assert calendar.session(date(2026, 7, 2)) is None
    month = (date(2026, 6, 1), date(2026, 7, 31))
    assert [s for s in plain.sessions(*month) if s.date != date(2026, 7, 2)] == calendar.sessions(*month)


def test_a_long_closure_is_searched_over_into_the_next_year() -> None:
    first = date(2026, 12, 18)
    closed = {first + timedelta(days=number): "closed" for number in range(40)}
    calendar = MarketCalendar(overrides=closed)
    at = datetime(2026, 12, 19, tzinfo=UTC)
    assert str(calendar.get_next_market_open(at)) == "2027-01-27 09:30:00-05:00"
    assert str(calendar.get_next_market_close(at)) == "2027-01-27 16:00:00-05:00"
    assert str(calendar.next_change(at)) == "2027-01-27 04:00:00-05:00"
    assert calendar.get_market_state(datetime(2026, 12, 31, 15, tzinfo=UTC)) is MarketState.CLOSED


def test_later_changes_of_the_mapping_do_not_reach_the_calendar() -> None:
    given: dict[date | str, object] = {"2026-07-02": "closed"}
    calendar = MarketCalendar(overrides=given)
    given.clear()
    assert calendar.session(date(2026, 7, 2)) is None


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        ({"2026-02-30": "closed"}, r"override '2026-02-30' is not for a date; write the date as 2026-07-02"),
        ({20260702: "closed"}, r"override 20260702 is not for a date"),
        ({datetime(2026, 7, 2): "closed"}, r"is not for a date"),
        ({"1985-09-27": "closed"}, r"override 1985-09-27 is outside the years .* XNYS, 1990 to 2100"),
        (
            {"2026-07-02": "shut"},
            r"override 2026-07-02: 'shut' is not known; right would be closed, open, or",
        ),
        ({"2026-07-02": True}, r"override 2026-07-02: True is not known"),
        ({"2026-07-02": None}, r"override 2026-07-02: None is not known"),
        ({"2026-07-02": ["closed"]}, r"is not known"),
        ({"2026-07-02": {}}, r"override 2026-07-02: {} has no time; give open, close or both"),
        ({"2026-07-02": {"reason": "x"}}, r"has no time; give open, close or both"),
        ({"2026-07-02": {"closes": "13:00"}}, r"unknown key 'closes'; the keys are open, close, reason"),
        (
            {"2026-07-02": {"close": 780}},
            r"close: 780 is not a time of the day; write it as \"13:00\", in quotes",
        ),
        ({"2026-07-02": {"close": "1pm"}}, r"close: '1pm' is not a time of the day; write it as \"13:00\""),
        ({"2026-07-02": {"close": "13:60"}}, r"close: '13:60' is not a time of the day"),
        ({"2026-07-02": {"close": "25:00"}}, r"close: '25:00' is not a time of the day"),
        ({"2026-07-02": {"close": None}}, r"close: None is not a time of the day"),
        ({"2026-07-02": {"close": time(13, 0, 1)}}, r"is not a time of the day"),
        (
            {"2026-07-02": {"open": "16:30"}},
            r"the close 16:00 is not after the open 16:30 \(regular hours are",
        ),
        ({"2026-07-02": {"close": "09:30"}}, r"the close 09:30 is not after the open 09:30"),
        ({"2026-07-02": {"open": "12:00", "close": "11:00"}}, r"the close 11:00 is not after the open 12:00"),
        ({"2026-07-02": {"close": "13:00", "reason": 7}}, r"reason: 7 is not a text"),
        ({"2026-07-02": {"close": "13:00", "reason": " "}}, r"reason: ' ' is not a text"),
        ({"2026-07-02": "closed", date(2026, 7, 2): "open"}, r"override 2026-07-02 is given twice"),
    ],
)
def test_a_bad_override_is_refused(overrides: Mapping[date | str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        MarketCalendar(overrides=overrides)


def test_a_close_after_the_next_session_began_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the close 18:00 is after the next session begins \(17:00\)"):
        MarketCalendar("CME", overrides={"2026-07-02": {"close": "18:00"}})


def test_a_market_that_never_closes_takes_none() -> None:
    with pytest.raises(ValueError, match=r"ALWAYS never closes, so it takes no calendar overrides \(2026-07-02\)"):
        MarketCalendar("ALWAYS", overrides={"2026-07-02": "closed"})
