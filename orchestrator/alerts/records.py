"""Alerts and deliveries in the store: written through the history, read when a process begins."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.delivery import REPEATS, Alert, Delivery
from orchestrator.history import History
from orchestrator.store import Store, alerts, deliveries

__all__ = ["Records", "Told", "Unsent", "given_up", "matter_rows", "told_of", "unsent"]

INSERT_ALERT, INSERT_DELIVERY = insert(alerts), insert(deliveries)
UPDATE_DELIVERY = (
    update(deliveries)
    .where(deliveries.c.id == bindparam("delivery"))
    .values(
        state=bindparam("state"),
        attempts=bindparam("attempts"),
        last_error=bindparam("last_error"),
        next_attempt=bindparam("next_attempt"),
    )
)
SETTLE_DELIVERIES = text(
    "UPDATE deliveries SET state = :state, last_error = :reason, next_attempt = NULL"
    " WHERE id IN (SELECT value FROM json_each(:ids))"
)
COUNT_UP = update(alerts).where(alerts.c.id == bindparam("alert")).values(count=alerts.c.count + 1)

WRITTEN: ColumnElement[int] = literal_column("deliveries.rowid")
"""The order in which they were written; times can be the same, and clocks are set back."""

SAID = (
    alerts.c.id.label("alert_id"),
    alerts.c.at,
    alerts.c.level,
    alerts.c.topic,
    alerts.c.title,
    alerts.c.message,
    alerts.c.metadata,
    alerts.c.key,
)
ON_ITS_WAY = (deliveries.c.id, deliveries.c.channel, deliveries.c.attempts, deliveries.c.last_error)


class Records:
    """What becomes of alerts, on its way into the store. All that one turn writes is written whole or not at all."""

    def __init__(self, history: History) -> None:
        self._history = history

    def alert(self, alert: Alert, closes: str | None = None, count: int = 1) -> None:
        message = alert.message
        row = {
            "id": alert.id,
            "at": message.timestamp,
            "level": message.level.value,
            "topic": alert.topic,
            "title": message.title,
            "message": message.message,
            "metadata": message.to_dict()["metadata"],
            "key": alert.key,
            "closes": closes,
            "count": count,
        }
        self._history.add(INSERT_ALERT, row)

    def delivery(self, delivery: Delivery, state: str, next_attempt: datetime | None) -> None:
        """A new one."""
        row = {
            "id": delivery.id,
            "alert_id": delivery.alert.id,
            "channel": delivery.channel,
            "state": state,
            "attempts": delivery.attempts,
            "last_error": delivery.last_error,
            "next_attempt": next_attempt,
        }
        self._history.add(INSERT_DELIVERY, row)

    def stands(self, delivery: Delivery, state: str, next_attempt: datetime | None = None) -> None:
        """How it stands with one that is known already."""
        row = {
            "delivery": delivery.id,
            "state": state,
            "attempts": delivery.attempts,
            "last_error": delivery.last_error,
            "next_attempt": next_attempt,
        }
        self._history.add(UPDATE_DELIVERY, row)

    def settle(self, settled: Iterable[Delivery], state: str, reason: str) -> None:
        """Many at once."""
        ids = json.dumps([delivery.id for delivery in settled])
        self._history.add(SETTLE_DELIVERIES, {"ids": ids, "state": state, "reason": reason})

    def said_again(self, alert_id: str) -> None:
        self._history.add(COUNT_UP, {"alert": alert_id})


@dataclass(frozen=True, slots=True)
class Unsent:
    """A delivery as it stands in the store, and the alert's deliveries to all channels: their states by channel."""

    row: Mapping[str, Any]
    stands: Mapping[str, str]
    repeats: tuple[Mapping[str, Any], ...]

    def message(self) -> NotificationMessage:
        return _message(self.row)

    def last(self) -> NotificationMessage | None:
        """The newest of the alerts that it stands for besides its own."""
        return _message(self.repeats[-1]) if self.repeats else None


def _message(row: Mapping[str, Any]) -> NotificationMessage:
    return NotificationMessage(row["title"], row["message"], AlertLevel(row["level"]), row["at"], row["metadata"])


def unsent(store: Store) -> list[Unsent]:
    """What is pending, in the order in which it was put."""
    rows = store.rows(_deliveries(deliveries.c.state == "pending"))
    if not rows:
        return []
    stands = _stands(store, select(deliveries.c.alert_id).where(deliveries.c.state == "pending"))
    repeats = _repeats(store)
    return [Unsent(row, stands[row["alert_id"]], tuple(repeats.get(row["id"], ()))) for row in rows]


def given_up(store: Store, ids: Collection[str], since: datetime) -> list[Unsent]:
    """Of these deliveries, and the deliveries of these alerts, those that were given up; of alerts since then only."""
    state = deliveries.c.state.in_(("expired", "failed")) & (alerts.c.at >= since)
    rows = store.rows(_deliveries(state & or_(deliveries.c.id.in_(ids), deliveries.c.alert_id.in_(ids))))
    stands = _stands(store, [row["alert_id"] for row in rows])
    return [Unsent(row, stands[row["alert_id"]], ()) for row in rows]


def _deliveries(condition: ColumnElement[bool]) -> Select[Any]:
    return select(*ON_ITS_WAY, *SAID).join_from(deliveries, alerts).where(condition).order_by(WRITTEN)


def _stands(store: Store, of: Any) -> dict[str, dict[str, str]]:
    """The states of the deliveries of alerts: by alert, by channel.

    :param of: the ids of the alerts, or a select of them.
    """
    query = select(deliveries.c.alert_id, deliveries.c.channel, deliveries.c.state)
    found: dict[str, dict[str, str]] = {}
    for row in store.rows(query.where(deliveries.c.alert_id.in_(of))):
        found.setdefault(row["alert_id"], {})[row["channel"]] = row["state"]
    return found


def _repeats(store: Store) -> dict[str, list[Mapping[str, Any]]]:
    """The alerts that pending deliveries say as well, by delivery, oldest first."""
    into = deliveries.alias("into_delivery")
    named = func.substr(deliveries.c.last_error, len(REPEATS) + 1)
    query = (
        select(into.c.id.label("into"), *SAID)
        .join_from(deliveries, alerts, alerts.c.id == deliveries.c.alert_id)
        .join(into, into.c.id == named)
        .where(
            deliveries.c.state == "collapsed", deliveries.c.last_error.startswith(REPEATS), into.c.state == "pending"
        )
        .order_by(WRITTEN)
    )
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in store.rows(query):
        found.setdefault(row["into"], []).append(row)
    return found


def matter_rows(store: Store) -> list[Mapping[str, Any]]:
    """The alerts that opened or closed a matter, oldest first."""
    opens = (alerts.c.key != "") & (func.instr(alerts.c.key, " ") == 0)
    query = select(alerts.c.id, alerts.c.at, alerts.c.level, alerts.c.key, alerts.c.closes)
    return store.rows(query.where(alerts.c.closes.is_not(None) | opens).order_by(literal_column("alerts.rowid")))


@dataclass(frozen=True, slots=True)
class Told:
    """A channel was told of a matter, or will be."""

    key: str
    level: AlertLevel
    at: datetime
    alert_id: str
    channel: str
    state: str


def told_of(store: Store, since: Mapping[str, datetime]) -> list[Told]:
    """What channels were or will be told of open matters, oldest first.

    :param since: when each matter began.
    """
    heard = deliveries.c.state.in_(("sent", "pending", "collapsed"))
    query = (
        select(
            alerts.c.key, alerts.c.level, alerts.c.at, deliveries.c.alert_id, deliveries.c.channel, deliveries.c.state
        )
        .join_from(deliveries, alerts)
        .where(alerts.c.key.in_(since), alerts.c.closes.is_(None), heard)
        .order_by(WRITTEN)
    )
    told = [Told(**{**row, "level": AlertLevel(row["level"])}) for row in store.rows(query)]
    return [each for each in told if each.at >= since[each.key]]
