"""Rules on the fires of jobs."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from calendars import MarketCalendar
from jobs import JobRun, JobSpec, Misfire, RunResult
from jobs.triggers import IntervalTrigger
from orchestrator.events import JobRan, StateChanged
from orchestrator.rehearsal.invariants.rule import Hearing, Rule
from orchestrator.states import OrchestratorState

__all__ = ["FiresByRule"]

ASKED_FOR = "asked for by an operator"

KEPT = 4_000
"""Fires of one job of which it is known that they began, when the clock goes back."""


class FiresByRule(Rule):
    """Each run is one of a fire of its job's schedule, which began it once, at a time when the job may run.

    :param specs: the jobs in force now.
    :param calendar: the calendar in force now.
    """

    name = "fires_by_rule"

    def __init__(self, specs: Callable[[], Mapping[str, JobSpec]], calendar: Callable[[], MarketCalendar]) -> None:
        self._specs, self._calendar = specs, calendar
        self._in_force: Mapping[str, JobSpec] = {}
        self._spec: dict[str, JobSpec] = {}
        self._earlier: dict[str, deque[JobSpec]] = {}
        self._begun: dict[str, deque[datetime]] = {}
        self._latest: dict[str, datetime] = {}
        self._periods: dict[str, timedelta] = {}
        self._expected: dict[str, datetime] = {}
        """The next fire of each job that has a period and may run at any time."""
        self._turned_at = self._repeated_until = datetime.min.replace(tzinfo=UTC)
        self._states: deque[tuple[datetime, OrchestratorState]] = deque(maxlen=50)

    def hearing(self) -> Hearing:
        return {JobRan: self._ran, StateChanged: self._changed}

    def tick(self, now: datetime) -> None:
        """A turn began at this time by the wall clock."""
        if now < self._turned_at:
            self._repeated_until = max(self._repeated_until, self._turned_at)
        self._turned_at = now

    def begin(self, now: datetime) -> None:
        """A daemon begins, which it does in the state STOPPED."""
        self._states.append((now, OrchestratorState.STOPPED))

    def _changed(self, event: StateChanged) -> str:
        self._states.append((event.at, event.new))
        return ""

    def _ran(self, event: JobRan) -> str:
        run = event.run
        if (specs := self._specs()) is not self._in_force:
            self._learn(specs)
        if run.scheduled_at == self._expected.get(run.job) == run.started_at:
            self._expect(run)
            return ""
        spec = self._spec.get(run.job)
        if spec is None:
            return f"{run.job} is no job"
        if run.started_at is None:
            return self._unscheduled(run, spec)
        if run.reason.startswith(ASKED_FOR):
            return ""
        complaint = self._unscheduled(run, spec) or self._twice(run, spec) or self._forbidden(run, spec)
        if not complaint and run.job in self._periods and run.scheduled_at == self._latest[run.job]:
            self._expected[run.job] = run.scheduled_at + self._periods[run.job]
        return complaint

    def _expect(self, run: JobRun) -> None:
        """The run was the one that comes next, at its time: nearly all are."""
        at = self._latest[run.job] = run.scheduled_at
        self._begun[run.job].append(at)
        self._expected[run.job] = at + self._periods[run.job]

    def _learn(self, specs: Mapping[str, JobSpec]) -> None:
        self._in_force = specs
        for name, spec in specs.items():
            if name in self._spec and self._spec[name] is not spec:
                self._earlier.setdefault(name, deque(maxlen=20)).appendleft(self._spec[name])
            self._spec[name] = spec
        self._expected = {}
        self._periods = {
            name: spec.trigger.period
            for name, spec in specs.items()
            if isinstance(spec.trigger, IntervalTrigger) and not spec.only_when and not spec.trading_days_only
        }

    def _unscheduled(self, run: JobRun, spec: JobSpec) -> str:
        """A fire of an earlier schedule may be told of as late as one likes."""
        at = run.scheduled_at
        if spec.trigger.last_before(at) == at:
            return ""
        if any(each.trigger.last_before(at) == at for each in self._earlier.get(run.job, ())):
            return ""
        return f"{run.job} {run.result} for {at.isoformat()}, which is no fire of {spec.schedule}"

    def _twice(self, run: JobRun, spec: JobSpec) -> str:
        at, latest = run.scheduled_at, self._latest.get(run.job)
        if latest is None or at > latest:
            self._latest[run.job] = at
        elif at in self._begun[run.job] and not self._comes_again(run, spec):
            return f"{run.job} began a second time for {at.isoformat()}"
        begun = self._begun.get(run.job)
        if begun is None:
            begun = self._begun[run.job] = deque(maxlen=KEPT)
        begun.append(at)
        return ""

    def _comes_again(self, run: JobRun, spec: JobSpec) -> bool:
        """Whether the clock was set back, so that its time comes a second time, and the job counts elapsed time."""
        assert run.started_at is not None
        repeated = run.started_at <= self._repeated_until or run.started_at < self._turned_at
        return spec.kind == "interval" and repeated

    def _forbidden(self, run: JobRun, spec: JobSpec) -> str:
        if run.result is RunResult.SKIPPED:
            return ""
        if spec.only_when or spec.trading_days_only:
            return self._wrong_time(run, spec)
        if spec.misfire is Misfire.SKIP and spec.builtin:
            return self._too_late(run, spec)
        return ""

    def _wrong_time(self, run: JobRun, spec: JobSpec) -> str:
        assert run.started_at is not None
        if spec.trading_days_only and not self._calendar().is_trading_day(run.started_at):
            return f"{run.job} ran at {run.started_at.isoformat()}, which is on no trading day"
        states = self._states_at(run.started_at)
        if spec.only_when and not spec.only_when & states:
            found, right = " and ".join(sorted(states)), " or ".join(sorted(spec.only_when))
            return f"{run.job} ran in the state {found}, and it runs only when {right}"
        return ""

    def _states_at(self, at: datetime) -> set[str]:
        """The state at that time; both, if it changed just then."""
        found: set[str] = set()
        for since, state in reversed(self._states):
            if since <= at:
                found.add(state.value)
            if since < at:
                break
        return found

    @staticmethod
    def _too_late(run: JobRun, spec: JobSpec) -> str:
        assert run.started_at is not None
        late = run.started_at - run.scheduled_at
        if late <= spec.grace + spec.jitter:
            return ""
        return (
            f"{run.job} ran {late.total_seconds():g} s late, and misfire: skip allows {spec.grace.total_seconds():g} s"
        )
