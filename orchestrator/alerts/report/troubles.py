"""What went wrong: jobs that did not run well, and alerts that did not arrive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select

from jobs import RunResult
from jobs.builtin import TABLE
from orchestrator.store import Store, alerts, deliveries, job_runs

__all__ = ["ChannelTrouble", "JobRecord", "JobTrouble", "Undelivered", "job_record", "undelivered"]

GOOD = (RunResult.OK.value, RunResult.SKIPPED.value)
SOON_AGAIN = tuple(name for name, each in TABLE.items() if "interval" in each)
"""A fire of these that was missed is made up for by the next one."""


@dataclass(frozen=True, slots=True)
class JobTrouble:
    """Fires of one job that ended in the same bad way; `last_at` and `reason` are of the last one."""

    job: str
    result: str
    count: int
    last_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class JobRecord:
    """`fires` is how many there were in all."""

    fires: int
    troubles: tuple[JobTrouble, ...]


@dataclass(frozen=True, slots=True)
class ChannelTrouble:
    """What one channel owes. `failing` of the `pending` have been tried in vain; `lost` will not be sent any more."""

    channel: str
    pending: int
    failing: int
    lost: int
    last_error: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Deliveries of alerts that have not arrived."""

    pending: int
    failing: int
    lost: int
    channels: tuple[ChannelTrouble, ...]


def job_record(store: Store, since: datetime, until: datetime) -> JobRecord:
    """What became of the fires that were due from one time to another, both included."""
    # By name, because the index is by name first: the table holds a row for each fire of many days.
    due = and_(
        job_runs.c.job.in_(_job_names(store)), job_runs.c.scheduled_at >= since, job_runs.c.scheduled_at <= until
    )
    fires = store.rows(select(func.count().label("fires")).select_from(job_runs).where(due))[0]["fires"]
    bad = and_(
        due,
        job_runs.c.result.not_in(GOOD),
        or_(job_runs.c.result != RunResult.MISSED.value, job_runs.c.job.not_in(SOON_AGAIN)),
    )
    ways = select(
        job_runs.c.job,
        job_runs.c.result,
        func.count().label("count"),
        func.max(job_runs.c.scheduled_at).label("last_at"),
    ).where(bad)
    rows = store.rows(ways.group_by(job_runs.c.job, job_runs.c.result))
    return JobRecord(fires, tuple(sorted((_trouble(store, row) for row in rows), key=lambda each: each.last_at)))


def _trouble(store: Store, way: Mapping[str, Any]) -> JobTrouble:
    of_last = and_(job_runs.c.job == way["job"], job_runs.c.scheduled_at == way["last_at"])
    return JobTrouble(reason=store.rows(select(job_runs.c.reason).where(of_last))[0]["reason"], **way)


def _job_names(store: Store) -> Sequence[str]:
    """Each name in the history: from one to the next through the index, not by reading every row."""
    names: list[str] = []
    following = select(func.min(job_runs.c.job))
    with store.reader.connect() as connection:
        name = connection.execute(following).scalar()
        while name is not None:
            names.append(name)
            name = connection.execute(following.where(job_runs.c.job > name)).scalar()
    return names


def undelivered(store: Store, since: datetime, until: datetime) -> Undelivered:
    """What of the alerts until a time is still pending, and what of those since another was given up."""
    query = (
        select(
            deliveries.c.channel,
            deliveries.c.state,
            func.count().label("count"),
            func.count().filter(deliveries.c.last_error != "").label("failing"),
            func.max(deliveries.c.last_error).label("last_error"),
        )
        .join(alerts)
        .where(deliveries.c.state.in_(("pending", "failed", "expired")), alerts.c.at <= until)
        .where(or_(deliveries.c.state == "pending", alerts.c.at >= since))
        .group_by(deliveries.c.channel, deliveries.c.state)
        .order_by(deliveries.c.channel)
    )
    rows = store.rows(query)
    names = dict.fromkeys(row["channel"] for row in rows)
    channels = tuple(_channel(name, [row for row in rows if row["channel"] == name]) for name in names)
    return Undelivered(
        pending=sum(each.pending for each in channels),
        failing=sum(each.failing for each in channels),
        lost=sum(each.lost for each in channels),
        channels=channels,
    )


def _channel(name: str, rows: Sequence[Mapping[str, Any]]) -> ChannelTrouble:
    pending = [row for row in rows if row["state"] == "pending"]
    return ChannelTrouble(
        channel=name,
        pending=sum(row["count"] for row in pending),
        failing=sum(row["failing"] for row in pending),
        lost=sum(row["count"] for row in rows if row["state"] != "pending"),
        last_error=max(row["last_error"] for row in rows),
    )
