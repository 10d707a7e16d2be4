"""What the daemon does for its built-in jobs."""

import logging
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from calendars import MarketCalendar, MarketState, Session
from jobs import Errand, JobFailed, JobSkipped
from notifiers import AlertLevel
from orchestrator.alerts.report import SessionReport, reported_session, session_report, starting_cash
from orchestrator.schedule.housekeeping import Chores
from orchestrator.status.outlook import next_step
from orchestrator.status.status import ailment, snapshot
from orchestrator.supervision.health import problems

if TYPE_CHECKING:
    from orchestrator.loop import Loop

__all__ = ["Duties", "decision_label"]

logger = logging.getLogger("orchestrator")


class Duties:
    """The context of the built-in job bodies."""

    def __init__(self, loop: "Loop") -> None:
        self._loop = loop

    def announce_session(self, scheduled_at: datetime) -> str:
        calendar = self._loop.calendar
        day = scheduled_at.astimezone(calendar.exchange_timezone).date()
        text = f"{calendar.name} {day:%a %d %b %Y}: {calendar.why(day)}"
        logger.info("%s", text)
        return text

    def heartbeat(self) -> str:
        loop, now = self._loop, self._loop.clock.now()
        parts = [f"state {loop.state}", f"engine {loop.supervisor.state}"]
        if loop.account is not None:
            parts.append(f"equity {loop.account.equity:,.2f}")
        parts.append(next_step(loop.calendar, now))
        text = ", ".join(parts)
        logger.info("heartbeat: %s", text)
        if loop.world.shared:
            loop.ping.beat(ailment({**snapshot(loop, now), "silent_s": 0.0}), now)
        return text

    def check_health(self) -> str:
        loop = self._loop
        free = loop.free_disk_mb()
        loop.problems = problems(loop.supervisor, loop.config.health, wanted=loop.engine_wanted, free_mb=free)
        loop.mark_changed()
        failing = loop.history.failing  # the status says that itself, and for no longer than it lasts
        if found := [*loop.problems, *([f"the store can't be written: {failing}"] if failing else [])]:
            raise JobFailed("; ".join(found))
        return f"engine {loop.supervisor.state}, {free / 1000:.0f} GB of disk free"

    def reload_config(self) -> str:
        adoption = self._loop.adoption
        seen = adoption.look(self._loop.clock.now())
        if adoption.rejected and seen == adoption.rejected:
            raise JobFailed(seen)
        return seen

    def rebalance(self, scheduled_at: datetime) -> str:
        loop = self._loop
        if loop.calendar.get_market_state(loop.clock.now()) is not MarketState.TRADING:
            raise JobSkipped("the market is not open")
        label = decision_label(scheduled_at, loop.calendar)
        if loop.operator.halted is not None:
            raise JobSkipped("trading is halted")
        if loop.decide(label):
            return f"decision {label} is with the engine; if it is made already, or comes too soon, nothing is ordered"
        return f"decision {label} waits until the engine runs (now: {loop.supervisor.state})"

    def report_session(self, scheduled_at: datetime) -> str:
        loop, now = self._loop, self._loop.clock.now()
        session = reported_session(loop.calendar, scheduled_at)
        if session is None:
            raise JobSkipped("there was no session in the last 30 days")
        today, day = (at.astimezone(loop.calendar.exchange_timezone).date() for at in (now, scheduled_at))
        if today != day:
            raise JobSkipped(f"its day is over; to read it: orchestrator report --date {session.date}")
        report = self._report(session, now)
        loop.alarms.raise_alert(AlertLevel.INFO, "heartbeat", report.title(), report.text(), now)
        return report.title()

    def keep_house(self, scheduled_at: datetime) -> Errand | str:
        loop = self._loop
        if loop.store.path is None:
            return "a store in memory has no old history"
        chores = Chores.of(loop.config, loop.source.base_dir, loop.adoption.version, loop.clock.now())
        return Errand("orchestrator.schedule.housekeeping", (chores.text(),))

    def _report(self, session: Session, now: datetime) -> SessionReport:
        loop = self._loop
        if not loop.history.failing:  # if it is, what waits is left out: the report does not wait with it
            loop.history.flush(force=True)
        account = None if loop.account is None else asdict(loop.account)
        cash = starting_cash(loop.config)
        try:
            return session_report(loop.store, loop.calendar, session, now, starting_cash=cash, account=account)
        except SQLAlchemyError as error:
            raise JobFailed(f"the store can't be read: {getattr(error, 'orig', error)}") from error


def decision_label(at: datetime, calendar: MarketCalendar) -> str:
    """The name of the decision that is due at this time, within its session: exchange time, with seconds if any."""
    local = at.astimezone(calendar.exchange_timezone)
    return f"{local:%H%M%S}" if local.second else f"{local:%H%M}"
