"""What became of the fires of jobs: into the history, to the listeners, and to a human where it matters."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert

from calendars import Clock
from jobs import JobRun, JobSpec, RunResult
from orchestrator.alerts.alarms import Alarms
from orchestrator.correlation import about
from orchestrator.events import JobRan
from orchestrator.history import History, Prepared
from orchestrator.store import Store, job_runs
from orchestrator.store.columns import instant_text

__all__ = ["JobLedger"]

logger = logging.getLogger("orchestrator.jobs")


def _row(run: JobRun) -> tuple[Any, ...]:
    """In the order of the columns. Most runs of the daemon's own jobs begin on time, and are over in no time."""
    job, scheduled_at, started_at, finished_at, result, reason, exit_code, output = run
    due = instant_text(scheduled_at)
    begun = due if started_at == scheduled_at else instant_text(started_at)
    return (
        job,
        due,
        begun,
        begun if finished_at == started_at else instant_text(finished_at),
        None if result is None else result.value,
        reason,
        exit_code,
        output,
    )


FIRE = ["job", "scheduled_at"]
INSERT = insert(job_runs)
UPSERT = INSERT.on_conflict_do_update(
    index_elements=FIRE, set_={name: INSERT.excluded[name] for name in JobRun._fields if name not in FIRE}
)
"""A fire has one row, from its claim to its end."""

WRITE = Prepared.of(UPSERT, JobRun._fields, _row)

LEVELS: Mapping[RunResult | None, int] = {
    RunResult.FAILED: logging.WARNING,
    RunResult.TIMEOUT: logging.WARNING,
    RunResult.MISSED: logging.INFO,
    RunResult.OVERLAPPED: logging.INFO,
}
"""What else becomes of a fire is a matter for whoever looks closely: there are thousands a day."""


class JobLedger:
    """Keeps the history of jobs.

    :param redact: masks the secrets of a text: a job of the user's may print what it likes.
    """

    def __init__(
        self,
        store: Store,
        history: History,
        alarms: Alarms,
        publish: Callable[[JobRan], None],
        clock: Clock,
        redact: Callable[[str], str],
    ) -> None:
        self._store, self._history, self._alarms, self._publish, self._clock = store, history, alarms, publish, clock
        self._redact = redact
        self._store_error = ""
        self._said: dict[str, tuple[RunResult | None, str]] = {}
        """The last end of each job."""

    def begun(self, spec: JobSpec, scheduled_at: datetime, now: datetime) -> None:
        """A run has begun in a process of its own."""
        self._history.add(WRITE, JobRun(spec.name, scheduled_at, now, None, None, "going on"))

    def not_begun(self, spec: JobSpec, run: JobRun) -> None:
        """A fire did not begin a run."""
        with about(job=run.job, job_run=run.scheduled_at):
            self.ran(spec, run)

    def ran(self, spec: JobSpec, run: JobRun) -> None:
        """A run has ended; what is logged is about it already."""
        now = self._clock.now()
        reason, output = self._redact(run.reason), run.output and self._redact(run.output)
        if reason != run.reason or output != run.output:
            run = run._replace(reason=reason, output=output)
        self._history.add(WRITE, run)
        logger.log(self._level(run), "job %s %s: %s", run.job, run.result, run.reason)
        self._publish(JobRan(now, run))
        self._alarms.job_ran(spec, run, now)

    def _level(self, run: JobRun) -> int:
        """One that goes on failing in the same way, every minute perhaps, has been heard."""
        again, self._said[run.job] = self._said.get(run.job) == (run.result, run.reason), (run.result, run.reason)
        return logging.DEBUG if again else LEVELS.get(run.result, logging.DEBUG)

    def close_lost(self, specs: Mapping[str, JobSpec]) -> None:
        """Runs that an earlier daemon began and did not live to see the end of: told, and not begun again."""
        for row in self._store.rows(select(job_runs).where(job_runs.c.result.is_(None))):
            reason = "the daemon ended before the run did"
            run = JobRun(row["job"], row["scheduled_at"], row["started_at"], None, RunResult.FAILED, reason)
            if row["job"] in specs:
                self.not_begun(specs[row["job"]], run)
            else:
                self._history.add(WRITE, run)

    def store_told(self, error: Exception | None) -> None:
        """The job store failed, or, with None, works again."""
        now = self._clock.now()
        if error is None:
            self._store_error = ""
            self._alarms.job_store_recovered(now)
        elif str(error) != self._store_error:
            self._store_error = str(error)
            logger.error("job store: %s", getattr(error, "orig", error))
            self._alarms.job_store_failed(error, now)
