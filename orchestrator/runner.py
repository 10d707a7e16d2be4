"""Begins the runs of jobs and says how they ended.

The built-in jobs run here and now, in the loop: each is short. Everything that a user brings runs in a process of its
own, with a deadline, its output kept.
"""

import json
import logging
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from calendars import Clock, MarketCalendar
from jobs import JobContext, JobFailed, JobRun, JobSkipped, JobSpec, RunResult
from jobs.builtin import BODIES
from orchestrator.child import Child, python_module
from orchestrator.inbox import Inbox

__all__ = ["JobRunner"]

logger = logging.getLogger("orchestrator.jobs")

OUTPUT_LIMIT = 8192
"""Characters of a run's output that are kept: the last ones."""


class JobRunner:
    """The scheduler's starter.

    :param context: what the built-in bodies ask of the daemon.
    :param state: the orchestrator's state now, for ``only_when``.
    :param report: takes every run that ended, and every one that did not begin.
    :param environment: variables for the processes of users' jobs.
    """

    def __init__(
        self,
        clock: Clock,
        calendar: MarketCalendar,
        inbox: Inbox,
        context: JobContext,
        state: Callable[[], str],
        report: Callable[[JobSpec, JobRun], None],
        folder: Path,
        environment: Callable[[], Mapping[str, str]],
    ) -> None:
        self.clock, self.calendar, self.inbox = clock, calendar, inbox
        self._context, self._state, self._report = context, state, report
        self._folder, self._environment = folder, environment
        self._running: dict[str, UserRun] = {}

    def start(self, spec: JobSpec, scheduled_at: datetime) -> None:
        """Begin a run, or say why not. It raises nothing."""
        now = self.clock.now()
        if reason := self._forbidden(spec, now):
            self._report(spec, JobRun(spec.name, scheduled_at, None, None, RunResult.SKIPPED, reason))
        elif spec.builtin:
            self._run_here(spec, scheduled_at, now)
        elif spec.name in self._running:
            reason = f"the run of {self._running[spec.name].scheduled_at.isoformat()} is still going on"
            self._report(spec, JobRun(spec.name, scheduled_at, None, None, RunResult.OVERLAPPED, reason))
        else:
            self._spawn(spec, scheduled_at, now)

    def step(self, monotonic: float) -> float | None:
        """End what is over its time; returns the seconds until the next deadline."""
        for run in self._running.values():
            if monotonic >= run.deadline and not run.timed_out:
                run.timed_out = True
                run.child.kill()
        waits = [run.deadline - monotonic for run in self._running.values() if not run.timed_out]
        return max(0.0, min(waits)) if waits else None

    def close(self) -> None:
        """End what still runs, and say so."""
        for run in list(self._running.values()):
            run.child.close()
            self.finished(run, None, self.clock.now())

    def finished(self, run: "UserRun", code: int | None, now: datetime) -> None:
        if self._running.pop(run.spec.name, None) is not run:
            return  # closed while its end was on the way
        result, reason = _verdict(run, code)
        self._report(
            run.spec,
            JobRun(run.spec.name, run.scheduled_at, run.started_at, now, result, reason, code, run.output.strip()),
        )

    def _forbidden(self, spec: JobSpec, now: datetime) -> str:
        state = self._state()
        if spec.only_when and state not in spec.only_when:
            return f"the state is {state}, and the job runs only when {' or '.join(sorted(spec.only_when))}"
        if spec.trading_days_only and not self.calendar.is_trading_day(now):
            return f"no trading day: {self.calendar.why(now.astimezone(self.calendar.timezone).date())}"
        return ""

    def _run_here(self, spec: JobSpec, scheduled_at: datetime, now: datetime) -> None:
        try:
            reason, result = BODIES[spec.name](self._context, scheduled_at), RunResult.OK
        except JobSkipped as skipped:
            reason, result = str(skipped), RunResult.SKIPPED
        except JobFailed as failed:
            reason, result = str(failed), RunResult.FAILED
        except Exception as error:
            logger.exception("job %s raised", spec.name)
            reason, result = f"{type(error).__name__}: {error}", RunResult.FAILED
        self._report(spec, JobRun(spec.name, scheduled_at, now, self.clock.now(), result, reason))

    def _spawn(self, spec: JobSpec, scheduled_at: datetime, now: datetime) -> None:
        if isinstance(spec.action, tuple):
            command = list(spec.action)
        else:
            command = python_module("orchestrator.task", spec.action)
        environment = {
            **os.environ,
            **self._environment(),
            "ORCHESTRATOR_JOB": spec.name,
            "ORCHESTRATOR_SCHEDULED_AT": scheduled_at.astimezone(self.calendar.timezone).isoformat(),
        }
        run = UserRun(self, spec, scheduled_at, now, self.clock.monotonic() + spec.timeout.total_seconds())
        try:
            run.child = Child(self.inbox, run, command, cwd=self._folder, env=environment, capture=True)
        except OSError as error:
            reason = f"{command[0]!r} can't be started: {error.strerror or error}"
            self._report(spec, JobRun(spec.name, scheduled_at, now, now, RunResult.FAILED, reason))
            return
        self._running[spec.name] = run


class UserRun:
    """A user's job, running in its process."""

    child: Child

    def __init__(
        self, runner: JobRunner, spec: JobSpec, scheduled_at: datetime, started_at: datetime, deadline: float
    ) -> None:
        self.runner, self.spec, self.scheduled_at = runner, spec, scheduled_at
        self.started_at, self.deadline = started_at, deadline
        self.timed_out = False
        self.output = ""

    def receive(self, message: Any, now: datetime) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.output = (self.output + text)[-OUTPUT_LIMIT:]

    def ended(self, code: int, now: datetime) -> None:
        self.runner.finished(self, code, now)


def _verdict(run: UserRun, code: int | None) -> tuple[RunResult, str]:
    if run.timed_out:
        return RunResult.TIMEOUT, f"killed after its timeout of {run.spec.timeout.total_seconds():g} s"
    if code is None:
        return RunResult.FAILED, "ended because the daemon stopped"
    if code == 0:
        return RunResult.OK, ""
    last = run.output.strip().rpartition("\n")[2]
    ending = f"exit code {code}" if code > 0 else f"signal {-code}"
    return RunResult.FAILED, f"{ending}: {last}" if last else ending
