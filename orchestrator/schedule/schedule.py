"""The jobs of the config in force, and the scheduler that runs them."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from calendars import Clock, MarketCalendar
from jobs import JobSpec, Misfire, parse_job
from jobs.scheduler import JobScheduler, Starter
from jobs.store import SpecReader
from orchestrator.alerts.alarms import Alarms
from orchestrator.schedule.ledger import JobLedger

__all__ = ["RETRY", "Schedule"]

logger = logging.getLogger("orchestrator")

RETRY = timedelta(seconds=5)
"""After the store failed: a locked one costs its busy timeout at each try, and the loop has other work."""


class Schedule:
    """Keeps the stored jobs those of the config, and runs what is due.

    :param make_store: makes the job store, given what reads a stored definition.
    :param start_run: begins a run of a job.
    """

    def __init__(
        self,
        specs: Mapping[str, JobSpec],
        calendar: MarketCalendar,
        clock: Clock,
        ledger: JobLedger,
        alarms: Alarms,
        make_store: Callable[[SpecReader], Any],
        start_run: Starter,
    ) -> None:
        self.specs, self._calendar = specs, calendar
        self._clock, self._ledger, self._alarms = clock, ledger, alarms
        self._unapplied = True
        self._next_apply = self._next_look = clock.now()
        self._parked: frozenset[str] = frozenset()
        self.scheduler = JobScheduler(
            clock, make_store(self._read_spec), calendar, start_run, ledger.not_begun, self._store_told
        )

    def follow(self, specs: Mapping[str, JobSpec], calendar: MarketCalendar, now: datetime) -> None:
        """Other jobs, or another calendar, are in force from now on."""
        self.specs, self._calendar = specs, calendar
        self.scheduler.calendar = calendar
        self.recompute(now)

    def recompute(self, now: datetime) -> None:
        """Compute the fires to come anew."""
        self._unapplied, self._next_apply = True, now

    def try_now(self, now: datetime) -> None:
        """Do in this turn what was to be tried later: after a step back of the clock that would be far away."""
        self._next_apply = self._next_look = now

    def step(self, now: datetime) -> datetime:
        """Begin everything that is due; returns when to be asked again."""
        if now < self._next_look:
            return self._next_look
        if self._unapplied:
            self._apply(now)
        wake = self.scheduler.process(now)
        if self._unapplied and now >= self._next_apply:  # a reload was among the jobs
            self._apply(now)
            wake = self.scheduler.process(now)
        self._tell_of_parked(now)
        return min(wake, self._next_apply) if self._unapplied else wake

    def due_decision(self, now: datetime) -> datetime | None:
        """When the last decision of the session of now was due; None if none was, or none is to be made up for."""
        spec, session = self.specs["rebalance"], self._calendar.session(now)
        if session is None or not spec.enabled or spec.misfire is Misfire.SKIP or spec.only_when:
            return None
        at = spec.trigger.last_before(now)
        due = at is not None and session.open <= at < session.close and not self._is_paused(spec.name)
        return at if due else None

    def close(self) -> None:
        """Let the job store go."""
        if self.scheduler.running:
            self.scheduler.shutdown(wait=False)

    def _is_paused(self, name: str) -> bool:
        """Whether an operator has paused a job; if the store can't be read, it is taken for paused."""
        try:
            job = self.scheduler.store.lookup_job(name)
        except SQLAlchemyError:
            return True
        return bool(job is not None and job.kwargs["paused"])

    def _read_spec(self, name: str, definition: Mapping[str, Any]) -> JobSpec:
        """A stored job's spec: nearly always that of the config, which need not be read again."""
        spec = self.specs.get(name)
        known = spec is not None and spec.definition == definition
        return spec if spec is not None and known else parse_job(name, definition, self._calendar)

    def _apply(self, now: datetime) -> None:
        """Make the stored jobs those of the config, which they may not be; tried again while the store is locked."""
        if now < self._next_apply:
            return
        try:
            if not self.scheduler.running:
                self.scheduler.start()
            applied = self.scheduler.apply(self.specs, now)
        except SQLAlchemyError as error:
            self._store_told(error)
            self._next_apply = now + RETRY
            return
        self._unapplied = False
        if applied:
            logger.info("jobs: %s", applied)

    def _store_told(self, error: Exception | None) -> None:
        if error is not None:
            self._next_look = self._clock.now() + RETRY
        self._ledger.store_told(error)

    def _tell_of_parked(self, now: datetime) -> None:
        parked: Mapping[str, str] = getattr(self.scheduler.store, "parked", {})
        if not parked and not self._parked:
            return
        for name in parked.keys() - self._parked:
            self._alarms.job_parked(name, parked[name], now)
        self._parked = frozenset(parked)
