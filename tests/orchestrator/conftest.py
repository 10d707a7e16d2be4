"""Daemons to test: as real processes on a desk (a folder with a config), and as whole days on a virtual clock."""

import io
import json
import logging
import os
import re
import select
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Set
from contextlib import ExitStack, closing, contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import click
import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import event

import orchestrator
from calendars import Clock
from jobs.scheduler import VolatileJobStore
from jobs.store import JSONJobStore, SpecReader
from orchestrator.cli import main
from orchestrator.cli.settings import Settings
from orchestrator.config import TradingConfig
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import Alerted, EngineMoved, Event, JobRan, StateChanged
from orchestrator.rehearsal.simulation import SimulatedWorld
from orchestrator.store import Store, record_claim

PATIENCE = 30.0
"""Seconds until what should happen at once counts as not happening."""

ROOT = Path(orchestrator.__file__).parents[1]
COMMAND_LINE = [sys.executable, "-c", "from orchestrator.cli import main; main()"]
MODULE = [sys.executable, "-m", "copilot_quant.orchestrator.trading_orchestrator"]

CONFIG = {
    "schedule": {"calendar": "ALWAYS", "jobs": {"rebalance": {"interval": "1s"}, "health_check": False}},
    "broker": {"broker_type": "paper"},
    "data": {"update_interval": 0.2},
    "engine": {
        "start_timeout": 20,
        "stop_timeout": 5,
        "heartbeat_timeout": 10,
        "backoff_initial": 0.2,
        "backoff_max": 1,
    },
}


class Done(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The one line of an error."""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("error: ").rstrip()


@pytest.fixture
def kept_logging() -> Iterator[None]:
    """Whatever a test does to the logging of this process is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for handler in handlers:
        root.removeHandler(handler)
    yield
    for handler in root.handlers[:]:
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


class Workplace:
    """The folder in which commands are given, with a config, and room for the store of its daemon."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store_path = folder / ".orchestrator" / "orchestrator.db"
        self.configure("broker: {broker_type: paper}\n")

    def configure(self, text: str) -> None:
        (self.folder / "config.paper.yaml").write_text(text)

    def run(self, command: click.Command, *words: str, clock: Clock | None = None) -> Done:
        """Run a command in this process, as at the time of the clock."""
        settings = Settings(None, verbose=False, quiet=False)
        if clock is not None:
            settings.clock = clock
        done = CliRunner().invoke(command, words, obj=settings)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.stdout, done.stderr)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCHESTRATOR_CONFIG", raising=False)
    return Workplace(tmp_path)


@pytest.fixture
def store(workplace: Workplace) -> Iterator[Store]:
    """A store as a daemon leaves it, without any history."""
    with Store(f"sqlite:///{workplace.store_path}") as made:
        JSONJobStore(made.engine, lambda name, definition: None, record_claim).jobs_t.create(made.engine)
        yield made


class Daemon:
    """One ``orchestrator start``; `log` is what it has said until now."""

    def __init__(self, command, environment, cwd):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=cwd,
        )
        self.pid, self.log = self.process.pid, ""
        self._end = os.pidfd_open(self.pid)
        os.set_blocking(self.process.stdout.fileno(), False)

    @property
    def ended(self):
        return self.process.poll() is not None

    def listen(self, seconds):
        """Take what it says; returns when there was something, when it has ended, or after so long."""
        heard, _, _ = select.select([self.process.stdout, self._end], [], [], seconds)
        if self.process.stdout in heard:
            self.log += (self.process.stdout.read() or b"").decode(errors="replace")

    def wait_for(self, pattern, after=0):
        """Listen until its log matches; returns the match. `after`: a position in the log."""
        deadline = time.monotonic() + PATIENCE
        while (found := re.compile(pattern).search(self.log, after)) is None:
            if self.ended or time.monotonic() > deadline:
                raise AssertionError(f"it never said {pattern!r}, but:\n{self.log}")
            self.listen(1)
        return found

    def wait_for_end(self):
        """Listen until it has ended; returns the exit code."""
        deadline = time.monotonic() + PATIENCE
        while not self.ended:
            assert time.monotonic() < deadline, f"it does not end:\n{self.log}"
            self.listen(1)
        self.listen(0)
        return self.process.returncode

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """As the kernel does when memory is short."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def close(self):
        self.kill()
        os.close(self._end)
        self.process.stdout.close()


class Desk:
    """A folder, its config, its store, and all processes that were ever started on it."""

    def __init__(self, folder):
        self.folder, self.daemons = folder, []
        self.config_path = folder / "desk.yaml"
        self.store_path = folder / ".orchestrator" / "orchestrator.db"
        self._mark = f"DESK={uuid.uuid4().hex}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")},
            "PYTHONPATH": str(ROOT),
            "DESK": self._mark.partition("=")[2],
        }

    def __enter__(self):
        self.configure()
        return self

    def __exit__(self, *exc):
        for daemon in self.daemons:
            daemon.close()
        for pid in self.family():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.wait_for(lambda: not self.family(), "its processes are gone")

    # --- files ---

    def configure(self, **sections):
        """Write the config: the one of this module, and these options over it."""
        config = {**CONFIG, **{name: {**CONFIG.get(name, {}), **options} for name, options in sections.items()}}
        self.config_path.write_text(yaml.safe_dump(config), encoding="utf-8")

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name):
        """The text of a file; empty if there is none yet."""
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    # --- processes ---

    def start(self, *, module=False, errors=None):
        """Start a daemon; it is not waited for. `errors` is a file for its standard error, which is in its log else."""
        config = ["--config", str(self.config_path)]
        command = [*MODULE, *config] if module else [*COMMAND_LINE, *config, "start"]
        if errors is not None:
            command = ["sh", "-c", f'exec "$0" "$@" 2>{errors}', *command]
        daemon = Daemon(command, self.environment, self.folder)
        self.daemons.append(daemon)
        return daemon

    def start_trading(self):
        """Start a daemon and wait until it trades."""
        daemon = self.start()
        daemon.wait_for("-> trading")
        self.wait_for(lambda: self.wait_for_word_of(daemon)["state"] == "trading", "the status says so")
        return daemon

    def run(self, *words):
        """Run another command of the command line to its end, here: half a second of a process is its imports."""
        out, err = io.StringIO(), io.StringIO()
        with ExitStack() as stack:
            patch = stack.enter_context(pytest.MonkeyPatch.context())
            for name in os.environ.keys() - self.environment.keys():
                patch.delenv(name)
            for name, value in self.environment.items():
                patch.setenv(name, value)
            patch.chdir(self.folder)
            stack.enter_context(redirect_stdout(out))
            stack.enter_context(redirect_stderr(err))
            end = stack.enter_context(pytest.raises(SystemExit))
            main(["--config", str(self.config_path), *words])
        return subprocess.CompletedProcess(words, end.value.code, out.getvalue(), err.getvalue())

    def run_process(self, *words):
        """Run another command of the command line to its end, in a process of its own."""
        command = [*COMMAND_LINE, "--config", str(self.config_path), *words]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env=self.environment,
            cwd=self.folder,
            check=False,
        )

    def family(self):
        """The ids of all living processes that were started here, and of those that they started."""
        return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ") if self._ours(path)]

    def _ours(self, path):
        try:
            return self._mark.encode() in path.read_bytes().split(b"\0")
        except OSError:  # it has just ended, or is somebody else's
            return False

    def wait_for(self, fact, what):
        """Listen to the daemons until `fact()` is true; returns what it returns."""
        deadline = time.monotonic() + PATIENCE
        while not (found := fact()):
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: it never happened\n" + "\n".join(each.log for each in self.daemons))
            self._listen(0.02)
        return found

    def _listen(self, seconds):
        """Until one of the daemons has said something, or for so long."""
        running = {each.process.stdout: each for each in self.daemons if not each.ended}
        for stdout in select.select(list(running), [], [], seconds)[0]:
            running[stdout].listen(0)

    # --- the store, as any other program sees it ---

    def rows(self, query, *parameters):
        """The answer of a query; nothing while there is no such table."""
        if not self.store_path.exists():
            return []
        with closing(sqlite3.connect(f"file:{self.store_path}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            try:
                return [dict(row) for row in connection.execute(query, parameters)]
            except sqlite3.OperationalError as error:
                if "no such table" in str(error):
                    return []
                raise

    def status(self):
        """The daemon's last word on itself."""
        found = self.rows("SELECT value FROM meta WHERE key = 'status'")
        return json.loads(found[0]["value"]) if found else None

    def alerts(self, level=None):
        rows = self.rows("SELECT * FROM alerts ORDER BY at")
        return [row for row in rows if level in {None, row["level"]}]

    def runs(self, job):
        """What became of its fires; those that still go on are left out."""
        return self.rows("SELECT * FROM job_runs WHERE job = ? AND result IS NOT NULL ORDER BY scheduled_at", job)

    def wait_for_word_of(self, daemon):
        """Wait until the status is this daemon's; returns it."""

        def said():
            status = self.status()
            return status is not None and status["pid"] == daemon.pid and status

        return self.wait_for(said, "the daemon says how it is")

    def wait_for_status(self, **engine):
        """Wait until the status says this of the engine; returns the status."""

        def said():
            status = self.status()
            return status is not None and engine.items() <= status["engine"].items() and status

        return self.wait_for(said, f"the engine's status is {engine}")


@pytest.fixture(scope="session")
def open_desk():
    """Makes a desk in a folder; ``with open_desk(folder) as desk`` leaves no process behind."""
    return Desk


@pytest.fixture
def desk(tmp_path):
    with Desk(tmp_path) as desk:
        yield desk


# --- days on a virtual clock ---

NEW_YORK = ZoneInfo("America/New_York")
PAPER = "broker: {broker_type: paper}\n"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


class Killed(BaseException):
    """The end of the process: nothing below catches it."""


class Machine(SimulatedWorld):
    """A simulated machine; if it has a disk, what is on it outlives the daemons that run on it."""

    def __init__(self, disk: Path | None, start: datetime) -> None:
        super().__init__(start, seed=1)
        self.disk, self.free_mb = disk, 1e6

    def find_store(self, config: TradingConfig, base_dir: Path) -> Store | None:
        return None if self.disk is None or not self.disk.exists() else Store(f"sqlite:///{self.disk}").open()

    def open_store(self, config: TradingConfig, base_dir: Path) -> Store:
        return Store("sqlite://" if self.disk is None else f"sqlite:///{self.disk}").open()

    def job_store(self, store: Store, read_spec: SpecReader) -> Any:
        return VolatileJobStore() if self.disk is None else JSONJobStore(store.engine, read_spec, record_claim)

    def free_disk_mb(self, folder: Path) -> float:
        return self.free_mb


class Rehearsal:
    """Daemons on one machine, one after the other, and all that they told."""

    def __init__(self, folder: Path, start: str, config: str = "", *, disk: bool = False) -> None:
        self.machine = Machine(folder / "orchestrator.db" if disk else None, at(start))
        self.file = folder / "config.yaml"
        self.file.write_text(PAPER + config)
        self.events: list[Event] = []
        self.daemon = self._new()

    def _new(self) -> TradingOrchestrator:
        daemon = TradingOrchestrator(self.file, world=self.machine)
        daemon.subscribe(self.events.append)
        return daemon

    @property
    def now(self) -> datetime:
        return self.machine.clock.now()

    def turn(self) -> datetime:
        return self.daemon.step(self.now)

    def until(self, end: str) -> "Rehearsal":
        """Let the daemon live until this time."""
        if not self.daemon.is_running():
            self.daemon.open()
        while self.now < at(end):
            wake = self.turn()
            self.machine.clock.wait(self.daemon.loop.inbox, min(wake, at(end)))
        self.turn()
        return self

    def restart(self) -> None:
        assert self.machine.disk is not None
        self.daemon.close()
        self.daemon = self._new()

    def kill(self) -> None:
        """End the daemon as SIGKILL does: nothing is closed in order, and what is not committed is gone."""
        assert self.machine.disk is not None
        loop, self.daemon = self.daemon._loop, self._new()
        if loop is not None:  # as the kernel closes files
            loop.inbox.close()
            loop.store.close()

    was_killed = False
    """Whether the last fuse has burnt."""

    @contextmanager
    def fuse(self, points: Set[int]) -> Iterator[None]:
        """Kill the daemon at one of these points: there is one before each commit of the store, and one after it."""
        passed, self.was_killed = 0, False

        def burn() -> None:
            nonlocal passed
            passed += 1
            if passed in points:
                raise Killed

        def commit(connection: Any) -> None:
            if not connection.get_execution_options().get("read_only"):
                burn()
                connection.connection.dbapi_connection.commit()
                burn()

        store = self.daemon.loop.store
        event.listen(store.engine, "commit", commit)
        try:
            yield
        except Killed:
            self.was_killed = True
            self.kill()
        finally:
            event.remove(store.engine, "commit", commit)

    def edit(self, config: str) -> None:
        self.file.write_text(PAPER + config)

    def rows(self, query: Any) -> list[Any]:
        self.daemon.loop.history.flush(force=True)
        return self.daemon.loop.store.rows(query)

    # --- what was told ---

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def states(self) -> list[str]:
        return [f"{e.at.astimezone(NEW_YORK):%d %H:%M} {e.new}" for e in self.of(StateChanged)]

    def engine(self) -> list[str]:
        return [f"{e.at.astimezone(NEW_YORK):%d %H:%M} {e.action}" for e in self.of(EngineMoved)]

    def alerts(self, level: str | None = None) -> list[str]:
        return [e.title for e in self.of(Alerted) if level in (None, e.level.value)]

    def runs(self, name: str) -> list[tuple[str, str]]:
        return [(f"{e.at.astimezone(NEW_YORK):%d %H:%M}", e.run.result) for e in self.of(JobRan) if e.run.job == name]


@pytest.fixture
def rehearse(tmp_path: Path) -> Iterator[Callable[..., Rehearsal]]:
    made: list[Rehearsal] = []

    def make(start: str, config: str = "", *, disk: bool = False) -> Rehearsal:
        made.append(Rehearsal(tmp_path, start, config, disk=disk))
        return made[-1]

    yield make
    for rehearsal in made:
        rehearsal.daemon.close()


FRAGILE = """
from pathlib import Path
from orchestrator.engine import Strategy

class Fragile(Strategy):
    def initialize(self):
        if not Path(__file__).with_suffix(".flag").exists():
            raise ZeroDivisionError("no flag")

    def target_weights(self, timestamp, data):
        return {"AAPL": 0.1, "MSFT": 0.1}
"""


@pytest.fixture
def strategies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable folder with a strategy, ``fragile:Fragile``, that fails until there is a file ``fragile.flag``."""
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "fragile.py").write_text(FRAGILE)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(__import__("sys").modules, "fragile", raising=False)
    return folder
