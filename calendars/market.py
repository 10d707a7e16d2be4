"""The market's calendar: is it open, when does it open, and why."""

from datetime import date, datetime, time
from threading import Lock
from typing import ClassVar, Literal
from zoneinfo import ZoneInfo

from calendars.clock import SystemClock
from calendars.exchanges import exchange_named
from calendars.overrides import Overrides, parse_overrides
from calendars.rulebook import Rulebook
from calendars.session import MarketState, Session
from calendars.year import Timeline, Year, build_year

__all__ = ["MarketCalendar"]

_TRADING = MarketState.TRADING  # bound once: looking up a member of an enum is slow on Python 3.11


USUAL_YEAR = 2025
"""The year in which a session is looked for that is like most."""


class _Years(dict[int, Year]):
    """Built when first asked for, once, and never changed; looking up a built one takes no lock."""

    def __init__(self, rules: Rulebook) -> None:
        super().__init__()
        self._rules = rules
        self._building = Lock()

    def __missing__(self, number: int) -> Year:
        exchange = self._rules.exchange
        if number not in exchange.years:
            raise ValueError(
                f"the calendar of {exchange.code} knows the years {exchange.since} to {exchange.until}, not {number}"
            )
        with self._building:
            if number not in self:
                self[number] = build_year(number, self._rules)
        return self[number]


class MarketCalendar:
    """Hours, holidays and half days of one exchange. Immutable, and safe to share between threads.

    `exchange` is one of `calendars.exchange_names()`, in any case of letters: NYSE, NASDAQ, LSE, XPAR ..., or
    ALWAYS for a market that never closes, whose sessions are the whole days of UTC.

    Answers are aware datetimes in the time of the exchange, or in `timezone` if given. That is the zone of
    answers only: dates, rules and the texts of `why` stay in exchange time.

    `overrides` maps dates (or their ISO text) to `"closed"`, `"open"` or `{"open": "HH:MM", "close": "HH:MM",
    "reason": text}` with one of the times or both, in exchange time; it replaces all that is known of the
    date.

    Where a question takes an instant it is an aware datetime, by default the present one. Where it takes a
    day it is a date at the exchange, or an aware datetime for the day that it falls on there; by default
    today. A naive datetime raises ValueError, and so does a year that is not known: NYSE is known from 1990
    to 2100. For NYSE every day since 1990 is on record, with its mournings, storms, late opens and odd
    closes; hours of other exchanges are today's.
    """

    MARKET_OPEN_TIME: ClassVar[time] = time(9, 30)
    MARKET_CLOSE_TIME: ClassVar[time] = time(16, 0)
    PRE_MARKET_START: ClassVar[time] = time(4, 0)
    POST_MARKET_END: ClassVar[time] = time(20, 0)
    """New York's regular hours; `session` tells those of a day, and of another exchange."""

    def __init__(
        self,
        exchange: str = "NYSE",
        timezone: str | ZoneInfo | None = None,
        overrides: Overrides | None = None,
    ) -> None:
        known = exchange_named(exchange)
        self._name = exchange.upper()
        self._timezone = _zone(known.zone if timezone is None else timezone)
        self._rules = Rulebook(known, parse_overrides(overrides, known), self._timezone)
        self._years = _Years(self._rules)

    def __repr__(self) -> str:
        return f"<MarketCalendar {self._name} in {self._timezone.key}>"

    @property
    def name(self) -> str:
        """As asked for, in capitals."""
        return self._name

    @property
    def timezone(self) -> ZoneInfo:
        """The zone of the answers."""
        return self._timezone

    @property
    def exchange_timezone(self) -> ZoneInfo:
        """The zone of the exchange, in which its dates and hours are."""
        return self._rules.zone

    def is_market_open(self, t: datetime | None = None) -> bool:
        """Whether regular trading goes on: ``open <= t < close``."""
        t = _instant(t)
        return self._years[t.year].state(t.timestamp()) is _TRADING

    def get_market_state(self, t: datetime | None = None) -> MarketState:
        """TRADING from the open until before the close.

        PRE_MARKET is from 04:00 to the open, POST_MARKET from the close to 20:00, CLOSED all the rest. After
        an early close POST_MARKET lasts four hours: to 17:00 when the close was at 13:00. Exchanges outside
        New York have no PRE_MARKET and POST_MARKET here. ALWAYS is always TRADING.
        """
        t = _instant(t)
        return self._years[t.year].state(t.timestamp())

    def get_next_market_open(self, t: datetime | None = None) -> datetime:
        """The first open strictly after `t`: at the open itself it is already the next session's.

        For ALWAYS the next midnight, UTC.
        """
        t = _instant(t)
        return self._years[t.year].opens.after(t.timestamp()) or self._later("opens", t)

    def get_next_market_close(self, t: datetime | None = None) -> datetime:
        """The first close strictly after `t`: during a session its own, at that close the next session's.

        For ALWAYS the next midnight, UTC.
        """
        t = _instant(t)
        return self._years[t.year].closes.after(t.timestamp()) or self._later("closes", t)

    def next_change(self, t: datetime | None = None) -> datetime | None:
        """The first instant strictly after `t` at which `get_market_state` changes; None for ALWAYS."""
        t = _instant(t)
        found = self._years[t.year].changes.after(t.timestamp())
        if found is None and not self._rules.exchange.never_closes:
            return self._later("changes", t)
        return found

    def session(self, d: date | datetime | None = None) -> Session | None:
        """The session of the day, None when there is none."""
        day = self._date(d)
        return self._years[day.year].session(day)

    def sessions(self, start: date | datetime, end: date | datetime) -> list[Session]:
        """The sessions from `start` to `end`, both included, in order; none when `end` is before `start`."""
        first, last = self._date(start), self._date(end)
        return [
            session
            for number in range(first.year, last.year + 1)
            for session in self._years[number].sessions(first, last)
        ]

    def usual_session(self) -> Session | None:
        """A session with the exchange's regular hours, of a December; None if there is none."""
        if USUAL_YEAR not in self._rules.exchange.years:
            return None
        days = (self._rules.session(date(USUAL_YEAR, 12, day)) for day in range(1, 32))  # no year is built for one day
        return next((each for each in days if each and not each.early_close and not each.late_open), None)

    def is_trading_day(self, d: date | datetime | None = None) -> bool:
        return self.session(d) is not None

    def is_holiday(self, d: date | datetime | None = None) -> bool:
        """Whether the exchange stays closed for another reason than the weekend.

        That is a holiday, and just as well a day of mourning, a storm or an override.
        """
        day = self._date(d)
        return self.session(day) is None and not self._rules.rests(day)

    def is_weekend(self, d: date | datetime | None = None) -> bool:
        """Whether the exchange rests on that day of the week: Saturday and Sunday nearly everywhere."""
        return self._rules.rests(self._date(d))

    def why(self, d: date | datetime | None = None) -> str:
        """What the day is and for what reason, in exchange time.

        `"Day after Thanksgiving: closes 13:00"`, `"Thanksgiving Day: closed"`, `"Saturday: closed"`,
        `"override: closes 13:00"`, `"regular session 09:30-16:00"`.
        """
        day = self._date(d)
        session = self.session(day)
        if session is None:
            return self._rules.why_closed(day)
        return session.why or self._rules.regular()

    def _later(self, what: Literal["opens", "closes", "changes"], t: datetime) -> datetime:
        """The same question to the years after that of `t`."""
        last = self._rules.exchange.until
        for number in range(t.year + 1, last + 1):
            timeline: Timeline = getattr(self._years[number], what)
            if (found := timeline.after(t.timestamp())) is not None:
                return found
        raise ValueError(f"the calendar of {self._name} ends with {last}, and nothing in it is later than {t}")

    def _date(self, d: date | datetime | None) -> date:
        if isinstance(d, date) and not isinstance(d, datetime):
            return d
        return _instant(d).astimezone(self._rules.zone).date()


def _instant(t: date | datetime | None) -> datetime:
    if isinstance(t, datetime) and t.tzinfo is not None:
        return t
    if t is None:
        return SystemClock().now()
    if not isinstance(t, datetime):
        raise TypeError(f"asked for an aware datetime, not {t!r}")
    raise ValueError(f"{t!r} is naive; give it a zone, such as tzinfo=UTC or ZoneInfo('America/New_York')")


def _zone(zone: str | ZoneInfo) -> ZoneInfo:
    try:
        return zone if isinstance(zone, ZoneInfo) else ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"unknown time zone {zone!r}; right would be a name such as America/New_York") from None
