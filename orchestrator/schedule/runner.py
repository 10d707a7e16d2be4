"""Begins the runs of jobs and says how they ended.

The built-in jobs run here and now, in the loop: each is short, or sends a process on an errand. Everything that a user
brings runs in a process of its own, with a deadline, its output kept. However many of them hang, a turn of the loop
starts a few and goes on.
"""

import json
import logging
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from calendars import Clock, MarketCalendar
from jobs import JobContext, JobFailed, JobRun, JobSkipped, JobSpec, Overlap, RunResult
from jobs.builtin import BODIES, Errand
from orchestrator.config.references import Surroundings, Unresolvable, resolve_each
from orchestrator.correlation import about
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Receiver, module_environment, python_module

__all__ = ["JobRunner", "Planned", "Process"]

logger = logging.getLogger("orchestrator.jobs")

OUTPUT_LIMIT = 8192
"""Characters of a run's output that are kept: the last ones."""

STARTS_PER_TURN = 8
"""Processes that one turn starts; each costs the loop a few milliseconds."""

MOST_PROCESSES = 200
"""Users' processes at one time; further runs wait for a place."""

FIRST_RETRY = 10.0
"""Seconds before the first retry; each further one waits twice as long, up to ten minutes."""

LONGEST_RETRY = 600.0


class Process(Protocol):
    """A user's process, whose output and end its receiver hears."""

    pid: int

    def terminate(self) -> None:
        """Ask it and all that it started to end."""

    def kill(self) -> None:
        """End it and all that it started; its receiver hears of it."""

    def close(self) -> None:
        """The same, at once and unheard."""


Spawn = Callable[[Inbox, Receiver, Sequence[str], Path, Mapping[str, str]], Process]
"""Starts a command in a folder with an environment; raises OSError."""


class Planned(NamedTuple):
    """A run that is to begin.

    :param not_before: on the monotonic clock.
    :param note: what is odd about it, for its history.
    :param failure: why the attempt before failed.
    """

    spec: JobSpec
    scheduled_at: datetime
    note: str = ""
    attempt: int = 1
    not_before: float = 0.0
    failure: str = ""


class JobRunner:
    """The scheduler's starter.

    :param context: what the built-in bodies ask of the daemon.
    :param state: the orchestrator's state now, for ``only_when``.
    :param settling: whether that is about to be another, because the engine is starting.
    :param report: takes every run that ended, and every one that did not begin; what is logged is about it.
    :param begun: takes every run that began in a process of its own, and when.
    :param environment: variables for the processes of users' jobs.
    :param spawn: starts these processes.
    """

    def __init__(
        self,
        clock: Clock,
        calendar: MarketCalendar,
        inbox: Inbox,
        context: JobContext,
        state: Callable[[], str],
        settling: Callable[[], bool],
        report: Callable[[JobSpec, JobRun], None],
        begun: Callable[[JobSpec, datetime, datetime], None],
        folder: Path,
        environment: Callable[[], Mapping[str, str]],
        rng: random.Random,
        spawn: Spawn,
    ) -> None:
        self.clock, self.calendar, self.inbox = clock, calendar, inbox
        self._context, self._state, self._settling = context, state, settling
        self._report, self._begun = report, begun
        self._folder, self._environment, self._rng, self._spawn_process = folder, environment, rng, spawn
        self._running: dict[str, UserRun] = {}
        self._planned: list[Planned] = []
        self._queued: dict[str, Planned] = {}
        self._retrying: dict[str, Planned] = {}
        self._draining = False
        self._at_work: Planned | None = None

    def job(self) -> str:
        """The name of the built-in job whose body is running; empty between two of them."""
        return "" if self._at_work is None else self._at_work.spec.name

    def job_run(self) -> str:
        """The fire that it was due at, in ISO 8601."""
        return "" if self._at_work is None else self._at_work.scheduled_at.isoformat()

    def start(self, spec: JobSpec, scheduled_at: datetime, note: str = "") -> None:
        """Begin a run, now or as soon as its jitter says, or say why not. It raises nothing."""
        if spec.builtin and not spec.jitter:
            self._begin(Planned(spec, scheduled_at, note))
            return
        delay = self._rng.uniform(0, spec.jitter.total_seconds()) if spec.jitter else 0.0
        self._planned.append(Planned(spec, scheduled_at, note, not_before=self.clock.monotonic() + delay))

    def step(self, monotonic: float) -> float | None:
        """Start what is planned, end what is over its time; returns the seconds until there is more to do."""
        if not (self._planned or self._retrying or self._running):
            return None
        self._start_planned(monotonic)
        for run in self._running.values():
            if monotonic >= run.deadline and not run.timed_out:
                run.timed_out = True
                run.process.kill()
        waits = [run.deadline - monotonic for run in self._running.values() if not run.timed_out]
        if len(self._running) < MOST_PROCESSES:
            waits += [planned.not_before - monotonic for planned in self._waiting()]
        return max(0.0, min(waits)) if waits else None

    def run_now(self, spec: JobSpec, now: datetime) -> str:
        """Begin a run that an operator asks for, whatever the schedule says; returns what came of it, in words."""
        planned = Planned(spec, now, "asked for by an operator")
        if not spec.builtin:
            self._planned.append(planned)
        elif (run := self._run_here(planned, now)) is not None:
            return f"{run.result}: {run.reason}"
        return f"begun; to see how it ends: orchestrator jobs history {spec.name}"

    def idle(self) -> bool:
        """Whether no process runs."""
        return not self._running

    def pids(self) -> list[int]:
        """The processes that run."""
        return [run.process.pid for run in self._running.values()]

    def drain(self) -> None:
        """Begin nothing more, because the daemon ends."""
        self._draining = True

    def _waiting(self) -> list[Planned]:
        return [] if self._draining else [*self._planned, *self._retrying.values()]

    def terminate(self) -> None:
        """Ask what runs to end, because the daemon does."""
        for run in self._running.values():
            run.process.terminate()

    def close(self) -> None:
        """End what still runs, and say so; what has not begun yet does not begin."""
        now = self.clock.now()
        for run in list(self._running.values()):
            run.process.close()
            self._end(run, None, now)
        waiting = [*self._planned, *self._retrying.values(), *self._queued.values()]
        self._planned, self._retrying, self._queued = [], {}, {}
        for planned in waiting:
            before = f"attempt {planned.attempt - 1} failed ({planned.failure})" if planned.failure else ""
            again = "not tried again" if before else "not begun"
            self._refuse(planned, RunResult.FAILED, _join(before, f"{again} before the daemon stopped"))

    # --- beginning ---

    def _start_planned(self, monotonic: float) -> None:
        places = min(STARTS_PER_TURN, MOST_PROCESSES - len(self._running))
        due = [planned for planned in self._waiting() if planned.not_before <= monotonic][: max(0, places)]
        for planned in due:
            if self._retrying.get(planned.spec.name) is planned:
                del self._retrying[planned.spec.name]
            else:
                self._planned.remove(planned)
            self._begin(planned)

    def _begin(self, planned: Planned) -> None:
        spec, now = planned.spec, self.clock.now()
        if spec.only_when and self._settling():  # what the state will be is not known before the engine is up
            self._planned.append(planned._replace(not_before=self.clock.monotonic() + 1.0))
        elif (spec.only_when or spec.trading_days_only) and (reason := self._forbidden(spec, now)):
            self._refuse(planned, RunResult.SKIPPED, reason)
        elif spec.builtin:
            self._run_here(planned, now)
        elif spec.name in self._running or spec.name in self._retrying:
            self._overlap(planned)
        else:
            self._spawn(planned, now)

    def _forbidden(self, spec: JobSpec, now: datetime) -> str:
        if spec.only_when and (state := self._state()) not in spec.only_when:
            return f"the state is {state}, and the job runs only when {' or '.join(sorted(spec.only_when))}"
        if spec.trading_days_only and not self.calendar.is_trading_day(now):
            return f"no trading day: {self.calendar.why(now)}"
        return ""

    def _overlap(self, planned: Planned) -> None:
        name = planned.spec.name
        if planned.spec.overlap is Overlap.QUEUE and name not in self._queued:
            self._queued[name] = planned
            return
        before = self._running[name].planned if name in self._running else self._retrying[name]
        since = before.scheduled_at.astimezone(self.calendar.timezone)
        reason = f"the run of {since:%a %d %b %H:%M:%S} is still going on"
        if planned.spec.overlap is Overlap.QUEUE:
            reason += ", and another waits already"
        self._refuse(planned, RunResult.OVERLAPPED, reason)

    def _refuse(self, planned: Planned, result: RunResult, reason: str) -> None:
        self._report_on(planned, result, _join(planned.note, reason))
        if planned.attempt > 1:
            self._release(planned.spec.name)

    def _run_here(self, planned: Planned, now: datetime) -> JobRun | None:
        """Run the body of a built-in job; None if it goes on in a process of its own."""
        spec, at = planned.spec, planned.scheduled_at
        self._at_work = planned
        try:
            done, result = self._do(planned)
            if isinstance(done, Errand):
                self._send(planned, done, now)
                return None
            run = JobRun(spec.name, at, now, self.clock.now(), result, _join(planned.note, done))
            self._report(spec, run)
        finally:
            self._at_work = None
        return run

    def _do(self, planned: Planned) -> tuple[str | Errand, RunResult]:
        """What a body did, in words or by an errand, and how it ended."""
        spec = planned.spec
        try:
            return BODIES[spec.name](self._context, planned.scheduled_at), RunResult.OK
        except JobSkipped as skipped:
            return str(skipped), RunResult.SKIPPED
        except JobFailed as failed:
            return str(failed), RunResult.FAILED
        except Exception as error:
            logger.exception("job %s raised", spec.name)
            return f"{type(error).__name__}: {error}", RunResult.FAILED

    def _send(self, planned: Planned, errand: Errand, now: datetime) -> None:
        if planned.spec.name in self._running:
            self._overlap(planned)
        else:
            self._start(planned, python_module(errand.module, *errand.arguments), module_environment(), now)

    def _spawn(self, planned: Planned, now: datetime) -> None:
        try:
            command, environment = self._command(planned.spec.action)
        except Unresolvable as error:
            self._refuse(planned, RunResult.FAILED, f"its command can't be made: {error}")
            return
        self._start(planned, command, environment, now)

    def _start(self, planned: Planned, command: list[str], environment: dict[str, str], now: datetime) -> None:
        spec = planned.spec
        # "python" in a command is the one that the daemon runs on, with all that is installed for it.
        environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), environment.get("PATH", os.defpath)])
        environment |= {
            **self._environment(),
            "ORCHESTRATOR_JOB": spec.name,
            "ORCHESTRATOR_SCHEDULED_AT": planned.scheduled_at.astimezone(self.calendar.timezone).isoformat(),
        }
        run = UserRun(self, planned, now, self.clock.monotonic() + spec.timeout.total_seconds())
        try:
            run.process = self._spawn_process(self.inbox, run, command, self._folder, environment)
        except (OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or error
            program = spec.action[0] if isinstance(spec.action, tuple) else command[0]
            self._refuse(planned, RunResult.FAILED, f"{program!r} can't be started: {cause}")
            return
        self._running[spec.name] = run
        self._begun(spec, planned.scheduled_at, now)

    def _command(self, action: str | tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        """The words and the environment of a user's process; raises Unresolvable.

        References in a command are resolved only here: what they stand for is stored and shown nowhere.
        """
        if isinstance(action, str):
            return python_module("orchestrator.schedule.task", action), module_environment()
        surroundings = Surroundings(self._folder, os.environ)
        return resolve_each(action, surroundings), dict(os.environ)

    # --- ending ---

    def ended(self, run: "UserRun", code: int, now: datetime) -> None:
        """A process has ended by itself or by its timeout."""
        if self._running.get(run.planned.spec.name) is run:  # else closed while its end was on the way
            self._end(run, code, now)

    def _end(self, run: "UserRun", code: int | None, now: datetime) -> None:
        planned = run.planned
        spec = planned.spec
        del self._running[spec.name]
        result, reason = _verdict(run, code)
        if result is not RunResult.OK and code is not None and planned.attempt <= spec.retries:
            self._retry(planned, reason)
            return
        if planned.attempt > 1:
            reason = _join(f"attempt {planned.attempt}", reason)
        text, output = _join(planned.note, reason), run.output.strip()
        self._report_on(planned, result, text, run.started_at, now, code, output)
        self._release(spec.name)

    def _report_on(
        self,
        planned: Planned,
        result: RunResult,
        reason: str,
        started_at: datetime | None = None,
        finished_at: datetime | None = None,
        exit_code: int | None = None,
        output: str = "",
    ) -> None:
        spec, at = planned.spec, planned.scheduled_at
        with about(job=spec.name, job_run=at):
            self._report(spec, JobRun(spec.name, at, started_at, finished_at, result, reason, exit_code, output))

    def _release(self, name: str) -> None:
        """Let the fire begin that waited for the end of this job's run."""
        if (following := self._queued.pop(name, None)) is not None:
            self._planned.append(following._replace(note=_join(following.note, "waited for the run before")))

    def _retry(self, planned: Planned, reason: str) -> None:
        wait = min(LONGEST_RETRY, FIRST_RETRY * 2 ** (planned.attempt - 1))
        logger.warning("job %s: attempt %d failed (%s); next in %g s", planned.spec.name, planned.attempt, reason, wait)
        due = self.clock.monotonic() + wait
        self._retrying[planned.spec.name] = planned._replace(
            attempt=planned.attempt + 1, not_before=due, failure=reason
        )


class UserRun:
    """A user's job, running in its process."""

    process: Process

    def __init__(self, runner: JobRunner, planned: Planned, started_at: datetime, deadline: float) -> None:
        self.runner, self.planned, self.started_at, self.deadline = runner, planned, started_at, deadline
        self.timed_out = False
        self.output = ""

    def receive(self, message: Any, now: datetime) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self.output = (self.output + text)[-OUTPUT_LIMIT:]

    def ended(self, code: int, now: datetime) -> None:
        self.runner.ended(self, code, now)


def _verdict(run: UserRun, code: int | None) -> tuple[RunResult, str]:
    if run.timed_out and code != 0:
        return RunResult.TIMEOUT, f"killed after its timeout of {run.planned.spec.timeout.total_seconds():g} s"
    if code is None:
        return RunResult.FAILED, "ended because the daemon stopped"
    last = run.output.strip().rpartition("\n")[2]
    if code == 0:
        return RunResult.OK, last if run.planned.spec.builtin else ""
    ending = f"exit code {code}" if code > 0 else f"signal {-code}"
    return RunResult.FAILED, f"{ending}: {last}" if last else ending


def _join(first: str, second: str) -> str:
    return f"{first}; {second}" if first and second else first or second
