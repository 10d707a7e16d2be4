"""A stored job as it is written, for whoever looks at it beside the scheduler."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

__all__ = ["NOT_A_ROW", "STORED_ROWS", "VERSION", "Row", "UnreadableRow", "by_name"]

VERSION = 1

NOT_A_ROW = (ValueError, KeyError, TypeError, AttributeError)

STORED_ROWS = "SELECT id, next_run_time, job_state FROM apscheduler_jobs"
"""Every stored job; the table is APScheduler's."""


class UnreadableRow(ValueError):
    """A stored job that this version does not understand."""


class Row(NamedTuple):
    """What is stored of a job, before its definition is read."""

    definition: Mapping[str, Any]
    next_run_time: datetime | None
    paused: bool

    @classmethod
    def read(cls, raw: bytes) -> Self:
        """UnreadableRow says why it can't be had."""
        try:
            row = json.loads(raw)
            if row["version"] != VERSION:
                raise UnreadableRow(f"row version {row['version']!r}, this program reads {VERSION}")
            at = row["next_run_time"]
            then = None if at is None else datetime.fromisoformat(at).astimezone(UTC)
            return cls(row["definition"], then, bool(row.get("paused")))
        except UnreadableRow:
            raise
        except NOT_A_ROW as error:
            raise UnreadableRow(f"{type(error).__name__}: {error}") from error


def by_name(found: Iterable[Mapping[str, Any]]) -> dict[str, tuple[datetime | None, bytes]]:
    """Next run time (UTC) and raw row of every stored job, from what `STORED_ROWS` finds."""
    return {row["id"]: (_moment(row["next_run_time"]), row["job_state"]) for row in found}


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
