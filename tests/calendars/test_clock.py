from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendars import SystemClock, VirtualClock

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


class Inbox:
    """An inbox that remembers how long it was waited on."""

    def __init__(self, *, pending: bool = False) -> None:
        self.waits: list[float] = []
        self._pending = pending

    def wait(self, timeout: float) -> None:
        self.waits.append(timeout)

    def pending(self) -> bool:
        return self._pending


def test_the_virtual_clock_jumps_to_where_one_waits_for() -> None:
    clock = VirtualClock(START)
    clock.wait(Inbox(), START + timedelta(hours=2))
    assert clock.now() == START + timedelta(hours=2)
    assert clock.monotonic() == 7200


def test_the_virtual_clock_stands_still_for_a_message_and_for_the_past() -> None:
    clock = VirtualClock(START)
    clock.wait(Inbox(pending=True), START + timedelta(hours=2))
    clock.wait(Inbox(), START - timedelta(hours=2))
    assert (clock.now(), clock.monotonic()) == (START, 0)


def test_a_stepped_wall_clock_takes_no_time() -> None:
    clock = VirtualClock(START)
    clock.step_wall_clock(timedelta(hours=-1))
    assert clock.now() == START - timedelta(hours=1)
    assert clock.monotonic() == 0


def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="time does not go back"):
        VirtualClock(START).advance(timedelta(seconds=-1))


def test_the_virtual_clock_starts_at_an_aware_time_and_tells_utc() -> None:
    with pytest.raises(ValueError, match="aware"):
        VirtualClock(datetime(2026, 11, 24, 9, 0))
    tokyo = VirtualClock(START.astimezone(ZoneInfo("Asia/Tokyo")))
    assert tokyo.now().isoformat() == "2026-11-24T09:00:00+00:00"


def test_the_system_clock_waits_a_minute_at_most_and_never_less_than_nothing() -> None:
    clock, inbox = SystemClock(), Inbox()
    clock.wait(inbox, clock.now() + timedelta(days=1))
    clock.wait(inbox, clock.now() - timedelta(days=1))
    assert inbox.waits == [60.0, 0.0]


def test_the_system_clock_tells_utc_and_never_runs_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()
