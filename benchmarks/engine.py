"""How soon an engine that has died or hangs is noticed, and how soon it trades again.

    python benchmarks/engine.py [--runs N] [--heartbeat-timeout SECONDS] [--backoff SECONDS]

A real daemon, turned by this process, with the built-in engine in a process of its own. That is killed (SIGKILL),
stopped (SIGSTOP), or has a strategy that never comes back (a busy loop). Measured from the fault to the event by which
the daemon says that it has noticed, that it starts a new engine, and that it is trading. The bar holds for the killed
one. A hang is noticed when the last beat is ``heartbeat_timeout`` old; then the engine is looked at and asked to end
before it is killed.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[0] = ROOT  # beside this script lies a calendar.py, which would hide the standard library's

import argparse  # noqa: E402
import logging  # noqa: E402
import signal  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from datetime import timedelta  # noqa: E402
from pathlib import Path  # noqa: E402
from statistics import median  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402
from time import perf_counter  # noqa: E402

from benchmarks.figures import Row  # noqa: E402
from orchestrator.daemon import TradingOrchestrator  # noqa: E402
from orchestrator.events import EngineMoved, Event, StateChanged  # noqa: E402
from orchestrator.states import OrchestratorState  # noqa: E402

BAR = 0.2
"""Seconds: for a killed engine to be noticed, and besides backoff_initial for the restart to begin."""

PATIENCE = 60.0

RUNS, HEARTBEAT_TIMEOUT, BACKOFF = 10, 5.0, 0.5
"""What is measured if nothing else is asked for; the last two in seconds."""

STRATEGY = """
from pathlib import Path
from orchestrator.engine import Strategy

FLAG = Path(__file__).with_name("spin")

class Spinning(Strategy):
    def on_data(self, timestamp, data):
        if FLAG.exists():
            FLAG.unlink()
            while True:
                pass
        return []
"""

CONFIG = """
schedule: {{calendar: ALWAYS, jobs: {{health_check: false, rebalance: false}}}}
strategy: {{name: "spinning:Spinning"}}
broker: {{broker_type: paper}}
data: {{update_interval: 0.05}}
engine:
  start_timeout: 30
  stop_timeout: 5
  heartbeat_timeout: {heartbeat_timeout}
  backoff_initial: {backoff}
  backoff_max: 5
  restart_cooldown: 1
  max_restart_attempts: 1000
"""

STEPS = ("noticed", "restart", "trading")


class Desk:
    """The daemon, and when it has said what: seconds since the fault."""

    def __init__(self, folder: Path, heartbeat_timeout: float, backoff: float) -> None:
        self.folder, self.heard, self._began = folder, {}, 0.0
        (folder / "spinning.py").write_text(STRATEGY)
        config = folder / "config.yaml"
        config.write_text(CONFIG.format(heartbeat_timeout=heartbeat_timeout, backoff=backoff))
        self.daemon = TradingOrchestrator(config)
        self.daemon.subscribe(self._hear)
        self.daemon.open()

    def _hear(self, event: Event) -> None:
        passed = perf_counter() - self._began
        if isinstance(event, EngineMoved) and event.action in {"crash", "hang"}:
            self.heard.setdefault("noticed", passed)
        elif isinstance(event, EngineMoved) and event.action == "restart":
            self.heard.setdefault("restart", passed)
        elif isinstance(event, StateChanged) and event.new is OrchestratorState.TRADING:
            self.heard.setdefault("trading", passed)

    def turn_until(self, fact: Callable[[], bool]) -> None:
        clock, deadline = self.daemon.world.clock, perf_counter() + PATIENCE
        while not fact():
            if perf_counter() > deadline:
                raise SystemExit(f"it did not happen within {PATIENCE:g} s; heard {self.heard}")
            until = self.daemon.step(clock.now())
            clock.wait(self.daemon.loop.inbox, min(until, clock.now() + timedelta(seconds=0.5)))

    def measure(self, fault: Callable[["Desk", int], None]) -> dict[str, float]:
        """One fault in a healthy engine that has worked off its restarts."""
        supervisor = self.daemon.loop.supervisor
        self.turn_until(lambda: supervisor.beat is not None and supervisor.restarts == 0)
        assert supervisor.link is not None
        assert supervisor.link.pid is not None
        self.heard, self._began = {}, perf_counter()
        fault(self, supervisor.link.pid)
        self.turn_until(lambda: "trading" in self.heard)
        return self.heard


@contextmanager
def desk(heartbeat_timeout: float = HEARTBEAT_TIMEOUT, backoff: float = BACKOFF) -> Iterator[Desk]:
    with TemporaryDirectory(prefix="engine-") as name:
        made = Desk(Path(name), heartbeat_timeout, backoff)
        try:
            yield made
        finally:
            made.daemon.close()


KILLED = "killed (SIGKILL)"

FAULTS: dict[str, Callable[[Desk, int], None]] = {
    KILLED: lambda _, pid: os.kill(pid, signal.SIGKILL),
    "stopped (SIGSTOP)": lambda _, pid: os.kill(pid, signal.SIGSTOP),
    "busy loop": lambda made, _: (made.folder / "spin").touch(),
}


def rows(*, quick: bool = False) -> list[Row]:
    with quiet(), desk() as made:
        runs = [made.measure(FAULTS[KILLED]) for _ in range(1 if quick else RUNS)]
    return [
        Row("a killed engine noticed, worst", max(run["noticed"] for run in runs), "s", BAR),
        Row("  a restart begun, beyond backoff", _beyond_backoff(runs, "restart"), "s", BAR),
        Row("  trading again, beyond backoff", _beyond_backoff(runs, "trading"), "s"),
    ]


def _beyond_backoff(runs: list[dict[str, float]], step: str) -> float:
    """The worst; 0 where chance has made the pause itself shorter than that."""
    return max(0.0, *(run[step] - BACKOFF for run in runs))


@contextmanager
def quiet() -> Iterator[None]:
    """The daemon tells of each engine that fails, which here is all of them."""
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def report(name: str, runs: list[dict[str, float]]) -> None:
    for step in STEPS:
        seconds = sorted(run[step] for run in runs)
        print(
            f"  {name:20}{step:10}" + "".join(f"{figure:9.3f}" for figure in (seconds[0], median(seconds), seconds[-1]))
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--heartbeat-timeout", type=float, default=HEARTBEAT_TIMEOUT)
    parser.add_argument("--backoff", type=float, default=BACKOFF, help="backoff_initial, in seconds")
    options = parser.parse_args()
    print(f"seconds after the fault, {options.runs} runs; heartbeat_timeout {options.heartbeat_timeout:g}, ", end="")
    print(f"backoff_initial {options.backoff:g}\n\n  {'engine':20}{'':10}{'min':>9}{'median':>9}{'max':>9}")
    found = {}
    with quiet(), desk(options.heartbeat_timeout, options.backoff) as made:
        for name, fault in FAULTS.items():
            found[name] = [made.measure(fault) for _ in range(options.runs)]
            report(name, found[name])
    return judge(found[KILLED], options.backoff)


def judge(runs: list[dict[str, float]], backoff: float) -> int:
    """Compare with the bar; returns the exit code."""
    bars = {"noticed": BAR, "restart": backoff + BAR}
    missed = [step for step, bar in bars.items() if max(run[step] for run in runs) > bar]
    wanted = f"noticed within {BAR:g} s, restart begun within backoff_initial + {BAR:g} s"
    print(f"\nbar: killed engine {wanted}: {'missed: ' + ', '.join(missed) if missed else 'met'}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
