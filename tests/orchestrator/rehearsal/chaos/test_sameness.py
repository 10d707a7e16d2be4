"""Nothing but its arguments has a say in a rehearsal: neither the machine's clock nor what befalls its files."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from calendars import MarketCalendar
from orchestrator.events import DaemonMoved, Event, InvariantBroken
from orchestrator.rehearsal.chaos import Campaign, Case
from orchestrator.rehearsal.invariants import AccountIsFills
from orchestrator.rehearsal.rehearsal import Rehearsal
from orchestrator.rehearsal.scenario import FAULTS, Scenario, parse_scenario
from orchestrator.store import StoreError

DAY = date(2026, 11, 10)
NYSE = MarketCalendar("NYSE")

EVERYTHING = """
faults:
  - {at: "2026-11-10 09:37", fault: engine_crash}
  - {at: "2026-11-10 09:38", fault: engine_hang}
  - {at: "2026-11-10 09:40", fault: engine_refused, for: 5s}
  - {at: "2026-11-10 09:41", fault: strategy_exception}
  - {at: "2026-11-10 09:43", fault: broker_disconnect, for: 50s}
  - {at: "2026-11-10 09:45", fault: data_stall, for: 30s}
  - {at: "2026-11-10 09:46", fault: price_shock, factor: 0.99}
  - {at: "2026-11-10 09:47", fault: database_locked, for: 15s}
  - {at: "2026-11-10 09:48", fault: database_error, for: 9s}
  - {at: "2026-11-10 09:50", fault: disk_full, for: 30s}
  - {at: "2026-11-10 09:51", fault: channel_outage, for: 5m}
  - {at: "2026-11-10 09:52", fault: config_edit, set: {risk.max_position_size: 0.05}}
  - {at: "2026-11-10 09:53", fault: config_broken, for: 1m}
  - {at: "2026-11-10 09:55", fault: halt, flatten: true}
  - {at: "2026-11-10 09:58", fault: resume}
  - {at: "2026-11-10 10:00", fault: clock_jump, by: "-3m", for: 2m}
  - {at: "2026-11-10 10:05", fault: host_sleep, for: 1m}
  - {at: "2026-11-10 10:08", fault: daemon_kill}
"""


def scenario(text: str) -> Scenario:
    return parse_scenario(text, ".yaml", "scenario", NYSE)


# --- the machine's clock ---

MACHINE = {"time", "time_ns", "monotonic", "monotonic_ns", "sleep", "now", "utcnow", "today", "urandom"}
"""What says another thing each time that it is called, or lets real time pass."""

MAY_LOOK = ("sqlalchemy", "logging")
"""Libraries that note for themselves when a connection was made, or a line logged."""


@contextmanager
def watched() -> Iterator[set[str]]:
    """What is asked of the machine meanwhile, and by which file."""
    asked: set[str] = set()

    def look(frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__ in MACHINE:
            asked.add(f"{function.__qualname__} in {frame.f_code.co_filename}")

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        yield asked
    finally:
        sys.setprofile(before)


def test_a_rehearsal_never_asks_the_machine_for_the_time(desk_file: Path) -> None:
    told: list[Event] = []
    faults = scenario(EVERYTHING)
    assert {each.kind for each in faults.faults} == set(FAULTS)
    rehearsal = Rehearsal(desk_file, DAY, DAY, 3, told.append, faults)
    with watched() as asked:
        rehearsal.run()
    assert [each.detail for each in told if isinstance(each, InvariantBroken)] == []
    assert [each for each in sorted(asked) if not any(f"/{library}/" in each for library in MAY_LOOK)] == []


# --- the machine's files ---

KILL = 'faults: [{at: "2026-11-10 10:00", fault: daemon_kill}]'


def test_a_database_that_is_removed_meanwhile_ends_the_rehearsal_and_is_not_blamed_on_the_daemon(
    desk_file: Path,
) -> None:
    """A daemon that found its database gone would begin anew, and send the orders of the day a second time."""
    told: list[Event] = []

    def listen(event: Event) -> None:
        told.append(event)
        if isinstance(event, DaemonMoved) and event.action == "kill":
            shutil.rmtree(rehearsal.simulation.world.database.parent)  # type: ignore[union-attr]

    rehearsal = Rehearsal(desk_file, DAY, DAY, 3, listen, scenario(KILL))
    with pytest.raises(StoreError, match="is gone: something has removed it while the rehearsal went on"):
        rehearsal.run()
    assert [each.action for each in told if isinstance(each, DaemonMoved)] == ["start", "kill"]
    assert not [each for each in told if isinstance(each, InvariantBroken)]


def test_a_database_that_is_removed_meanwhile_is_no_failure_of_a_case(
    desk_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove(event: DaemonMoved) -> str:
        for folder in tmp_path.glob("rehearsal-*") if event.action == "kill" else ():
            shutil.rmtree(folder)
        return ""

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(AccountIsFills, "hearing", lambda rule: {DaemonMoved: remove})
    with pytest.raises(StoreError, match="is gone"):
        Campaign(desk_file, DAY, DAY, 2026, NYSE).run(Case(DAY, DAY, scenario(KILL)))
