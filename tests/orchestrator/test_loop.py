"""Whole days of the daemon, on a virtual clock."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from jobs.builtin import TABLE
from notifiers import MemoryNotifier
from notifiers.redaction import Redactor
from orchestrator.config import ConfigError
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import Alerted
from orchestrator.history import History
from orchestrator.states import OrchestratorState
from orchestrator.status.status import snapshot
from orchestrator.store import Store, alerts, fills, incidents, job_runs, orders, record_claim, transitions
from orchestrator.supervision.incidents import Incident, Incidents

NEW_YORK = ZoneInfo("America/New_York")
PAPER = "broker: {broker_type: paper}\n"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


Rehearse = Callable[..., Any]

DAYS = [
    (
        "normal day",
        "2026-11-24",
        ["24 04:00 pre_market", "24 09:30 trading", "24 16:00 post_market", "24 20:00 stopped"],
        ["24 09:30 start", "24 09:30 ready", "24 16:00 stop"],
    ),
    (
        "half day",
        "2026-11-27",
        ["27 04:00 pre_market", "27 09:30 trading", "27 13:00 post_market", "27 17:00 stopped"],
        ["27 09:30 start", "27 09:30 ready", "27 13:00 stop"],
    ),
    (
        "late open",
        "2002-09-11",
        ["11 04:00 pre_market", "11 12:00 trading", "11 16:00 post_market", "11 20:00 stopped"],
        ["11 12:00 start", "11 12:00 ready", "11 16:00 stop"],
    ),
    ("holiday", "2026-11-26", [], []),
    ("weekend", "2026-11-28", [], []),
    ("storm", "2012-10-29", [], []),
    (
        "Monday after the clocks go forward",
        "2026-03-09",
        ["09 04:00 pre_market", "09 09:30 trading", "09 16:00 post_market", "09 20:00 stopped"],
        ["09 09:30 start", "09 09:30 ready", "09 16:00 stop"],
    ),
    (
        "Monday after the clocks go back",
        "2026-11-02",
        ["02 04:00 pre_market", "02 09:30 trading", "02 16:00 post_market", "02 20:00 stopped"],
        ["02 09:30 start", "02 09:30 ready", "02 16:00 stop"],
    ),
]


@pytest.mark.parametrize(("day", "states", "engine"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS])
def test_day(rehearse: Rehearse, day: str, states: list[str], engine: list[str]) -> None:
    daemon = rehearse(f"{day} 00:00").until(f"{day} 23:59")
    assert daemon.states() == states
    assert daemon.engine() == engine
    *told, report = daemon.alerts() or [""]
    assert told == (["Trading", "Order filled: AAPL", "Order filled: MSFT"] if engine else [])
    assert report.endswith(", 2 trades") == bool(engine)


def test_builtin_jobs_of_a_day_are_all_in_the_history(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-27 00:00", disk=True).until("2026-11-27 23:59")
    rows = daemon.rows(select(job_runs))
    counts = {name: sum(row["job"] == name for row in rows) for name in {row["job"] for row in rows}}
    assert counts == {
        "pre_market": 1,
        "market_open": 1,
        "rebalance": 1,
        "market_close": 1,
        "daily_report": 1,
        "post_market_end": 1,
        "heartbeat": 288,
        "health_check": 1440,
        "config_reload": 1440,
        "housekeeping": 1,
    }
    assert {row["result"] for row in rows} == {"ok"}
    assert [row["to_state"] for row in daemon.rows(select(transitions))] == [
        "pre_market",
        "trading",
        "post_market",
        "stopped",
    ]


def test_daemon_that_wakes_in_mid_session_trades(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 11:00").until("2026-11-24 11:01")
    assert daemon.states() == ["24 11:00 pre_market", "24 11:00 trading"]


def test_restart_at_noon_goes_on_and_sends_no_order_twice(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 00:00", disk=True).until("2026-11-24 12:00")
    before = daemon.rows(select(orders.c.order_ref, orders.c.status, orders.c.filled_quantity))
    daemon.restart()
    daemon.machine.clock.advance(timedelta(minutes=7))
    daemon.until("2026-11-24 15:00")
    assert daemon.states()[-2:] == ["24 12:07 pre_market", "24 12:07 trading"]
    assert daemon.rows(select(orders.c.order_ref, orders.c.status, orders.c.filled_quantity)) == before
    assert len(daemon.rows(select(fills))) == 2


def test_rebalance_missed_while_down_is_caught_up_in_the_same_session(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:00", disk=True).until("2026-11-24 09:20")
    daemon.restart()
    daemon.machine.clock.advance(timedelta(hours=2))
    daemon.until("2026-11-24 11:30")
    assert daemon.runs("rebalance") == [("24 11:20", "ok")]
    assert [row["order_ref"] for row in daemon.rows(select(orders.c.order_ref))] == [
        "20261124-equal_weight-AAPL-0935",
        "20261124-equal_weight-MSFT-0935",
    ]


def test_first_start_in_mid_session_decides_at_once(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 11:00").until("2026-11-24 11:01")
    assert [row["decision"] for row in daemon.rows(select(orders.c.decision))] == ["0935", "0935"]


@pytest.mark.parametrize("job", ["off", "{misfire: skip}"])
def test_first_start_in_mid_session_decides_nothing_that_the_config_forbids(rehearse: Rehearse, job: str) -> None:
    daemon = rehearse("2026-11-24 11:00", f"schedule: {{jobs: {{rebalance: {job}}}}}").until("2026-11-24 11:01")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING
    assert daemon.rows(select(orders)) == []


def test_rebalance_missed_with_its_session_is_an_alert_and_no_order(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:00", disk=True).until("2026-11-24 09:20")
    daemon.restart()
    daemon.machine.clock.advance(timedelta(hours=16))
    daemon.until("2026-11-25 02:00")
    assert daemon.runs("rebalance") == [("25 01:20", "missed")]
    assert "Job rebalance missed" in daemon.alerts("warning")
    assert daemon.rows(select(orders)) == []


def test_fire_that_was_claimed_once_never_runs_again(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:00", disk=True).until("2026-11-24 09:40")
    daemon.restart()
    connection = sqlite3.connect(daemon.machine.disk)
    with connection:  # as a job table restored from a backup would be
        early = at("2026-11-24 09:35")
        row = {"version": 1, "definition": TABLE["rebalance"], "next_run_time": early.isoformat(), "paused": False}
        connection.execute(
            "UPDATE apscheduler_jobs SET next_run_time = ?, job_state = ? WHERE id = 'rebalance'",
            (early.timestamp(), json.dumps(row).encode()),
        )
    connection.close()
    daemon.until("2026-11-24 10:00")
    assert daemon.runs("rebalance") == [("24 09:35", "ok")]
    assert len(daemon.rows(select(orders))) == 2


def test_run_that_the_daemon_did_not_survive_is_told_and_not_repeated(rehearse: Rehearse) -> None:
    config = "schedule: {jobs: {report: {cron: '0 10 * * *', command: [report]}}}"
    daemon = rehearse("2026-11-24 09:00", config, disk=True).until("2026-11-24 09:01")
    with daemon.daemon.loop.store.engine.begin() as connection:
        record_claim(connection, "report", at("2026-11-24 08:00"))
    daemon.restart()
    daemon.until("2026-11-24 09:02")
    assert daemon.runs("report") == [("24 09:01", "failed")]
    assert daemon.alerts("warning") == ["Job report failed"]
    (row,) = daemon.rows(select(job_runs).where(job_runs.c.job == "report"))
    assert (row["result"], row["reason"]) == ("failed", "the daemon ended before the run did")


def test_pause_outlives_restarts_and_edits(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:00", disk=True).until("2026-11-24 09:01")
    daemon.daemon.loop.schedule.scheduler.pause_job("rebalance")
    daemon.restart()
    daemon.until("2026-11-24 09:20")
    daemon.edit("schedule: {jobs: {rebalance: {session: open + 10m}}}")
    daemon.until("2026-11-24 10:00")
    assert daemon.runs("rebalance") == []
    daemon.daemon.loop.schedule.scheduler.resume_job("rebalance")
    daemon.until("2026-11-25 10:00")
    assert daemon.runs("rebalance") == [("25 09:40", "ok")]


def test_simulated_day_runs_no_command(rehearse: Rehearse, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    daemon = rehearse(
        "2026-11-24 09:00", f"schedule: {{jobs: {{mark: {{cron: '30 9 * * *', command: [touch, {trace}]}}}}}}"
    ).until("2026-11-24 09:31")
    assert daemon.runs("mark") == [("24 09:30", "ok")]
    assert not trace.exists()


def test_missed_run_of_a_users_job_is_an_alert_and_a_missed_heartbeat_is_none(rehearse: Rehearse) -> None:
    jobs = "schedule: {jobs: {scan: {interval: 1h, command: [x], misfire: skip}}}"
    daemon = rehearse("2026-11-24 00:00", jobs, disk=True).until("2026-11-24 00:30")
    daemon.restart()
    daemon.machine.clock.advance(timedelta(hours=2))
    daemon.until("2026-11-24 02:31")
    assert set(daemon.alerts("warning")) == {"Job scan missed"}
    assert ("24 02:30", "missed") in daemon.runs("health_check")


def test_decision_reaches_an_engine_that_was_not_running_at_its_time(rehearse: Rehearse, strategies: Path) -> None:
    daemon = rehearse(
        "2026-11-24 09:00", "strategy: {name: 'fragile:Fragile'}\nengine: {backoff_initial: 600, backoff_max: 600}"
    )
    daemon.until("2026-11-24 09:36")
    assert daemon.daemon.get_state() is OrchestratorState.ERROR
    assert daemon.runs("rebalance") == [("24 09:35", "ok")]
    (strategies / "fragile.flag").touch()
    daemon.until("2026-11-24 10:00")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING
    assert [row["decision"] for row in daemon.rows(select(orders.c.decision))] == ["0935", "0935"]


def test_engine_that_cannot_start_is_one_error_one_alert_then_given_up(rehearse: Rehearse, strategies: Path) -> None:
    daemon = rehearse("2026-11-24 09:00", "strategy: {name: 'fragile:Fragile'}").until("2026-11-24 15:00")
    assert daemon.states() == ["24 09:00 pre_market", "24 09:30 error"]
    assert [line.split()[2] for line in daemon.engine()] == [
        *("start", "crash", "restart", "crash", "restart", "crash", "restart", "crash", "fatal")
    ]
    assert daemon.alerts("critical") == ["Trading interrupted", "Engine given up"]
    interrupted = next(e for e in daemon.of(Alerted) if e.title == "Trading interrupted")
    assert "no flag" in interrupted.message
    assert ("24 15:00", "failed") in daemon.runs("health_check")
    daemon.until("2026-11-25 09:31")
    assert daemon.states()[-2:] == ["25 04:00 pre_market", "25 09:30 error"], "the next session is another try"


def test_recovery_is_told_when_the_engine_runs_again(rehearse: Rehearse, strategies: Path) -> None:
    daemon = rehearse("2026-11-24 09:30", "strategy: {name: 'fragile:Fragile'}").until("2026-11-24 09:30:00.5")
    assert daemon.states() == ["24 09:30 pre_market", "24 09:30 error"]
    (strategies / "fragile.flag").touch()
    daemon.until("2026-11-24 09:31")
    assert daemon.states() == ["24 09:30 pre_market", "24 09:30 error", "24 09:30 trading"]
    assert "Trading again" in daemon.alerts("info")


def test_extended_hours_are_traded_when_the_config_says_so(rehearse: Rehearse) -> None:
    config = "schedule: {enable_pre_market: true, enable_post_market: true}"
    daemon = rehearse("2026-11-27 00:00", config).until("2026-11-27 23:59")
    assert daemon.engine() == ["27 04:00 start", "27 04:00 ready", "27 17:00 stop"]
    assert daemon.states() == ["27 04:00 pre_market", "27 04:00 trading", "27 17:00 stopped"]


def test_engine_is_left_alone_without_auto_start_and_auto_stop(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 00:00", "schedule: {auto_start: false}").until("2026-11-24 23:00")
    assert daemon.engine() == []
    assert daemon.states() == ["24 04:00 pre_market", "24 09:30 stopped", "24 16:00 post_market", "24 20:00 stopped"]
    daemon.edit("schedule: {auto_stop: false}")
    daemon.until("2026-11-25 23:00")
    assert daemon.engine() == ["25 09:30 start", "25 09:30 ready"]


def test_override_closes_the_market_early(rehearse: Rehearse) -> None:
    config = "schedule: {calendar_overrides: {2026-11-24: {close: '12:00', reason: 'power cut'}}}"
    daemon = rehearse("2026-11-24 00:00", config).until("2026-11-24 13:00")
    assert daemon.engine()[-1] == "24 12:00 stop"


def test_market_that_never_closes(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-27 22:00", "schedule: {calendar: ALWAYS}").until("2026-11-30 03:00")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING
    assert daemon.engine() == ["27 22:00 start", "27 22:00 ready"]
    assert [when for when, _ in daemon.runs("market_open")] == ["28 19:00", "29 19:00"]


def test_config_that_is_bad_at_the_start_starts_nothing(rehearse: Rehearse, tmp_path: Path) -> None:
    daemon = rehearse("2026-11-24 10:00", "strategy: {max_positions: many}")
    with pytest.raises(ConfigError, match="'many' is not"):
        daemon.daemon.open()
    assert not daemon.daemon.is_running()
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]


# --- faults ---


def test_message_that_can_not_be_handled_takes_no_other_with_it(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 03:00").until("2026-11-24 03:01")
    handled: list[datetime] = []

    class Bad:
        def handle(self, now: datetime) -> None:
            raise ZeroDivisionError

    class Good:
        def handle(self, now: datetime) -> None:
            handled.append(now)

    for message in (Bad(), Good()):
        daemon.daemon.loop.inbox.put(message)
    daemon.turn()
    assert handled == [daemon.now]


def test_loop_that_stops_turns_in_time_to_ask_and_to_end_its_jobs(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-28 03:00", "engine: {stop_timeout: 10}").until("2026-11-28 03:00:01")
    loop, began = daemon.daemon.loop, daemon.now
    loop.stop("test")
    asked = daemon.turn()
    daemon.machine.clock.advance(asked - began)
    ended = daemon.turn()
    assert (asked - began, ended - began) == (timedelta(seconds=6), timedelta(seconds=9.5))


def test_edited_limits_of_a_heartbeat_hold_from_the_next_engine_on(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    daemon.edit("engine: {heartbeat_timeout: 3}")
    daemon.until("2026-11-24 10:02:02")
    supervisor = daemon.daemon.loop.supervisor
    assert (supervisor.config.heartbeat_timeout, supervisor._patience) == (3, 30)
    daemon.until("2026-11-25 10:00")
    assert supervisor._patience == 3


def test_overdue_fire_that_a_new_calendar_does_not_know_moves_to_the_right_time(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:00", disk=True).until("2026-11-24 09:20")
    daemon.restart()
    daemon.edit("schedule: {calendar_overrides: {2026-11-24: {open: '10:30'}}}")
    daemon.machine.clock.advance(timedelta(minutes=30))
    daemon.until("2026-11-24 11:00")
    assert daemon.runs("rebalance") == [("24 10:35", "ok")]
    assert {row["decision"] for row in daemon.rows(select(orders.c.decision))} == {"1035"}


def test_parked_job_is_told_once(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 03:00", disk=True).until("2026-11-24 03:01")
    daemon.restart()
    connection = sqlite3.connect(daemon.machine.disk)
    with connection:
        connection.execute("UPDATE apscheduler_jobs SET job_state = x'00' WHERE id = 'rebalance'")
    connection.close()
    daemon.until("2026-11-24 10:00")
    assert daemon.alerts("warning") == ["Job rebalance is parked"]


def test_wall_clock_that_goes_back_starves_no_job(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 12:00").until("2026-11-24 12:01")
    daemon.machine.clock.step_wall_clock(timedelta(days=-1))
    daemon.until("2026-11-23 12:05")
    assert daemon.runs("health_check")[-3:] == [("23 12:03", "ok"), ("23 12:04", "ok"), ("23 12:05", "ok")]


def test_job_is_judged_by_the_state_of_its_own_turn(rehearse: Rehearse) -> None:
    jobs = (
        "schedule: {jobs: {early: {session: open + 5m, command: [x], only_when: [trading]},"
        " late: {session: close, command: [x], only_when: [post_market]}}}"
    )
    daemon = rehearse("2026-11-24 04:00", jobs, disk=True).until("2026-11-24 04:03")
    daemon.restart()
    daemon.machine.clock.advance(timedelta(hours=5, minutes=38))
    daemon.until("2026-11-24 16:01")
    assert daemon.runs("early") == [("24 09:41", "ok")]
    assert daemon.runs("late") == [("24 16:00", "ok")]


def test_low_disk_is_told_once_and_so_is_its_end(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 00:00").until("2026-11-24 00:02")
    daemon.machine.free_mb = 50.0
    daemon.until("2026-11-24 00:10")
    assert daemon.alerts() == ["Job health_check failed"]
    assert daemon.of(Alerted)[0].message == "50 MB of disk are free, less than health.min_free_disk_mb 200"
    daemon.machine.free_mb = 5000.0
    daemon.until("2026-11-24 00:12")
    assert daemon.alerts() == ["Job health_check failed", "Job health_check is well again"]


@pytest.mark.parametrize("step", [timedelta(hours=3), timedelta(hours=-3)])
def test_stepped_wall_clock_is_told_and_the_state_follows_it(rehearse: Rehearse, step: timedelta) -> None:
    daemon = rehearse("2026-11-24 08:00").until("2026-11-24 08:01")
    daemon.machine.clock.step_wall_clock(step)
    daemon.turn()
    daemon.turn()
    assert daemon.alerts("warning") == ["Clock jumped"]
    expected = OrchestratorState.TRADING if step > timedelta(0) else OrchestratorState.PRE_MARKET
    daemon.turn()
    assert daemon.daemon.get_state() is expected


def test_listener_that_raises_hurts_nobody(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 00:00")
    told: list[tuple[str, str]] = []

    def broken(event: object) -> None:
        raise ZeroDivisionError

    daemon.daemon.subscribe(broken)
    daemon.daemon.register_state_change_callback(lambda old, new: told.append((old, new)))
    daemon.until("2026-11-24 04:01")
    assert told == [("stopped", "pre_market")]
    assert daemon.states() == ["24 04:00 pre_market"]


def test_added_notifier_hears_every_alert_in_order(rehearse: Rehearse) -> None:
    notifier = MemoryNotifier()
    daemon = rehearse("2026-11-24 09:00")
    daemon.daemon.add_notifier(notifier)
    daemon.until("2026-11-24 09:40")
    daemon.daemon.close()
    assert [message.title for message in notifier.messages] == [
        "Trading",
        "Order filled: AAPL",
        "Order filled: MSFT",
    ]


# --- the object itself ---


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    before = sorted(folder.rglob("*"))
    yield
    assert sorted(folder.rglob("*")) == before


def test_constructing_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with unchanged(tmp_path):
        daemon = TradingOrchestrator("no/such/file.yaml")
        assert (daemon.get_state(), daemon.is_running()) == (OrchestratorState.STOPPED, False)
        daemon.stop()


def test_missing_config_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="config init"):
        TradingOrchestrator(tmp_path / "none.yaml").start()


def test_constructor_overrides_the_config(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 00:00", "schedule: {jobs: {heartbeat: {cron: '@daily'}}}")
    daemon.daemon = TradingOrchestrator(
        daemon.file,
        heartbeat_interval=60,
        health_check_interval=30,
        max_restart_attempts=7,
        restart_cooldown=11,
        world=daemon.machine,
    )
    daemon.until("2026-11-24 00:00")
    loop = daemon.daemon.loop
    schedules = {name: spec.schedule for name, spec in loop.schedule.specs.items()}
    assert (schedules["heartbeat"], schedules["health_check"]) == ("interval 60", "interval 30")
    assert (loop.config.engine.max_restart_attempts, loop.config.engine.restart_cooldown) == (7, 11)


INDISCREET = """
from orchestrator.engine import Strategy

class Indiscreet(Strategy):
    def initialize(self):
        raise OSError("no route to https://example.com/verysecret")
"""


def test_secret_that_an_engine_tells_is_told_to_nobody_and_not_kept(rehearse: Rehearse, strategies: Path) -> None:
    (strategies / "indiscreet.py").write_text(INDISCREET)
    secret = "notifications: {channels: [webhook], webhook_url: 'https://example.com/verysecret'}\n"
    rehearsal = rehearse("2026-11-24 09:29", f'{secret}strategy: {{name: "indiscreet:Indiscreet"}}\n').until(
        "2026-11-24 09:45"
    )
    tables = (alerts, incidents, job_runs, transitions)
    status = snapshot(rehearsal.daemon.loop, rehearsal.now)
    for told in [rehearsal.of(Alerted), *(rehearsal.rows(select(table)) for table in tables), status]:
        assert "no route to ***" in str(told)
        assert "verysecret" not in str(told)


def test_file_of_an_incident_holds_no_secret(tmp_path: Path) -> None:
    with Store("sqlite://") as store:
        kept = Incidents(tmp_path, History(store), Redactor(['gehei"mnü']))
        kept.keep(Incident(at("2026-11-24 10:00"), "crash", "why", "20261124-100000", log_tail=('said gehei"mnü',)))
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["log_tail"] == ["said ***"]
