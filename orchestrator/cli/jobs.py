"""orchestrator jobs: what runs when."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from sqlalchemy import func, select

from jobs import JobSpec, job_specs
from jobs.store import UnreadableRow, decode, read_rows
from orchestrator.cli.errors import Failed
from orchestrator.cli.output import ago, echo_json, json_option, moment, table
from orchestrator.cli.settings import Settings
from orchestrator.store import Store, job_runs

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
    spec: JobSpec | None


def job_rows(settings: Settings, now: datetime) -> list[JobRow]:
    """Every job of the config and of the store, by next run; with the daemon down, what it would do if it were up."""
    specs = job_specs(settings.config.schedule.jobs, settings.calendar)
    stored, last = _stored(settings)
    rows = [_row(spec, stored.get(name), last.get(name), now, settings) for name, spec in specs.items()]
    rows += [_stray(name, last.get(name)) for name in stored if name not in specs]
    return sorted(rows, key=lambda row: (row.next_run is None, row.next_run or now, row.name))


def _stored(settings: Settings) -> tuple[dict[str, tuple[datetime | None, bytes]], dict[str, dict[str, Any]]]:
    store = settings.reader()
    if store is None:
        return {}, {}
    try:
        return read_rows(store.reader), _last_runs(store)
    finally:
        store.close()


def _last_runs(store: Store) -> dict[str, dict[str, Any]]:
    newest = select(func.max(job_runs.c.id)).group_by(job_runs.c.job)
    return {row["job"]: dict(row) for row in store.rows(select(job_runs).where(job_runs.c.id.in_(newest)))}


def _row(
    spec: JobSpec,
    stored: tuple[datetime | None, bytes] | None,
    last: dict[str, Any] | None,
    now: datetime,
    settings: Settings,
) -> JobRow:
    state, reason = _state(spec, stored, settings)
    at = stored[0] if stored is not None and state == "active" else None
    if state == "active" and (at is None or settings.owner() is None):
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
        spec,
    )


def _state(spec: JobSpec, stored: tuple[datetime | None, bytes] | None, settings: Settings) -> tuple[str, str]:
    if not spec.enabled:
        return "disabled", "enabled: false in the config"
    if stored is None:
        return "active", ""
    try:
        decode(spec.name, stored[1], lambda name, definition: spec)
    except UnreadableRow as error:
        return "parked", f"its stored row can't be read: {error}"
    return ("paused" if stored[0] is None else "active"), ""


def _stray(name: str, last: dict[str, Any] | None) -> JobRow:
    """A stored job that the config does not have: the daemon removes it when it next applies the config."""
    result = last["result"] if last else None
    at = last["scheduled_at"] if last else None
    return JobRow(name, "?", "?", "config", "parked", None, at, result, "it is not in the config", None)


@click.group()
def jobs() -> None:
    """List and show the scheduled jobs.

    Example: orchestrator jobs list
    """


@jobs.command("list")
@json_option
@click.pass_obj
def list_jobs(settings: Settings, as_json: bool) -> None:
    """List all jobs by next run, with the daemon up or down; it changes nothing.

    Example: orchestrator jobs list --json
    """
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
@click.argument("name")
@json_option
@click.pass_obj
def show(settings: Settings, name: str, as_json: bool) -> None:
    """Show one job whole.

    Example: orchestrator jobs show market_open
    """
    now, zone = settings.clock.now(), settings.calendar.timezone
    rows = {row.name: row for row in job_rows(settings, now)}
    if name not in rows:
        raise Failed(f"no job {name!r}; these are: {', '.join(sorted(rows))}")
    row = rows[name]
    document = {**_document(row, settings), **_policy(row.spec)}
    if as_json:
        echo_json(document)
        return
    shown = {**document, "next_run": moment(row.next_run, zone, now), "last_run": ago(row.last_run, now)}
    click.echo("\n".join(f"{key:<18} {_plain(value)}" for key, value in shown.items()))


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
        "only_when": sorted(spec.only_when),
        "trading_days_only": spec.trading_days_only,
        "notify": spec.notify.value,
    }


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
