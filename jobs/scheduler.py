"""The one APScheduler instance: driven by the loop's clock, in the loop's thread, and immune to what it runs.

APScheduler's own loop dies with the first store, trigger or job that raises, submits before it persists, and forgets
overdue runs when jobs are added anew. This one takes `now` as an argument, persists the next run time before a run
begins, so that no crash can repeat it, and says what became of every fire.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.schedulers.base import STATE_RUNNING, BaseScheduler

from calendars import Clock, MarketCalendar
from jobs.durations import format_duration
from jobs.runs import JobRun, RunResult
from jobs.spec import JobSpec, Misfire
from jobs.store import Claim, VolatileJobStore, make_job
from jobs.triggers import SessionTrigger

__all__ = ["Applied", "JobScheduler", "VolatileJobStore", "fire"]

logger = logging.getLogger("orchestrator.jobs")

Starter = Callable[[JobSpec, datetime, str], None]
"""Starts a run of a job that was due at the given time, with a note of what is odd about it. It reports the run's end
itself, and raises nothing."""

RETRY = timedelta(seconds=5)
"""After a store failed: a locked database costs its busy timeout at each try, and the loop has other work."""


def fire(scheduler: "JobScheduler", fired: "Fire") -> None:
    """The entry point that every stored job names."""
    scheduler.start_run(fired.spec, fired.at, fired.note)


class LoopExecutor(BaseExecutor):  # type: ignore[misc]
    """Runs a due job at once, in the loop's own thread. What takes long starts a process and returns."""

    def _do_submit_job(self, job: Job, run_times: "list[Fire]") -> None:
        for fired in run_times:
            job.func(self._scheduler, fired)

    submit_job = _do_submit_job
    """Nothing else submits, and nothing runs on: neither a lock nor a count of instances is needed."""


class Fire(NamedTuple):
    """What a turn makes of a job that is due.

    :param at: the last fire that is due; `missed` more passed before it, from `first` on.
    :param following: the next one, in UTC; None if there is none any more.
    :param refused: why it must not run any more; empty if it may.
    """

    job: Job
    spec: JobSpec
    first: datetime
    at: datetime
    following: datetime | None
    missed: int = 0
    refused: str = ""
    note: str = ""
    broken: str = ""

    @property
    def comes_again(self) -> bool:
        """Whether it may begin though it did before. After the clock was set back, what counts elapsed time must go on;
        a moment of the day or of the session comes once."""
        return self.spec.kind == "interval" and not self.note and not self.refused


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

    :param clock: says from when on a resumed job fires.
    :param store: where jobs are kept; one with claims, such as those of :mod:`jobs.store`.
    :param calendar: tells whether a late fire is still of the same session.
    :param start_run: called for each run that is to begin.
    :param report: called with each fire that did not begin a run, and why.
    :param on_store_failure: called with the error each time the store fails; with None once it works again.
    """

    def __init__(
        self,
        clock: Clock,
        store: Any,
        calendar: MarketCalendar,
        start_run: Starter,
        report: Callable[[JobSpec, JobRun], None],
        on_store_failure: Callable[[Exception | None], None],
    ) -> None:
        self.clock, self.calendar = clock, calendar
        self.start_run, self._report, self._on_store_failure = start_run, report, on_store_failure
        self.store = store
        self._store_failed = False
        super().__init__(timezone=UTC, jobstores={"default": store})

    def _create_default_executor(self) -> LoopExecutor:
        return LoopExecutor()

    def wakeup(self) -> None:
        """Nothing to wake: the loop asks again at every turn."""

    def shutdown(self, wait: bool = True) -> None:
        """Let the stores go; nothing is under way between two turns."""
        super().shutdown(wait)

    # --- the table ---

    def apply(self, specs: Mapping[str, JobSpec], now: datetime) -> Applied:
        """Make the stored jobs those of `specs`, by difference.

        A job whose definition is unchanged keeps its overdue run; its next run time moves only if the calendar now
        gives another one. A paused job stays paused. Parked rows are left alone.

        :raises Exception: what the store raises; what was done until then stands, and applying again completes it.
        """
        wanted = {name: spec for name, spec in specs.items() if spec.enabled}
        stored = {job.id: job for job in self.store.get_all_jobs()}
        applied = Applied()
        for name in sorted(stored.keys() - wanted.keys()):
            self.store.remove_job(name)
            applied.removed.append(name)
        for name, spec in wanted.items():
            self._apply_one(spec, stored.get(name), now, applied)
        return applied

    def _apply_one(self, spec: JobSpec, old: Job | None, now: datetime, applied: Applied) -> None:
        if old is None:
            if spec.name not in getattr(self.store, "parked", ()):
                self._real_add_job(make_job(spec, self._first(spec, now)), "default", False)
                applied.added.append(spec.name)
            return
        paused = old.kwargs["paused"]
        same = old.kwargs["spec"].definition == spec.definition
        overdue = same and old.next_run_time is not None and old.next_run_time <= now and self._is_fire(spec, old)
        at = old.next_run_time if overdue or (same and paused) else self._first(spec, now)
        if not same or at != old.next_run_time:
            self.store.update_job(make_job(spec, at, paused=paused))
            applied.changed.append(spec.name)

    @staticmethod
    def _is_fire(spec: JobSpec, job: Job) -> bool:
        """Whether a stored time is one of the schedule's, by the calendar as it is now."""
        return bool(spec.trigger.last_before(job.next_run_time) == job.next_run_time)

    def pause_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Keep a job from firing until it is resumed, over restarts too.

        :raises JobLookupError: there is no such job.
        """
        job, _ = self._lookup_job(job_id, jobstore)
        self.store.update_job(make_job(job.kwargs["spec"], None, paused=True))

    def resume_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Have a paused job fire again from now on; what it would have fired meanwhile is forgotten.

        :raises JobLookupError: there is no such job.
        """
        job, _ = self._lookup_job(job_id, jobstore)
        spec = job.kwargs["spec"]
        self.store.update_job(make_job(spec, self._first(spec, self.clock.now())))

    @staticmethod
    def _first(spec: JobSpec, now: datetime) -> datetime | None:
        return _utc(spec.trigger.get_next_fire_time(None, now))

    # --- one turn ---

    def process(self, now: datetime) -> datetime:
        """Begin everything that is due at `now`; returns when to ask again. It never raises."""
        if self.state != STATE_RUNNING:
            return now + RETRY
        try:
            for fired in self._claimed(now):
                self._begin_or_report(fired)
            wake = self.store.get_next_run_time()
        except Exception as error:  # noqa: BLE001 - a store may raise anything; the loop must outlive it
            self._store_failed = True
            self._on_store_failure(error)
            return now + RETRY
        if self._store_failed:
            self._store_failed = False
            self._on_store_failure(None)
        return now + timedelta(days=1) if wake is None else max(wake, now)

    def _look(self, job: Job, now: datetime) -> Fire:
        spec: JobSpec = job.kwargs["spec"]
        trigger, first, refused, note = spec.trigger, job.next_run_time, "", ""
        try:
            last, following = trigger.around(now)
            at = first if last is None or (last < first and trigger.last_before(first) == first) else last
            missed = trigger.count(first, at) - 1 if at > first else 0
            if now - at > spec.grace:
                refused, note = self._judge(spec, at, now)
        except Exception as error:  # noqa: BLE001 - a user's calendar data may break a trigger; it costs one job only
            # An hour later, so that one broken schedule neither spins the loop nor stops the others.
            text = f"its schedule failed: {type(error).__name__}: {error}; next try in an hour"
            return Fire(job, spec, first, first, now + timedelta(hours=1), broken=text)
        return Fire(job, spec, first, at, _utc(following), missed, refused, note)

    def _claimed(self, now: datetime) -> list[Fire]:
        """What is due and ours: the next run times are persisted first, only then may the runs begin."""
        due = self.store.get_due_jobs(now)
        if not due:
            return []
        fires = [self._look(job, now) for job in due]
        for each in fires:
            each.job.next_run_time = each.following
        try:
            ours = self.store.claim([Claim(each.job, each.at, each.comes_again) for each in fires])
        except Exception:
            for each in fires:
                each.job.next_run_time = each.first
            raise
        return [each for each, is_ours in zip(fires, ours, strict=True) if is_ours]

    def _begin_or_report(self, fired: Fire) -> None:
        if fired.broken:
            self._tell(fired.spec, fired.at, RunResult.FAILED, fired.broken)
            return
        if fired.missed:
            text = f"{fired.missed} earlier fires passed while the daemon was away or busy"
            self._tell(fired.spec, fired.first, RunResult.MISSED, text)
        if fired.refused:
            self._tell(fired.spec, fired.at, RunResult.MISSED, fired.refused)
            return
        self._executors["default"].submit_job(fired.job, [fired])

    def _judge(self, spec: JobSpec, at: datetime, now: datetime) -> tuple[str, str]:
        """Why a late fire must not run any more, if so, and else what is odd about it."""
        text = f"{format_duration((now - at).total_seconds() // 1)} late"
        if spec.misfire is Misfire.SKIP:
            return f"{text}, and misfire: skip allows {format_duration(spec.grace.total_seconds())}", ""
        if spec.misfire is Misfire.RUN_IF_SAME_SESSION and self._over(spec, at, now):
            return f"{text}, and its session is over", ""
        return "", f"caught up, {text}"

    def _over(self, spec: JobSpec, at: datetime, now: datetime) -> bool:
        """Whether the part of the day that a fire belongs to has ended.

        A moment of a session belongs to its trading, or if it is later to its post-market. Any other time belongs to
        its date at the exchange.
        """
        if isinstance(spec.trigger, SessionTrigger):
            session = spec.trigger.session_of(at)
            end = next((each for each in (session.close, session.post_close) if at < each), None)
            if end is not None:
                return now >= end
        zone = self.calendar.exchange_timezone
        return at.astimezone(zone).date() != now.astimezone(zone).date()

    def _tell(self, spec: JobSpec, at: datetime, result: RunResult, reason: str) -> None:
        self._report(spec, JobRun(spec.name, at, None, None, result, reason))


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
