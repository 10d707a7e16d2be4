"""The database, and what the daemon has written into it."""

import sqlite3
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text

from jobs import JobSpec, parse_job
from jobs.rows import STORED_ROWS, UnreadableRow, by_name
from jobs.store import decode
from orchestrator.doctor.findings import Finding, fail, ok, warn
from orchestrator.doctor.patient import Patient
from orchestrator.lock import StoreLock
from orchestrator.store import StoreError, alerts, deliveries, incidents, job_runs
from orchestrator.store.backup import inspect
from orchestrator.store.errors import RESTORE
from orchestrator.store.version import SCHEMA_VERSION

__all__ = ["daemon", "database", "deliveries_made", "engine", "incidents_of_late", "jobs"]

NOTHING_YET = "no daemon has written anything yet"
SILENCE = timedelta(minutes=3)
"""A loop that turns writes its status at least once a minute."""

OVERDUE = timedelta(hours=1)
LATELY = timedelta(days=7)


def database(patient: Patient) -> Iterator[Finding]:
    """Is it whole, of this version, and private?"""
    path = patient.database
    if not path.exists() and not path.with_name(f"{path.name}-wal").exists():
        yield ok("database", f"{path} is made at the first start")
        return
    try:
        contents = inspect(path)
    except (StoreError, sqlite3.Error) as error:
        detail, _, remedy = str(error).partition("; ")
        yield fail("database", detail, remedy or RESTORE)
        return
    if contents.schema < SCHEMA_VERSION:
        said = f"{path} is of an earlier version (schema {contents.schema}, this program's is {SCHEMA_VERSION})"
        yield warn("database", said, "the next start brings it up to date; before: orchestrator backup FILE")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield warn("database", f"others than its owner can read {path}", f"chmod 600 {path}*")
    said = f"{path}: {contents.size / 1e6:.1f} MB, schema {contents.schema}, {contents.orders:,} orders"
    yield ok("database", f"{said}, every page and reference sound")


def daemon(patient: Patient) -> Iterator[Finding]:
    """Does one run, and does its loop turn?"""
    owner, lock = patient.owner, StoreLock(patient.database).path
    if owner is None:
        ended = lock.exists() and lock.stat().st_size > 0
        how = "the last one was killed, or the machine went down" if ended else "none runs"
        yield warn("daemon", how, "start it: orchestrator start")
        return
    said_at = _said_at(patient)
    running = f"process {owner.pid} on {owner.host} since {owner.started_at}"
    if said_at is not None and patient.now - said_at > SILENCE:
        silent = round((patient.now - said_at).total_seconds())
        yield fail("daemon", f"{running} has not turned its loop for {silent} s", f"end it: kill -9 {owner.pid}")
    else:
        yield ok("daemon", running)


def _said_at(patient: Patient) -> datetime | None:
    said = _status(patient).get("at")
    return None if said is None else datetime.fromisoformat(said)


def _status(patient: Patient) -> Mapping[str, Any]:
    with patient.store() as store:
        return {} if store is None else store.read_meta("status") or {}


def engine(patient: Patient) -> Iterator[Finding]:
    """May it trade, and does it?"""
    with patient.store() as store:
        halted = None if store is None else store.read_meta("halt")
        told = {} if store is None else (store.read_meta("status") or {}).get("engine", {})
    if halted is not None:
        yield warn(
            "engine", f"halted since {halted['at']}: {halted['reason']}", "once that is settled: orchestrator resume"
        )
        return
    state, why = told.get("state"), told.get("reason") or "its reason is in: orchestrator incidents list"
    if state == "fatal":
        yield fail("engine", f"it was given up: {why}", "orchestrator incidents list; then: orchestrator engine start")
    elif state == "backoff":
        yield warn("engine", f"it failed and is started again: {why}", "orchestrator incidents list")
    else:
        yield ok("engine", NOTHING_YET if state is None else f"{state} when the daemon last wrote")


def jobs(patient: Patient) -> Iterator[Finding]:
    """Can every stored job be read, and did each end well when it last ran?"""
    with patient.store() as store:
        stored = {} if store is None else by_name(store.rows(text(STORED_ROWS)))
        newest = select(func.max(job_runs.c.id)).where(job_runs.c.result.is_not(None)).group_by(job_runs.c.job)
        last = [] if store is None else store.rows(select(job_runs).where(job_runs.c.id.in_(newest)))
    wrong = [*_parked(stored, patient), *_failing(last)]
    yield from wrong
    if not wrong:
        yield ok("jobs", f"{len(stored)} stored, none parked, none failing" if stored else NOTHING_YET)


def _parked(stored: Mapping[str, tuple[datetime | None, bytes]], patient: Patient) -> Iterator[Finding]:
    def read(name: str, definition: Mapping[str, Any]) -> JobSpec:
        return parse_job(name, definition, patient.calendar)

    for name, (_, row) in stored.items():
        try:
            decode(name, row, read)
        except UnreadableRow as error:
            remedy = (
                "it is not run; a later version may have written it: install that, or take the job out and put it back"
            )
            yield warn("jobs", f"{name} is parked: {error}", remedy)


def _failing(last: list[Mapping[str, Any]]) -> Iterator[Finding]:
    for row in last:
        if row["result"] in {"failed", "timeout"}:
            remedy = f"orchestrator jobs history {row['job']}"
            yield warn("jobs", f"{row['job']} {row['result']} when it last ran: {row['reason']}", remedy)


def deliveries_made(patient: Patient) -> Iterator[Finding]:
    """Did the alerts arrive?"""
    late = (deliveries.c.state == "pending") & (alerts.c.at < patient.now - OVERDUE)
    lost = deliveries.c.state.in_(("failed", "expired")) & (alerts.c.at >= patient.now - LATELY)
    columns = (deliveries.c.channel, deliveries.c.state)
    count, error = func.count().label("count"), func.max(deliveries.c.last_error).label("error")
    query = select(*columns, count, error).join_from(deliveries, alerts).where(late | lost).group_by(*columns)
    with patient.store() as store:
        rows = [] if store is None else store.rows(query)
    for row in rows:
        what = "waiting for more than an hour" if row["state"] == "pending" else "lost in the last week"
        detail = f"alerts to {row['channel']} {what}: {row['count']} ({row['error'] or 'not tried yet'})"
        yield warn("alerts", detail, f"orchestrator notify test {row['channel']}; then: orchestrator alerts retry")
    if not rows:
        yield ok("alerts", "none waits, and none was lost in the last week")


def incidents_of_late(patient: Patient) -> Iterator[Finding]:
    """Has an engine failed lately?"""
    query = select(incidents).where(incidents.c.at >= patient.now - LATELY).order_by(incidents.c.at.desc())
    with patient.store() as store:
        rows = [] if store is None else store.rows(query)
    if not rows:
        yield ok("incidents", "no engine has failed in the last week")
        return
    last = rows[0]
    at = last["at"].astimezone(patient.calendar.timezone)
    said = f"{len(rows)} in the last week, the last at {at:%a %d %b %H:%M %Z}: {last['cause']}"
    yield warn("incidents", said, f"orchestrator incidents show {last['id']}")
