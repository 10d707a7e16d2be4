"""What led to something: the last events of each matter."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.events import (
    Alerted,
    ConfigApplied,
    DaemonMoved,
    EngineMoved,
    EquityMarked,
    Event,
    FaultEnded,
    FaultInjected,
    JobRan,
    OrderFilled,
    OrderUpdated,
    StateChanged,
    Traded,
)

__all__ = ["Matter", "Trail", "matter_of"]

LENGTH = 6
"""Events of one matter that are kept."""

Matter = tuple[str, str]
"""A kind of thing and its name, such as a job or an order."""

STATE, ENGINE, CONFIG, DAEMON, FAULTS = ((kind, "") for kind in ("state", "engine", "config", "daemon", "faults"))

ALWAYS: tuple[Matter, ...] = (STATE, ENGINE, CONFIG, DAEMON, FAULTS)
"""Matters that belong to every trail."""

MATTERS = 5_000
"""Matters that are kept: the oldest go first, as there are new orders every day."""


def _trade(event: Traded) -> Matter:
    match event.event:
        case OrderUpdated(order_ref=ref) | OrderFilled(order_ref=ref):
            return "order", ref
        case EquityMarked():
            return "account", ""


KINDS: Mapping[type, Callable[[Any], Matter]] = {
    JobRan: lambda event: ("job", event.run.job),
    StateChanged: lambda _: STATE,
    EngineMoved: lambda _: ENGINE,
    ConfigApplied: lambda _: CONFIG,
    DaemonMoved: lambda _: DAEMON,
    FaultInjected: lambda _: FAULTS,
    FaultEnded: lambda _: FAULTS,
    Alerted: lambda event: ("alert", event.title),
    Traded: _trade,
}


def matter_of(event: Event) -> Matter:
    """What an event is about: a job, an order, an alert, the engine ..."""
    return KINDS[type(event)](event)


class Trail:
    """Remembers the last events of each matter."""

    def __init__(self) -> None:
        self._matters: dict[Matter, deque[tuple[int, Event]]] = {}
        self._number = 0

    def note(self, event: Event) -> None:
        matter = KINDS[type(event)](event)
        events = self._matters.get(matter)
        if events is None:
            if len(self._matters) >= MATTERS:
                del self._matters[next(iter(self._matters))]
            events = self._matters[matter] = deque(maxlen=LENGTH)
        self._number += 1
        events.append((self._number, event))

    def of(self, matters: Iterable[Matter]) -> tuple[Event, ...]:
        """What led there, oldest first: the events of these matters, and the last ones that concern all."""
        found: list[tuple[int, Event]] = []
        for matter in dict.fromkeys((*ALWAYS, *matters)):
            found += self._matters.get(matter, ())
        return tuple(event for _, event in sorted(found, key=lambda numbered: numbered[0]))
