"""What became of one fire of a job."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

__all__ = ["JobRun", "RunResult"]


class RunResult(StrEnum):
    OK = "ok"
    FAILED = "failed"
    MISSED = "missed"
    """The daemon was away, and the job's misfire policy says that late is too late."""
    SKIPPED = "skipped"
    """It was time, but a condition of the job (``only_when``, ``trading_days_only``) did not hold."""
    OVERLAPPED = "overlapped"
    """It was time, but the run before was still going on."""
    TIMEOUT = "timeout"


class JobRun(NamedTuple):
    """One row of the job history; times are aware, `reason` is for people.

    :param result: None while it is going on.
    """

    job: str
    scheduled_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: RunResult | None
    reason: str = ""
    exit_code: int | None = None
    output: str = ""

    @property
    def duration(self) -> float | None:
        """Seconds from start to finish; None if it never started."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()
