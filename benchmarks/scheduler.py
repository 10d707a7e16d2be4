"""Our scheduler and job store beside stock APScheduler: the same jobs, in files of the same kind, in one run.

    python benchmarks/scheduler.py [--jobs N] [--rounds N] [--fires N] [--rest SECONDS] [--quick]

Each side has an SQLite file of its own in WAL mode with synchronous NORMAL, in the folder for temporary files
(TMPDIR). Ours turns as the daemon's loop does, in the main thread; stock is a BackgroundScheduler in its own thread.

Bulk: the rounds of the two alternate, and the best of each counts; ours stands on a virtual clock, so that its table
is due when stock's is. Lateness: both have one job that fires seven times a second, stock's half a beat after ours, so
that both live through the same moments of the machine and are never at work together. At rest: turns a minute.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[0] = ROOT  # beside this script lies a calendar.py, which would hide the standard library's

import argparse  # noqa: E402
import json  # noqa: E402
import sqlite3  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator, Mapping  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from dataclasses import replace  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from importlib.metadata import version  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402
from time import perf_counter  # noqa: E402
from typing import Self  # noqa: E402

from apscheduler.events import EVENT_JOB_EXECUTED, JobExecutionEvent  # noqa: E402
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore  # noqa: E402
from apscheduler.schedulers.background import BackgroundScheduler  # noqa: E402
from sqlalchemy import Engine, create_engine, event  # noqa: E402

from benchmarks.figures import Row, table  # noqa: E402
from calendars import Clock, MarketCalendar, SystemClock, VirtualClock  # noqa: E402
from calendars.clock import LONGEST_WAIT  # noqa: E402
from jobs import JobRun, JobSpec, parse_job  # noqa: E402
from jobs.builtin import TABLE  # noqa: E402
from jobs.scheduler import JobScheduler  # noqa: E402
from jobs.store import JSONJobStore  # noqa: E402
from jobs.triggers import IntervalTrigger  # noqa: E402
from orchestrator.daemon import TradingOrchestrator  # noqa: E402
from orchestrator.inbox import Inbox  # noqa: E402
from orchestrator.store import Store, record_claim  # noqa: E402
from orchestrator.world import BUSY_TIMEOUT, RealWorld  # noqa: E402

NYSE = MarketCalendar()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SATURDAY = datetime(2026, 7, 4, 8, 30, tzinfo=UTC)
HOUR, YEAR = 3_600.0, 31_536_000.0

BEAT = 9 / 64
"""Seconds between two fires whose lateness is taken: a binary fraction, which floats and microseconds hold exactly, and
no part of a second, so that whatever else the machine does twice a second meets both sides alike."""

LATENESS_BAR = 1.0

WARM_UP = 8
"""Fires that do not count: in these SQLAlchemy compiles its statements."""

RESTING = {"heartbeat": 10.0, "health_check": 15.0, "config_reload": 60.0, "rebalance": 300.0, "pre_market": 86_400.0}
"""Intervals in seconds of the five jobs at rest; they have names that the daemon can run by itself."""

BEGUN: list[datetime] = []
"""When each run of stock's began: a stored job's function finds only what a module holds."""


STOCK = f"stock APScheduler {version('apscheduler')}"


# ---------------------------------------------------------------------------------------------------- the sides


class Ours:
    """Our scheduler on a store as the daemon makes it.

    :param beat: the job that fires every BEAT seconds, which is less than a config may ask for.
    """

    def __init__(self, folder: Path, clock: Clock, beat: str = "") -> None:
        self.clock, self.beat, self.inbox = clock, beat, Inbox()
        self.lateness: list[float] = []
        self.store = Store(f"sqlite:///{folder / 'ours.db'}", busy_timeout=BUSY_TIMEOUT).open()
        jobs = JSONJobStore(self.store.engine, self.read, record_claim)
        self.scheduler = JobScheduler(clock, jobs, NYSE, self.begin, self.dropped, self.failed)
        self.scheduler.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.scheduler.shutdown()
        self.store.close()
        self.inbox.close()

    def read(self, name: str, definition: object) -> JobSpec:
        spec = parse_job(name, definition, NYSE)
        return replace(spec, trigger=IntervalTrigger(BEAT)) if name == self.beat else spec

    def begin(self, spec: JobSpec, at: datetime, note: str) -> None:
        self.lateness.append((self.clock.now() - at).total_seconds())

    def dropped(self, spec: JobSpec, run: JobRun) -> None:
        print(f"  ours dropped {run.job} of {run.scheduled_at:%X}: {run.reason}")

    def failed(self, error: Exception | None) -> None:
        if error is not None:
            raise error

    def add(self, intervals: Mapping[str, float]) -> None:
        bodies = {} if intervals.keys() <= TABLE.keys() else {"command": ["true"]}
        specs = {name: self.read(name, {"interval": seconds, **bodies}) for name, seconds in intervals.items()}
        self.scheduler.apply(specs, self.clock.now())

    def turn_until(self, done: Callable[[], bool]) -> int:
        """The loop; returns its turns."""
        turns = 0
        while not done():
            now = self.clock.now()
            until = self.scheduler.process(now)
            turns += 1
            if not done():
                self.clock.wait(self.inbox, min(until, now + timedelta(seconds=LONGEST_WAIT)))
        return turns


def body() -> None:
    """What stock's jobs do."""
    BEGUN.append(datetime.now(UTC))


class Stock(BackgroundScheduler):  # type: ignore[misc]
    """Stock APScheduler that counts its turns, and drops no fire for being late."""

    def __init__(self, folder: Path, beat: str = "") -> None:
        self.beat, self.turns, self.turned = beat, 0, threading.Event()
        self.due: list[datetime] = []
        BEGUN.clear()
        store = SQLAlchemyJobStore(engine=stock_engine(folder / "stock.db"))
        super().__init__(timezone=UTC, jobstores={"default": store}, job_defaults={"misfire_grace_time": None})

    def __enter__(self) -> Self:
        self.add_listener(self.executed, EVENT_JOB_EXECUTED)
        self.start(paused=True)
        return self

    def __exit__(self, *exc: object) -> None:
        if self.running:
            self.shutdown()

    def executed(self, event: JobExecutionEvent) -> None:
        self.due.append(event.scheduled_run_time)

    def _process_jobs(self) -> float | None:
        wait: float | None = super()._process_jobs()
        self.turns += 1
        self.turned.set()
        return wait

    def add(self, intervals: Mapping[str, float], first: datetime | None = None) -> None:
        """Add jobs, of which the first fires are due at `first`, or else an interval from now."""
        at = {} if first is None else {"next_run_time": first}
        for name, seconds in intervals.items():
            self.add_job(body, "interval", seconds=seconds, id=name, **at)

    def add_beat(self) -> None:
        start = EPOCH + timedelta(seconds=BEAT / 2)
        self.add_job(body, "interval", seconds=BEAT, start_date=start, id=self.beat)


def stock_engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    return engine


@contextmanager
def empty_folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="scheduler-") as name:
        yield Path(name)


def names(count: int) -> list[str]:
    return [f"job_{number:05}" for number in range(count)]


# --------------------------------------------------------------------------------------------------------- bulk


def elapsed(act: Callable[[], object]) -> float:
    begin = perf_counter()
    act()
    return perf_counter() - begin


def ours_bulk(count: int) -> dict[str, float]:
    clock, intervals = VirtualClock(SATURDAY), dict.fromkeys(names(count), HOUR)
    with empty_folder() as folder, Ours(folder, clock) as ours:
        added = elapsed(lambda: ours.add(intervals))
        listed = elapsed(ours.scheduler.get_jobs)
        clock.advance(timedelta(minutes=30))
        fired = elapsed(lambda: ours.turn_until(lambda: len(ours.lateness) == count))
    return {"add": added, "list": listed, "fire": fired}


def stock_bulk(count: int) -> dict[str, float]:
    intervals = dict.fromkeys(names(count), HOUR)
    with empty_folder() as folder, Stock(folder) as stock:
        added = elapsed(lambda: stock.add(intervals, first=datetime.now(UTC)))
        listed = elapsed(stock.get_jobs)
        fired = elapsed(lambda: fire_all(stock))
        if len(BEGUN) != count:
            raise SystemExit(f"stock fired {len(BEGUN)} of {count}")
    return {"add": added, "list": listed, "fire": fired}


def fire_all(stock: Stock) -> None:
    """Stock takes all that is due in one turn; the shutdown waits for the last body."""
    stock.resume()
    stock.turned.wait()
    stock.shutdown(wait=True)


def bulk(count: int, rounds: int) -> list[Row]:
    mine, other = [], []
    for _ in range(rounds):
        mine.append(ours_bulk(count))
        other.append(stock_bulk(count))
    each = 1000 / count
    best = {what: [each * min(r[what] for r in side) for side in (mine, other)] for what in ("add", "list", "fire")}
    return [Row(f"{what} a job of {count:,}", ours, "ms", None, STOCK, theirs) for what, (ours, theirs) in best.items()]


# ----------------------------------------------------------------------------------------------------- lateness


def lateness(count: int, fires: int) -> list[Row]:
    """Among `count` stored jobs one fires, and the others are not due for months."""
    beat, *others = names(count)
    resting, fires = dict.fromkeys(others, YEAR), fires + WARM_UP
    with empty_folder() as folder, Ours(folder, SystemClock(), beat) as ours, Stock(folder, beat) as stock:
        ours.add({**resting, beat: HOUR})
        stock.add(resting)
        stock.add_beat()
        ours.scheduler.resume_job(beat)  # from now on: what it would have fired during all this adding is forgotten
        stock.resume()
        ours.turn_until(lambda: len(ours.lateness) >= fires and len(stock.due) >= fires)
        stock.shutdown(wait=True)
    theirs = [(begun - due).total_seconds() for begun, due in zip(BEGUN, stock.due, strict=True)]
    mine, other = sorted(ours.lateness[WARM_UP:fires]), sorted(theirs[WARM_UP:fires])
    return [
        Row(
            f"lateness of a fire, p{part}, {count:,} jobs",
            1000 * percentile(mine, part),
            "ms",
            LATENESS_BAR,
            STOCK,
            1000 * percentile(other, part),
        )
        for part in (50, 99)
    ]


def percentile(ordered: list[float], part: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * part // 100)]


# ------------------------------------------------------------------------------------------------------ at rest


def ours_at_rest(minutes: int) -> float:
    clock = VirtualClock(SATURDAY)
    end = SATURDAY + timedelta(minutes=minutes)
    with empty_folder() as folder, Ours(folder, clock) as ours:
        ours.add(RESTING)
        return ours.turn_until(lambda: clock.now() >= end) / minutes


def daemon_at_rest(minutes: int) -> float:
    """The whole loop of the daemon on a day without a session, with these jobs and no others."""
    clock = VirtualClock(SATURDAY)
    end, turns = SATURDAY + timedelta(minutes=minutes), 0
    jobs = {name: {"interval": RESTING[name]} if name in RESTING else "off" for name in TABLE}
    with empty_folder() as folder:
        (folder / "config.yaml").write_text(json.dumps({"schedule": {"jobs": jobs}}))
        daemon = TradingOrchestrator(folder / "config.yaml", world=RealWorld(clock))
        daemon.open()
        while clock.now() < end:
            now = clock.now()
            until, turns = daemon.step(now), turns + 1
            clock.wait(daemon.loop.inbox, min(until, now + timedelta(seconds=LONGEST_WAIT)))
        daemon.close()
    return turns / minutes


def stock_at_rest(seconds: float) -> float:
    with empty_folder() as folder, Stock(folder) as stock:
        stock.add(RESTING)
        stock.resume()
        stock.turned.wait()
        first = stock.turns
        time.sleep(seconds)
        return (stock.turns - first) * 60 / seconds


# --------------------------------------------------------------------------------------------------------- main


def rows(*, quick: bool = False) -> list[Row]:
    counts, fires = ((10,), 10) if quick else ((10, 10_000), 200)
    return [row for count in counts for row in lateness(count, fires)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--fires", type=int, default=200)
    parser.add_argument("--rest", type=float, default=60, metavar="SECONDS")
    parser.add_argument("--quick", action="store_true", help="1000 jobs, 40 fires, 30 s of rest")
    options = parser.parse_args()
    if options.quick:
        options.jobs, options.fires, options.rest = 1_000, 40, 30
    if options.rest < min(RESTING.values()):
        parser.error(f"--rest {options.rest:g}: the first job at rest fires after {min(RESTING.values()):g} s")
    late = [*lateness(10, options.fires), *lateness(options.jobs, options.fires)]
    resting = stock_at_rest(options.rest)
    turns = {"our scheduler": ours_at_rest(60), "the whole daemon": daemon_at_rest(60)}
    rest = [
        Row(f"turns a minute of {who}, {len(RESTING)} jobs at rest", each, "", None, STOCK, resting)
        for who, each in turns.items()
    ]
    print(table([*bulk(options.jobs, options.rounds), *late, *rest]))


if __name__ == "__main__":
    main()
