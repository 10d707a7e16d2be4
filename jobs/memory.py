"""A job store for rehearsals: rows as in the database, in a mapping that outlives the schedulers that use it."""

from collections.abc import Callable, MutableMapping, Sequence
from datetime import UTC, datetime
from typing import Any

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError

from jobs.rows import UnreadableRow
from jobs.store import MOST_DUE, Claim, SpecReader, decode, encode

__all__ = ["Row", "RowStore"]

Row = tuple[datetime | None, bytes]
"""When a job runs next, and what is stored of it."""


CLAIMS = 50_000
"""Claims that are remembered: two weeks of the jobs that every daemon has. Clocks are set back by less."""


class RowStore(BaseJobStore):  # type: ignore[misc]
    """:param rows: by job; the caller keeps them.
    :param claimed: the fires that were claimed, oldest first; the caller keeps them too.
    :param touch: called before each access, with whether it writes; what it raises is the trouble of the database.
    """

    def __init__(
        self,
        rows: MutableMapping[str, Row],
        claimed: MutableMapping[tuple[str, datetime], None],
        read_spec: SpecReader,
        touch: Callable[[bool], None],
    ) -> None:
        super().__init__()
        self._rows, self._claimed, self._read_spec, self._touch = rows, claimed, read_spec, touch
        self.parked: dict[str, str] = {}

    def lookup_job(self, job_id: str) -> Job | None:
        self._touch(False)
        return self._read(job_id) if job_id in self._rows else None

    def get_due_jobs(self, now: datetime) -> list[Job]:
        self._touch(False)
        due = sorted((at, name) for name, (at, _) in self._rows.items() if at is not None and at <= now)
        return self._jobs([name for _, name in due if name not in self.parked][:MOST_DUE])

    def get_next_run_time(self) -> datetime | None:
        self._touch(False)
        times = (at for name, (at, _) in self._rows.items() if name not in self.parked)
        return min((at for at in times if at is not None), default=None)

    def get_all_jobs(self) -> list[Job]:
        self._touch(False)
        return self._jobs(
            sorted(self._rows, key=lambda name: (self._rows[name][0] or datetime.max.replace(tzinfo=UTC), name))
        )

    def add_job(self, job: Job) -> None:
        self._touch(True)
        if job.id in self._rows:
            raise ConflictingIdError(job.id)
        self._write(job)

    def update_job(self, job: Job) -> None:
        self._touch(True)
        if job.id not in self._rows:
            raise JobLookupError(job.id)
        self._write(job)

    def remove_job(self, job_id: str) -> None:
        self._touch(True)
        if self._rows.pop(job_id, None) is None:
            raise JobLookupError(job_id)

    def remove_all_jobs(self) -> None:
        self._touch(True)
        self._rows.clear()

    def claim(self, claims: Sequence[Claim]) -> list[bool]:
        """Keep the next run times of these jobs; for each, whether its run may begin, as the stored jobs do it."""
        self._touch(True)
        return [self._claim(*claim) for claim in claims]

    def _claim(self, job: Job, at: datetime, again: bool) -> bool:
        if job.id not in self._rows:
            return False
        self._write(job)
        known = (job.id, at) in self._claimed
        self._claimed[job.id, at] = None
        if len(self._claimed) > CLAIMS:
            del self._claimed[next(iter(self._claimed))]
        return again or not known

    def _write(self, job: Job) -> None:
        self._rows[job.id] = job.next_run_time, encode(job)

    def _jobs(self, names: Sequence[str]) -> list[Job]:
        return [job for name in names if (job := self._read(name)) is not None]

    def _read(self, name: str) -> Any:
        try:
            job = decode(name, self._rows[name][1], self._read_spec)
        except UnreadableRow as error:
            self.parked[name] = str(error)
            return None
        self.parked.pop(name, None)
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias
        return job
