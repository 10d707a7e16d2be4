"""orchestrator jobs: what runs when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from jobs import JobSpec, RunResult, explain, job_specs
from jobs.rows import STORED_ROWS, Row, UnreadableRow, by_name
from orchestrator.cli.completers import job_names
from orchestrator.cli.errors import Unknown
from orchestrator.cli.output import ago, echo_json, json_option, moment, table
from orchestrator.cli.settings import Settings
from orchestrator.store import Glance

__all__ = ["JobRow", "job_rows", "jobs"]


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it is listed; times in UTC."""

    name: str
    schedule: str
    kind: str
    source: str
    state: str
    next_run: datetime | None
    last_run: datetime | None
    last_result: str | None
    reason: str
    output: str
    spec: JobSpec | None


def job_rows(settings: Settings, now: datetime) -> list[JobRow]:
    """Every job of the config and of the store, by next run; with the daemon down, what it would do if it were up."""
    specs = job_specs(settings.config.schedule.jobs, settings.calendar)
    up, (stored, last) = settings.owner() is not None, _stored(settings)
    rows = [_row(spec, stored.get(name), last.get(name), now, up) for name, spec in specs.items()]
    rows += [_stray(name, stored[name], last.get(name), up) for name in stored if name not in specs]
    return sorted(rows, key=lambda row: (row.next_run is None, row.next_run or now, row.name))


def _stored(settings: Settings) -> tuple[dict[str, tuple[datetime | None, bytes]], dict[str, Mapping[str, Any]]]:
    store = settings.glance()
    if store is None:
        return {}, {}
    with store:
        last = _last_runs(store)  # first: a job that fires meanwhile then has its next run after its last
        return by_name(store.rows(STORED_ROWS)), last


LAST_RUNS = """
    SELECT job, scheduled_at, result, reason, output FROM job_runs
    WHERE id IN (SELECT max(id) FROM job_runs WHERE result IS NOT NULL GROUP BY job)
"""


def _last_runs(store: Glance) -> dict[str, Mapping[str, Any]]:
    return {row["job"]: {**row, "scheduled_at": _time(row["scheduled_at"])} for row in store.rows(LAST_RUNS)}


def _time(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored)


def _row(
    spec: JobSpec,
    stored: tuple[datetime | None, bytes] | None,
    last: Mapping[str, Any] | None,
    now: datetime,
    up: bool,
) -> JobRow:
    state, reason = _state(spec, stored)
    at = stored[0] if stored is not None and state == "active" else None
    if state == "active" and (at is None or not up):
        following = spec.trigger.get_next_fire_time(None, now)
        at = None if following is None else following.astimezone(UTC)
    return JobRow(
        spec.name,
        spec.schedule,
        spec.kind,
        spec.source,
        state,
        at,
        last["scheduled_at"] if last else None,
        last["result"] if last else None,
        reason or (last["reason"] if last else ""),
        last["output"] if last else "",
        spec,
    )


def _state(spec: JobSpec, stored: tuple[datetime | None, bytes] | None) -> tuple[str, str]:
    if not spec.enabled:
        return "disabled", "enabled: false in the config"
    if stored is None:
        return "active", ""
    try:
        paused = Row.read(stored[1]).paused
    except UnreadableRow as error:
        return "parked", f"its stored row can't be read: {error}"
    return ("paused" if paused else "active"), ""


def _stray(name: str, stored: tuple[datetime | None, bytes], last: Mapping[str, Any] | None, up: bool) -> JobRow:
    """A stored job that the config does not have: it fires until the daemon has taken up a config without it."""
    result = last["result"] if last else None
    at = last["scheduled_at"] if last else None
    fires = stored[0] is not None and up
    reason = f"it is not in the config{', which the daemon has not taken up' if fires else ''}"
    state, following = ("active", stored[0]) if fires else ("parked", None)
    return JobRow(name, "?", "?", "config", state, following, at, result, reason, "", None)


@click.group()
def jobs() -> None:
    """List, explain and command the scheduled jobs.

    Example: orchestrator jobs explain market_close --next 3
    """


@jobs.command("list")
@json_option
@click.pass_obj
def list_jobs(settings: Settings, as_json: bool) -> None:
    """List all jobs by next run, with the daemon up or down; it changes nothing.

    Example: orchestrator jobs list --json
    """
    settings.tolerate()
    now, zone = settings.clock.now(), settings.calendar.timezone
    rows = job_rows(settings, now)
    if as_json:
        echo_json([_document(row, settings) for row in rows])
        return
    heads = ["name", "schedule", "next run", "last run", "result", "state"]
    click.echo(
        table(
            heads,
            [
                [
                    row.name,
                    row.schedule,
                    moment(row.next_run, zone, now),
                    ago(row.last_run, now),
                    row.last_result or "-",
                    row.state,
                ]
                for row in rows
            ],
        )
    )


@jobs.command()
@click.argument("name", shell_complete=job_names)
@json_option
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show one job whole.

    Example: orchestrator jobs show market_open
    """
    settings.tolerate()
    now, zone = settings.clock.now(), settings.calendar.timezone
    rows = {row.name: row for row in job_rows(settings, now)}
    if name not in rows:
        raise Unknown(f"no job {name!r}", name, rows)
    row = rows[name]
    document = {**_document(row, settings), **_policy(row.spec), "last_output": row.output or None}
    if as_json:
        echo_json(document)
        return
    shown = {**document, "next_run": moment(row.next_run, zone, now), "last_run": ago(row.last_run, now)}
    click.echo("\n".join(f"{key:<18} {_plain(value)}" for key, value in shown.items() if key != "last_output"))
    if document["last_output"]:
        click.echo(f"last output:\n{document['last_output']}")


@jobs.command()
@click.argument("name", required=False, shell_complete=job_names)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many, newest first.")
@click.option("--result", type=click.Choice([result.value for result in RunResult]), help="Only runs that ended so.")
@json_option
@click.pass_obj
def history(settings: Settings, name: str | None, limit: int, result: str | None, as_json: bool) -> None:
    """Show what became of the last fires of all jobs, or of NAME.

    Example: orchestrator jobs history report --result failed
    """
    settings.tolerate()
    rows = _rows(settings, {"job": name, "result": result}, limit)
    if not rows and name is not None:
        _refuse_unknown(settings, name)
    if as_json:
        echo_json([_run_document(row, settings) for row in rows])
        return
    heads = ["job", "scheduled", "result", "took", "reason"]
    click.echo(table(heads, [_run_cells(row, settings) for row in rows]))


RUNS = "SELECT * FROM job_runs WHERE {} ORDER BY scheduled_at DESC, id DESC LIMIT ?"
TIMES = ("scheduled_at", "started_at", "finished_at")


def _rows(settings: Settings, wanted: Mapping[str, str | None], limit: int) -> list[dict[str, Any]]:
    """The newest runs, with those values where one is given."""
    given = {column: value for column, value in wanted.items() if value is not None}
    conditions = " AND ".join(["true", *(f"{column} = ?" for column in given)])
    found = _look(settings, RUNS.format(conditions), [*given.values(), limit])
    return [{**row, **{column: _time(row[column]) for column in TIMES}} for row in found]


def _look(settings: Settings, query: str, values: Sequence[object] = ()) -> list[Mapping[str, Any]]:
    store = settings.glance()
    if store is None:
        return []
    with store:
        return store.rows(query, values)


def _refuse_unknown(settings: Settings, name: str) -> None:
    """Raise Unknown unless a job of this name is there, or was."""
    known = {row.name for row in job_rows(settings, settings.clock.now())}
    known |= {row["job"] for row in _look(settings, "SELECT DISTINCT job FROM job_runs")}
    if name not in known:
        raise Unknown(f"no job {name!r}", name, known)


@jobs.command("explain")
@click.argument("name", shell_complete=job_names)
@click.option("--next", "count", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many fires.")
@click.option(
    "--from", "start", type=click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M"]), help="From when on; now if not given."
)
@json_option
@click.pass_obj
def explain_job(settings: Settings, name: str, count: int, start: datetime | None, as_json: bool) -> None:
    """Say when NAME fires next, and why then.

    Example: orchestrator jobs explain market_close --next 3 --from 2026-11-25
    """
    calendar, spec = settings.calendar, _spec(settings, name)
    begin = settings.clock.now() if start is None else start.replace(tzinfo=calendar.timezone)
    fires = list(explain(spec, calendar, begin, count))
    if as_json:
        echo_json([{"at": each.at.isoformat(), "why": each.why} for each in fires])
        return
    if not spec.enabled:
        click.echo(f"{name} is disabled in the config; if it were not, it would fire at:")
    for each in fires:
        seconds = "%H:%M" if each.at.second == 0 else "%H:%M:%S"
        click.echo(f"{each.at.strftime('%a %d %b %Y ' + seconds + ' %Z')}: {each.why}")
    if len(fires) < count:
        click.echo("and then no more")


@jobs.command()
@click.argument("name", shell_complete=job_names)
@click.pass_obj
def run(settings: Settings, name: str) -> None:
    """Have the running daemon run NAME now, besides its schedule.

    Example: orchestrator jobs run health_check
    """
    click.echo(f"{name}: {_ask(settings, 'run job', name)}")


@jobs.command()
@click.argument("name", shell_complete=job_names)
@click.pass_obj
def pause(settings: Settings, name: str) -> None:
    """Keep NAME from firing, over restarts and edits of the config too, until: orchestrator jobs resume NAME.

    Example: orchestrator jobs pause rebalance
    """
    click.echo(f"{name}: {_ask(settings, 'pause job', name)}")


@jobs.command()
@click.argument("name", shell_complete=job_names)
@click.pass_obj
def resume(settings: Settings, name: str) -> None:
    """Have a paused NAME fire again from now on.

    Example: orchestrator jobs resume rebalance
    """
    click.echo(f"{name}: {_ask(settings, 'resume job', name)}")


def _ask(settings: Settings, kind: str, name: str) -> str:
    from orchestrator.control import ask

    settings.tolerate()
    owner = settings.daemon()
    _spec(settings, name)
    with settings.writer() as store:
        return str(ask(store, settings.clock, owner, kind, {"name": name}, timeout=15))


def _spec(settings: Settings, name: str) -> JobSpec:
    specs = job_specs(settings.config.schedule.jobs, settings.calendar)
    if name not in specs:
        raise Unknown(f"no job {name!r}", name, specs)
    return specs[name]


def _run_document(row: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    zone, started, finished = settings.calendar.timezone, row["started_at"], row["finished_at"]

    def local(at: datetime | None) -> str | None:
        return None if at is None else at.astimezone(zone).isoformat()

    return {
        "job": row["job"],
        "scheduled_at": local(row["scheduled_at"]),
        "started_at": local(started),
        "finished_at": local(finished),
        "result": row["result"],
        "reason": row["reason"] or None,
        "duration_s": None if started is None or finished is None else (finished - started).total_seconds(),
        "exit_code": row["exit_code"],
        "output": row["output"] or None,
    }


def _run_cells(row: Mapping[str, Any], settings: Settings) -> list[str]:
    at, started, finished = row["scheduled_at"], row["started_at"], row["finished_at"]
    return [
        row["job"],
        f"{at.astimezone(settings.calendar.timezone):%a %d %b %H:%M:%S %Z}",
        row["result"] or "going on",
        "-" if started is None or finished is None else f"{(finished - started).total_seconds():.1f}s",
        (row["reason"] or "-").replace("\n", " "),
    ]


def _document(row: JobRow, settings: Settings) -> dict[str, Any]:
    zone = settings.calendar.timezone
    return {
        "name": row.name,
        "schedule": row.schedule,
        "kind": row.kind,
        "source": row.source,
        "state": row.state,
        "next_run": None if row.next_run is None else row.next_run.astimezone(zone).isoformat(),
        "last_run": None if row.last_run is None else row.last_run.astimezone(zone).isoformat(),
        "last_result": row.last_result,
        "reason": row.reason or None,
    }


def _policy(spec: JobSpec | None) -> dict[str, Any]:
    if spec is None:
        return {}
    return {
        "action": spec.action if isinstance(spec.action, str) else list(spec.action),
        "misfire": spec.misfire.value,
        "grace_s": spec.grace.total_seconds(),
        "timeout_s": None if spec.builtin else spec.timeout.total_seconds(),
        "overlap": None if spec.builtin else spec.overlap.value,
        "retries": None if spec.builtin else spec.retries,
        "jitter_s": spec.jitter.total_seconds(),
        "only_when": sorted(spec.only_when),
        "trading_days_only": spec.trading_days_only,
        "notify": spec.notify.value,
    }


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
