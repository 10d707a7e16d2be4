"""A scenario as values: which faults, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from jobs.triggers import Anchor

__all__ = ["ANY", "TRADING", "AtRandom", "EachSession", "Every", "Fault", "Once", "Scenario", "When"]

ANY, TRADING = "any", "trading"
"""When a fault may come: at any time, or only while the market is open."""


@dataclass(frozen=True, slots=True)
class Once:
    """At this time; aware."""

    at: datetime


@dataclass(frozen=True, slots=True)
class EachSession:
    """At this moment of every session."""

    anchor: Anchor


@dataclass(frozen=True, slots=True)
class Every:
    """Again and again from the beginning of the range, for the first time after so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class AtRandom:
    """So many times in the range, by the seed."""

    times: int


When = Once | EachSession | Every | AtRandom


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong.

    :param kind: its name in the table of faults.
    :param lasts: how long it goes on, where that was said.
    :param parameters: those that were given, as their readers have read them.
    :param during: ``any`` or ``trading``: an occasion outside of it is left out, or, of random ones, not drawn.
    """

    kind: str
    when: When
    lasts: timedelta | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    during: str = ANY


@dataclass(frozen=True)
class Scenario:
    """:param seed: of everything random; None leaves it to whoever runs it."""

    faults: tuple[Fault, ...] = ()
    seed: int | None = None

    def days(self) -> tuple[date, date] | None:
        """The first and the last day that it names; None if it names none."""
        named = [fault.when.at.date() for fault in self.faults if isinstance(fault.when, Once)]
        return (min(named), max(named)) if named else None
