"""The one APScheduler instance: driven by the loop's clock, in the loop's thread, and immune to what it runs.

APScheduler's own loop dies with the first store, trigger or job that raises, submits before it persists, and forgets
overdue runs when jobs are added anew. This one takes `now` as an argument, persists the next run time before a run
begins, so that no crash can repeat it, and says what became of every fire.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.base import STATE_RUNNING, BaseScheduler

from calendars import Clock, MarketCalendar
from jobs.durations import format_duration
from jobs.runs import JobRun, RunResult
from jobs.spec import JobSpec, Misfire
from jobs.store import make_job

__all__ = ["Applied", "JobScheduler", "MemoryJobStore", "fire"]

logger = logging.getLogger("orchestrator.jobs")

Starter = Callable[[JobSpec, datetime], None]
"""Starts a run of a job that was due at the given time; it reports the run's end itself, and raises nothing."""

RETRY = timedelta(seconds=5)
"""After a store failed: a locked database costs its busy timeout at each try, and the loop has other work."""


def fire(scheduler: "JobScheduler", spec: JobSpec, scheduled_at: datetime) -> None:
    """The entry point that every stored job names."""
    scheduler.begin(spec, scheduled_at)


class LoopExecutor(BaseExecutor):  # type: ignore[misc]
    """Runs a due job at once, in the loop's own thread. What takes long starts a process and returns."""

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        job.func(self._scheduler, job.kwargs["spec"], run_times[0])
        self._instances[job.id] -= 1


@dataclass(frozen=True, slots=True)
class Applied:
    """How the job table changed: names, in order."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)

    def __str__(self) -> str:
        parts = ((kind, getattr(self, kind)) for kind in ("added", "changed", "removed"))
        return "; ".join(f"{kind} {', '.join(names)}" for kind, names in parts if names) or "no change"


class JobScheduler(BaseScheduler):  # type: ignore[misc]
    """Runs what is due when it is asked to.

    :param clock: read wherever APScheduler would read the machine's clock.
    :param store: where jobs are kept.
    :param calendar: tells whether a late fire is still of the same session.
    :param start_run: called for each run that is to begin.
    :param report: called with each fire that did not begin a run, and why.
    :param on_store_failure: called with the error each time the store fails; with None once it works again.
    """

    def __init__(
        self,
        clock: Clock,
        store: BaseJobStore,
        calendar: MarketCalendar,
        start_run: Starter,
        report: Callable[[JobRun], None],
        on_store_failure: Callable[[Exception | None], None],
    ) -> None:
        self.clock, self.calendar = clock, calendar
        self._start_run, self._report, self._on_store_failure = start_run, report, on_store_failure
        self._store = store
        self._store_failed = False
        super().__init__(timezone=UTC, jobstores={"default": store})

    def _create_default_executor(self) -> LoopExecutor:
        return LoopExecutor()

    def wakeup(self) -> None:
        """Nothing to wake: the loop asks again at every turn."""

    def shutdown(self, wait: bool = True) -> None:
        """Let the stores go; nothing is under way between two turns."""
        super().shutdown(wait)

    def begin(self, spec: JobSpec, scheduled_at: datetime) -> None:
        self._start_run(spec, scheduled_at)

    # --- the table ---

    def apply(self, specs: Mapping[str, JobSpec], now: datetime) -> Applied:
        """Make the stored jobs those of `specs`, by difference.

        A job whose definition is unchanged keeps its overdue run; its next run time moves only if the calendar now
        gives another one. Parked rows are left alone.

        :raises Exception: what the store raises; what was done until then stands, and applying again completes it.
        """
        wanted = {name: spec for name, spec in specs.items() if spec.enabled}
        stored = {job.id: job for job in self._store.get_all_jobs()}
        applied = Applied()
        for name in stored.keys() - wanted.keys():
            self._store.remove_job(name)
            applied.removed.append(name)
        for name, spec in wanted.items():
            self._apply_one(spec, stored.get(name), now, applied)
        applied.removed.sort()
        return applied

    def _apply_one(self, spec: JobSpec, old: Job | None, now: datetime, applied: Applied) -> None:
        if old is None:
            if spec.name not in getattr(self._store, "parked", ()):
                self._real_add_job(make_job(spec, self._first(spec, now)), "default", False)
                applied.added.append(spec.name)
            return
        same = old.kwargs["spec"].definition == spec.definition
        overdue = same and old.next_run_time is not None and old.next_run_time <= now
        at = old.next_run_time if overdue else self._first(spec, now)
        if not same or at != old.next_run_time:
            self._store.update_job(make_job(spec, at))
            applied.changed.append(spec.name)

    @staticmethod
    def _first(spec: JobSpec, now: datetime) -> datetime | None:
        at = spec.trigger.get_next_fire_time(None, now)
        return None if at is None else at.astimezone(UTC)

    # --- one turn ---

    def process(self, now: datetime) -> datetime:
        """Begin everything that is due at `now`; returns when to ask again. It never raises."""
        if self.state != STATE_RUNNING:
            return now + RETRY
        try:
            for job in self._store.get_due_jobs(now):
                self._process_one(job, now)
            wake = self._store.get_next_run_time()
        except Exception as error:  # noqa: BLE001 - a store may raise anything; the loop must outlive it
            self._failed(error)
            return now + RETRY
        if self._store_failed:
            self._store_failed = False
            self._on_store_failure(None)
        return now + timedelta(days=1) if wake is None else max(wake, now)

    def _process_jobs(self) -> float:
        """APScheduler's name for a turn: seconds until the next one."""
        now = self.clock.now()
        return (self.process(now) - now).total_seconds()

    def _failed(self, error: Exception) -> None:
        self._store_failed = True
        self._on_store_failure(error)

    def _process_one(self, job: Job, now: datetime) -> None:
        spec: JobSpec = job.kwargs["spec"]
        first = job.next_run_time
        try:
            last = spec.trigger.last_before(now)
            following = spec.trigger.next_after(now)
            missed = 0 if last is None or last <= first else spec.trigger.count(first, last) - 1
        except Exception as error:  # noqa: BLE001 - a user's calendar data may break a trigger; one job only
            self._broken_trigger(job, now, error)
            return
        if not self._claim(job, following):
            return
        at = first if last is None else max(first, last)
        if missed > 0:
            self._tell(spec, first, RunResult.MISSED, f"{missed} earlier fires passed while the daemon was away")
        reason = self._misfired(spec, at, now)
        if reason:
            self._tell(spec, at, RunResult.MISSED, reason)
            return
        self._executors["default"].submit_job(job, [at])

    def _claim(self, job: Job, following: datetime | None) -> bool:
        """Persist the next run time; only then may the run begin. False if somebody else removed the job."""
        before = job.next_run_time
        job.next_run_time = None if following is None else following.astimezone(UTC)
        try:
            self._store.update_job(job)
        except JobLookupError:
            return False
        except Exception:
            job.next_run_time = before
            raise
        return True

    def _broken_trigger(self, job: Job, now: datetime, error: Exception) -> None:
        """Try again in an hour, so that one broken schedule neither spins the loop nor stops the others."""
        scheduled_at = job.next_run_time
        if self._claim(job, now + timedelta(hours=1)):
            reason = f"its schedule failed: {type(error).__name__}: {error}; next try in an hour"
            self._tell(job.kwargs["spec"], scheduled_at, RunResult.FAILED, reason)

    def _misfired(self, spec: JobSpec, at: datetime, now: datetime) -> str:
        """Why a late fire must not run any more; empty if it may."""
        late = now - at
        if late <= spec.grace or spec.misfire is Misfire.RUN:
            return ""
        text = f"{format_duration(late.total_seconds() // 1)} late"
        if spec.misfire is Misfire.SKIP:
            return f"{text}, and misfire: skip allows {format_duration(spec.grace.total_seconds())}"
        if self._session_date(at) == self._session_date(now):
            return ""
        return f"{text}, and its session is over"

    def _session_date(self, t: datetime) -> object:
        """The exchange date, as long as its trading day (pre-open to the end of post-market) goes on."""
        return t.astimezone(self.calendar.exchange_timezone).date()

    def _tell(self, spec: JobSpec, at: datetime, result: RunResult, reason: str) -> None:
        self._report(JobRun(spec.name, at, None, None, result, reason))
