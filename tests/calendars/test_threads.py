from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from threading import Barrier

from calendars import MarketCalendar
from calendars.published import published

THREADS = 24


def at_once(ask: Callable[[], object]) -> list[object]:
    """All threads ask when all are ready."""
    barrier = Barrier(THREADS)

    def wait_and_ask() -> object:
        barrier.wait()
        return ask()

    with ThreadPoolExecutor(THREADS) as pool:
        return [each.result() for each in [pool.submit(wait_and_ask) for _ in range(THREADS)]]


def test_many_first_questions_to_a_fresh_calendar_get_one_right_answer() -> None:
    for year in range(2010, 2020):
        published.cache_clear()
        calendar = MarketCalendar()
        christmas = date(year, 12, 25)
        assert at_once(lambda c=calendar, d=christmas: c.is_trading_day(d)) == [False] * THREADS  # type: ignore[misc]


def test_many_calendars_at_once_read_the_library_one_by_one() -> None:
    published.cache_clear()
    at = datetime(2021, 12, 23, 21, 30, tzinfo=UTC)
    opens = at_once(lambda: str(MarketCalendar().get_next_market_open(at)))
    assert set(opens) == {"2021-12-27 09:30:00-05:00"}


def test_a_shared_calendar_builds_each_year_once() -> None:
    calendar = MarketCalendar()
    sessions = at_once(lambda: calendar.session(date(2026, 11, 27)))
    assert len({id(session) for session in sessions}) == 1
