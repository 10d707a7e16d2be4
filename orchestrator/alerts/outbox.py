"""Alerts, kept until they have arrived.

Every alert becomes a row, and for each channel that should hear it a delivery, which is attempted until it is sent or
expires. One delivery per channel is under way at a time, so each channel hears alerts in order, and one channel's
trouble delays no other. After a crash the rest is loaded and sent: a delivery is made at least once and carries its id.

What would be noise is told once: see :mod:`~orchestrator.alerts.noise` for what repeats itself, and
:mod:`~orchestrator.alerts.digest` for what is too much at a time. A delivery that another one tells as well is
`collapsed`, and its row names that one.
"""

import logging
import random
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.book import Book, Put
from orchestrator.alerts.courier import Courier, Outcome
from orchestrator.alerts.delivery import Alert, Delivery
from orchestrator.alerts.lane import Lane
from orchestrator.alerts.matters import Matter, Matters
from orchestrator.alerts.pace import Pace
from orchestrator.alerts.records import Records, Told, given_up, matter_rows, told_of, unsent
from orchestrator.alerts.rescue import Rescue, channel_key
from orchestrator.alerts.words import span
from orchestrator.config import NotificationConfig
from orchestrator.correlation import about
from orchestrator.history import History
from orchestrator.store import Store

__all__ = ["Outbox"]

logger = logging.getLogger("orchestrator.alerts")

REOPENED = timedelta(days=7)
"""How old an alert may be that is sent after all when somebody asks for it."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LOG_LEVELS = {
    AlertLevel.INFO: logging.INFO,
    AlertLevel.WARNING: logging.WARNING,
    AlertLevel.CRITICAL: logging.CRITICAL,
}


class Outbox:
    """Takes alerts from the loop and sees to it that they arrive.

    In each turn of the loop the store is written before :meth:`step`, which hands over nothing that was made in it: so
    what arrives is on record, unless the store can't be written.

    :param make_courier: given who hears the outcomes, makes the courier.
    :param zone: of quiet hours, and of the times in texts.
    :param announce: takes the outbox's own alerts, about channels; default its own :meth:`put`.
    """

    def __init__(
        self,
        config: NotificationConfig,
        history: History,
        make_courier: Callable[["Outbox"], Courier],
        monotonic: Callable[[], float],
        rng: random.Random,
        zone: tzinfo = UTC,
        *,
        announce: Put | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._monotonic, self._rng, self._pace = monotonic, rng, pace or Pace()
        self._courier = make_courier(self)
        self._records, self._matters = Records(history), Matters()
        self._book = Book(self._records, self._matters, monotonic, rng, self._pace, zone)
        self._lanes, self._pending = self._book.lanes, self._book.pending
        self._rescue = Rescue(self._book, announce or self.put)
        self._loaded: list[Delivery] = []
        self._told: list[Told] = []
        self._store: Store | None = None
        self._busy_at: float | None = None
        self._now = EPOCH
        self.configure(config)

    # --- life ---

    def configure(self, config: NotificationConfig, zone: tzinfo | None = None) -> None:
        """Take up new channels, levels, routes and limits.

        What waits for a channel that is gone goes to the others if it is more than INFO, and is given up if not; while
        there is no other channel, and while notifications are off, it waits. What waits for one that is reached in
        another way now is tried at once.
        """
        self._book.configure(config, self._book.zone if zone is None else zone)
        self._rescue.copy_all()

    def load(self, store: Store) -> int:
        """Take up what an earlier process left unsent, and the matters it left open; returns how many deliveries wait.

        To the order in which a channel hears alerts it makes no difference if some were put before; but what they say
        again is not known yet.
        """
        self._store = store
        levels = self._matters.replay(matter_rows(store))
        self._told = told_of(store, self._matters.since())
        for told in self._told:
            self._matters.reaches(told.key, told.channel)
        self._loaded = self._book.restore(unsent(store), levels)
        for lane in self._lanes.values():
            left = [delivery for delivery in self._loaded if delivery.channel == lane.name]
            lane.waiting.put_before_all(left)
            lane.health.dead = channel_key(lane.name) in self._matters
        self._rescue.copy_all()
        return len(self._loaded)

    def close(self) -> None:
        """Let the courier go; what is under way will be sent by the next process."""
        self._courier.close()

    # --- what the loop asks for ---

    def put(
        self, message: NotificationMessage, topic: str, *, key: str | None = None, closes: str | None = None
    ) -> None:
        """Take an alert: at once in the log, with the next write in the store, and then on its way.

        :param key: the matter that it is about, without blanks: ``job.scan``. Alerts of one key and level are told once
            in a window of time, with how often they were said; and the first of them opens the matter. Without a key
            an alert is told unless it is WARNING or CRITICAL and says to the letter what another has just said.
        :param closes: the key of the matter that is over with this, or several with blanks between them. It goes to
            exactly the channels that were told of the matter, or still will be, whatever its own level, and says how
            long it lasted. If no channel was, it is an alert like any other.
        """
        now, keys = message.timestamp, (closes or "").split()
        self._sort_out_loaded(now)
        if keys:
            alert = self._put_end(message, topic, key, keys)
        else:
            alert = self._book.alert(message, topic, key)
            self._matters.say(alert.key, message.level, now, self._monotonic())
            self._records.alert(alert)
            self._tell(alert, now)
        with about(alert=alert.id):
            logger.log(LOG_LEVELS[message.level], "%s: %s", message.title, message.message)
        self._rescue.stands_in(alert, now)

    def _put_end(self, message: NotificationMessage, topic: str, key: str | None, keys: list[str]) -> Alert:
        """Take the end of matters. It is a fact of its own, never a repeat."""
        now, ended = message.timestamp, self._matters.close(keys)
        alert = self._book.alert(self._worded(message, ended), topic, key or keys[0])
        alert.same = None
        if key is not None:
            self._matters.say(alert.key, message.level, now, self._monotonic())
        self._records.alert(alert, " ".join(keys))
        heard = [name for name in self._book.channels if ended is not None and name in ended.channels]
        if ended is None or not heard:
            self._tell(alert, now)
            return alert
        alert.urgency = max(message.level, ended.level)
        for name in heard:
            self._book.deliver_end(alert, name, keys, now)
        return alert

    def _tell(self, alert: Alert, now: datetime) -> None:
        """Give it to the channels that get alerts like it, but of a channel nothing through itself."""
        for name in self._book.routes.targets(alert.message.level, alert.topic):
            if alert.key != channel_key(name):
                self._book.deliver(alert, name, now)

    def step(self, now: datetime) -> float | None:
        """Hand over what is due; returns the seconds until there is more to do, None if nothing is waiting."""
        self._now, monotonic = now, self._monotonic()
        if not self._lanes and self._busy_at is None:
            return None
        self._sort_out_loaded(now)
        self._watch_deadlines(now, monotonic)
        for lane in self._lanes.values():
            self._send_next(lane, monotonic)
        for lane in list(self._lanes.values()):
            self._tend(lane, now, monotonic)
        self._rest(monotonic)
        return self._wait(now, monotonic)

    def is_open(self, key: str) -> bool:
        """Whether an alert of this key was raised, also by an earlier process, and none that closes it since."""
        return key in self._matters

    def counts(self) -> dict[str, Any]:
        """How many deliveries are `pending`, how many of these have `failed` at least once, and how `channels` do.

        A channel's state is ok, failing (the last attempt failed) or dead (others hear what it should).
        """
        channels = {
            name: {"pending": lane.count, "state": lane.health.state, "last_error": lane.health.last_error or None}
            for name, lane in self._lanes.items()
            if lane.channel is not None or lane.count
        }
        failed = sum(lane.troubled for lane in self._lanes.values())
        return {"pending": len(self._pending), "failed": failed, "channels": channels}

    def retry(self, ids: Collection[str] | None = None) -> int:
        """Try again now, channels that are dead too; returns how many deliveries are due by that.

        :param ids: of deliveries or alerts: these, also if they are held back, and also if they were given up and the
            alert is not older than seven days. None: all that are not held back.
        :raises SQLAlchemyError: what was given up can't be read.
        """
        if ids is not None:
            return self._retry_named(set(ids))
        for lane in self._lanes.values():
            lane.try_now()
        return sum(lane.count - lane.waiting.kept() for lane in self._lanes.values() if lane.channel is not None)

    def _retry_named(self, ids: Collection[str]) -> int:
        named = [each for each in self._pending.values() if each.id in ids or each.alert.id in ids]
        for delivery in named:
            self._lanes[delivery.channel].waiting.let_go(delivery)
        found = [] if self._store is None else given_up(self._store, ids, self._now - REOPENED)
        for delivery in self._book.restore(found, {}):
            self._records.stands(delivery, "pending", self._now)
            self._lanes[delivery.channel].waiting.push(delivery)
            named.append(delivery)
        for channel in {delivery.channel for delivery in named}:
            self._lanes[channel].try_now()
        return len(named)

    # --- the courier's answers ---

    def receive(self, message: Any, now: datetime) -> None:
        """An outcome, from the courier. One that comes twice says nothing new; one that comes late is welcome."""
        outcome = Outcome.read(message)
        if outcome is None:
            logger.warning("the courier said something that is no outcome: %.200r", message)
            return
        delivery = self._pending.get(outcome.id)
        if delivery is None or not delivery.handed:
            return
        lane = self._lanes[delivery.channel]
        if lane.under_way is delivery:
            lane.take_back()
            self._judge(lane, delivery, outcome, now)
        elif outcome.ok:
            lane.waiting.remove(delivery)
            self._judge(lane, delivery, outcome, now)

    def ended(self, code: int, now: datetime) -> None:
        """The courier died by itself: what it had may or may not have arrived, and is sent once more."""
        for lane in self._lanes.values():
            if (delivery := lane.take_back()) is not None:
                self._judge(lane, delivery, Outcome(delivery.id, False, f"the courier ended ({code})"), now)

    def _watch_deadlines(self, now: datetime, monotonic: float) -> None:
        """Whose time is up has failed; the others were only in the wrong company, and are handed over again."""
        late = [lane for lane in self._lanes.values() if lane.under_way and monotonic >= lane.deadline]
        if not late:
            return
        reason = f"no answer within {self._pace.deadline:g} s"
        logger.warning("the courier is ended: %s from %s", reason, ", ".join(lane.name for lane in late))
        self._courier.close()
        self._busy_at = None
        for lane in self._lanes.values():
            delivery = lane.take_back()
            if delivery is not None and lane in late:
                self._judge(lane, delivery, Outcome(delivery.id, False, reason), now)
            elif delivery is not None:
                lane.interrupted(delivery, monotonic)

    def _judge(self, lane: Lane, delivery: Delivery, outcome: Outcome, now: datetime) -> None:
        delivery.attempts += 1
        if outcome.ok:
            self._records.stands(delivery, "sent")
            self._book.drop(delivery, "sent")
            lane.health.worked(was_told_dead=channel_key(lane.name) in self._matters)
            return
        if outcome.detail != lane.health.last_error:
            logger.warning("channel %s: %s", lane.name, outcome.detail)
        lane.troubled += delivery.last_error == ""
        delivery.last_error = outcome.detail
        failures = delivery.attempts if delivery.stubborn else lane.health.failures + 1
        wait = self._pace.wait(failures, outcome.retry_after, self._rng)
        lane.failed(delivery, outcome, self._monotonic(), wait)
        self._records.stands(delivery, "pending", now + timedelta(seconds=wait))

    # --- the work of a turn ---

    def _sort_out_loaded(self, now: datetime) -> None:
        """Of what an earlier process left, the wall clock tells the age, and whether these are quiet hours."""
        told, self._told = self._told, []
        for each in told:
            self._book.remember(each, now)
        loaded, self._loaded = self._loaded, []
        for delivery in loaded:
            age = max(0.0, (now - delivery.alert.message.timestamp).total_seconds())
            delivery.born = self._monotonic() - age
            if self._book.quiet_until(delivery, now) is not None:
                self._lanes[delivery.channel].waiting.remove(delivery)
                self._book.queue(delivery, now)

    def _send_next(self, lane: Lane, monotonic: float) -> None:
        while (delivery := lane.next(monotonic)) is not None:
            if not delivery.expired(monotonic, self._pace.expiry):
                lane.hand_over(delivery, monotonic)
                self._courier.send(self._parcel(lane, delivery))
                return
            self._expire(delivery)

    def _expire(self, delivery: Delivery) -> None:
        self._records.stands(delivery, "expired")
        self._book.drop(delivery, "expired")

    def _tend(self, lane: Lane, now: datetime, monotonic: float) -> None:
        """See to what waits in a lane, after its turn to send: what is made here goes with the next turn."""
        waiting = lane.waiting
        while (oldest := waiting.oldest_calm()) is not None and oldest.expired(monotonic, self._pace.expiry):
            waiting.take(oldest)
            self._expire(oldest)
        for delivery in waiting.take_released(monotonic):
            self._book.queue(delivery, now)
        self._end_quiet_hours(lane, now)
        if lane.flood.over(monotonic):
            lane.flood.begin_anew()
            self._book.digest(lane, waiting.take_for_digest(), now)
        self._rescue.tend(lane, now)

    def _end_quiet_hours(self, lane: Lane, now: datetime) -> None:
        woken = lane.waiting.take_quiet(now)
        for delivery in woken:
            self._book.queue(delivery, now)
        if len(woken) > 1 and lane.flood.limit:
            self._book.digest(lane, lane.waiting.take_for_digest(), now)

    def _parcel(self, lane: Lane, delivery: Delivery) -> dict[str, Any]:
        assert lane.channel is not None
        message = delivery.message(self._book.zone).to_dict()
        message["metadata"] = {**message["metadata"], "delivery": delivery.id}
        return {
            "id": delivery.id,
            "channel": lane.channel.name,
            "kind": lane.channel.kind,
            "settings": dict(lane.channel.settings),
            "message": message,
        }

    def _rest(self, monotonic: float) -> None:
        """Let an idle courier go."""
        if any(lane.under_way for lane in self._lanes.values()):
            self._busy_at = monotonic
        elif self._busy_at is not None and monotonic - self._busy_at >= self._pace.idle:
            self._busy_at = None
            self._courier.close()

    def _wait(self, now: datetime, monotonic: float) -> float | None:
        waits = [wait for lane in self._lanes.values() if (wait := lane.wait(now, monotonic)) is not None]
        if self._busy_at is not None and not any(lane.under_way for lane in self._lanes.values()):
            waits.append(self._busy_at + self._pace.idle - monotonic)
        return max(0.0, min(waits)) if waits else None

    def _worded(self, message: NotificationMessage, ended: Matter | None) -> NotificationMessage:
        """The end of a matter says how long it lasted, and how often it was said."""
        if ended is None:
            return message
        often = f", said {ended.said} times" if ended.said > 1 else ""
        after = f"After {span(ended.lasted(message.timestamp, self._monotonic()))}{often}"
        return replace(message, message=f"{after}: {message.message}" if message.message else f"{after}.")
