"""Where the scheduler keeps what must outlive it: each job's definition and its next run time, as JSON rows.

The rows hold no code and no pickles: a row is a job's mapping as the config has it, read by the same reader. A row
that can't be understood (a newer version wrote it, somebody edited it) is parked: reported, left alone, never run.
"""

import json
from bisect import bisect_left, insort
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from sqlalchemy import Connection, Engine, bindparam, func, select
from sqlalchemy.exc import IntegrityError

from jobs.rows import NOT_A_ROW, VERSION, Row, UnreadableRow
from jobs.spec import JobSpec

__all__ = [
    "ENTRY_POINT",
    "Claim",
    "JSONJobStore",
    "VolatileJobStore",
    "decode",
    "make_job",
]

ENTRY_POINT = "jobs.scheduler:fire"
"""The only function that a stored job can name."""

PAUSED = b'"paused":true'
"""How the row of a paused job has it; in a definition a quotation mark is written otherwise."""

MOST_DUE = 100
"""Jobs that one turn takes up; the rest is taken by the turns that follow at once, so that none of them is long."""


class Claim(NamedTuple):
    """A fire that is claimed.

    :param job: with its next run time already set to the one after.
    :param again: whether it may begin though it was claimed before.
    """

    job: Job
    at: datetime
    again: bool = False


SpecReader = Callable[[str, Mapping[str, Any]], JobSpec]
"""Reads a stored definition; raises ValueError if it is none."""

Recorder = Callable[[Connection, str, datetime], bool]
"""Records in a claim's transaction that a run is about to begin; False if that fire has been claimed before."""


def make_job(spec: JobSpec, next_run_time: datetime | None, *, paused: bool = False) -> Job:
    """An APScheduler job for `spec`.

    :param paused: by an operator; such a job has no next run time until it is resumed.
    """
    job = Job.__new__(Job)
    job.__setstate__(
        {
            "id": spec.name,
            "name": spec.name,
            "func": ENTRY_POINT,
            "args": (),
            "kwargs": {"spec": spec, "paused": paused},
            "trigger": spec.trigger,
            "executor": "default",
            "misfire_grace_time": None,
            "coalesce": True,
            "max_instances": 1,
            "next_run_time": None if paused else next_run_time,
        }
    )
    return job


def encode(job: Job) -> bytes:
    at = job.next_run_time
    row = {
        "version": VERSION,
        "definition": job.kwargs["spec"].definition,
        "next_run_time": None if at is None else at.astimezone(UTC).isoformat(),
        "paused": job.kwargs["paused"],
    }
    return json.dumps(row, separators=(",", ":"), sort_keys=True).encode()


def decode(name: str, raw: bytes, read_spec: SpecReader) -> Job:
    """The job in a row; UnreadableRow says why it can't be had."""
    row = Row.read(raw)
    try:
        spec = read_spec(name, row.definition)
    except UnreadableRow:
        raise
    except NOT_A_ROW as error:
        raise UnreadableRow(f"{type(error).__name__}: {error}") from error
    return make_job(spec, row.next_run_time, paused=row.paused)


class VolatileJobStore(BaseJobStore):  # type: ignore[misc]
    """Jobs in memory, with claims."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: dict[str, Job] = {}
        self._times: dict[str, datetime] = {}
        self._order: list[tuple[datetime, str]] = []
        """Of the jobs that have a next run time: that, as it was stored, and the name."""

    def lookup_job(self, job_id: str) -> Job | None:
        return self._jobs.get(job_id)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        due = []
        for at, name in self._order:
            if at > now:
                break
            due.append(self._jobs[name])
        return due

    def get_next_run_time(self) -> datetime | None:
        return self._order[0][0] if self._order else None

    def get_all_jobs(self) -> list[Job]:
        return list(self._jobs.values())

    def add_job(self, job: Job) -> None:
        if job.id in self._jobs:
            raise ConflictingIdError(job.id)
        self._put(job)

    def update_job(self, job: Job) -> None:
        if job.id not in self._jobs:
            raise JobLookupError(job.id)
        self._take(job.id)
        self._put(job)

    def remove_job(self, job_id: str) -> None:
        if self._jobs.pop(job_id, None) is None:
            raise JobLookupError(job_id)
        self._take(job_id)

    def remove_all_jobs(self) -> None:
        self._jobs, self._times, self._order = {}, {}, []

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        for claim in claims:
            self.update_job(claim.job)
        return [True] * len(claims)

    def _put(self, job: Job) -> None:
        self._jobs[job.id] = job
        if job.next_run_time is not None:
            self._times[job.id] = job.next_run_time
            insort(self._order, (job.next_run_time, job.id))

    def _take(self, name: str) -> None:
        """Out of the order."""
        if (at := self._times.pop(name, None)) is not None:
            del self._order[bisect_left(self._order, (at, name))]


class JSONJobStore(SQLAlchemyJobStore):  # type: ignore[misc]
    """APScheduler's SQLAlchemy job store with JSON rows.

    :param engine: the table ``apscheduler_jobs`` is made in it if it is missing. Reading is done with the execution
        option ``read_only``, by which the engine may begin a transaction that takes no write lock.
    :param read_spec: reads a stored definition.
    :param record: records each claim.
    """

    def __init__(self, engine: Engine, read_spec: SpecReader, record: Recorder = lambda *_: True) -> None:
        super().__init__(engine=engine)
        self.reader = engine.execution_options(read_only=True)
        self.read_spec, self.record = read_spec, record
        self.parked: dict[str, str] = {}
        """Name and reason of each row that could not be read, until all rows are read again."""
        # Built once: making a statement costs more than executing it.
        columns = self.jobs_t.c
        rows = select(columns.id, columns.job_state)
        self._one = rows.where(columns.id == bindparam("name"))
        self._all = rows.order_by(columns.next_run_time, columns.id)
        self._due = self._all.where(columns.next_run_time <= bindparam("until")).limit(MOST_DUE)
        self._first = select(func.min(columns.next_run_time))
        waiting = columns.next_run_time.is_(None)
        self._paused = select(func.count()).where(waiting, func.instr(columns.job_state, PAUSED) > 0)
        self._next = select(columns.id, columns.next_run_time).where(columns.next_run_time.is_not(None))
        self._next = self._next.order_by(columns.next_run_time, columns.id).limit(1)
        self._change = self.jobs_t.update().where(columns.id == bindparam("name"))
        self._change = self._change.values(next_run_time=bindparam("at"), job_state=bindparam("state"))

    def lookup_job(self, job_id: str) -> Job | None:
        jobs = self._jobs(self._one, name=job_id)
        return jobs[0] if jobs else None

    def get_due_jobs(self, now: datetime) -> list[Job]:
        return self._jobs(self._unparked(self._due), until=now.timestamp())

    def get_next_run_time(self) -> datetime | None:
        with self.reader.connect() as connection:
            timestamp = connection.execute(self._unparked(self._first)).scalar()
        return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)

    def get_all_jobs(self) -> list[Job]:
        return self._jobs(self._all)

    def standing(self) -> tuple[int, tuple[str, datetime] | None]:
        """How many jobs are paused, and which runs next and when (UTC); quick, however many there are."""
        with self.reader.connect() as connection:
            paused = connection.execute(self._paused).scalar_one()
            first = connection.execute(self._unparked(self._next)).first()
        return paused, None if first is None else (first.id, datetime.fromtimestamp(first.next_run_time, UTC))

    def add_job(self, job: Job) -> None:
        with self.engine.begin() as connection:
            try:
                connection.execute(self.jobs_t.insert().values(id=job.id, **_columns(job)))
            except IntegrityError:
                raise ConflictingIdError(job.id) from None

    def update_job(self, job: Job) -> None:
        with self.engine.begin() as connection:
            if not self._update(connection, job):
                raise JobLookupError(job.id)

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        """Persist the next run times of these jobs and record their runs, all in one transaction.

        :return: for each, whether its run may begin: not if the job is gone, or this fire was claimed before and may
            not come again.
        """
        with self.engine.begin() as connection:
            return [
                self._update(connection, job) and (self.record(connection, job.id, at) or again)
                for job, at, again in claims
            ]

    def shutdown(self) -> None:
        """Leave the engine open: it belongs to whoever made it."""

    def _update(self, connection: Connection, job: Job) -> bool:
        columns = _columns(job)
        values = {"name": job.id, "at": columns["next_run_time"], "state": columns["job_state"]}
        return connection.execute(self._change, values).rowcount > 0

    def _unparked(self, query: Any) -> Any:
        """A parked row takes no place among those that are due, and wakes nobody."""
        return query.where(self.jobs_t.c.id.not_in(list(self.parked))) if self.parked else query

    def _jobs(self, query: Any, **values: Any) -> list[Job]:
        with self.reader.connect() as connection:
            rows = connection.execute(query, values).all()
        return [job for row in rows if (job := self._read(row.id, row.job_state)) is not None]

    def _read(self, name: str, raw: bytes) -> Job | None:
        try:
            job = decode(name, raw, self.read_spec)
        except UnreadableRow as error:
            if name not in self.parked:
                self._logger.error("job %s is parked: its row can't be read (%s)", name, error)
            self.parked[name] = str(error)
            return None
        self.parked.pop(name, None)
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias
        return job


def _columns(job: Job) -> dict[str, Any]:
    at = job.next_run_time
    return {"next_run_time": None if at is None else at.timestamp(), "job_state": encode(job)}
