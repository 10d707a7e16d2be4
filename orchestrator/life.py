"""Whether the daemon before this one came to an orderly end, and what passed since without one.

A daemon notes its beginning, and its end if it comes to one. A beginning without an end is that of a daemon that was
killed, or whose machine went down; its last sign of life is the last thing that it wrote.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from jobs import JobSpec
from orchestrator.alerts.words import span
from orchestrator.history import History
from orchestrator.store import WRITE_META, Store, job_runs

__all__ = ["DaemonLife", "absence", "was_killed"]

KEY = "daemon_life"

MANY = 1000
"""More fires of a job are not counted."""


def was_killed(store: Store) -> bool:
    """Whether there was a daemon, and it has not come to an orderly end; asked before another begins."""
    before: dict[str, Any] | None = store.read_meta(KEY)
    return before is not None and not before["ended_at"]


class DaemonLife:
    """The note of the last daemon's life: ``{started_at, ended_at}``, the latter null while it lives."""

    def __init__(self, store: Store, history: History) -> None:
        self._store, self._history = store, history
        self._started_at = ""

    def begin(self, now: datetime) -> datetime | None:
        """Note this daemon's beginning; returns when the one before gave its last sign, if it has not ended in order.

        It is written at once: whatever comes next may be the end.
        """
        before: dict[str, Any] | None = self._store.read_meta(KEY)
        last = None if before is None or before["ended_at"] else self._last_sign(before["started_at"])
        self._started_at = now.isoformat()
        self._note(None)
        return last

    def end(self, now: datetime) -> None:
        """Note the orderly end."""
        self._note(now.isoformat())

    def _note(self, ended_at: str | None) -> None:
        value = {"started_at": self._started_at, "ended_at": ended_at}
        self._history.add(WRITE_META, {"key": KEY, "value": value})
        self._history.flush(force=True)

    def _last_sign(self, started_at: str) -> datetime:
        status: dict[str, Any] = self._store.read_meta("status") or {}
        [row] = self._store.rows(select(func.max(job_runs.c.finished_at).label("at")))
        signs = [datetime.fromisoformat(text) for text in (started_at, status.get("at")) if text]
        if row["at"] is not None:
            signs.append(row["at"])
        return max(signs)


def absence(since: datetime, now: datetime, specs: Iterable[JobSpec]) -> str:
    """How long there was no daemon, and which jobs would have fired, for people; in the zone of `since`."""
    times = f"{since:%a %d %b %H:%M:%S} to {now.astimezone(since.tzinfo):%a %d %b %H:%M:%S %Z}"
    text = f"No daemon ran from {times} ({span((now - since).total_seconds())}): the one before was killed, or the "
    text += "machine went down."
    fires = {spec.name: spec.trigger.count(since, now, MANY) for spec in specs if spec.enabled and not _beats(spec)}
    missed = ", ".join(f"{name}{f' ({fired})' if fired > 1 else ''}" for name, fired in fires.items() if fired)
    if missed:
        text += f" Jobs that were due: {missed}; what became of them: orchestrator jobs history."
    return text


def _beats(spec: JobSpec) -> bool:
    """The next beat or look comes soon, and makes up for it."""
    return spec.builtin and spec.kind == "interval"
