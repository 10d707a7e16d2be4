"""Alerts, kept until they have arrived.

Every alert becomes a row, and for each channel that should hear it a delivery, which is attempted until it is sent or
expires. One delivery per channel is under way at a time, so each channel hears alerts in order, and one channel's
trouble delays no other. After a crash the rest is loaded and sent: a delivery is made at least once and carries its id.
"""

import logging
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.sql.expression import bindparam

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.channels import Channel, channels
from orchestrator.alerts.courier import Courier
from orchestrator.config import NotificationConfig
from orchestrator.history import History
from orchestrator.store import Store, alerts, deliveries

__all__ = ["Outbox"]

logger = logging.getLogger("orchestrator.alerts")

ATTEMPT_DEADLINE = 45.0
"""Seconds after which a courier that has not answered is killed; its own socket timeouts are shorter."""

IDLE = 30.0
"""Seconds without work after which the courier is let go."""

STUBBORN = 4
"""Failed attempts after which a delivery lets the others of its channel go first."""

EXPIRY = timedelta(hours=24)
"""An alert older than this is not sent any more; a CRITICAL one never expires."""

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


@dataclass(slots=True)
class Delivery:
    """One alert on its way to one channel."""

    id: str
    channel: str
    message: NotificationMessage
    attempts: int
    next_attempt: datetime
    last_error: str = ""

    def expired(self, now: datetime) -> bool:
        return self.message.level < AlertLevel.CRITICAL and now - self.message.timestamp > EXPIRY


class Outbox:
    """Takes alerts from the loop and sees to it that they arrive.

    :param make_courier: given who hears the outcomes, makes the courier.
    """

    def __init__(
        self,
        config: NotificationConfig,
        history: History,
        make_courier: Callable[["Outbox"], Courier],
        monotonic: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._history, self._monotonic, self._rng = history, monotonic, rng
        self._courier = make_courier(self)
        self._waiting: dict[str, list[Delivery]] = {}
        self._under_way: dict[str, tuple[Delivery, float]] = {}
        self._quiet_since: float | None = None
        self.configure(config)

    def configure(self, config: NotificationConfig) -> None:
        """Take up new channels and levels; deliveries to a channel that is gone wait for it, until they expire."""
        self._channels: Mapping[str, Channel] = channels(config)
        self._levels = {AlertLevel(level) for level in config.alert_levels}

    def load(self, store: Store) -> int:
        """Take up what an earlier process left unsent; returns how many deliveries that is."""
        query = select(deliveries, alerts).join(alerts).where(deliveries.c.state == "pending").order_by(alerts.c.at)
        rows = store.rows(query)
        for row in rows:
            message = NotificationMessage(
                row["title"], row["message"], AlertLevel(row["level"]), row["at"], row["metadata"]
            )
            self._queue(Delivery(row["id"], row["channel"], message, row["attempts"], row["at"], row["last_error"]))
        return len(rows)

    def put(self, message: NotificationMessage, topic: str) -> None:
        """Take an alert: at once in the log, with the next write in the store, and then on its way."""
        logger.log(LOG_LEVELS[message.level], "%s: %s", message.title, message.message)
        alert_id = self._new_id()
        self._history.add(
            INSERT_ALERT,
            {
                "id": alert_id,
                "at": message.timestamp,
                "level": message.level.value,
                "topic": topic,
                "title": message.title,
                "message": message.message,
                "metadata": dict(message.metadata),
            },
        )
        if message.level in self._levels:
            for channel in self._channels:
                self._put_delivery(alert_id, channel, message)

    def step(self, now: datetime) -> float | None:
        """Hand over what is due; returns the seconds until there is more to do, None if nothing is waiting."""
        monotonic = self._monotonic()
        if any(monotonic >= deadline for _, deadline in self._under_way.values()):
            logger.warning("the courier has not answered for %g s; it is started again", ATTEMPT_DEADLINE)
            self._courier.close()
            self._stuck(now, monotonic)
        for channel in list(self._waiting):
            self._send_next(channel, now, monotonic)
        self._rest(monotonic)
        return self._next(now, monotonic)

    def counts(self) -> dict[str, int]:
        """How many deliveries are pending, and how many of these have failed at least once."""
        pending = [d for waiting in self._waiting.values() for d in waiting]
        pending += [delivery for delivery, _ in self._under_way.values()]
        return {"pending": len(pending), "failed": sum(bool(d.last_error) for d in pending)}

    def close(self) -> None:
        """Let the courier go; what is under way will be sent by the next process."""
        self._courier.close()

    # --- the courier's answers ---

    def receive(self, message: Any, now: datetime) -> None:
        if not isinstance(message, Mapping) or "ok" not in message:
            logger.warning("the courier said something that is no outcome: %.200r", message)
            return
        for channel, (delivery, _) in list(self._under_way.items()):
            if delivery.id == message.get("id"):
                del self._under_way[channel]
                self._outcome(delivery, message, now)

    def ended(self, code: int, now: datetime) -> None:
        """The courier died by itself: what it had may or may not have arrived, and is sent once more."""
        self._lost(f"the courier ended ({code})", now)

    def _stuck(self, now: datetime, monotonic: float) -> None:
        """Whose time is up has failed; the others were only in the wrong company, and are handed over again."""
        for channel, (delivery, deadline) in list(self._under_way.items()):
            if monotonic < deadline:
                del self._under_way[channel]
                self._waiting[channel].insert(0, delivery)
        self._lost(f"no answer within {ATTEMPT_DEADLINE:g} s", now)

    def _lost(self, reason: str, now: datetime) -> None:
        self._quiet_since = None
        for channel, (delivery, _) in list(self._under_way.items()):
            del self._under_way[channel]
            self._outcome(delivery, {"ok": False, "detail": reason}, now)

    def _outcome(self, delivery: Delivery, outcome: Mapping[str, Any], now: datetime) -> None:
        delivery.attempts += 1
        if outcome["ok"]:
            self._settle(delivery, "sent")
            return
        delivery.last_error = str(outcome.get("detail") or "not delivered")
        if delivery.attempts == 1:
            logger.warning("channel %s: %s", delivery.channel, delivery.last_error)
        wait = outcome.get("retry_after") or min(600.0, 5.0 * 2 ** (delivery.attempts - 1)) * self._rng.uniform(
            0.9, 1.1
        )
        delivery.next_attempt = now + timedelta(seconds=wait)
        self._settle(delivery, "pending")
        self._waiting[delivery.channel].insert(0, delivery)

    # --- on the way ---

    def _put_delivery(self, alert_id: str, channel: str, message: NotificationMessage) -> None:
        at = message.timestamp
        here = self._channels[channel].kind == "console"
        delivery = Delivery(self._new_id(), channel, message, 1 if here else 0, at)
        self._history.add(
            INSERT_DELIVERY,
            {
                "id": delivery.id,
                "alert_id": alert_id,
                "channel": channel,
                # The log line that every alert is, is its delivery to the console.
                "state": "sent" if here else "pending",
                "attempts": delivery.attempts,
                "last_error": "",
                "next_attempt": None if here else at,
            },
        )
        if not here:
            self._queue(delivery)

    def _queue(self, delivery: Delivery) -> None:
        self._waiting.setdefault(delivery.channel, []).append(delivery)

    def _send_next(self, channel: str, now: datetime, monotonic: float) -> None:
        waiting = self._waiting[channel]
        for old in [delivery for delivery in waiting if delivery.expired(now)]:
            waiting.remove(old)
            self._settle(old, "expired")
        if not waiting or channel in self._under_way or channel not in self._channels:
            return
        delivery = _next_of(waiting)
        if delivery.next_attempt <= now:
            waiting.remove(delivery)
            self._under_way[channel] = (delivery, monotonic + ATTEMPT_DEADLINE)
            self._courier.send(self._parcel(delivery))

    def _parcel(self, delivery: Delivery) -> dict[str, Any]:
        channel = self._channels[delivery.channel]
        message = delivery.message.to_dict()
        message["metadata"] = {**message["metadata"], "delivery": delivery.id}
        return {
            "id": delivery.id,
            "channel": channel.name,
            "kind": channel.kind,
            "settings": dict(channel.settings),
            "message": message,
        }

    def _settle(self, delivery: Delivery, state: str) -> None:
        self._history.add(
            UPDATE_DELIVERY,
            {
                "delivery": delivery.id,
                "state": state,
                "attempts": delivery.attempts,
                "last_error": delivery.last_error,
                "next_attempt": delivery.next_attempt if state == "pending" else None,
            },
        )

    def _rest(self, monotonic: float) -> None:
        if self._under_way:
            self._quiet_since = monotonic
        elif self._quiet_since is not None and monotonic - self._quiet_since >= IDLE:
            self._quiet_since = None
            self._courier.close()

    def _next(self, now: datetime, monotonic: float) -> float | None:
        waits = [deadline - monotonic for _, deadline in self._under_way.values()]
        if not self._under_way and self._quiet_since is not None:
            waits.append(self._quiet_since + IDLE - monotonic)
        for channel, waiting in self._waiting.items():
            if waiting and channel in self._channels and channel not in self._under_way:
                waits.append((_next_of(waiting).next_attempt - now).total_seconds())
        return max(0.0, min(waits)) if waits else None

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _next_of(waiting: list[Delivery]) -> Delivery:
    """The order of alerts is kept over the troubles of a channel; only what it refuses again and again steps aside."""
    willing = (delivery for delivery in waiting if delivery.attempts < STUBBORN)
    return next(willing, None) or min(waiting, key=lambda delivery: delivery.next_attempt)


LOG_LEVELS = {
    AlertLevel.INFO: logging.INFO,
    AlertLevel.WARNING: logging.WARNING,
    AlertLevel.CRITICAL: logging.CRITICAL,
}
