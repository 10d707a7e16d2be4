"""The circuit breaker halts the daemon, once and for good until somebody resumes it, whatever is killed in between."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from calendars import VirtualClock
from orchestrator.breaker import RESUMED, TRIP, read_trip
from orchestrator.control import RequestRefused
from orchestrator.events import Alerted, BreakerTripped, StateChanged
from orchestrator.rehearsal.simulation import Simulation
from orchestrator.states import OrchestratorState
from orchestrator.store import alerts, fills

Rehearse = Callable[..., Any]

CONFIG = """
strategy: {{name: equal_weight, symbols: [A], position_size_pct: 0.5}}
data: {{primary_source: csv, path: .}}
schedule: {{jobs: {{health_check: false, config_reload: false, heartbeat: false}}}}
risk:
  max_position_size: 0.5
  position_stop_loss: 1.0
  max_portfolio_drawdown: 1.0
  enable_volatility_targeting: false
  flatten_on_breaker: {flatten}
"""

PRICES = """date,open,high,low,close,volume
2026-11-20,100,100,100,100,
2026-11-23,100,100,100,100,
2026-11-24,100,100,60,70,
2026-11-25,70,70,70,70,
2026-11-27,70,70,70,70,
2026-11-30,70,70,50,50,
"""


STRIDE = int(os.environ.get("CAMPAIGN_STRIDE", "17"))
"""Every so manieth point there is a kill, before and after a commit by turns."""


@pytest.fixture
def crash(rehearse: Rehearse, tmp_path: Path) -> Callable[..., Any]:
    """A daemon that has bought A on Monday; A falls on Tuesday, too deep after 12:44, and again a week later."""

    def make(*, flatten: bool = False) -> Any:
        (tmp_path / "A.csv").write_text(PRICES)
        desk = rehearse("2026-11-23 09:30", CONFIG.format(flatten=str(flatten).lower()), disk=True)
        return desk.until("2026-11-24 12:44")

    return make


def operator(desk: Any) -> Any:
    return desk.daemon.loop.operator


def told(desk: Any, title: str) -> list[str]:
    return [row["message"] for row in desk.rows(select(alerts).where(alerts.c.title == title))]


def held(desk: Any) -> Any:
    return desk.daemon.loop.account.positions


@contextmanager
def written_at_once(desk: Any) -> Iterator[None]:
    """As on a machine that others look at, all is written at the end of the turn. A new daemon begins so."""
    desk.restart()
    desk.machine.shared, desk.machine.unfailing = True, False
    yield
    desk.machine.shared, desk.machine.unfailing = False, True


def test_breaker_halts_with_one_critical_alert_that_says_what_becomes_of_the_positions(crash: Any) -> None:
    desk = crash().until("2026-11-24 16:30")
    assert desk.of(StateChanged)[-1].cause.startswith("market")
    [alert] = [each for each in desk.of(Alerted) if each.level.value == "critical"]
    assert (alert.topic, alert.title) == ("risk", "Circuit breaker triggered")
    assert "below its peak 100," in alert.message
    assert "the threshold is 10.00%; positions stay as they are (risk.flatten_on_breaker is off)" in alert.message
    assert operator(desk).halted["reason"].startswith("circuit breaker: equity ")
    assert held(desk)
    assert desk.engine()[-1].endswith("stop")


@pytest.mark.parametrize("end", ["restart", "kill"])
def test_halt_of_the_breaker_outlives_daemons_and_sessions(crash: Any, end: str) -> None:
    desk = crash()
    with written_at_once(desk):
        desk.until("2026-11-24 12:50")
        before = desk.engine()
        getattr(desk, end)()
    desk.until("2026-11-25 12:00")
    assert desk.daemon.get_state() is OrchestratorState.STOPPED
    assert desk.engine() == before
    assert len(told(desk, "Circuit breaker triggered")) == 1


def test_breaker_that_flattens_sells_before_the_engine_is_stopped(crash: Any) -> None:
    desk = crash(flatten=True).until("2026-11-24 16:30")
    assert held(desk) == []
    assert operator(desk).halted["sold"]
    [alert] = [each for each in desk.of(Alerted) if each.level.value == "critical"]
    assert alert.message.endswith("; all positions are being sold. Nothing is traded until: orchestrator resume")
    assert desk.alerts("info")[-1] != "Trading"
    assert "Positions sold" in desk.alerts("info")


def test_after_a_resume_it_trades_on_with_the_equity_that_is_left_as_the_peak(crash: Any) -> None:
    desk = crash().until("2026-11-25 10:00")
    said = operator(desk).resume(operator(desk).halted["reason"], desk.now)
    assert said == "resumed; losses are counted anew, from the equity that is left"
    desk.until("2026-11-27 12:00")
    assert desk.daemon.get_state() is OrchestratorState.TRADING
    assert desk.daemon.loop.account.drawdown < 0.001, "no more than the commission of what was bought since"
    assert desk.daemon.loop.store.read_meta(TRIP) is None
    desk.until("2026-11-30 15:59")  # a second fall is a second trip
    assert len(told(desk, "Circuit breaker triggered")) == 2
    assert desk.daemon.get_state() is OrchestratorState.STOPPED


def test_reason_of_a_halt_that_is_there_already_is_kept_and_has_to_be_acknowledged_too(crash: Any) -> None:
    desk = crash(flatten=True)
    trip = BreakerTripped("2026-11-24T10:00:00-05:00", "circuit breaker: a test", 0.2, 0.1, flatten=True)
    operator(desk).halt("strange prices", False, desk.now)
    operator(desk).breaker_tripped(trip, desk.now)
    assert operator(desk).halted["reason"] == f"strange prices; {trip.reason}"
    assert operator(desk).is_selling()
    with pytest.raises(RequestRefused, match="another reason"):
        operator(desk).resume("strange prices", desk.now)


def test_engine_that_dies_between_the_trip_and_its_telling_halts_the_daemon_all_the_same(crash: Any) -> None:
    desk = crash()
    store = desk.daemon.loop.store

    def die(trip: Any) -> None:
        raise OSError("the pipe is gone")

    desk.daemon.loop.supervisor.link._host._engine._watch._emit = die
    desk.until("2026-11-24 15:00")
    assert read_trip(store) is not None
    assert [entry for entry in desk.engine() if "crash" in entry]
    assert len(told(desk, "Circuit breaker triggered")) == 1
    assert desk.daemon.get_state() is OrchestratorState.STOPPED


@pytest.mark.parametrize("flatten", [False, True])
def test_kill_at_any_commit_on_the_way_into_the_halt_changes_nothing_in_the_end(crash: Any, flatten: bool) -> None:
    """Daemon and engine die together, at each point between the look that trips and the end of the engine."""
    desk = crash(flatten=flatten)
    for point in each_point(desk):
        desk.until("2026-11-24 12:44")
        with desk.fuse({point}):
            desk.until("2026-11-24 12:49:01")
        desk.until("2026-11-24 12:50")
        check_halted(desk, flatten, point)
        if not desk.was_killed:
            break


def each_point(desk: Any) -> Iterator[int]:
    """The same machine as it is now, again and again."""
    with written_at_once(desk):
        disk, saved, now = desk.machine.disk, desk.machine.disk.read_bytes(), desk.now
        for point in count(1, STRIDE):
            desk.kill()
            for file in disk.parent.glob(f"{disk.name}*"):
                file.unlink()
            disk.write_bytes(saved)
            desk.machine.clock = VirtualClock(now)
            desk.events.clear()
            yield point


def check_halted(desk: Any, flatten: bool, point: int) -> None:
    assert len(told(desk, "Circuit breaker triggered")) == 1, f"killed at {point}"
    assert desk.daemon.get_state() is OrchestratorState.STOPPED
    assert operator(desk).halted["breaker"] == read_trip(desk.daemon.loop.store).at
    sold = [row["quantity"] for row in desk.rows(select(fills).where(fills.c.action == "SELL"))]
    assert sum(sold) == (499 if flatten else 0), f"killed at {point}"
    assert bool(operator(desk).halted.get("sold")) is flatten


def test_kill_at_any_commit_of_a_resume_loses_and_doubles_nothing(crash: Any) -> None:
    desk = crash().until("2026-11-25 09:31")
    for point in each_point(desk):
        desk.until("2026-11-25 09:31")
        with desk.fuse({point}):
            operator(desk).resume(operator(desk).halted["reason"], desk.now)
            desk.until("2026-11-25 09:31:01")
        desk.until("2026-11-25 09:31:10")
        if operator(desk).halted is not None:  # it came before the resume was committed: nobody was told that it was
            assert desk.daemon.loop.store.read_meta(RESUMED) is None
            operator(desk).resume(operator(desk).halted["reason"], desk.now)
        desk.until("2026-11-25 09:31:20")
        assert desk.daemon.get_state() is OrchestratorState.TRADING, f"killed at {point}"
        assert desk.daemon.loop.account.drawdown == 0
        assert desk.daemon.loop.store.read_meta(TRIP) is None
        if not desk.was_killed:
            break


def test_simulation_stays_halted_to_its_end_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "A.csv").write_text(PRICES)
    config = tmp_path / "config.yaml"
    config.write_text("broker: {broker_type: paper}\n" + CONFIG.format(flatten="true"))
    events: list[Any] = []
    simulation = Simulation(config, date(2026, 11, 23), date(2026, 11, 27), 0, events.append)
    summary = simulation.run()
    assert summary.halted is not None
    assert summary.halted.startswith("circuit breaker: equity ")
    assert summary.engine_starts == 2
    causes = [each.cause for each in events if isinstance(each, StateChanged)]
    assert f"halted: {summary.halted}" in causes
    assert [each.title for each in events if isinstance(each, Alerted)].count("Circuit breaker triggered") == 1
