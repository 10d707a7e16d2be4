"""All deliveries that are pending, by channel, and the store told of each."""

import random
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Protocol

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.channels import Channel, channels
from orchestrator.alerts.delivery import DIGESTED, REPEATS, TOLD, Alert, Delivery, identity, key_of
from orchestrator.alerts.digest import compose, topic_of
from orchestrator.alerts.lane import Lane
from orchestrator.alerts.matters import Matters
from orchestrator.alerts.pace import Pace
from orchestrator.alerts.records import Records, Told, Unsent
from orchestrator.alerts.routes import Routes
from orchestrator.config import NotificationConfig

__all__ = ["Book", "Put"]

COMING = frozenset({"pending", "collapsed"})
"""States of what is on its way, by itself or in another delivery."""

DIGEST_KEY = "digest: "


class Put(Protocol):
    """Takes an alert, as :meth:`orchestrator.alerts.outbox.Outbox.put` does."""

    def __call__(
        self, message: NotificationMessage, topic: str, *, key: str | None = None, closes: str | None = None
    ) -> None: ...


class Book:
    """Makes deliveries, puts them in their lanes, and settles them.

    :ivar lanes: by channel; also of those that have left the config while something waited for them.
    :ivar pending: deliveries by id.
    """

    def __init__(
        self,
        records: Records,
        matters: Matters,
        monotonic: Callable[[], float],
        rng: random.Random,
        pace: Pace,
        zone: tzinfo,
    ) -> None:
        self.records, self.matters, self.pace, self.zone = records, matters, pace, zone
        self._monotonic, self._rng = monotonic, rng
        self.lanes: dict[str, Lane] = {}
        self.pending: dict[str, Delivery] = {}
        self.channels: Mapping[str, Channel] = {}

    def configure(self, config: NotificationConfig, zone: tzinfo) -> None:
        self.zone, self.window = zone, config.dedupe_window
        self.enabled, self.channels = config.enabled, channels(config)
        self.routes = Routes(config, self.channels, zone)
        for name, channel in self.channels.items():
            if not channel.local:
                self.lane(name)
        for name, lane in self.lanes.items():
            lane.configure(self.channels.get(name), config.digest_after)

    def lane(self, name: str) -> Lane:
        """The lane of a channel, made with its first delivery if the config has no such channel."""
        if name not in self.lanes:
            self.lanes[name] = Lane(name, self.pace)
        return self.lanes[name]

    def alert(self, message: NotificationMessage, topic: str, key: str | None) -> Alert:
        """A new one, not yet written."""
        named = key_of(key, topic, message.title)
        return Alert(self._new_id(), message, topic, named, message.level, identity(message, topic, named))

    # --- making deliveries ---

    def deliver(self, alert: Alert, channel: str, now: datetime) -> str:
        """See to it that a channel gets an alert; returns the id of the delivery that tells it."""
        self.matters.reaches(alert.key, channel)
        if self.channels[channel].local:
            return self._told_here(alert, channel)
        lane, monotonic = self.lanes[channel], self._monotonic()
        streak = lane.noise.find(alert.same, monotonic) if self.window else None
        delivery = self._new_delivery(alert, lane)
        if streak is None:
            if self.window and alert.same is not None:
                lane.noise.begin(alert.same, delivery, self.window)
            return self._enter(lane, delivery, now)
        self._count(alert, streak.first)
        teller = streak.take(delivery)
        if teller is not None:
            return self._collapsed(delivery, REPEATS, teller)
        return self._enter(lane, delivery, now, hold=streak.until - monotonic)

    def deliver_end(self, alert: Alert, channel: str, keys: Sequence[str], now: datetime) -> str:
        """The same for the end of matters."""
        self.matters.reaches(alert.key, channel)
        if self.channels[channel].local:
            return self._told_here(alert, channel)
        lane = self.lanes[channel]
        closing = lane.noise.close(keys, alert.message, self._monotonic())
        delivery = self._new_delivery(alert, lane)
        if closing.told_by is not None:
            return self._collapsed(delivery, REPEATS, closing.told_by)
        self._enter(lane, delivery, now)
        for needless in closing.needless:
            lane.waiting.remove(needless)
            self.settle([needless], "collapsed", TOLD + delivery.id)
        return delivery.id

    def remember(self, told: Told, now: datetime) -> None:
        """An earlier process has told this: if it was in this window of time, what says the same repeats it."""
        lane, elapsed = self.lanes.get(told.channel), max(0.0, (now - told.at).total_seconds())
        if lane is not None and told.state == "sent" and elapsed < self.window:
            until = self._monotonic() + self.window - elapsed
            lane.noise.resume((told.key, told.level), told.alert_id, told.at, self.window, until)

    def _told_here(self, alert: Alert, channel: str) -> str:
        """The log line that every alert is, is its delivery to the console."""
        delivery = Delivery(self._new_id(), channel, alert, self._monotonic(), attempts=1)
        self.records.delivery(delivery, "sent", None)
        alert.stands[channel] = "sent"
        return delivery.id

    def _new_delivery(self, alert: Alert, lane: Lane) -> Delivery:
        return Delivery(self._new_id(), lane.name, alert, self._monotonic())

    def _enter(self, lane: Lane, delivery: Delivery, now: datetime, hold: float = 0.0) -> str:
        """Write down a new delivery, and let it wait its turn; `hold` seconds must pass before that."""
        self.records.delivery(delivery, "pending", now + timedelta(seconds=max(0.0, hold)))
        self.take_up(delivery)
        if hold > 0:
            lane.waiting.hold(delivery, self._monotonic() + hold)
        else:
            self.queue(delivery, now)
        return delivery.id

    def _collapsed(self, delivery: Delivery, why: str, teller: Delivery) -> str:
        """Write down a delivery that is none, because another one tells it."""
        delivery.last_error = why + teller.id
        self.records.delivery(delivery, "collapsed", None)
        delivery.alert.stands[delivery.channel] = "collapsed"
        return teller.id

    def _count(self, alert: Alert, first: str) -> None:
        """One alert more that says what the first did; counted once, on however many channels it does."""
        if first not in alert.counted and first != alert.id:
            alert.counted.add(first)
            self.records.said_again(first)

    def digest(self, lane: Lane, deliveries: Sequence[Delivery], now: datetime) -> None:
        """Make one delivery of many. The store gets it and loses them at once."""
        if not deliveries:
            return
        alert = self.alert(compose(deliveries, now, self.zone), topic_of(deliveries), None)
        alert.key, alert.same = f"{DIGEST_KEY}{lane.name}", None
        digest = self._new_delivery(alert, lane)
        digest.digest = True
        self.records.alert(alert, count=sum(delivery.said for delivery in deliveries))
        self.records.delivery(digest, "pending", now)
        self.settle(deliveries, "collapsed", DIGESTED + digest.id)
        self.take_up(digest)
        lane.waiting.push(digest)

    # --- what stands where ---

    def quiet_until(self, delivery: Delivery, now: datetime) -> datetime | None:
        """The end of the quiet hours that hold it back; None if it may go."""
        alert = delivery.alert
        return self.routes.quiet_until(delivery.channel, alert.urgency, alert.topic, now)

    def queue(self, delivery: Delivery, now: datetime) -> None:
        """Let it wait its turn, or first for the end of the quiet hours."""
        waiting, until = self.lanes[delivery.channel].waiting, self.quiet_until(delivery, now)
        if until is None:
            waiting.push(delivery)
        else:
            waiting.keep_quiet(delivery, now, until)

    def take_up(self, delivery: Delivery) -> None:
        """Know it as pending."""
        lane = self.lane(delivery.channel)
        self.pending[delivery.id] = delivery
        lane.count += 1
        lane.troubled += delivery.last_error != ""
        delivery.alert.stands[delivery.channel] = "pending"

    def settle(self, deliveries: Collection[Delivery], state: str, reason: str) -> None:
        """Deliveries of one channel that are in no room of their lane any more are pending no more, for this reason."""
        if deliveries:
            self.records.settle(deliveries, state, reason)
        for delivery in deliveries:
            self.drop(delivery, state)

    def drop(self, delivery: Delivery, state: str) -> None:
        """Know it as pending no more; the store is told by the caller."""
        lane = self.lanes[delivery.channel]
        del self.pending[delivery.id]
        lane.count -= 1
        lane.troubled -= delivery.last_error != ""
        lane.noise.left(delivery, self._monotonic())
        delivery.alert.stands[delivery.channel] = state

    def reaches(self, alert: Alert) -> bool:
        """Whether a human hears of an alert: it has arrived, or is on its way to a channel that works."""
        stands = [(self.lanes[name], state) for name, state in alert.stands.items() if name in self.lanes]
        return any(state == "sent" or (state in COMING and lane.alive) for lane, state in stands)

    def restore(self, found: Sequence[Unsent], levels: Mapping[str, AlertLevel]) -> list[Delivery]:
        """Deliveries as an earlier process left them, known as pending, and in no lane yet.

        What it was doing last with them nobody knows: each may have arrived as it is, and so stays as it is.

        :param levels: for the ends of matters, by alert, the levels of those.
        """
        known: dict[str, Alert] = {}
        restored = []
        for each in found:
            row = each.row
            if row["alert_id"] not in known:
                known[row["alert_id"]] = _restored(each, levels)
            delivery = Delivery(row["id"], row["channel"], known[row["alert_id"]], self._monotonic(), handed=True)
            delivery.attempts, delivery.last_error = row["attempts"], row["last_error"]
            delivery.digest = row["key"].startswith(DIGEST_KEY)
            delivery.said, delivery.last = 1 + len(each.repeats), each.last()
            self.take_up(delivery)
            restored.append(delivery)
        return restored

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _restored(each: Unsent, levels: Mapping[str, AlertLevel]) -> Alert:
    row, message = each.row, each.message()
    ends = levels.get(row["alert_id"])
    same = identity(message, row["topic"], row["key"]) if ends is None else None
    return Alert(row["alert_id"], message, row["topic"], row["key"], ends or message.level, same, dict(each.stands))
