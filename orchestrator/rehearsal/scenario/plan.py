"""What happens when: a scenario, worked out for a range of time."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from calendars import MarketCalendar
from orchestrator.rehearsal.scenario.faults import FAULTS
from orchestrator.rehearsal.scenario.values import TRADING, AtRandom, EachSession, Every, Fault, Once, Scenario, When

__all__ = ["Injection", "plan", "without_occasion"]

DAY = timedelta(days=1)

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Injection:
    """One fault at one time.

    :param at: aware, UTC; by the true time, which a jump of the machine's clock does not move.
    :param parameters: all that the fault has.
    """

    at: datetime
    fault: str
    lasts: timedelta | None
    parameters: Mapping[str, Any]


def plan(scenario: Scenario, start: datetime, end: datetime, calendar: MarketCalendar, seed: int) -> list[Injection]:
    """All that goes wrong from `start` on and before `end`, in order; of one time in the order of the scenario."""
    found = [
        Injection(at, fault.kind, fault.lasts, FAULTS[fault.kind].complete(fault.parameters))
        for number, fault in enumerate(scenario.faults)
        for at in _times(fault, start.astimezone(UTC), end.astimezone(UTC), calendar, random.Random(f"{seed}:{number}"))
    ]
    return sorted(found, key=lambda injection: injection.at)


def without_occasion(scenario: Scenario, start: datetime, end: datetime, calendar: MarketCalendar) -> list[Fault]:
    """The faults for which there is no occasion in a range."""
    alone = ((fault, Scenario((fault,))) for fault in scenario.faults)
    return [fault for fault, scenario in alone if not plan(scenario, start, end, calendar, 0)]


def _times(
    fault: Fault, start: datetime, end: datetime, calendar: MarketCalendar, rng: random.Random
) -> Iterator[datetime]:
    spans = _trading(start, end, calendar) if fault.during == TRADING else [(start, end)]
    if isinstance(fault.when, AtRandom):
        yield from _drawn(fault.when.times, spans, rng)
        return
    for at in _occasions(fault.when, start, end, calendar):
        if any(since <= at < until for since, until in spans):
            yield at


def _occasions(when: When, start: datetime, end: datetime, calendar: MarketCalendar) -> Iterator[datetime]:
    match when:
        case Once(at=at):
            yield at.astimezone(UTC)
        case EachSession(anchor=anchor):
            reach = DAY + abs(anchor.offset)
            for session in calendar.sessions((start - reach).date(), (end + reach).date()):
                yield anchor.of(session).astimezone(UTC)
        case Every(seconds=seconds):
            step = timedelta(seconds=seconds)
            for number in range(1, (end - start) // step + 1):
                yield start + number * step


def _drawn(times: int, spans: list[Span], rng: random.Random) -> Iterator[datetime]:
    """Whole seconds, evenly spread over the spans; none if there is no span."""
    total = sum((until - since for since, until in spans), timedelta(0))
    if not total:
        return
    for chosen in sorted(rng.randrange(int(total.total_seconds())) for _ in range(times)):
        yield _nth_second(chosen, spans)


def _nth_second(number: int, spans: list[Span]) -> datetime:
    left = timedelta(seconds=number)
    for since, until in spans:
        if left < until - since:
            return since + left
        left -= until - since
    return spans[-1][1] - timedelta(seconds=1)


def _trading(start: datetime, end: datetime, calendar: MarketCalendar) -> list[Span]:
    """The parts of the range in which the market is open."""
    if calendar.next_change(start) is None:
        return [(start, end)]
    sessions = calendar.sessions((start - DAY).date(), (end + DAY).date())
    whole = [(max(start, session.open), min(end, session.close)) for session in sessions]
    return [(since.astimezone(UTC), until.astimezone(UTC)) for since, until in whole if since < until]
