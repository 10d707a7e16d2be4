"""The clock of a machine that may be set wrong, and sleep."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from orchestrator.rehearsal.scenario.clock import MachineClock

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_jump_moves_what_it_says_and_nothing_else() -> None:
    clock = MachineClock(NOON)
    clock.jump(timedelta(hours=-1))
    clock.advance(timedelta(minutes=5))
    assert clock.now() == NOON - timedelta(minutes=55)
    assert clock.true() == NOON + timedelta(minutes=5)
    assert clock.monotonic() == 300


def test_sleep_passes_time_and_is_not_counted() -> None:
    clock = MachineClock(NOON)
    clock.suspend(timedelta(hours=2))
    assert (clock.now(), clock.true(), clock.monotonic()) == (NOON + timedelta(hours=2), NOON + timedelta(hours=2), 0)


def test_what_it_reads_is_reckoned_in_elapsed_time() -> None:
    clock = MachineClock(NOON)
    clock.jump(timedelta(days=-100))
    true = datetime(2026, 11, 24, 8, tzinfo=ZoneInfo("America/New_York"))
    assert clock.reads(true) - clock.now() == true - clock.true()
