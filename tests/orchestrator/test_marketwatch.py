"""The watch on the exchange's clock answers as the calendar does, at every time and in any order."""

import random
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendars import MarketCalendar
from orchestrator.marketwatch import MarketWatch

BEGIN = datetime(2026, 10, 30, tzinfo=UTC)


def answer(calendar: MarketCalendar, now: datetime) -> tuple[object, ...]:
    day = now.astimezone(calendar.exchange_timezone).date().isoformat()
    return calendar.get_market_state(now), day, calendar.next_change(now)


def times() -> list[datetime]:
    """Over the end of summer time, Thanksgiving and the half day after it; at the edges, and back and forth."""
    rng = random.Random(0)
    edges = [BEGIN + timedelta(hours=half / 2) for half in range(48 * 32)]
    around = [edge + timedelta(microseconds=by) for edge in edges for by in (-1, 0, 1)]
    return around + rng.sample(around, 500)


@pytest.mark.parametrize(
    ("exchange", "zone"), [("NYSE", None), ("NYSE", "Asia/Tokyo"), ("LSE", None), ("ALWAYS", None)]
)
def test_watch_answers_as_the_calendar_does(exchange: str, zone: str | None) -> None:
    calendar = MarketCalendar(exchange, zone)
    watch = MarketWatch(calendar)
    for now in times():
        found = watch.at(now)
        assert (found.state, found.session, found.change) == answer(calendar, now), now
        assert found.since <= now < found.until


def test_stretch_is_in_utc_and_ends_at_the_next_change_or_midnight_at_the_exchange() -> None:
    watch = MarketWatch(MarketCalendar("NYSE"))
    noon = datetime(2026, 11, 27, 12, tzinfo=ZoneInfo("America/New_York"))
    found = watch.at(noon)
    assert (found.until, found.until.tzinfo) == (datetime(2026, 11, 27, 18, tzinfo=UTC), UTC)  # closes 13:00
    night = watch.at(datetime(2026, 11, 28, 3, tzinfo=UTC))
    assert night.until == datetime(2026, 11, 28, 5, tzinfo=UTC)
    assert (night.session, night.change) == (date(2026, 11, 27).isoformat(), datetime(2026, 11, 30, 9, tzinfo=UTC))


def test_clock_that_is_set_back_is_looked_up_anew() -> None:
    watch = MarketWatch(MarketCalendar("NYSE"))
    assert watch.at(datetime(2026, 11, 24, 15, tzinfo=UTC)).session == "2026-11-24"
    assert watch.at(datetime(2026, 11, 23, 15, tzinfo=UTC)).session == "2026-11-23"
