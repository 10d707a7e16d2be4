"""A daemon at a high pace for a long time: does it grow, does it fall behind, does every command answer meanwhile?

    python benchmarks/soak.py [--minutes N] [--folder DIR] [--seed N] [--json FILE]

`orchestrator start` runs on a calendar that never closes, with twenty jobs a second or so, an engine that decides
every second, and alerts of all levels to a web server on the loopback interface. Now and then the engine is killed,
and once the daemon. Every ten seconds memory, open files, threads, processor time, the database and the lateness of
the jobs are read; all the while every command of the command line is run, one after another, with the exit code that
it ought to have.

It ends with 1 if something grew from the second to the last quarter of the time by more than the table allows, if a
command gave another exit code, or if cash and positions are not the sum of the fills.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if __name__ == "__main__":
    sys.path[0] = ROOT  # beside this script lies a calendar.py, which would hide the standard library's

import argparse  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import sqlite3  # noqa: E402
import statistics  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator, Sequence  # noqa: E402
from contextlib import ExitStack, closing, contextmanager, suppress  # noqa: E402
from dataclasses import asdict, dataclass, field  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402
from threading import Event, Thread  # noqa: E402
from typing import Any  # noqa: E402

COMMAND = [sys.executable, "-c", "from orchestrator.cli import main; main()"]

SAMPLE_EVERY = 10.0
"""Seconds."""

PATIENCE = 60.0
"""Seconds in which the daemon has to trade (again)."""

ALLOWED = {"rss_mb": 0.05, "engine_rss_mb": 0.05, "fds": 0.0, "engine_fds": 0.0, "threads": 0.0, "row_bytes": 0.10}
"""By how much, as a fraction, a figure's median may grow from the second quarter of the time to the last."""

JOBS = {
    "heartbeat": {"interval": "1s"},
    "health_check": {"interval": "1s"},
    "config_reload": {"interval": "1s"},
    "rebalance": {"interval": "1s"},
    **{f"tick_{n:02}": {"interval": f"{1 + n % 3}s", "command": ["true"], "notify": "never"} for n in range(6)},
    "noisy": {"interval": "7s", "command": ["false"], "notify": "failure"},
}

CONFIG = {
    "schedule": {"calendar": "ALWAYS", "jobs": JOBS},
    "strategy": {"symbols": ["AAPL", "MSFT", "IBM", "GE"], "position_size_pct": 0.05},
    "risk": {"max_orders_per_minute": 600, "enable_circuit_breaker": False, "min_cash_buffer": 0.0},
    "broker": {"broker_type": "paper"},
    "data": {"update_interval": 0.2},
    "engine": {
        "start_timeout": 30,
        "stop_timeout": 10,
        "heartbeat_timeout": 20,
        "backoff_initial": 0.2,
        "restart_cooldown": 20,
    },
    "logging": {"max_mb": 1, "backups": 2},
}

TABLES = ("job_runs", "transitions", "alerts", "deliveries", "equity", "orders", "fills", "requests")

WALK: Sequence[tuple[int, str]] = (
    (0, "status"),
    (0, "status --json"),
    (0, "jobs list"),
    (0, "jobs list --json"),
    (0, "jobs history --limit 5"),
    (0, "jobs explain tick_01 --next 3"),
    (0, "jobs show tick_01"),
    (0, "jobs pause tick_02"),
    (0, "jobs run tick_02"),
    (0, "jobs resume tick_02"),
    (0, "engine restart"),
    (0, "orders list"),
    (0, "orders list --json"),
    (0, "alerts list"),
    (0, "alerts list --json"),
    (0, "alerts retry --all"),
    (0, "incidents list"),
    (0, "config validate"),
    (0, "config show"),
    (0, "config history"),
    (0, "config plan"),
    (0, "config reload"),
    (0, "config schema"),
    (0, "calendar show"),
    (0, "calendar next"),
    (0, "config diff"),
    (0, "report"),
    (0, "report --json"),
    (0, "backup backup.db --force"),
    (5, "restore backup.db --yes"),
    (0, "doctor"),
    (0, "doctor --json"),
    (0, "completion bash"),
    (0, "service show supervisord"),
    (0, "service show systemd"),
    (0, f"--config {ROOT}/config/config.paper.yaml simulate --from 2026-11-27 --quiet"),
    (0, "notify test"),
    (0, "halt --reason soak"),
    (0, "status"),
    (0, "resume --yes"),
    (0, "--help"),
    (2, "jobs list --nonsense"),
    (1, "jobs show nobody"),
    (1, "orders show nobody"),
    (5, "start"),
)
"""Exit code and command, run in this order again and again."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look; sizes in MB (10^6 bytes), lateness in milliseconds."""

    minutes: float
    rss_mb: float
    fds: int
    threads: int
    cpu_s: float
    engine_rss_mb: float | None
    engine_fds: int | None
    database_mb: float
    row_bytes: float
    runs: int
    late_p50_ms: float
    late_p99_ms: float


@dataclass
class Walked:
    """What the commands came to."""

    times: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Site:
    """A folder with a config and a daemon."""

    def __init__(self, folder: Path, hook: str) -> None:
        self.folder, self.config_path = folder, folder / "soak.json"
        self.state = folder / ".orchestrator"
        alerting = {"channels": ["webhook"], "alert_levels": ["info", "warning", "critical"], "webhook_url": hook}
        self.config_path.write_text(json.dumps({**CONFIG, "notifications": alerting}))
        self.environment = {**os.environ, "PYTHONPATH": ROOT, "ORCHESTRATOR_CONFIG": str(self.config_path)}
        self.daemon = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*COMMAND, "-q", "start"], cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL
        )

    def run(self, words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words.split()],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=90,
        )

    def status(self) -> dict[str, Any]:
        done = self.run("status --json")
        return json.loads(done.stdout) if done.returncode == 0 else {}

    def wait_until_trading(self) -> float:
        """Returns after how many seconds it trades."""
        began = time.monotonic()
        while self.status().get("state") != "trading":
            if time.monotonic() - began > PATIENCE:
                raise SystemExit(f"it does not trade:\n{self.run('status').stdout}")
            time.sleep(0.2)
        return time.monotonic() - began

    @contextmanager
    def store(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(f"file:{self.state / 'orchestrator.db'}?mode=ro", uri=True, timeout=30)) as opened:
            yield opened


# --- reading ---


def read_process(pid: int) -> dict[str, Any]:
    """Memory, files, threads and processor time of a process, from /proc; empty if it has gone."""
    with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return {
            "rss_mb": int(status["VmRSS"].split()[0]) * 1024 / 1e6,
            "fds": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": int(status["Threads"]),
            "cpu_s": (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK"),
        }
    return {}


def size_mb(*paths: Path) -> float:
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def rows(site: Site) -> int:
    """Of all history: what the database is as large as."""
    with site.store() as store:
        return sum(store.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES)


def lateness(site: Site, since: datetime) -> list[float]:
    """Of the jobs that began since then, in milliseconds, in order."""
    query = "SELECT scheduled_at, started_at FROM job_runs WHERE started_at > ? AND result = 'ok'"
    with site.store() as store:
        rows = store.execute(query, [since.isoformat(timespec="microseconds")]).fetchall()
    return sorted((datetime.fromisoformat(b) - datetime.fromisoformat(a)).total_seconds() * 1000 for a, b in rows)


def look(site: Site, began: float) -> Sample | None:
    """One sample; None while daemon or engine is being started again."""
    daemon = read_process(site.daemon.pid)
    engine_pid = site.status().get("engine", {}).get("pid")
    engine = read_process(engine_pid) if engine_pid else {}
    late = lateness(site, datetime.now(UTC) - timedelta(seconds=SAMPLE_EVERY))
    if not daemon or not engine or len(late) < 2:
        return None
    database = site.state / "orchestrator.db"
    return Sample(
        minutes=(time.monotonic() - began) / 60,
        **daemon,
        engine_rss_mb=engine["rss_mb"],
        engine_fds=engine["fds"],
        database_mb=size_mb(database),
        row_bytes=size_mb(database) * 1e6 / rows(site),
        runs=len(late),
        late_p50_ms=statistics.median(late),
        late_p99_ms=late[int(len(late) * 0.99)],
    )


# --- driving ---


def walk(site: Site, over: Event, walked: Walked, pause: float) -> None:
    """Run every command, again and again."""
    while not over.is_set():
        for expected, words in WALK:
            if over.wait(pause):
                return
            began = time.monotonic()
            walked.times += 1
            try:
                done = site.run(words)
            except subprocess.TimeoutExpired as late:
                walked.wrong.append(f"{words}: no end within {late.timeout:g} s")
                continue
            walked.seconds += time.monotonic() - began
            if done.returncode != expected or "Traceback" in done.stderr:
                walked.wrong.append(f"{words}: {done.returncode} and not {expected}: {done.stderr.strip()[-300:]}")


@contextmanager
def listening() -> Iterator[tuple[str, Counter[str]]]:
    """A web server that takes every alert; its address, and how many came by title."""
    heard: Counter[str] = Counter()

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard[body.get("title", "?")] += 1
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing: there are thousands."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/alerts", heard
        server.shutdown()


def sample(site: Site, minutes: float, rng: random.Random) -> tuple[list[Sample], list[float]]:
    """Look every ten seconds; kill the engine about every two minutes and the daemon once, a third of the way."""
    began = next_look = time.monotonic()
    samples: list[Sample] = []
    back: list[float] = []
    next_kill, daemon_kill = began + rng.uniform(60, 180), began + minutes * 20
    while (now := time.monotonic()) < began + minutes * 60:
        if now >= daemon_kill:
            daemon_kill = float("inf")
            site.daemon.kill()
            site.daemon.wait()
            site.daemon = site.start()
            back.append(site.wait_until_trading())
        elif now >= next_kill:
            next_kill = now + rng.uniform(60, 180)
            if pid := site.status().get("engine", {}).get("pid"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if now >= next_look:
            next_look = now + SAMPLE_EVERY
            if (seen := look(site, began)) is not None:
                samples.append(seen)
                print(line_of(seen), flush=True)
        time.sleep(0.2)
    return samples, back


# --- judging ---


def wrong_in_the_books(site: Site, account: dict[str, Any]) -> list[str]:
    """Where the account, as the daemon tells it, is not what the fills make of it."""
    with site.store() as store:
        fills = store.execute("SELECT symbol, action, quantity, price, commission FROM fills").fetchall()
    held: Counter[str] = Counter()
    cash = account["starting_cash"]
    for symbol, action, quantity, price, commission in fills:
        sign = 1 if action == "BUY" else -1
        held[symbol] += sign * quantity
        cash -= sign * quantity * price + commission
    positions = {each["symbol"]: each["quantity"] for each in account["positions"]}
    found = [] if abs(account["cash"] - cash) < 0.01 else [f"cash is {account['cash']}, the fills make it {cash}"]
    if positions != +held:
        found.append(f"positions are {positions}, the fills make them {dict(+held)}")
    return found


def line_of(seen: Sample) -> str:
    return (
        f"{seen.minutes:6.1f} min  rss {seen.rss_mb:6.1f} MB  fds {seen.fds:3}  engine {seen.engine_rss_mb:6.1f} MB "
        f"{seen.engine_fds:3} fds  db {seen.database_mb:6.2f} MB  runs {seen.runs:4}  "
        f"late p50 {seen.late_p50_ms:6.1f} p99 {seen.late_p99_ms:7.1f} ms"
    )


def table(samples: Sequence[Sample]) -> list[str]:
    """What grew too much; prints the medians of the quarters."""
    quarter, wrong = max(1, len(samples) // 4), []
    print(f"\n{'':14}{'2nd quarter':>12}{'3rd':>10}{'4th':>10}{'growth':>9}")
    for name in (
        "rss_mb",
        "engine_rss_mb",
        "fds",
        "engine_fds",
        "threads",
        "database_mb",
        "row_bytes",
        "late_p50_ms",
        "late_p99_ms",
    ):
        parts = [samples[n * quarter : (n + 1) * quarter] for n in (1, 2, 3)]
        medians = [statistics.median(getattr(each, name) for each in part) for part in parts]
        grown = medians[2] / medians[0] - 1
        over = grown > ALLOWED.get(name, float("inf"))
        columns = f"{medians[0]:12.2f}{medians[1]:10.2f}{medians[2]:10.2f}{grown:+9.1%}"
        print(f"{name:14}{columns}{'  too much' if over else ''}")
        wrong += [f"{name} grew by {grown:.1%}"] if over else []
    print(
        f"processor time of the daemon that ran last: {samples[-1].cpu_s:.0f} s; "
        f"{sum(each.runs for each in samples)} runs seen"
    )
    return wrong


def end(site: Site) -> list[str]:
    """Halt, look at the books, and stop; what was wrong."""
    site.run("halt --reason over")
    account = {"starting_cash": 100_000.0, **site.status()["account"]}
    wrong = wrong_in_the_books(site, account)
    done = site.run("stop")
    code = site.daemon.wait(PATIENCE)
    with site.store() as store:
        store.execute("PRAGMA integrity_check").fetchone()
    return wrong + ([] if (done.returncode, code) == (0, 0) else [f"stop: {done.returncode}, the daemon: {code}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--folder", type=Path, help="keep everything here; a temporary folder if not given")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two commands")
    parser.add_argument("--json", type=Path, help="write the samples here")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        url, heard = stack.enter_context(listening())
        site, over, walked = Site(folder, url), Event(), Walked()
        stack.callback(lambda: site.daemon.poll() is None and site.daemon.kill())
        print(f"trading after {site.wait_until_trading():.1f} s")
        walker = Thread(target=walk, args=(site, over, walked, options.pause), daemon=True)
        walker.start()
        samples, back = sample(site, options.minutes, random.Random(options.seed))
        over.set()
        walker.join(PATIENCE)
        wrong = table(samples) + walked.wrong + end(site)
    print(f"{walked.times} commands in {walked.seconds / max(1, walked.times):.2f} s each, {len(walked.wrong)} wrong")
    print(f"{heard.total()} alerts arrived; after the daemon was killed it traded again in {back} s")
    if options.json:
        options.json.write_text(json.dumps([asdict(each) for each in samples]))
    for line in wrong:
        print(f"WRONG  {line}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
