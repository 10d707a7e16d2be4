"""The job daily_report in the daemon, on a virtual clock: when it tells what, and what becomes of it on bad days."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from calendars import VirtualClock
from jobs.store import JSONJobStore, SpecReader
from notifiers import AlertLevel
from orchestrator.config import TradingConfig
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import Alerted, Event, JobRan
from orchestrator.rehearsal.simulation import SimulatedWorld
from orchestrator.store import Store, fills, record_claim

NEW_YORK = ZoneInfo("America/New_York")
CONFIG = """\
broker: {broker_type: paper}
strategy: {symbols: [AAPL, MSFT]}
schedule: {jobs: {heartbeat: {interval: 1h}, health_check: {interval: 10m}, config_reload: {interval: 10m}}}
"""


def at(text: str) -> datetime:
    return datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=NEW_YORK)


class Machine(SimulatedWorld):
    """A simulated machine whose disk outlives the daemons that run on it."""

    def __init__(self, disk: Path, start: datetime) -> None:
        super().__init__(start, seed=1)
        self.disk = disk

    def open_store(self, config: TradingConfig, base_dir: Path) -> Store:
        return Store(f"sqlite:///{self.disk}").open()

    def job_store(self, store: Store, read_spec: SpecReader) -> Any:
        return JSONJobStore(store.engine, read_spec, record_claim)


class Desk:
    """Daemons on one machine, one after the other, and what they told."""

    def __init__(self, folder: Path, start: str, config: str = "") -> None:
        self.machine = Machine(folder / "orchestrator.db", at(start))
        self.file = folder / "config.yaml"
        self.file.write_text(CONFIG + config)
        self.events: list[Event] = []
        self._begin()

    def _begin(self) -> None:
        self.daemon = TradingOrchestrator(self.file, world=self.machine)
        self.daemon.subscribe(self.events.append)
        self.daemon.open()

    def until(self, end: str) -> None:
        while self.machine.clock.now() < at(end):
            wake = self.daemon.step(self.machine.clock.now())
            self.machine.clock.wait(self.daemon.loop.inbox, min(wake, at(end)))
        self.daemon.step(self.machine.clock.now())

    def away_until(self, end: str) -> None:
        """No daemon runs, and then one does."""
        self.daemon.close()
        clock = self.machine.clock
        assert isinstance(clock, VirtualClock)
        clock.advance(at(end) - clock.now())
        self._begin()

    def reports(self) -> list[tuple[str, str]]:
        """When each was told, and its title."""
        return [(f"{each.at.astimezone(NEW_YORK):%d %H:%M}", each.title) for each in self._reports()]

    def text(self) -> str:
        """Of the last one."""
        return self._reports()[-1].message

    def _reports(self) -> list[Alerted]:
        return [each for each in self.events if isinstance(each, Alerted) and each.topic == "heartbeat"]

    def runs(self) -> list[tuple[str, str, str]]:
        """When each run of the job was, how it ended, and why."""
        ran = [each for each in self.events if isinstance(each, JobRan) and each.run.job == "daily_report"]
        return [(f"{each.at.astimezone(NEW_YORK):%d %H:%M}", str(each.run.result), each.run.reason) for each in ran]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[Desk] = []

    def make(start: str, config: str = "") -> Desk:
        made.append(Desk(tmp_path, start, config))
        return made[-1]

    yield make
    for each in made:
        each.daemon.close()


Make = Callable[..., Desk]


def test_each_session_is_told_of_a_quarter_of_an_hour_after_its_close(desk: Make) -> None:
    found = desk("24 00:00")
    found.until("28 00:00")
    reports = found.reports()
    assert [when for when, _ in reports] == ["24 16:15", "25 16:15", "27 13:15"]
    assert [title.partition(":")[0] for _, title in reports] == ["Tue 24 Nov", "Wed 25 Nov", "Fri 27 Nov"]
    assert [title.rpartition(", ")[2] for _, title in reports] == ["2 trades", "no trades", "no trades"]
    assert found.text().startswith("Day after Thanksgiving: closes 13:00\n")
    assert "\nEngine up 3h30m of 3h30m\n" in found.text()
    assert found.text().endswith("Next session: Mon 30 Nov 09:30-16:00")
    assert {result for _, result, _ in found.runs()} == {"ok"}


def test_report_is_the_account_s_and_the_fills_to_the_cent(desk: Make) -> None:
    found = desk("24 00:00")
    found.until("24 16:20")
    account = found.daemon.loop.account
    assert account is not None
    rows = found.daemon.loop.store.rows(select(fills))
    commission = sum(Decimal(str(row["commission"])) for row in rows).quantize(Decimal("0.01"))
    lines = found.text().splitlines()
    change = Decimal(str(account.equity)).quantize(Decimal("0.01")) - 100_000
    assert lines[0].startswith(f"Equity {account.equity:,.2f}, {change:+,.2f} (")
    assert f"2 trades, commission {commission:,.2f}" in lines
    for row in rows:
        assert f"{row['symbol']} bought {row['quantity']:g} at {row['price']:,.2f}" in lines
    for held in account.positions:
        weight = held["quantity"] * held["price"] / account.equity
        assert f"{held['symbol']} {held['quantity']:g} ({weight:.1%})".replace("%", " %") in lines


def test_report_is_no_louder_than_info(desk: Make) -> None:
    found = desk("24 00:00")
    found.until("24 16:20")
    (alert,) = found._reports()
    assert alert.level is AlertLevel.INFO
    assert alert.title not in [message.title for message in found.machine.notifier.messages]


def test_report_is_sent_to_those_who_want_to_hear_of_info(desk: Make) -> None:
    notifications = "alert_levels: [info], channels: [webhook], webhook_url: 'http://127.0.0.1:9/'"
    found = desk("24 00:00", f"notifications: {{{notifications}}}\n")
    found.until("24 16:20")
    assert found.reports()[0][1] in [message.title for message in found.machine.notifier.messages]


def test_daemon_that_was_down_at_noon_tells_so(desk: Make) -> None:
    found = desk("24 09:00")
    found.until("24 12:00")
    found.away_until("24 12:30")
    found.until("24 16:20")
    assert "\nEngine up 6h of 6h30m\n12:00-12:30 the daemon was not running\n" in found.text()


def test_halted_day_is_told(desk: Make) -> None:
    found = desk("23 15:00")
    found.until("23 16:30")
    found.daemon.loop.operator.halt("strange prices", False, found.machine.clock.now())
    found.until("24 16:20")
    when, title = found.reports()[-1]
    assert (when, title) == ("24 16:15", "Tue 24 Nov: no equity recorded, no trades")
    assert "No equity recorded; it was " in found.text()
    assert "\nEngine up 0s of 6h30m\n09:30-16:00 halted: strange prices\n" in found.text()


@pytest.mark.parametrize("back", ["24 16:40", "24 19:00", "24 23:30"])
def test_late_report_is_told_on_the_same_day(desk: Make, back: str) -> None:
    found = desk("24 09:00")
    found.until("24 16:05")
    found.away_until(back)
    found.until("24 23:59")
    assert [when for when, _ in found.reports()] == [back]
    assert found.reports()[0][1].startswith("Tue 24 Nov: ")
    assert found.reports()[0][1].endswith(", 2 trades")
    (run,) = found.runs()
    assert run[1] == "ok"
    assert run[2].startswith("caught up, ")


def test_report_of_a_day_that_is_over_is_left_to_the_command(desk: Make) -> None:
    found = desk("24 09:00")
    found.until("24 16:05")
    found.away_until("25 08:00")
    found.until("25 16:20")
    assert [when for when, _ in found.reports()] == ["25 16:15"]
    (late, told) = found.runs()
    assert late[1] == "skipped"
    assert late[2].endswith("its day is over; to read it: orchestrator report --date 2026-11-24")
    assert told[1] == "ok"


def test_report_can_be_had_by_hand_while_the_session_goes_on(desk: Make) -> None:
    found = desk("24 09:00")
    found.until("24 11:00")
    loop = found.daemon.loop
    answer = loop.runner.run_now(loop.schedule.specs["daily_report"], found.machine.clock.now())
    assert answer.startswith("ok: asked for by an operator; Tue 24 Nov so far: ")
    assert "\nEngine up 1h30m of 1h30m\n" in found.text()


def test_store_that_cannot_be_read_fails_the_job_and_nothing_else(desk: Make) -> None:
    found = desk("24 09:00")
    found.until("24 16:05")
    with closing(sqlite3.connect(found.machine.disk)) as connection:
        connection.execute("DROP TABLE fills")
    found.until("24 16:20")
    assert [run[1:] for run in found.runs()] == [("failed", "the store can't be read: no such table: fills")]
    told = [each.title for each in found.events if isinstance(each, Alerted)]
    assert told[-1] == "Job daily_report failed"


def test_store_that_cannot_be_written_does_not_hold_up_the_report(desk: Make) -> None:
    found = desk("24 09:00")
    found.until("24 16:14")
    found.daemon.loop.history.flush(force=True)
    found.daemon.loop.history.failing = "database or disk is full"
    found.until("24 16:15")
    assert [when for when, _ in found.reports()] == ["24 16:15"]
