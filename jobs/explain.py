"""What a job will do next, and why."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from calendars import MarketCalendar
from jobs.spec import JobSpec
from jobs.triggers import CronTrigger, SessionTrigger

__all__ = ["Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Explanation:
    """One fire to come: `at` in the time zone of its schedule."""

    at: datetime
    why: str


def explain(spec: JobSpec, calendar: MarketCalendar, start: datetime, count: int) -> Iterator[Explanation]:
    """The next `count` fires from `start` on, each with its reason: fewer if the schedule ends."""
    at = spec.trigger.get_next_fire_time(None, start)
    for _ in range(count):
        if at is None:
            return
        yield Explanation(at.astimezone(_zone(spec, calendar)), "; ".join(_reasons(spec, calendar, at)))
        at = spec.trigger.next_after(at)


def _zone(spec: JobSpec, calendar: MarketCalendar) -> ZoneInfo:
    return spec.trigger.zone if isinstance(spec.trigger, CronTrigger) else calendar.timezone


def _reasons(spec: JobSpec, calendar: MarketCalendar, at: datetime) -> Iterator[str]:
    trigger = spec.trigger
    if isinstance(trigger, SessionTrigger):
        yield from _session_reasons(spec, trigger, calendar, at)
    elif isinstance(trigger, CronTrigger):
        yield f"cron {trigger.text}"
        yield from _clock_change(trigger, at)
    else:
        yield f"every {spec.definition['interval']}"
    if spec.trading_days_only and not calendar.is_trading_day(at):
        yield f"but skipped, no trading day: {calendar.why(at)}"
    if spec.only_when:
        yield f"only if the state is then {' or '.join(sorted(spec.only_when))}"


def _session_reasons(spec: JobSpec, trigger: SessionTrigger, calendar: MarketCalendar, at: datetime) -> Iterator[str]:
    text = str(spec.definition["session"])
    if trigger.every is not None:
        text = f"every {spec.definition['every']} from {text} until {spec.definition.get('until', 'close')}"
    yield text
    day = trigger.session_of(at).date
    of_another_day = day != at.astimezone(calendar.exchange_timezone).date()
    yield f"session of {day:%a %d %b}: {calendar.why(day)}" if of_another_day else calendar.why(day)


def _clock_change(trigger: CronTrigger, at: datetime) -> Iterator[str]:
    """A wall-clock time that does not exist on its day, or exists twice."""
    local = at.astimezone(trigger.zone)
    if (local.hour, local.minute) not in trigger.times:
        yield "moved: the clocks go forward over its time on this day"
    elif local.utcoffset() != local.replace(fold=1).utcoffset():
        yield "once, the first time: the clocks go back over it on this day"
