"""The daemon at rest, market closed, beside a bare APScheduler with five jobs on SQLite, and supervisord if installed.

All rest at the same time, each in a process of its own. Memory is what is resident; a wake-up is a voluntary context
switch of any thread.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Row, environment
from calendars import SystemClock

MEMORY_BAR, WAKE_UP_BAR = 1.4, 20.0
WARM_UP = 20.0
"""Seconds in which all of them start, and write what they write only once."""

DAEMON = "from orchestrator.cli import main; main(['--config', 'config.yaml', 'start'])"

BARE = """
from datetime import UTC
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.blocking import BlockingScheduler
scheduler = BlockingScheduler(timezone=UTC, jobstores={"default": SQLAlchemyJobStore(url="sqlite:///bare.db")})
for name, seconds in {"a": 60, "b": 60, "c": 300, "d": 3600, "e": 86400}.items():
    scheduler.add_job(print, "interval", seconds=seconds, id=name)
scheduler.start()
"""

SUPERVISORD = """
[supervisord]
nodaemon = true
logfile = supervisord.log
pidfile = supervisord.pid
[program:sleeper]
command = sleep 100000
"""


def rows(*, quick: bool = False) -> list[Row]:
    seconds = 3.0 if quick else 120.0
    with TemporaryDirectory(prefix="daemon-") as name, ExitStack() as stack:
        folder = Path(name)
        pids = {side: stack.enter_context(running(command, folder)) for side, command in commands(folder).items()}
        time.sleep(1.0 if quick else WARM_UP)
        before = {side: wake_ups(pid) for side, pid in pids.items()}
        time.sleep(seconds)
        woken = {side: (wake_ups(pid) - before[side]) * 60 / seconds for side, pid in pids.items()}
        memory = {side: resident_mb(pid) for side, pid in pids.items()}
    return [
        Row("memory at rest", memory["daemon"], "MiB", MEMORY_BAR, "bare APScheduler", memory["bare"]),
        Row("wake-ups a minute at rest", woken["daemon"], "", WAKE_UP_BAR),
        *(
            Row(f"  the same of {side}", woken[key], "")
            for key, side in (("bare", "bare APScheduler"), ("supervisord", "supervisord"))
            if key in woken
        ),
    ]


def commands(folder: Path) -> Mapping[str, Sequence[str]]:
    """What rests, by its name; the daemon's market is closed today and tomorrow."""
    today = SystemClock().now().date()
    closed = {str(today + timedelta(days=days)): "closed" for days in range(-1, 3)}
    (folder / "config.yaml").write_text(f'version: "1.0.0"\nschedule: {{calendar_overrides: {closed}}}\n')
    (folder / "supervisord.conf").write_text(SUPERVISORD)
    own = [sys.executable, "-c"]
    known = {"daemon": [*own, DAEMON], "bare": [*own, BARE]}
    if find_spec("supervisor") is not None:
        known["supervisord"] = [sys.executable, "-m", "supervisor.supervisord", "-c", "supervisord.conf"]
    return known


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[int]:
    with open(folder / "output.log", "ab") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=log, stderr=log)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def resident_mb(pid: int) -> float:
    return int(_status(Path(f"/proc/{pid}/status"))["VmRSS"].split()[0]) / 1024


def wake_ups(pid: int) -> int:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int(_status(thread / "status")["voluntary_ctxt_switches"]) for thread in threads)


def _status(path: Path) -> dict[str, str]:
    return {key: value.strip() for key, _, value in (line.partition(":") for line in path.read_text().splitlines())}
