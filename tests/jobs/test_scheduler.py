"""The scheduler's turn: what is due runs once, and nothing that fails ends it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calendars import MarketCalendar, VirtualClock
from jobs import JobRun, JobSpec, RunResult, job_specs, parse_job
from jobs.scheduler import Applied, JobScheduler, VolatileJobStore
from jobs.triggers import Trigger

NYSE = MarketCalendar()
NOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


class Bench:
    """A scheduler on a virtual clock; runs are noted instead of run."""

    def __init__(self, store: Any = None, start: datetime = NOON) -> None:
        self.clock = VirtualClock(start)
        self.store = store or VolatileJobStore()
        self.begun: list[tuple[str, datetime]] = []
        self.reported: list[JobRun] = []
        self.failures: list[str | None] = []
        self.scheduler = JobScheduler(
            self.clock,
            self.store,
            NYSE,
            lambda spec, at, note: self.begun.append((spec.name, at)),
            lambda spec, run: self.reported.append(run),
            lambda error: self.failures.append(None if error is None else str(error)),
        )
        self.scheduler.start()

    def apply(self, **raw: Any) -> Applied:
        specs = {name: parse_job(name, each, NYSE) for name, each in raw.items()}
        return self.scheduler.apply(specs, self.clock.now())

    def process(self) -> datetime:
        return self.scheduler.process(self.clock.now())

    def pass_time(self, **by: float) -> datetime:
        self.clock.advance(timedelta(**by))
        return self.process()

    def next_run(self, name: str) -> datetime:
        at: datetime = self.store.lookup_job(name).next_run_time
        return at


def every(interval: str, **policy: Any) -> dict[str, Any]:
    return {"interval": interval, "command": ["x"], **policy}


def test_due_job_begins_once_and_the_next_wake_is_its_next_fire() -> None:
    bench = Bench()
    bench.apply(tick=every("5m"))
    assert bench.process() == NOON + timedelta(minutes=5)
    assert bench.begun == [("tick", NOON)]
    assert bench.process() == NOON + timedelta(minutes=5)
    assert bench.begun == [("tick", NOON)]


def test_next_run_is_persisted_before_the_run_begins() -> None:
    bench = Bench()
    seen: list[datetime] = []
    bench.scheduler.start_run = lambda spec, at, note: seen.append(bench.next_run(spec.name))
    bench.apply(tick=every("5m"))
    bench.process()
    assert seen == [NOON + timedelta(minutes=5)]


def test_fires_that_passed_unnoticed_are_reported_and_only_the_last_runs() -> None:
    bench = Bench()
    bench.apply(tick=every("5m", misfire="run"))
    bench.process()
    bench.pass_time(minutes=17)
    assert bench.begun == [("tick", NOON), ("tick", NOON + timedelta(minutes=15))]
    (missed,) = bench.reported
    assert (missed.scheduled_at, missed.result) == (NOON + timedelta(minutes=5), RunResult.MISSED)
    assert missed.reason == "2 earlier fires passed while the daemon was away or busy"


MISFIRES = [
    # policy, minutes late, whether it still runs, what is said if not
    ("skip", 0.5, True, ""),
    ("skip", 3, False, "3m late, and misfire: skip allows 1m"),
    ("run", 3 * 24 * 60, True, ""),
    ("run_if_same_session", 180, True, ""),
    ("run_if_same_session", 24 * 60, False, "1d late, and its session is over"),
]


@pytest.mark.parametrize(("policy", "late", "runs", "reason"), MISFIRES)
def test_misfire_policy(policy: str, late: float, runs: bool, reason: str) -> None:
    bench = Bench()
    bench.apply(once={"cron": "1 12 24 11 *", "command": ["x"], "misfire": policy})
    bench.process()
    bench.pass_time(minutes=1 + late)
    at = NOON + timedelta(minutes=1)
    assert bench.begun == ([("once", at)] if runs else [])
    assert [(run.scheduled_at, run.result, run.reason) for run in bench.reported] == (
        [] if runs else [(at, RunResult.MISSED, reason)]
    )


OVER = [
    # moment of the session, hour of 24 November (New York) at which it is looked at, whether it still runs
    ("open + 5m", "15:59", True),
    ("open + 5m", "16:00", False),
    ("close - 5m", "15:59", True),
    ("close - 5m", "16:30", False),  # an order for the close must not go out after it
    ("close", "19:59", True),
    ("close + 15m", "20:00", False),
    ("post_close", "23:59", True),
]


@pytest.mark.parametrize(("moment", "hour", "runs"), OVER)
def test_late_moment_of_a_session_runs_while_its_part_of_the_day_lasts(moment: str, hour: str, runs: bool) -> None:
    bench = Bench(start=datetime(2026, 11, 24, 9, tzinfo=UTC))
    bench.apply(late={"session": moment, "command": ["x"]})
    then = datetime.fromisoformat(f"2026-11-24 {hour}").replace(tzinfo=NYSE.timezone)
    bench.clock.advance(then - bench.clock.now())
    bench.process()
    assert bool(bench.begun) is runs
    assert [run.result for run in bench.reported] == ([] if runs else [RunResult.MISSED])


def test_apply_tells_the_difference_and_leaves_the_rest_alone() -> None:
    bench = Bench()
    assert str(bench.apply(a=every("5m"), b=every("7m"))) == "added a, b"
    bench.process()
    bench.clock.advance(timedelta(minutes=1))
    before = bench.next_run("a")
    applied = bench.apply(a=every("5m"), c=every("1m"))
    assert (applied.added, applied.changed, applied.removed) == (["c"], [], ["b"])
    assert bench.next_run("a") == before
    assert str(bench.apply(a=every("10m"), c=every("1m"))) == "changed a"
    assert bench.next_run("a") == NOON + timedelta(minutes=10)
    assert not bench.apply(a=every("10m"), c=every("1m"))


def test_disabled_job_is_removed() -> None:
    bench = Bench()
    bench.apply(a=every("5m"))
    assert bench.apply(a=every("5m", enabled=False)).removed == ["a"]


def test_overdue_run_survives_a_restart() -> None:
    store = VolatileJobStore()
    Bench(store).apply(daily={"cron": "0 13 * * *", "command": ["x"], "misfire": "run"})
    later = Bench(store, NOON + timedelta(hours=3))
    later.apply(daily={"cron": "0 13 * * *", "command": ["x"], "misfire": "run"})
    later.process()
    assert later.begun == [("daily", NOON + timedelta(hours=1))]


def test_new_calendar_moves_a_session_job_and_nothing_else() -> None:
    bench = Bench()
    raw = {"flatten": {"session": "close - 10m", "command": ["x"]}, "tick": every("5m")}
    bench.apply(**raw)
    shorter = MarketCalendar(overrides={"2026-11-24": {"close": "14:00"}})
    applied = bench.scheduler.apply(
        {name: parse_job(name, each, shorter) for name, each in raw.items()}, bench.clock.now()
    )
    assert applied.changed == ["flatten"]
    assert bench.next_run("flatten") == datetime(2026, 11, 24, 18, 50, tzinfo=UTC)


def test_paused_job_does_not_fire_and_stays_paused_over_an_edit() -> None:
    bench = Bench()
    bench.apply(tick=every("5m"))
    bench.scheduler.pause_job("tick")
    bench.pass_time(hours=1)
    assert bench.apply(tick=every("5m")).changed == []
    bench.apply(tick=every("1m"))
    bench.pass_time(hours=1)
    assert (bench.begun, bench.reported) == ([], [])
    bench.scheduler.resume_job("tick")
    bench.pass_time(minutes=1)
    assert bench.begun == [("tick", NOON + timedelta(hours=2)), ("tick", NOON + timedelta(hours=2, minutes=1))][1:]


def test_late_run_says_that_it_was_caught_up() -> None:
    bench = Bench()
    notes: list[str] = []
    bench.scheduler.start_run = lambda spec, at, note: notes.append(note)
    bench.apply(tick=every("1h", misfire="run"))
    bench.process()
    bench.pass_time(hours=1, minutes=20)
    assert notes == ["", "caught up, 20m late"]


def test_claim_that_another_made_is_not_run() -> None:
    class Taken(VolatileJobStore):
        def claim(self, claims: Any) -> list[bool]:
            super().claim(claims)
            return [False] * len(claims)

    bench = Bench(Taken())
    bench.apply(tick=every("5m"))
    assert bench.process() == NOON + timedelta(minutes=5)
    assert (bench.begun, bench.reported) == ([], [])


class BrokenStore(VolatileJobStore):
    """A store whose methods of the given names raise."""

    broken: frozenset[str] = frozenset()

    def __getattribute__(self, name: str) -> Any:
        if name in object.__getattribute__(self, "broken"):
            raise OSError(f"{name}: disk I/O error")
        return object.__getattribute__(self, name)


@pytest.mark.parametrize("broken", ["get_due_jobs", "claim", "get_next_run_time"])
def test_failing_store_delays_jobs_and_never_doubles_them(broken: str) -> None:
    store = BrokenStore()
    bench = Bench(store)
    bench.apply(tick=every("5m", misfire="run"))
    store.broken = frozenset({broken})
    for _ in range(12):  # a minute of failures
        assert bench.process() == bench.clock.now() + timedelta(seconds=5)
        bench.clock.advance(timedelta(seconds=5))
    assert bench.failures == [f"{broken}: disk I/O error"] * 12
    store.broken = frozenset()
    bench.process()
    assert bench.begun == [("tick", NOON)]
    assert bench.failures[-1] is None


class BrokenTrigger(Trigger):
    def __init__(self, good: Trigger) -> None:
        self.good, self.broken = good, False

    def next_after(self, t: datetime) -> datetime | None:
        if self.broken:
            raise ZeroDivisionError("holiday table")
        return self.good.next_after(t)

    def last_before(self, t: datetime) -> datetime | None:
        return self.good.last_before(t)


def test_raising_trigger_stops_its_own_job_only() -> None:
    bench = Bench()
    specs = {name: parse_job(name, every("5m"), NYSE) for name in ("a_bad", "b_good")}
    trigger = BrokenTrigger(specs["a_bad"].trigger)
    specs["a_bad"] = _with_trigger(specs["a_bad"], trigger)
    bench.scheduler.apply(specs, NOON)
    trigger.broken = True
    assert bench.process() == NOON + timedelta(minutes=5)
    assert bench.begun == [("b_good", NOON)]
    (run,) = bench.reported
    assert (run.job, run.result) == ("a_bad", RunResult.FAILED)
    assert run.reason == "its schedule failed: ZeroDivisionError: holiday table; next try in an hour"
    assert bench.next_run("a_bad") == NOON + timedelta(hours=1)


def _with_trigger(spec: JobSpec, trigger: Trigger) -> JobSpec:
    from dataclasses import replace

    return replace(spec, trigger=trigger)


@pytest.mark.parametrize("step", [timedelta(hours=1), timedelta(hours=-1)])
def test_stepped_wall_clock_neither_repeats_nor_starves(step: timedelta) -> None:
    bench = Bench()
    bench.apply(tick=every("5m", misfire="run"))
    bench.process()
    bench.clock.step_wall_clock(step)
    wake = bench.process()
    if step > timedelta(0):
        assert bench.begun[1:] == [("tick", NOON + step)]
        assert wake == NOON + step + timedelta(minutes=5)
    else:
        # An hour that is lived twice: the fires that have been stay fired.
        assert bench.begun[1:] == []
        assert wake == NOON + timedelta(minutes=5)
    assert len(set(bench.begun)) == len(bench.begun)


def test_year_of_builtin_jobs_fires_exactly_in_its_sessions() -> None:
    start, end = datetime(2026, 1, 1, 5, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC)
    bench = Bench(start=start)
    quiet: Callable[[str], bool] = lambda name: name in {"heartbeat", "health_check", "config_reload"}  # noqa: E731
    specs = {name: spec for name, spec in job_specs({}, NYSE).items() if not quiet(name)}
    bench.scheduler.apply(specs, start)
    while (wake := bench.process()) < end:
        bench.clock.advance(wake - bench.clock.now())
    sessions = NYSE.sessions(start, end)
    assert [at for name, at in bench.begun if name == "market_open"] == [session.open for session in sessions]
    assert [at for name, at in bench.begun if name == "market_close"] == [session.close for session in sessions]
    assert bench.reported == []
