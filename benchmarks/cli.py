"""What commands cost before they say anything: `--help`, and `jobs list` with many jobs in config and store."""

import json
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Row, process_costs
from calendars import SystemClock
from jobs import job_specs
from jobs.store import JSONJobStore, make_job
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource
from orchestrator.store import Store

HELP_BAR, LIST_BAR = 1.4, 1.3

HELLO = """
import click
@click.command()
def hello():
    click.echo("hello world")
hello()
"""
COMMAND = "from orchestrator.cli import main; main({arguments!r})"
IMPORTS = "import sqlalchemy, apscheduler.jobstores.sqlalchemy"

SCHEDULES = (
    {"interval": "5m"},
    {"cron": "30 9 * * mon-fri"},
    {"session": "open + 5m"},
    {"session": "close - 5m"},
)


def rows(*, quick: bool = False) -> list[Row]:
    rounds, count = (0, 20) if quick else (7, 1000)
    with TemporaryDirectory(prefix="cli-") as name:
        folder = Path(name)
        config = fill(folder, count)
        codes = {
            "help": COMMAND.format(arguments=["--help"]),
            "hello": HELLO,
            "list": COMMAND.format(arguments=["--config", str(config), "jobs", "list"]),
            "imports": IMPORTS,
        }
        cost = process_costs(codes, rounds, folder)
    return [
        Row("orchestrator --help", cost["help"], "ms", HELP_BAR, "a click hello world", cost["hello"]),
        Row(f"jobs list, {count:,} jobs", cost["list"], "ms", LIST_BAR, "importing its libraries", cost["imports"]),
    ]


def fill(folder: Path, count: int) -> Path:
    """A config with `count` jobs, and a store in which a daemon has put them."""
    jobs = {f"job_{number:05}": {**SCHEDULES[number % 4], "command": ["true"]} for number in range(count)}
    path = folder / "config.yaml"
    path.write_text(json.dumps({"version": "1.0.0", "state_dir": "state", "schedule": {"jobs": jobs}}))
    config, now = ConfigSource(path).load().config, SystemClock().now()
    (folder / "state").mkdir()
    with Store(f"sqlite:///{folder / 'state' / 'orchestrator.db'}") as store:
        table = JSONJobStore(store.engine, lambda *_: None)
        table.start(None, "default")
        for spec in job_specs(config.schedule.jobs, market_calendar(config)).values():
            table.add_job(make_job(spec, _utc(spec.trigger.get_next_fire_time(None, now))))
    return path


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
