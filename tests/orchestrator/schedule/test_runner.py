"""Users' jobs: real processes, bounded in time, number and output."""

import os
import random
import select
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from calendars import MarketCalendar, VirtualClock
from jobs import JobRun, JobSpec, RunResult, parse_job
from orchestrator.inbox import Inbox
from orchestrator.schedule.runner import MOST_PROCESSES, OUTPUT_LIMIT, STARTS_PER_TURN, JobRunner
from orchestrator.world import RealWorld

NYSE = MarketCalendar()
NOON = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)


class Office:
    """The daemon that the built-in bodies ask."""

    beats = 0

    def heartbeat(self) -> str:
        self.beats += 1
        return "alive"

    def check_health(self) -> str:
        raise ZeroDivisionError("a bug")

    def reload_config(self) -> str:
        return "unchanged"

    def announce_session(self, scheduled_at: datetime) -> str:
        return "open"

    def rebalance(self, scheduled_at: datetime) -> str:
        return "decided"


class Bench:
    def __init__(self, folder: Path) -> None:
        self.clock, self.inbox, self.office = VirtualClock(NOON), Inbox(), Office()
        self.state, self.settling = "trading", False
        self.runs: list[JobRun] = []
        self.begun: list[str] = []
        self.runner = JobRunner(
            self.clock,
            NYSE,
            self.inbox,
            self.office,
            lambda: self.state,
            lambda: self.settling,
            lambda spec, run: self.runs.append(run),
            lambda spec, at, now: self.begun.append(spec.name),
            folder,
            lambda: {"ORCHESTRATOR_STATE": self.state},
            random.Random(1),
            RealWorld().spawn,
        )

    def start(self, spec: JobSpec, note: str = "") -> None:
        self.runner.start(spec, self.clock.now(), note)
        self.turn()

    def turn(self, **passed: float) -> float | None:
        self.clock.advance(timedelta(**passed))
        for message in self.inbox.drain():
            message.handle(self.clock.now())
        return self.runner.step(self.clock.monotonic())

    def until(self, happened: Callable[[], bool]) -> None:
        for _ in range(2000):
            self.turn()
            if happened():
                return
            self.inbox.wait(30)
        raise AssertionError("it never happened")

    def until_runs(self, count: int) -> list[JobRun]:
        self.until(lambda: len(self.runs) >= count)
        return self.runs


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.runner.close()
    made.inbox.close()


def python(code: str, name: str = "job", **policy: Any) -> JobSpec:
    return parse_job(name, {"interval": "5m", "command": [sys.executable, "-c", code], **policy}, NYSE)


HANG = "import time; time.sleep(1000)"


def test_run_that_succeeds(bench: Bench, tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['ORCHESTRATOR_JOB'], os.environ['ORCHESTRATOR_STATE'])"
    bench.start(python(code))
    (run,) = bench.until_runs(1)
    assert (run.result, run.exit_code, run.reason) == (RunResult.OK, 0, "")
    assert run.output == f"{tmp_path} job trading"
    assert (run.scheduled_at, run.started_at, bench.begun) == (NOON, NOON, ["job"])


def test_run_that_fails_says_its_last_line(bench: Bench) -> None:
    bench.start(python("print('working'); raise SystemExit('no such desk')"))
    (run,) = bench.until_runs(1)
    assert (run.result, run.exit_code, run.reason) == (RunResult.FAILED, 1, "exit code 1: no such desk")


def test_run_that_is_killed(bench: Bench) -> None:
    bench.start(python("import os; os.kill(os.getpid(), 9)"))
    (run,) = bench.until_runs(1)
    assert (run.result, run.exit_code, run.reason) == (RunResult.FAILED, -9, "signal 9")


def test_command_that_does_not_exist(bench: Bench) -> None:
    bench.start(parse_job("job", {"interval": "5m", "command": ["/no/such/program"]}, NYSE))
    (run,) = bench.until_runs(1)
    assert (run.result, run.reason) == (
        RunResult.FAILED,
        "'/no/such/program' can't be started: No such file or directory",
    )


def commanded(*words: str, name: str = "job", **policy: Any) -> JobSpec:
    return parse_job(name, {"interval": "5m", "command": list(words), **policy}, NYSE)


def test_references_in_a_command_are_resolved_as_it_starts(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = commanded("echo", "${DESK_TOKEN}:${file:token}", "$${HOME}", "${DESK_NONE:-none}")
    for count, (variable, content) in enumerate([("one", "two\n"), ("three", "four")], start=1):
        monkeypatch.setenv("DESK_TOKEN", variable)
        (tmp_path / "token").write_text(content)
        bench.start(spec)
        run = bench.until_runs(count)[-1]
        assert (run.result, run.output) == (RunResult.OK, f"{variable}:{content.strip()} ${{HOME}} none")
    assert spec.action == ("echo", "${DESK_TOKEN}:${file:token}", "$${HOME}", "${DESK_NONE:-none}")


def test_run_whose_references_have_no_value_fails_and_says_which(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DESK_TOKEN", raising=False)
    bench.start(commanded("echo", "${DESK_TOKEN}", "${file:token}", retries=3))
    bench.start(commanded("echo", "${DESK_TOKEN:-s3cr3t}${", name="other"))
    assert [(run.job, run.result, run.started_at) for run in bench.runs] == [
        ("job", RunResult.FAILED, None),
        ("other", RunResult.FAILED, None),
    ]
    assert bench.runs[0].reason == (
        "its command can't be made: the environment variable DESK_TOKEN is not set; set it, or write "
        f"${{DESK_TOKEN:-default}}; the file {tmp_path}/token can't be read: No such file or directory; "
        "put it there, or name another"
    )
    assert "is not closed" in bench.runs[1].reason
    assert "s3cr3t" not in bench.runs[1].reason
    assert (bench.begun, bench.runner.idle()) == ([], True)


def test_run_that_waits_for_one_whose_references_have_no_value_begins(bench: Bench, tmp_path: Path) -> None:
    """The end of a retry lets the next fire begin, though the retry itself could not."""
    token = tmp_path / "token"
    token.write_text("one")
    spec = commanded("sh", "-c", "exit 3", "${file:token}", retries=1, overlap="queue")
    bench.start(spec)
    bench.until(lambda: bool(bench.runner._retrying))
    bench.start(spec)
    token.unlink()
    bench.turn(seconds=10)
    token.write_text("two")
    bench.turn()
    assert [run.result for run in bench.runs] == [RunResult.FAILED]
    assert bench.begun == ["job", "job"]


def test_program_that_does_not_exist_is_named_by_its_reference(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESK_PROGRAM", "/no/s3cr3t")
    bench.start(commanded("${DESK_PROGRAM}", "x"))
    assert bench.runs[0].reason == "'${DESK_PROGRAM}' can't be started: No such file or directory"


def test_file_with_a_nul_is_no_argument(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"s3\0cr3t")
    bench.start(commanded("echo", "${file:token}"))
    (run,) = bench.runs
    assert run.reason == "'echo' can't be started: embedded null byte"


def test_function_job(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "desk.py").write_text("def flatten():\n    print('flat')\n")
    bench.start(parse_job("job", {"interval": "5m", "run": "desk:flatten"}, NYSE))
    (run,) = bench.until_runs(1)
    assert (run.result, run.output) == (RunResult.OK, "flat")


def test_hanging_run_is_killed_with_all_it_started(bench: Bench) -> None:
    code = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {HANG!r}])\n"
        "print(child.pid, flush=True); time.sleep(1000)"
    )
    bench.start(python(code, timeout="5s"))
    bench.until(lambda: bench.runner._running["job"].output.endswith("\n"))
    end_of_grandchild = os.pidfd_open(int(bench.runner._running["job"].output))
    assert bench.turn(seconds=4) == pytest.approx(1)
    bench.turn(seconds=1)
    (run,) = bench.until_runs(1)
    assert (run.result, run.reason) == (RunResult.TIMEOUT, "killed after its timeout of 5 s")
    assert select.select([end_of_grandchild], [], [], 30)[0]
    os.close(end_of_grandchild)


def test_flood_of_output_keeps_its_end(bench: Bench) -> None:
    bench.start(python("print('x' * 5_000_000); print('the end')"))
    (run,) = bench.until_runs(1)
    assert run.output.endswith("x\nthe end")
    assert len(run.output) <= OUTPUT_LIMIT


def test_overlapping_fire_is_skipped(bench: Bench) -> None:
    spec = python(HANG)
    bench.start(spec)
    bench.clock.advance(timedelta(minutes=5))
    bench.start(spec)
    (run,) = bench.runs
    assert run.result is RunResult.OVERLAPPED
    assert run.reason == "the run of Tue 24 Nov 12:00:00 is still going on"


def test_overlapping_fire_waits_if_the_job_queues(bench: Bench, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    spec = python(
        f"import time, pathlib\nwhile not pathlib.Path({str(gate)!r}).exists(): time.sleep(0.01)", overlap="queue"
    )
    bench.start(spec)
    bench.start(spec)
    bench.start(spec)
    assert [run.result for run in bench.runs] == [RunResult.OVERLAPPED]
    gate.touch()
    bench.until_runs(3)
    assert [(run.result, run.reason) for run in bench.runs[1:]] == [
        (RunResult.OK, ""),
        (RunResult.OK, "waited for the run before"),
    ]


def test_failed_run_is_tried_again_with_growing_waits(bench: Bench) -> None:
    bench.start(python("raise SystemExit(3)", retries=2), note="caught up, 5m late")
    waits = []
    for attempt in (1, 2):
        bench.until(lambda attempt=attempt: len(bench.runner._retrying) == 1 and len(bench.begun) == attempt)
        waits.append(bench.turn())
        bench.turn(seconds=waits[-1] or 0)
    (run,) = bench.until_runs(1)
    assert waits == [10, 20]
    assert (run.result, run.reason) == (RunResult.FAILED, "caught up, 5m late; attempt 3; exit code 3")


def test_retry_that_succeeds_is_a_success(bench: Bench, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    code = f"import pathlib, sys\nf = pathlib.Path({str(flag)!r})\nif not f.exists(): f.touch(); sys.exit(1)"
    bench.start(python(code, retries=5))
    bench.until(lambda: bool(bench.runner._retrying))
    bench.turn(seconds=10)
    (run,) = bench.until_runs(1)
    assert (run.result, run.reason) == (RunResult.OK, "attempt 2")


def test_fire_while_a_retry_waits_overlaps_and_is_released_by_its_end(bench: Bench) -> None:
    spec = python("raise SystemExit(3)", retries=1, overlap="queue")
    bench.start(spec)
    bench.until(lambda: bool(bench.runner._retrying))
    bench.start(spec)
    assert list(bench.runner._queued) == ["job"]
    bench.state = "stopped"
    bench.runner._retrying["job"] = bench.runner._retrying["job"]._replace(
        spec=replace(spec, only_when=frozenset({"trading"}))
    )
    bench.turn(seconds=10)
    assert [run.result for run in bench.runs] == [RunResult.SKIPPED]
    bench.until(lambda: len(bench.begun) == 2)


def test_nothing_begins_while_the_daemon_ends(bench: Bench) -> None:
    bench.start(python("raise SystemExit(3)", retries=1))
    bench.until(lambda: bool(bench.runner._retrying))
    bench.runner.drain()
    bench.start(python("pass", name="other"))
    bench.turn(minutes=1)
    assert bench.begun == ["job"]
    bench.runner.close()
    assert [(run.job, run.reason) for run in bench.runs] == [
        ("other", "not begun before the daemon stopped"),
        ("job", "attempt 1 failed (exit code 3); not tried again before the daemon stopped"),
    ]


def test_jitter_delays_a_run_by_at_most_its_length(bench: Bench) -> None:
    spec = python("pass", jitter="30s")
    bench.start(spec)
    wait = bench.runner.step(bench.clock.monotonic())
    assert wait is not None
    assert 0 < wait <= 30
    assert bench.begun == []
    bench.turn(seconds=wait + 0.001)
    assert bench.begun == ["job"]


def test_conditions_are_looked_at_when_the_run_is_to_begin(bench: Bench) -> None:
    bench.state = "stopped"
    bench.start(python("pass", only_when=["trading", "pre_market"]))
    bench.clock.advance(timedelta(days=2))
    bench.state = "trading"
    bench.start(python("pass", trading_days_only=True))
    assert [(run.result, run.reason) for run in bench.runs] == [
        (RunResult.SKIPPED, "the state is stopped, and the job runs only when pre_market or trading"),
        (RunResult.SKIPPED, "no trading day: Thanksgiving Day: closed"),
    ]
    assert bench.begun == []


def test_conditions_wait_for_an_engine_that_is_starting(bench: Bench) -> None:
    bench.state, bench.settling = "pre_market", True
    bench.start(python("pass", only_when=["trading"]))
    bench.turn(seconds=5)
    assert (bench.runs, bench.begun) == ([], [])
    bench.state, bench.settling = "trading", False
    bench.turn(seconds=1)
    assert bench.begun == ["job"]


def test_flooding_run_neither_blocks_a_turn_nor_fills_the_memory(bench: Bench) -> None:
    bench.start(parse_job("flood", {"interval": "5m", "command": ["cat", "/dev/zero"], "timeout": "5s"}, NYSE))
    for _ in range(50):
        bench.inbox.wait(30)
        assert len(bench.inbox.drain()) <= 2
    bench.turn(seconds=5)
    (run,) = bench.until_runs(1)
    assert run.result is RunResult.TIMEOUT


def test_run_is_asked_to_end_before_it_is_made_to(bench: Bench) -> None:
    handler = "import signal, sys, time; signal.signal(15, lambda *_: sys.exit('flat'))"
    bench.start(python(f"{handler}; print('x', flush=True); time.sleep(99)"))
    bench.until(lambda: bench.runner._running["job"].output == "x\n")
    bench.runner.terminate()
    (run,) = bench.until_runs(1)
    assert run.reason == "exit code 1: flat"
    assert bench.runner.idle()


def test_builtin_body_that_raises_is_a_failed_run(bench: Bench) -> None:
    bench.start(parse_job("health_check", {}, NYSE))
    (run,) = bench.runs
    assert (run.result, run.reason) == (RunResult.FAILED, "ZeroDivisionError: a bug")


def test_thousand_hanging_jobs_delay_no_heartbeat(bench: Bench) -> None:
    heartbeat = parse_job("heartbeat", {}, NYSE)
    sleep = {"interval": "5m", "command": ["sleep", "1000"], "timeout": "1m"}
    for number in range(1000):
        bench.runner.start(parse_job(f"job{number}", sleep, NYSE), NOON)
    turns = 0
    while len(bench.runner._running) < MOST_PROCESSES:
        before = len(bench.runner._running)
        bench.start(heartbeat)
        assert len(bench.runner._running) - before <= STARTS_PER_TURN
        turns += 1
    bench.start(heartbeat)
    assert bench.office.beats == turns + 1
    assert len(bench.runner._running) == MOST_PROCESSES
    bench.turn(minutes=1)
    bench.until(lambda: sum(run.result is RunResult.TIMEOUT for run in bench.runs) == MOST_PROCESSES)
    bench.runner.close()
    results = [run.result for run in bench.runs if run.job.startswith("job")]
    assert len(results) == 1000, "each has one end, and a reason"


def test_close_ends_what_runs_and_says_so(bench: Bench) -> None:
    bench.start(python(HANG, name="a"))
    bench.start(python(HANG, name="b", jitter="4m"))
    bench.runner.close()
    assert [(run.job, run.result, run.reason) for run in bench.runs] == [
        ("a", RunResult.FAILED, "ended because the daemon stopped"),
        ("b", RunResult.FAILED, "not begun before the daemon stopped"),
    ]
