"""What waits for one channel, and in which order it goes."""

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain, count

from orchestrator.alerts.delivery import Delivery

__all__ = ["Waiting"]

NEVER = datetime.max.replace(tzinfo=UTC)


class Waiting:
    """The deliveries of one channel that are not with the courier.

    They go in order. There are two queues, as what is critical can overtake while a flood makes the rest wait; and
    three rooms beside them: `held` until a window of time is over, `quiet` until the quiet hours are, which is a matter
    of the wall clock, and `aside` for what the channel refuses again and again. All other times are monotonic.
    """

    def __init__(self) -> None:
        self._urgent: deque[Delivery] = deque()
        self._calm: deque[Delivery] = deque()
        self._held: list[tuple[float, int, Delivery]] = []
        self._aside: list[tuple[float, int, Delivery]] = []
        self._quiet: list[Delivery] = []
        self._quiet_from, self.quiet_until = NEVER, NEVER
        self._places, self._tickets = count(), count()

    def in_order(self) -> list[Delivery]:
        """Everything that waits, in whichever room; what has no place in a queue yet comes last."""
        queued = chain(self._urgent, self._calm, (each for _, _, each in self._aside))
        beside = chain(self._quiet, (each for _, _, each in sorted(self._held, key=lambda entry: entry[:2])))
        return [*sorted(queued, key=lambda delivery: delivery.place), *beside]

    # --- the queues ---

    def push(self, delivery: Delivery) -> None:
        """To the end of its queue."""
        delivery.place = next(self._places)
        self._queue_of(delivery).append(delivery)

    def put_back(self, delivery: Delivery) -> None:
        """To the head of its queue, where it came from."""
        self._queue_of(delivery).appendleft(delivery)

    def put_before_all(self, deliveries: list[Delivery]) -> None:
        """What an earlier process left goes before all that this one has put."""
        for place, delivery in enumerate(deliveries, start=-len(deliveries)):
            delivery.place = place
        for delivery in reversed(deliveries):
            self._queue_of(delivery).appendleft(delivery)

    def _queue_of(self, delivery: Delivery) -> deque[Delivery]:
        return self._urgent if delivery.urgent else self._calm

    def head(self, *, only_urgent: bool = False) -> Delivery | None:
        """The next in order; with `only_urgent` the others wait."""
        heads = [queue[0] for queue in (self._urgent, self._calm) if queue and (queue[0].urgent or not only_urgent)]
        return min(heads, key=lambda delivery: delivery.place, default=None)

    def take(self, delivery: Delivery) -> None:
        """Take out a head."""
        self._queue_of(delivery).popleft()

    def take_for_digest(self) -> list[Delivery]:
        """Take out what can go in one message, if that is more than one; a digest is none of it."""
        chosen = [delivery for delivery in self._calm if not delivery.digest]
        if len(chosen) < 2:
            return []
        self._calm = deque(delivery for delivery in self._calm if delivery.digest)
        return chosen

    def calm(self) -> bool:
        """Whether anything is in the queue that a flood makes wait."""
        return bool(self._calm)

    def oldest_calm(self) -> Delivery | None:
        return self._calm[0] if self._calm else None

    def remove(self, delivery: Delivery) -> None:
        """Take out one that is somewhere in here."""
        for room in (self._queue_of(delivery), self._quiet):
            if delivery in room:
                room.remove(delivery)
                return
        self._held = _without(self._held, delivery)
        self._aside = _without(self._aside, delivery)

    def take_all(self) -> list[Delivery]:
        """Take out everything, in order."""
        taken = self.in_order()
        for room in (self._urgent, self._calm, self._held, self._aside, self._quiet):
            room.clear()
        self._quiet_from = self.quiet_until = NEVER
        return taken

    # --- the rooms ---

    def hold(self, delivery: Delivery, until: float) -> None:
        heapq.heappush(self._held, (until, next(self._tickets), delivery))

    def held_until(self) -> float | None:
        return self._held[0][0] if self._held else None

    def take_released(self, monotonic: float) -> Iterator[Delivery]:
        """Take out what needs to be held no longer."""
        while self._held and self._held[0][0] <= monotonic:
            yield heapq.heappop(self._held)[2]

    def keep_quiet(self, delivery: Delivery, now: datetime, until: datetime) -> None:
        self._quiet.append(delivery)
        self._quiet_from, self.quiet_until = min(self._quiet_from, now), min(self.quiet_until, until)

    def keeps_quiet(self) -> bool:
        return bool(self._quiet)

    def take_quiet(self, now: datetime) -> list[Delivery]:
        """Take out what was kept, if its time is over, or the clock was set back to before it was put here."""
        if not self._quiet or self._quiet_from <= now < self.quiet_until:
            return []
        taken, self._quiet = self._quiet, []
        self._quiet_from = self.quiet_until = NEVER
        return taken

    def kept(self) -> int:
        """How many are held, or kept quiet."""
        return len(self._held) + len(self._quiet)

    def let_go(self, delivery: Delivery) -> None:
        """Do not hold it, nor keep it quiet."""
        if delivery in self._quiet or any(each is delivery for _, _, each in self._held):
            self.remove(delivery)
            self.push(delivery)

    def set_aside(self, delivery: Delivery, due: float) -> None:
        heapq.heappush(self._aside, (due, next(self._tickets), delivery))

    def aside_due(self) -> float | None:
        return self._aside[0][0] if self._aside else None

    def take_aside(self) -> Delivery:
        """Take out the one that is due first."""
        return heapq.heappop(self._aside)[2]

    def call_in(self) -> None:
        """Bring those that stand aside back to their places."""
        returning = sorted((each for _, _, each in self._aside), key=lambda delivery: delivery.place)
        self._aside = []
        self._urgent = _merged(self._urgent, (each for each in returning if each.urgent))
        self._calm = _merged(self._calm, (each for each in returning if not each.urgent))


def _merged(queue: deque[Delivery], returning: Iterable[Delivery]) -> deque[Delivery]:
    return deque(heapq.merge(queue, returning, key=lambda delivery: delivery.place))


def _without(room: list[tuple[float, int, Delivery]], delivery: Delivery) -> list[tuple[float, int, Delivery]]:
    rest = [entry for entry in room if entry[2] is not delivery]
    heapq.heapify(rest)
    return rest
