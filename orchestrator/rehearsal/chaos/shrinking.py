"""Delta debugging: the smallest case that still fails."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import chain

from calendars import MarketCalendar
from orchestrator.rehearsal.chaos.case import Case
from orchestrator.rehearsal.scenario import FAULTS, Fault, Once
from orchestrator.rehearsal.scenario.faults import Lasts

__all__ = ["Fails", "shrink"]

Fails = Callable[[Case], bool]
"""Whether a case fails in the way that matters."""

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def shrink(case: Case, fails: Fails, calendar: MarketCalendar, most: int = 100) -> Case:
    """Leave out faults, then days, then shorten and simplify what is left, as long as it still fails.

    :param case: one that fails.
    :param most: tries, each of which runs a case.
    """
    tries = _Tries(fails, most)
    case = _fewer_faults(case, tries)
    while not tries.over:
        smaller = next((each for each in _simpler(case, calendar) if tries.fails(each)), None)
        if smaller is None:
            break
        case = smaller
    return case


class _Tries:
    """Asks, and counts the questions; none is asked twice."""

    def __init__(self, fails: Fails, most: int) -> None:
        self._fails, self._left = fails, most
        self._known: dict[str, bool] = {}

    @property
    def over(self) -> bool:
        return self._left <= 0

    def fails(self, case: Case) -> bool:
        """Whether it does; what there was no time to try does not count as failing."""
        key = repr(case)
        if key not in self._known:
            if self.over:
                return False
            self._left -= 1
            self._known[key] = self._fails(case)
        return self._known[key]


def _fewer_faults(case: Case, tries: _Tries) -> Case:
    """The ddmin algorithm (Zeller and Hildebrandt, 2002), over complements: halves, quarters, ... one by one."""
    if tries.fails(_with(case, ())):
        return _with(case, ())
    faults, parts = case.scenario.faults, 2
    while len(faults) > 1:
        rests = (rest for rest in _rests(faults, min(parts, len(faults))) if tries.fails(_with(case, rest)))
        smaller = next(rests, None)
        if smaller is not None:
            faults, parts = smaller, max(2, parts - 1)
        elif parts >= len(faults):
            break
        else:
            parts *= 2
    return _with(case, faults)


def _rests(faults: Sequence[Fault], parts: int) -> Iterator[tuple[Fault, ...]]:
    """What is left without the first of so many equal parts, without the second, and so on."""
    for number in range(parts):
        since, until = (len(faults) * each // parts for each in (number, number + 1))
        yield (*faults[:since], *faults[until:])


def _with(case: Case, faults: Sequence[Fault]) -> Case:
    return replace(case, scenario=replace(case.scenario, faults=tuple(faults)))


# --- one step simpler ---


def _simpler(case: Case, calendar: MarketCalendar) -> Iterator[Case]:
    """All cases that are simpler by one step, the boldest first."""
    yield from _fewer_days(case, calendar)
    for number, fault in enumerate(case.scenario.faults):
        for simpler in chain(_fewer_parameters(fault), _shorter(fault), _rounder(fault)):
            faults = [*case.scenario.faults]
            faults[number] = simpler
            yield _with(case, faults)


def _fewer_days(case: Case, calendar: MarketCalendar) -> Iterator[Case]:
    """Not beyond the days on which something goes wrong."""
    days = [_day(fault, calendar) for fault in case.scenario.faults]
    first, last = (min(days), max(days)) if days else (case.end, case.start)
    for end in (last, last + timedelta(days=1), case.end - timedelta(days=1)):
        if case.start <= end < case.end and end >= last:
            yield replace(case, end=end)
    for start in (first, first - timedelta(days=1), case.start + timedelta(days=1)):
        if case.start < start <= case.end and start <= first:
            yield replace(case, start=start)


def _day(fault: Fault, calendar: MarketCalendar) -> date:
    return _at(fault).astimezone(calendar.exchange_timezone).date()


def _at(fault: Fault) -> datetime:
    assert isinstance(fault.when, Once)
    return fault.when.at


def _fewer_parameters(fault: Fault) -> Iterator[Fault]:
    kind = FAULTS[fault.kind]
    if fault.lasts is not None and kind.lasts is Lasts.MAY:
        yield replace(fault, lasts=None)
    for name in fault.parameters:
        parameter = kind.parameter(name)
        if parameter is not None and not parameter.required:
            yield replace(fault, parameters={key: value for key, value in fault.parameters.items() if key != name})


def _shorter(fault: Fault) -> Iterator[Fault]:
    """Half as long, in whole seconds; parameters that are lengths of time likewise."""
    if fault.lasts is not None and (half := _half(fault.lasts)) is not None:
        yield replace(fault, lasts=half)
    for name, value in fault.parameters.items():
        if isinstance(value, timedelta) and (half := _half(value)) is not None:
            yield replace(fault, parameters={**fault.parameters, name: half})


def _half(length: timedelta) -> timedelta | None:
    seconds = int(length.total_seconds() / 2)
    return None if seconds == 0 else seconds * SECOND


def _rounder(fault: Fault) -> Iterator[Fault]:
    """At a full minute."""
    at = _at(fault)
    if at.second:
        yield replace(fault, when=Once(at.replace(second=0)))
