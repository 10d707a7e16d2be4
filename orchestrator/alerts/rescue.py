"""What is done when a channel does not work, or is there no longer: others hear what it should."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.book import Book, Put
from orchestrator.alerts.delivery import MOVED, Alert
from orchestrator.alerts.health import News
from orchestrator.alerts.lane import Lane

__all__ = ["Rescue", "channel_key"]

AT_ONCE = 200
"""Deliveries that are copied in one turn of the loop."""

TOPIC = "engine"


def channel_key(name: str) -> str:
    """The key of the matter that a channel does not deliver."""
    return f"channel.{name}"


class Rescue:
    """Acts on what happens to channels.

    :param announce: takes the alerts about it.
    """

    def __init__(self, book: Book, announce: Put) -> None:
        self._book, self._announce = book, announce

    def tend(self, lane: Lane, now: datetime) -> None:
        """Act on the news of a lane, and go on with what is being copied."""
        news, lane.health.news = lane.health.news, News.NONE
        if news is News.DYING:
            self._bury(lane, now)
        elif news is News.REVIVED:
            self._welcome(lane, now)
        if not lane.health.dead:
            lane.to_copy.clear()
        self._copy(lane, now)
        if lane.channel is None and lane.unsettled and self._book.enabled:
            self._rehome(lane, now)

    def spread(self, alert: Alert, now: datetime) -> list[str]:
        """Give an alert to all channels that work and do not have it; returns the ids of its deliveries."""
        return [
            self._book.deliver(alert, name, now)
            for name, lane in self._book.lanes.items()
            if lane.alive and name not in alert.stands
        ]

    def stands_in(self, alert: Alert, now: datetime) -> None:
        """A new alert that only channels get which do not work goes to the others too."""
        deaf = any(name in self._book.lanes for name in alert.stands)
        if deaf and alert.urgency > AlertLevel.INFO and not self._book.reaches(alert):
            self.spread(alert, now)

    def copy_all(self) -> None:
        """Let the other channels hear what waits for dead ones, if no human has; there may be new others."""
        for lane in self._book.lanes.values():
            lane.unsettled = True
            if lane.health.dead:
                lane.to_copy = deque(d for d in lane.waiting.in_order() if d.alert.urgency > AlertLevel.INFO)

    def _bury(self, lane: Lane, now: datetime) -> None:
        lane.health.dead = True
        others = [name for name, other in self._book.lanes.items() if other.alive]
        if channel_key(lane.name) not in self._book.matters:
            text = f"{lane.health.last_error}; {_fate(lane.count, others)}."
            message = NotificationMessage(f"Channel {lane.name} does not deliver", text, AlertLevel.WARNING, now)
            self._announce(message, TOPIC, key=channel_key(lane.name))
        self.copy_all()

    def _welcome(self, lane: Lane, now: datetime) -> None:
        lane.waiting.call_in()
        if lane.flood.limit:
            self._book.digest(lane, lane.waiting.take_for_digest(), now)
        text = f"What has waited for it is delivered now: {_number(lane.count)}."
        message = NotificationMessage(f"Channel {lane.name} works again", text, AlertLevel.INFO, now)
        self._announce(message, TOPIC, closes=channel_key(lane.name))
        self.copy_all()

    def _copy(self, lane: Lane, now: datetime) -> None:
        for _ in range(min(AT_ONCE, len(lane.to_copy))):
            delivery = lane.to_copy.popleft()
            if delivery.id in self._book.pending and not self._book.reaches(delivery.alert):
                self.spread(delivery.alert, now)

    def _rehome(self, lane: Lane, now: datetime) -> None:
        """The channel has left the config: what matters goes to the others, the rest nowhere."""
        lane.unsettled = False
        given_up = []
        for delivery in lane.waiting.take_all():
            if delivery.alert.urgency is AlertLevel.INFO or self._book.reaches(delivery.alert):
                given_up.append(delivery)
            elif moved := self.spread(delivery.alert, now):
                self._book.settle([delivery], "collapsed", MOVED + moved[0])
            else:
                lane.waiting.push(delivery)  # until there is a channel
        self._book.settle(given_up, "expired", "the channel is not in the config any more")


def _fate(count: int, others: Iterable[str]) -> str:
    waits = f"{_number(count)} {'waits' if count == 1 else 'wait'}"
    names = ", ".join(others)
    return f"{waits}; warnings and critical ones are sent to {names} meanwhile" if names else f"{waits}; no other works"


def _number(count: int) -> str:
    return "1 alert" if count == 1 else f"{count} alerts"
