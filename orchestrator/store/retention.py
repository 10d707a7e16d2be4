"""Which rows are history that may go, and their removal in small portions.

Orders and fills are not in the table below: they are the account's only record. What is still needed stays however old
it is: alerts that are not delivered or not over, the last run of each job, of each session's equity the last mark and
the worst, the config in force and the last that worked.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, TextClause, bindparam, literal_column, select, text

from orchestrator.store.columns import Instant
from orchestrator.store.store import Store
from orchestrator.store.tables import alerts

__all__ = ["KINDS", "Kind", "config_texts", "remove", "stale"]

PORTION = 200
"""Rows in one transaction: a few milliseconds, for which everybody else who writes waits."""

AMONG = "IN (SELECT value FROM json_each(:keys))"
UNDELIVERED = "SELECT alert_id FROM deliveries WHERE state IN ('pending', 'failed')"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of history.

    :param nouns: what one and what several are called.
    :param stale: selects the keys of the rows from before ``:before`` that may go, oldest first.
    :param removal: statements that remove the rows of ``:keys``.
    """

    nouns: tuple[str, str]
    stale: str
    removal: Sequence[str]

    def counted(self, number: int) -> str:
        return f"{number:,} {self.nouns[number != 1]}"


def _simple(nouns: tuple[str, str], table: str) -> Kind:
    stale = f"SELECT id FROM {table} WHERE at < :before ORDER BY at"
    return Kind(nouns, stale, (f"DELETE FROM {table} WHERE id {AMONG}",))


KINDS: Mapping[str, Kind] = {
    "job_runs": Kind(
        ("job run", "job runs"),
        """SELECT id FROM job_runs WHERE result IS NOT NULL AND coalesce(finished_at, scheduled_at) < :before
           AND id NOT IN (SELECT max(id) FROM job_runs GROUP BY job) ORDER BY id""",
        (f"DELETE FROM job_runs WHERE id {AMONG}",),
    ),
    "transitions": _simple(("change of state", "changes of state"), "transitions"),
    "alerts": Kind(
        ("alert", "alerts"),
        f"SELECT id FROM alerts WHERE at < :before AND id NOT IN ({UNDELIVERED}) ORDER BY rowid",
        (
            f"DELETE FROM deliveries WHERE alert_id {AMONG} AND alert_id NOT IN ({UNDELIVERED})",
            f"DELETE FROM alerts WHERE id {AMONG} AND id NOT IN (SELECT alert_id FROM deliveries)",
        ),
    ),
    "incidents": _simple(("incident", "incidents"), "incidents"),
    "equity": Kind(
        ("mark of the equity", "marks of the equity"),
        """SELECT at FROM equity WHERE at < :before AND at > (SELECT min(at) FROM equity)
           AND at NOT IN (SELECT max(at) FROM equity GROUP BY session)
           AND at NOT IN (SELECT at FROM (SELECT at, max(drawdown) FROM equity GROUP BY session)) ORDER BY at""",
        (f"DELETE FROM equity WHERE at {AMONG}",),
    ),
    "requests": _simple(("request", "requests"), "requests"),
}
"""By the option in ``housekeeping`` that says how long they are kept."""

TEXTS = Kind(
    ("config text", "config texts"),
    """SELECT version FROM config_versions WHERE version <> :current
       AND version NOT IN (SELECT version FROM config_versions WHERE worked_at IS NOT NULL
                           ORDER BY worked_at DESC LIMIT 1)
       AND version NOT IN (SELECT version FROM config_versions ORDER BY applied_at DESC LIMIT :kept)
       ORDER BY applied_at""",
    (f"DELETE FROM config_versions WHERE version {AMONG}",),
)


def stale(store: Store, kind: Kind, before: datetime) -> list[Any]:
    """The keys of what may go, oldest first."""
    keys = _keys(store, kind.stale, before=before)
    if kind is not KINDS["alerts"] or not keys:
        return keys
    needed = _still_open(store)
    return [key for key in keys if key not in needed]


def config_texts(store: Store, current: str, kept: int) -> tuple[Kind, list[Any]]:
    """The config texts that may go: all but so many, the one in force, and the last that worked."""
    return TEXTS, _keys(store, TEXTS.stale, current=current, kept=kept)


def remove(store: Store, kind: Kind, keys: Sequence[Any], pause: Callable[[], None]) -> None:
    """Remove rows, oldest first, a portion in each transaction; `pause` lets others write in between."""
    for start in range(0, len(keys), PORTION):
        portion = json.dumps(keys[start : start + PORTION])
        with store.engine.begin() as connection:
            for statement in kind.removal:
                connection.execute(text(statement), {"keys": portion})
        pause()


def _keys(store: Store, query: str, **values: Any) -> list[Any]:
    with store.reader.connect() as connection:
        return list(connection.execute(_timed(query), values).scalars())


def _timed(query: str) -> TextClause:
    """A statement whose ``:before`` is a time, if it has one."""
    return text(query).bindparams(bindparam("before", type_=Instant())) if ":before" in query else text(query)


def _still_open(store: Store) -> Collection[str]:
    """Of matters that nobody was told are over, the alerts that began them and the last that told of them."""
    order: ColumnElement[int] = literal_column("alerts.rowid")
    rows = store.rows(select(alerts.c.id, alerts.c.key, alerts.c.closes).order_by(order))
    return {key for told in _open_matters(rows).values() for key in (told[0], told[-1])}


def _open_matters(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {}
    for row in rows:
        if row["closes"] is not None:
            for key in row["closes"].split():
                told.pop(key, None)
        elif row["key"] and " " not in row["key"]:
            told.setdefault(row["key"], []).append(row["id"])
    return told
