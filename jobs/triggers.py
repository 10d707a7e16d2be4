"""When a job fires: pure functions of time, as APScheduler triggers.

A trigger holds its definition and nothing else. Asked twice it answers twice the same; its answers strictly
increase; it never raises for any aware time between 1990 and 2099. Besides APScheduler's own question it answers two
more, from which a late scheduler can tell what it missed without counting through every fire:
:meth:`Trigger.next_after` and :meth:`Trigger.last_before`.
"""

import re
from abc import abstractmethod
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger

from calendars import MarketCalendar, Session
from jobs.durations import parse_duration

__all__ = ["Anchor", "CronTrigger", "IntervalTrigger", "SessionTrigger", "Trigger", "cron_trigger", "parse_anchor"]

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_CLOSURE = 400
"""Days that are searched for a session before a session trigger says that it never fires again."""


class Trigger(BaseTrigger):  # type: ignore[misc]
    """What the scheduler asks of every schedule."""

    @abstractmethod
    def next_after(self, t: datetime) -> datetime | None:
        """The first fire strictly after `t`; None if there is none any more."""

    @abstractmethod
    def last_before(self, t: datetime) -> datetime | None:
        """The last fire at or before `t`; None if there was none."""

    def around(self, t: datetime) -> tuple[datetime | None, datetime | None]:
        """Both, for less than they cost one by one."""
        return self.last_before(t), self.next_after(t)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """APScheduler's question: the first fire after the previous one, or else the first from `now` on."""
        return self.next_after(previous_fire_time or now - INSTANT)

    def count(self, first: datetime, last: datetime, limit: int = 1000) -> int:
        """How many fires lie in `first` to `last`, both included; counting ends at `limit`."""
        found, at = 0, self.get_next_fire_time(None, first)
        while at is not None and at <= last and found < limit:
            found, at = found + 1, self.next_after(at)
        return found


class IntervalTrigger(Trigger):
    """Every `seconds` seconds, counted from the Unix epoch, so that the phase survives any restart.

    Five minutes fire at :00, :05, ... of every hour. Clock changes do not touch it. All in whole microseconds: a float
    of seconds since 1970 is too coarse to advance by 2.7.
    """

    def __init__(self, seconds: float) -> None:
        self.period = timedelta(microseconds=round(seconds * 1_000_000))

    def next_after(self, t: datetime) -> datetime:
        return EPOCH + ((t - EPOCH) // self.period + 1) * self.period

    def last_before(self, t: datetime) -> datetime:
        return EPOCH + (t - EPOCH) // self.period * self.period

    def around(self, t: datetime) -> tuple[datetime, datetime]:
        last = self.last_before(t)
        return last, last + self.period

    def count(self, first: datetime, last: datetime, limit: int = 1000) -> int:
        steps = (last - EPOCH) // self.period - (first - INSTANT - EPOCH) // self.period
        return min(limit, max(0, steps))


# ---------------------------------------------------------------------------------------------------------- cron

MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
ITEM = re.compile(r"(?:(?P<all>\*)|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True, slots=True)
class CronField:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def values(self, text: str) -> frozenset[int]:
        """The numbers that a field such as ``1-5``, ``*/15`` or ``mon,wed`` stands for; ValueError if none."""
        return frozenset(value for item in text.split(",") for value in self._item(item))

    def _item(self, text: str) -> range:
        match = ITEM.fullmatch(text)
        if match is None:
            raise ValueError(f"{self.name} {text!r} is not a number, name, range or step")
        step = int(match["step"] or 1)
        if match["all"]:
            first, last = self.low, self.high
        else:
            first = self._number(match["first"])
            last = self._number(match["last"]) if match["last"] else self.high if match["step"] else first
        if self.name == "weekday" and last < first and last == 0:
            last = 7
        if step < 1 or last < first:
            raise ValueError(f"{self.name} {text!r} names no value: write the smaller end first, a step from 1")
        return range(first, last + 1, step)

    def _number(self, text: str) -> int:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.low
        if not text.isdecimal() or not self.low <= int(text) <= self.high:
            raise ValueError(f"{self.name} {text!r} is not in {self.low} to {self.high}")
        return int(text)


FIELDS = (
    CronField("minute", 0, 59),
    CronField("hour", 0, 23),
    CronField("day of month", 1, 31),
    CronField("month", 1, 12, MONTHS),
    CronField("weekday", 0, 7, WEEKDAYS),
)


@dataclass(frozen=True)
class CronDays:
    """The days that a crontab line means: where both day fields are restricted, either one suffices (crontab(5))."""

    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool

    def __contains__(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either else in_month and in_week


@lru_cache(maxsize=512)
def _instants(day: date, times: tuple[tuple[int, int], ...], zone: ZoneInfo) -> tuple[datetime, ...]:
    """The instants of these wall-clock times on one day, in order and each once.

    ``fold=0`` makes a time that occurs twice occur the first time only, and moves one that the clock skips by the
    length of the gap: 02:30 becomes 03:30.
    """
    walls = (datetime(day.year, day.month, day.day, h, m, tzinfo=zone) for h, m in times)
    return tuple(sorted({wall.astimezone(UTC) for wall in walls}))


class CronTrigger(Trigger):
    """A standard crontab line by the wall clock of `zone`; each wall-clock time fires once, on clock changes too.

    :param text: five fields (minute, hour, day of month, month, weekday; 0 and 7 are Sunday) or ``@daily`` etc.
    :raises ValueError: it can't be read, or it can never fire (``0 0 31 2 *``).
    """

    def __init__(self, text: str, zone: ZoneInfo) -> None:
        fields = MACROS.get(text.strip().lower(), text).split()
        if len(fields) != len(FIELDS):
            raise ValueError(
                f"{text!r} is not a crontab line: write five fields (minute hour day-of-month month weekday) "
                f"or one of {', '.join(MACROS)}"
            )
        minutes, hours, days, months, weekdays = (f.values(x) for f, x in zip(FIELDS, fields, strict=True))
        self.text, self.zone = text, zone
        self.times = tuple((h, m) for h in sorted(hours) for m in sorted(minutes))
        self.days = CronDays(
            days,
            months,
            frozenset(d % 7 for d in weekdays),
            either=not fields[2].startswith("*") and not fields[4].startswith("*"),
        )
        if self.next_after(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError(f"{text!r} never fires: no such day exists")

    def next_after(self, t: datetime) -> datetime | None:
        # A day earlier and a day later than the wall date, because a gap or fold may move an instant over midnight.
        start = t.astimezone(self.zone).date() - DAY
        for day in self._days(start, DAY):
            instants = _instants(day, self.times, self.zone)
            at = bisect_right(instants, t)
            if at < len(instants):
                return instants[at].astimezone(self.zone)
        return None

    def last_before(self, t: datetime) -> datetime | None:
        start = t.astimezone(self.zone).date() + DAY
        for day in self._days(start, -DAY):
            instants = _instants(day, self.times, self.zone)
            at = bisect_right(instants, t)
            if at > 0:
                return instants[at - 1].astimezone(self.zone)
        return None

    def _days(self, start: date, step: timedelta) -> Iterator[date]:
        """The matching days from `start` on; nine years reach over the leap year that 2100 is not."""
        day = start
        for _ in range(9 * 366):
            if day in self.days:
                yield day
            day += step


@lru_cache(maxsize=1024)
def cron_trigger(text: str, zone: ZoneInfo) -> CronTrigger:
    """The trigger of a crontab line: one for all that say the same, as a trigger never changes; raises ValueError."""
    return CronTrigger(text, zone)


# ------------------------------------------------------------------------------------------------------- session

ANCHOR = re.compile(r"\s*(?P<name>pre_open|open|close|post_close)\s*(?:(?P<sign>[+-])\s*(?P<by>\w+)\s*)?")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A moment of a session, such as ``close - 5m``."""

    name: str
    offset: timedelta

    def of(self, session: Session) -> datetime:
        at: datetime = getattr(session, self.name)
        return (at.astimezone(UTC) + self.offset).astimezone(at.tzinfo)


@lru_cache(maxsize=1024)
def parse_anchor(text: str) -> Anchor:
    """Read ``open``, ``close - 5m``, ``pre_open + 1h30m`` ...; ValueError says what would be right."""
    match = ANCHOR.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text!r} is not a moment of the session: write open, close, pre_open or post_close, "
            'and a distance if you like, as in "close - 5m"'
        )
    by = timedelta(seconds=parse_duration(match["by"])) if match["by"] else timedelta(0)
    return Anchor(match["name"], -by if match["sign"] == "-" else by)


@lru_cache(maxsize=8)
def _usual_session(calendar: MarketCalendar) -> Session | None:
    return calendar.usual_session()


class SessionTrigger(Trigger):
    """Once in every session of the exchange, at `start`; or from `start` to `until`, every `every`.

    It follows the calendar: early closes, late opens and overrides move it, holidays leave it out.
    """

    def __init__(
        self,
        calendar: MarketCalendar,
        start: Anchor,
        until: Anchor | None = None,
        every: timedelta | None = None,
    ) -> None:
        self.calendar, self.start, self.until, self.every = calendar, start, until, every

    def usual_session(self) -> Session | None:
        """A session with the exchange's regular hours, to see what this does on a usual day; None if none is found."""
        return _usual_session(self.calendar)

    def span(self, session: Session) -> tuple[datetime, int]:
        """The first fire in a session, and how many there are."""
        first = self.start.of(session)
        if self.every is None or self.until is None:
            return first, 1
        return first, max(0, (self.until.of(session) - first) // self.every + 1)

    def fires(self, session: Session) -> list[datetime]:
        """All fires in a session; with a short `every` that is a long list."""
        first, count = self.span(session)
        return [self._nth(first, i) for i in range(count)]

    def session_of(self, at: datetime) -> Session:
        """The session that a fire belongs to; ValueError for an instant that is no fire."""
        for session in self._sessions(at, DAY):
            first, count = self.span(session)
            if count and first > at:
                break
            if count and self._nth(first, min(self._index(first, at), count - 1)) == at:
                return session
        raise ValueError(f"{at.isoformat()} is no fire of this schedule")

    def next_after(self, t: datetime) -> datetime | None:
        for session in self._sessions(t, DAY):
            first, count = self.span(session)
            index = max(0, self._index(first, t) + 1)
            if index < count:
                return self._nth(first, index)
        return None

    def last_before(self, t: datetime) -> datetime | None:
        for session in self._sessions(t, -DAY):
            first, count = self.span(session)
            index = min(self._index(first, t), count - 1)
            if index >= 0:
                return self._nth(first, index)
        return None

    def _index(self, first: datetime, t: datetime) -> int:
        """The number of the last fire at or before `t`, as if they went on for ever; negative before the first."""
        return (t - first) // self.every if self.every is not None else (0 if t >= first else -1)

    def _nth(self, first: datetime, index: int) -> datetime:
        return first if self.every is None else (first.astimezone(UTC) + index * self.every).astimezone(first.tzinfo)

    def _sessions(self, t: datetime, step: timedelta) -> Iterator[Session]:
        """Sessions round `t` in the direction of `step`; an offset of hours may reach into a neighbouring day."""
        reach = 1 + abs(self.start.offset) // DAY
        day = t.astimezone(self.calendar.exchange_timezone).date() - reach * step
        for _ in range(LONGEST_CLOSURE):
            if (session := self.calendar.session(day)) is not None:
                yield session
            day += step
