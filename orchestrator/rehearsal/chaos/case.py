"""A case: some days, and what goes wrong in them."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from calendars import MarketCalendar, Session
from orchestrator.rehearsal.scenario import FAULTS, Fault, Once, Scenario

__all__ = ["WEEK", "Case", "draw_case"]

WEEK = 7
"""Days of a case, unless the range is shorter."""

MOST_FAULTS = 8

KINDS = tuple(name for name in FAULTS if name != "resume")
"""Those that are drawn; an operator resumes only what he has halted."""

IN_SESSION = 0.8
"""Of the faults come while the market is open, or within an hour of it."""

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Case:
    """Days, both included, and a scenario whose faults each have one time."""

    start: date
    end: date
    scenario: Scenario


def draw_case(seed: int, number: int, start: date, end: date, calendar: MarketCalendar, days: int = WEEK) -> Case:
    """The case of this number in a campaign: some days of the range at random, and one to eight faults in them.

    It depends on nothing but the arguments, whatever cases were drawn before.
    """
    rng = random.Random(f"chaos:{seed}:{number}")
    spare = max(0, (end - start).days + 1 - days)
    first = start + timedelta(days=rng.randrange(spare + 1))
    last = min(end, first + timedelta(days=days - 1))
    faults = [fault for _ in range(rng.randint(1, MOST_FAULTS)) for fault in _draw(rng, first, last, calendar)]
    return Case(first, last, Scenario(tuple(sorted(faults, key=_time)), rng.randrange(1_000_000)))


def _draw(rng: random.Random, start: date, end: date, calendar: MarketCalendar) -> Iterator[Fault]:
    kind, at = rng.choice(KINDS), _draw_time(rng, start, end, calendar)
    lasts, parameters = FAULTS[kind].draw(rng)
    yield Fault(kind, Once(at), lasts, parameters)
    if kind == "halt" and lasts is None:
        yield Fault("resume", Once(at + timedelta(seconds=rng.randrange(60, 86_400))))


def _draw_time(rng: random.Random, start: date, end: date, calendar: MarketCalendar) -> datetime:
    """A whole second, in exchange time."""
    zone, sessions = calendar.exchange_timezone, calendar.sessions(start, end)
    if sessions and rng.random() < IN_SESSION:
        session: Session = rng.choice(sessions)
        since, until = session.open - HOUR, session.close + HOUR
    else:
        since = datetime.combine(start, time(0), zone)
        until = datetime.combine(end + timedelta(days=1), time(0), zone)
    return (since + timedelta(seconds=rng.randrange(int((until - since).total_seconds())))).astimezone(zone)


def _time(fault: Fault) -> datetime:
    assert isinstance(fault.when, Once)
    return fault.when.at
