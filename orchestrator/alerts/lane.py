"""One channel as the outbox sees it: what waits for it, what is under way to it, and how well it works."""

from collections import deque
from datetime import datetime

from orchestrator.alerts.channels import Channel
from orchestrator.alerts.courier import Outcome
from orchestrator.alerts.delivery import Delivery
from orchestrator.alerts.health import Health
from orchestrator.alerts.noise import Noise
from orchestrator.alerts.pace import Pace
from orchestrator.alerts.waiting import Waiting

__all__ = ["Lane"]


class Flood:
    """The alerts that a channel got one by one in this minute.

    :ivar limit: how many it may get; 0 is no limit.
    """

    def __init__(self, minute: float) -> None:
        self._minute, self._handed = minute, 0
        self.limit = 0
        self.ends = 0.0

    @property
    def full(self) -> bool:
        """Whether all others wait; they do until somebody calls :meth:`begin_anew`."""
        return 0 < self.limit <= self._handed

    def handed(self, monotonic: float) -> None:
        if monotonic >= self.ends and not self.full:
            self.ends, self._handed = monotonic + self._minute, 0
        self._handed += 1

    def over(self, monotonic: float) -> bool:
        return self.full and monotonic >= self.ends

    def begin_anew(self) -> None:
        self._handed, self.ends = 0, 0.0


class Lane:
    """The deliveries of one channel; one at a time is under way.

    :ivar channel: how to reach it; None while the config has no such channel.
    :ivar count: its deliveries that are pending, and `troubled`: how many of them have failed at least once.
    :ivar to_copy: what waits here and may have to go to the other channels as well.
    :ivar unsettled: if it has no channel, what waits may find a place with others now.
    """

    def __init__(self, name: str, pace: Pace) -> None:
        self.name, self._pace = name, pace
        self.channel: Channel | None = None
        self.waiting, self.health = Waiting(), Health(pace)
        self.noise, self.flood = Noise(pace.longest_window), Flood(pace.minute)
        self.count = self.troubled = 0
        self.to_copy: deque[Delivery] = deque()
        self.under_way: Delivery | None = None
        self.deadline = 0.0
        self.unsettled = True

    @property
    def alive(self) -> bool:
        """Whether what is given to it can be expected to arrive."""
        return self.channel is not None and not self.health.dead

    def configure(self, channel: Channel | None, digest_after: int) -> None:
        """Take up how the channel is reached now; one that is reached in another way is tried at once."""
        if channel != self.channel:
            self.try_now()
        self.channel, self.flood.limit = channel, digest_after

    def next(self, monotonic: float) -> Delivery | None:
        """Take out what is to go now, if anything is."""
        if self.channel is None or self.under_way or monotonic < self.health.blocked_until or self.health.news:
            return None
        aside = self.waiting.aside_due()
        refused_is_due = aside is not None and aside <= monotonic
        head = self.waiting.head(only_urgent=self.flood.full)
        if refused_is_due and (head is None or not self.health.failures):
            return self.waiting.take_aside()
        if head is not None:
            self.waiting.take(head)
        return head

    def hand_over(self, delivery: Delivery, monotonic: float) -> None:
        """The courier has it now."""
        if delivery.first_failed is None:
            self.flood.handed(monotonic)
        delivery.handed = True
        self.noise.left(delivery, monotonic)
        self.under_way, self.deadline = delivery, monotonic + self._pace.deadline

    def take_back(self) -> Delivery | None:
        """What was under way is so no longer; what becomes of it is the caller's business."""
        delivery, self.under_way = self.under_way, None
        return delivery

    def interrupted(self, delivery: Delivery, monotonic: float) -> None:
        """It was not its turn's fault: it goes again at once."""
        self.unsettled = True
        if delivery.stubborn:
            self.waiting.set_aside(delivery, monotonic)
        else:
            self.waiting.put_back(delivery)

    def failed(self, delivery: Delivery, outcome: Outcome, monotonic: float, wait: float) -> None:
        """It did not arrive; it keeps its place, unless it is to blame itself."""
        self.unsettled = True
        known = delivery.stubborn
        if delivery.first_failed is None:
            delivery.first_failed = monotonic
        if not known:
            self.health.failed(outcome, monotonic, wait)
        elif outcome.retry_after is not None:
            self.health.blocked_until = monotonic + wait
        tried_long = monotonic - delivery.first_failed >= self._pace.stubborn_after
        delivery.stubborn = known or outcome.permanent or (delivery.attempts >= self._pace.several and tried_long)
        if delivery.stubborn:
            self.waiting.set_aside(delivery, monotonic + wait)
        else:
            self.waiting.put_back(delivery)

    def try_now(self) -> None:
        """Forget what made it wait."""
        self.health.try_now()
        self.waiting.call_in()

    def wait(self, now: datetime, monotonic: float) -> float | None:
        """Seconds until there is something to do; None if there is nothing."""
        if self.under_way:
            return self.deadline - monotonic
        times = [self.waiting.held_until()]
        if self.channel is not None:
            times += self._attempts(monotonic)
        waits = [time - monotonic for time in times if time is not None]
        if self.waiting.keeps_quiet():
            waits.append((self.waiting.quiet_until - now).total_seconds())
        if self.to_copy:
            waits.append(0.0)
        return min(waits, default=None)

    def _attempts(self, monotonic: float) -> list[float | None]:
        blocked, aside = self.health.blocked_until, self.waiting.aside_due()
        return [
            max(blocked, monotonic) if self.waiting.head(only_urgent=self.flood.full) else None,
            self.flood.ends if self.flood.full and self.waiting.calm() else None,
            max(blocked, aside) if aside is not None else None,
        ]
