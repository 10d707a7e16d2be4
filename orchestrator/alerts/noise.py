"""The same thing said again and again, on one channel.

A streak begins with an alert and goes on with those that say the same. As long as one of them has not been handed to
the courier, it stands for all that follow. After it has, the next one is kept until a window of time is over, and
stands for all of that window. The window of what is critical grows each time. A streak ends when it has been quiet for
two windows, or, if it is critical, when the matter is over.
"""

import heapq
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, product

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.delivery import Delivery

__all__ = ["Closing", "Noise", "Streak"]

GROWTH = 3.0
"""Of the window of what is critical: 5 min, 15 min, 45 min."""


@dataclass(slots=True, eq=False)
class Streak:
    """One thing that is said again and again. Times are monotonic.

    :param first: the id of the alert that it began with.
    :param said: how often.
    :param window: the length of the next window.
    :param waiting: the delivery that takes in what is said now; None after it was handed over.
    :param until: the end of the window.
    :param forget: when the streak is over, if nothing more is said.
    :param well: whether the last that was said, and `told_well` the last that was sent, is that the matter is over.
    """

    identity: Hashable
    first: str
    level: AlertLevel
    since: datetime
    window: float
    waiting: Delivery | None
    said: int = 1
    until: float = 0.0
    forget: float = 0.0
    well: bool = False
    told_well: bool = False

    def take(self, delivery: Delivery) -> Delivery | None:
        """Let a delivery that says the same be part of it; returns the one that stands for it, if it is another."""
        self.said += 1
        self.well = False
        if self.waiting is not None:
            self.waiting.absorb(delivery.alert.message)
            return self.waiting
        delivery.streak, delivery.follows = self, True
        delivery.said, delivery.since = self.said, self.since
        self.waiting = delivery
        return None


@dataclass(slots=True)
class Closing:
    """What the end of a matter means for what waits.

    :param told_by: the delivery that tells of it, so that it needs none of its own.
    :param needless: deliveries that need not go any more, as the one of the end tells of them.
    """

    told_by: Delivery | None = None
    needless: list[Delivery] = field(default_factory=list)


class Noise:
    """The streaks of one channel.

    :param longest: seconds that a growing window grows to.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._streaks: dict[Hashable, Streak] = {}
        self._ends: list[tuple[float, int, Streak]] = []
        self._tickets = count()

    def find(self, identity: Hashable | None, monotonic: float) -> Streak | None:
        """The streak that goes on at this time."""
        self._drop_the_forgotten(monotonic)
        return self._streaks.get(identity)

    def begin(self, identity: Hashable, delivery: Delivery, window: float) -> None:
        message = delivery.alert.message
        streak = Streak(identity, delivery.alert.id, message.level, message.timestamp, window, delivery)
        delivery.streak = self._streaks[identity] = streak

    def resume(self, told: tuple[str, AlertLevel], first: str, since: datetime, window: float, until: float) -> None:
        """An earlier process told this key at this level, and the window ends then."""
        streak = Streak(told, first, told[1], since, window, None, until=until, forget=until + window)
        self._streaks[told] = streak
        heapq.heappush(self._ends, (streak.forget, next(self._tickets), streak))

    def left(self, delivery: Delivery, monotonic: float) -> None:
        """A delivery waits no more: it was handed over, or is in a digest. Its window begins."""
        streak, delivery.streak = delivery.streak, None
        if streak is None:
            return
        streak.waiting, streak.told_well = None, streak.well
        streak.until = monotonic + streak.window
        streak.forget = monotonic + 2 * streak.window
        heapq.heappush(self._ends, (streak.forget, next(self._tickets), streak))
        if streak.level is AlertLevel.CRITICAL:
            streak.window = min(streak.window * GROWTH, max(self._longest, streak.window))

    def close(self, keys: Iterable[str], message: NotificationMessage, monotonic: float) -> Closing:
        """The matters of these keys are over, says a message.

        A channel that was told of this before, and of no trouble since then, is not told at once a second time: what
        waits for the end of the window tells both. Otherwise what waits is told by the message as well.
        """
        self._drop_the_forgotten(monotonic)
        closing = Closing()
        for streak in [self._streaks[each] for each in product(keys, AlertLevel) if each in self._streaks]:
            waiting = streak.waiting
            if waiting is not None and waiting.follows and streak.told_well:
                waiting.last, streak.well = message, True
                closing.told_by = waiting
                continue
            if waiting is not None:
                closing.needless += [waiting] if waiting.follows else []
                self.left(waiting, monotonic)
            streak.well = streak.told_well = True
            if streak.level is AlertLevel.CRITICAL:
                del self._streaks[streak.identity]
        return closing

    def _drop_the_forgotten(self, monotonic: float) -> None:
        while self._ends and self._ends[0][0] <= monotonic:
            end, _, streak = heapq.heappop(self._ends)
            if streak.forget == end and streak.waiting is None and self._streaks.get(streak.identity) is streak:
                del self._streaks[streak.identity]
