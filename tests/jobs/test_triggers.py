"""When jobs fire, over clock changes, half days, storms and new years."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calendars import MarketCalendar
from jobs.triggers import CronTrigger, IntervalTrigger, SessionTrigger, Trigger, parse_anchor

NEW_YORK, LONDON, SYDNEY = ZoneInfo("America/New_York"), ZoneInfo("Europe/London"), ZoneInfo("Australia/Sydney")
NYSE = MarketCalendar()


def at(text: str, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def fires(trigger: Trigger, start: datetime, end: datetime) -> list[datetime]:
    found, previous = [], start - timedelta(microseconds=1)
    while (following := trigger.next_after(previous)) is not None and following <= end:
        found.append(following)
        previous = following
    return found


def session(text: str, until: str | None = None, every: str | None = None) -> SessionTrigger:
    minutes = None if every is None else timedelta(minutes=int(every))
    return SessionTrigger(NYSE, parse_anchor(text), None if until is None else parse_anchor(until), minutes)


CRON_DAYS = [
    # crontab line, zone, first and last day, wall times at which it fires
    ("30 9 * * mon-fri", NEW_YORK, "2026-03-06", "2026-03-09", ["03-06 09:30 EST", "03-09 09:30 EDT"]),
    ("30 1 * * *", NEW_YORK, "2026-11-01", "2026-11-02", ["11-01 01:30 EDT", "11-02 01:30 EST"]),  # 01:30 comes twice
    ("30 2 * * *", NEW_YORK, "2026-03-08", "2026-03-09", ["03-08 03:30 EDT", "03-09 02:30 EDT"]),  # 02:30 never comes
    ("30 0 * * mon", NEW_YORK, "2026-03-02", "2026-03-09", ["03-02 00:30 EST", "03-09 00:30 EDT"]),
    ("0 0 1 * *", NEW_YORK, "2026-03-01", "2026-04-01", ["03-01 00:00 EST", "04-01 00:00 EDT"]),
    ("30 1 * * *", LONDON, "2026-03-29", "2026-03-30", ["03-29 02:30 BST", "03-30 01:30 BST"]),
    ("30 1 * * *", LONDON, "2026-10-25", "2026-10-26", ["10-25 01:30 BST", "10-26 01:30 GMT"]),
    ("30 2 * * *", SYDNEY, "2026-10-04", "2026-10-05", ["10-04 03:30 AEDT", "10-05 02:30 AEDT"]),
    ("30 2 * * *", SYDNEY, "2026-04-05", "2026-04-06", ["04-05 02:30 AEDT", "04-06 02:30 AEST"]),
    ("30 2 * * *", ZoneInfo("UTC"), "2026-03-08", "2026-03-09", ["03-08 02:30 UTC", "03-09 02:30 UTC"]),
    ("0 0 * * 0", NEW_YORK, "2026-11-22", "2026-11-29", ["11-22 00:00 EST", "11-29 00:00 EST"]),  # 0 is Sunday
    ("0 0 * * 7", NEW_YORK, "2026-11-22", "2026-11-29", ["11-22 00:00 EST", "11-29 00:00 EST"]),  # and so is 7
    ("0 6 * * sat-sun", NEW_YORK, "2026-11-27", "2026-11-30", ["11-28 06:00 EST", "11-29 06:00 EST"]),
    ("0 12 13 * fri", NEW_YORK, "2026-11-12", "2026-11-14", ["11-13 12:00 EST"]),
    ("0 12 14 * fri", NEW_YORK, "2026-11-12", "2026-11-15", ["11-13 12:00 EST", "11-14 12:00 EST"]),  # either suffices
    ("0 12 */2 * fri", NEW_YORK, "2026-11-12", "2026-11-15", ["11-13 12:00 EST"]),  # with a star both are needed
    ("@yearly", NEW_YORK, "2026-12-30", "2027-01-02", ["01-01 00:00 EST"]),
    ("59 23 31 12 *", NEW_YORK, "2026-12-30", "2027-01-02", ["12-31 23:59 EST"]),
    ("0 0 29 2 *", NEW_YORK, "2026-01-01", "2028-12-31", ["02-29 00:00 EST"]),
    ("15 2 * * sun", NEW_YORK, "2026-03-01", "2026-03-15", ["03-01 02:15 EST", "03-08 03:15 EDT", "03-15 02:15 EDT"]),
    ("0 3 * * *", NEW_YORK, "2026-03-08", "2026-03-08", ["03-08 03:00 EDT"]),
    ("0 2,3 * * *", NEW_YORK, "2026-03-08", "2026-03-08", ["03-08 03:00 EDT"]),  # two wall times, one instant
    ("0 1,2 * * *", NEW_YORK, "2026-11-01", "2026-11-01", ["11-01 01:00 EDT", "11-01 02:00 EST"]),
    ("59 1 * * *", LONDON, "2026-10-25", "2026-10-26", ["10-25 01:59 BST", "10-26 01:59 GMT"]),
    ("0 0 * * *", LONDON, "2026-03-29", "2026-03-30", ["03-29 00:00 GMT", "03-30 00:00 BST"]),
    ("0 3 * * *", SYDNEY, "2026-04-05", "2026-04-05", ["04-05 03:00 AEST"]),
    ("59 2 * * *", SYDNEY, "2026-10-04", "2026-10-04", ["10-04 03:59 AEDT"]),
    ("0 0 * jan mon", NEW_YORK, "2026-12-28", "2027-01-05", ["01-04 00:00 EST"]),
    ("@hourly", ZoneInfo("UTC"), "2026-12-31", "2026-12-31", [f"{hour:02}:00" for hour in range(24)]),
    ("@weekly", SYDNEY, "2026-10-04", "2026-10-11", ["10-04 00:00 AEST", "10-11 00:00 AEDT"]),
    ("0 17 * * 1-5", NEW_YORK, "2026-11-26", "2026-11-27", ["11-26 17:00 EST", "11-27 17:00 EST"]),
    ("0,30 16-17 * * *", NEW_YORK, "2026-11-23", "2026-11-23", ["16:00", "16:30", "17:00", "17:30"]),
]


@pytest.mark.parametrize(("line", "zone", "first", "last", "expected"), CRON_DAYS)
def test_cron_fires_each_wall_time_once(line: str, zone: ZoneInfo, first: str, last: str, expected: list[str]) -> None:
    found = fires(CronTrigger(line, zone), at(f"{first} 00:00", zone), at(f"{last} 23:59:59", zone))
    pattern = "%m-%d %H:%M %Z" if " " in expected[0] else "%H:%M"
    assert [f.strftime(pattern) for f in found] == expected


SESSION_DAYS = [
    ("open + 5m", "2026-11-25", "2026-11-27", ["25 09:35", "27 09:35"]),  # Thanksgiving is left out
    ("close - 10m", "2026-11-25", "2026-11-27", ["25 15:50", "27 12:50"]),  # the day after closes at 13:00
    ("close - 5m", "2026-07-02", "2026-07-06", ["02 15:55", "06 15:55"]),  # 3 July 2026 is a holiday
    ("close", "2024-07-03", "2024-07-05", ["03 13:00", "05 16:00"]),
    ("close", "2026-12-24", "2026-12-28", ["24 13:00", "28 16:00"]),
    ("open", "2012-10-26", "2012-10-31", ["26 09:30", "31 09:30"]),  # Hurricane Sandy
    ("open", "2001-09-10", "2001-09-17", ["10 09:30", "17 09:33"]),  # September 11, and the silence after it
    ("open - 30m", "2026-12-31", "2027-01-04", ["31 09:00", "04 09:00"]),
    ("pre_open", "2026-03-06", "2026-03-09", ["06 04:00", "09 04:00"]),
    ("post_close", "2026-11-27", "2026-11-30", ["27 17:00", "30 20:00"]),
    ("close + 5h", "2026-11-24", "2026-11-25", ["24 21:00", "25 21:00"]),
    ("open", "2002-09-11", "2002-09-11", ["11 12:00"]),
    ("open - 90m", "2026-03-06", "2026-03-09", ["06 08:00", "09 08:00"]),
    ("close + 10h", "2026-11-27", "2026-11-30", ["27 23:00"]),  # that of Monday's session is on Tuesday
    ("pre_open - 5h", "2026-11-23", "2026-11-24", ["23 23:00", "24 23:00"]),  # before the sessions of 24 and 25
    ("post_close - 1h", "2026-12-24", "2026-12-24", ["24 16:00"]),
]


@pytest.mark.parametrize(("text", "first", "last", "expected"), SESSION_DAYS)
def test_session_anchor_follows_the_calendar(text: str, first: str, last: str, expected: list[str]) -> None:
    found = fires(session(text), at(f"{first} 00:00"), at(f"{last} 23:59"))
    assert [f.strftime("%d %H:%M") for f in found] == expected


def test_session_steps_end_with_an_early_close() -> None:
    found = fires(session("open + 30m", "close - 30m", "60"), at("2026-11-27 00:00"), at("2026-11-27 23:59"))
    assert [f.strftime("%H:%M") for f in found] == ["10:00", "11:00", "12:00"]


def test_override_moves_a_session_anchor() -> None:
    calendar = MarketCalendar(overrides={"2026-11-24": {"close": "12:00"}, "2026-11-25": "closed"})
    trigger = SessionTrigger(calendar, parse_anchor("close - 10m"))
    found = fires(trigger, at("2026-11-24 00:00"), at("2026-11-27 23:59"))
    assert [f.strftime("%d %H:%M") for f in found] == ["24 11:50", "27 12:50"]


def test_session_trigger_of_an_exchange_that_stays_closed_ends() -> None:
    start = datetime(2026, 1, 1).date()
    closed = {(start + timedelta(days=i)).isoformat(): "closed" for i in range(500)}
    trigger = SessionTrigger(MarketCalendar(overrides=closed), parse_anchor("open"))
    assert trigger.next_after(at("2026-01-02 00:00")) is None


def test_interval_keeps_its_phase_whenever_it_is_asked() -> None:
    trigger = IntervalTrigger(300)
    asked = [at("2026-11-24 10:00:01"), at("2026-11-24 10:03:59.5"), at("2026-11-24 10:04:59.999999")]
    assert {trigger.next_after(t) for t in asked} == {at("2026-11-24 10:05:00").astimezone(UTC)}


@pytest.mark.parametrize("seconds", [1.1, 1.3, 1.7, 2.7, 7.7, 59.9, 0.1 + 1])
def test_fraction_of_a_second_advances_too(seconds: float) -> None:
    trigger, t = IntervalTrigger(seconds), at("2026-11-24 10:00")
    for _ in range(1000):
        following = trigger.next_after(t)
        assert timedelta(0) < following - t <= timedelta(seconds=seconds)
        assert trigger.last_before(following) == following
        assert trigger.around(t) == (trigger.last_before(t), following)
        t = following


def test_dense_session_steps_are_computed_not_listed() -> None:
    trigger = SessionTrigger(NYSE, parse_anchor("open"), parse_anchor("close"), timedelta(seconds=1))
    t = at("2026-11-27 12:59:58.5")
    found = [trigger.next_after(t), trigger.next_after(at("2026-11-27 13:00")), trigger.last_before(t)]
    assert found == [at("2026-11-27 12:59:59"), at("2026-11-30 09:30"), at("2026-11-27 12:59:58")]
    assert trigger.session_of(at("2026-11-27 12:59:59")).date.day == 27


def test_interval_is_not_stretched_by_a_clock_change() -> None:
    found = fires(IntervalTrigger(3600), at("2026-11-01 00:30"), at("2026-11-01 03:30"))
    assert [f.astimezone(NEW_YORK).strftime("%H:%M %Z") for f in found] == [
        "01:00 EDT",
        "01:00 EST",
        "02:00 EST",
        "03:00 EST",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("* * * *", "is not a crontab line: write five fields"),
        ("@often", "is not a crontab line"),
        ("60 * * * *", "minute '60' is not in 0 to 59"),
        ("* 24 * * *", "hour '24' is not in 0 to 23"),
        ("* * 0 * *", "day of month '0' is not in 1 to 31"),
        ("* * * 13 *", "month '13' is not in 1 to 12"),
        ("* * * * 8", "weekday '8' is not in 0 to 7"),
        ("* * * * moon", "weekday 'moon' is not in 0 to 7"),
        ("5-1 * * * *", "names no value"),
        ("*/0 * * * *", "names no value"),
        ("1,,2 * * * *", "is not a number, name, range or step"),
        ("0 0 31 2 *", "never fires"),
        ("0 0 31 4,6,9,11 *", "never fires"),
    ],
)
def test_bad_crontab_line_says_what_is_wrong(line: str, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        CronTrigger(line, NEW_YORK)


@pytest.mark.parametrize("text", ["noon", "open +", "open 5m", "open + five", "close - 5m - 5m", ""])
def test_bad_anchor_says_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match=r"moment of the session|duration"):
        parse_anchor(text)


TRIGGERS = [
    CronTrigger("*/15 9-16 * * mon-fri", NEW_YORK),
    CronTrigger("30 1,2 * * *", NEW_YORK),
    CronTrigger("0 0 1,15 * mon", LONDON),
    IntervalTrigger(60),
    IntervalTrigger(5400),
    session("open + 5m"),
    session("close - 90m"),
    session("pre_open", "post_close", "45"),
]
INSTANTS = st.datetimes(datetime(1991, 1, 1), datetime(2098, 12, 31)).map(lambda t: t.replace(tzinfo=UTC))


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: type(trigger).__name__)
@settings(max_examples=60, deadline=None)
@given(t=INSTANTS)
def test_fires_strictly_increase_and_look_back_to_each_other(trigger: Trigger, t: datetime) -> None:
    first = trigger.next_after(t)
    assert first is not None
    assert first > t
    second = trigger.next_after(first)
    assert second is not None
    assert second > first
    assert trigger.last_before(first) == first
    assert trigger.last_before(second - timedelta(microseconds=1)) == first
    assert trigger.get_next_fire_time(None, first) == first
    assert trigger.get_next_fire_time(first, t) == second
    assert trigger.count(first, second) == 2


@settings(max_examples=60, deadline=None)
@given(t=INSTANTS)
def test_session_steps_never_leave_their_session(t: datetime) -> None:
    found = session("open", "close", "20").next_after(t)
    assert found is not None
    day = NYSE.session(found)
    assert day is not None
    assert day.open <= found <= day.close


def test_count_of_a_long_absence_is_arithmetic() -> None:
    assert IntervalTrigger(1).count(at("2020-01-01 00:00"), at("2026-01-01 00:00"), limit=10**9) == 189388801
