"""What holds on a date: regular hours, what is published, what happened, what the user overrides."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from calendars.exchanges import Exchange
from calendars.history import HISTORY
from calendars.hours import Hours, clock_text
from calendars.published import published
from calendars.session import Session
from calendars.special import SpecialDay

__all__ = ["Rulebook"]

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NOTHING: Mapping[date, SpecialDay] = {}


class Rulebook:
    """:param timezone: the zone in which sessions are told; None for the exchange's own."""

    def __init__(
        self, exchange: Exchange, overrides: Mapping[date, SpecialDay], timezone: ZoneInfo | None = None
    ) -> None:
        self.exchange = exchange
        self.zone = ZoneInfo(exchange.zone)
        self._answer_zone = None if timezone is None or timezone.key == exchange.zone else timezone
        self._overrides = overrides
        self._history = HISTORY.get(exchange.code, _NOTHING)

    def special(self, day: date) -> SpecialDay | None:
        """The nearest word wins: the user's, then the record's, then the library's."""
        return self._overrides.get(day) or self._history.get(day) or published(self.exchange.code, day.year).get(day)

    def session(self, day: date) -> Session | None:
        special = self.special(day)
        if special is None:
            return None if self.rests(day) else self._session(day, self.exchange.hours, "")
        if special.closed:
            return None
        hours = special.hours(self.exchange.hours)
        return self._session(day, hours, f"{special.reason}: {self._differences(hours)}")

    def rests(self, day: date) -> bool:
        return day.weekday() in self.exchange.weekend

    def why_closed(self, day: date) -> str:
        """For a date without a session."""
        special = self.special(day)
        return f"{_WEEKDAYS[day.weekday()] if special is None else special.reason}: closed"

    def regular(self) -> str:
        return f"regular session {self.exchange.hours}"

    def _differences(self, hours: Hours) -> str:
        regular = self.exchange.hours
        opens = [f"opens {clock_text(hours.open)}"] if hours.open != regular.open else []
        closes = [f"closes {clock_text(hours.close)}"] if hours.close != regular.close else []
        return ", ".join(opens + closes) or self.regular()

    def _session(self, day: date, hours: Hours, why: str) -> Session:
        # Adding to an aware datetime moves the hands of the wall clock: 09:30 is 09:30 on a day of 23 hours.
        midnight = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        instants = [midnight + timedelta(minutes=minute) for minute in hours]
        if self._answer_zone is not None:
            instants = [instant.astimezone(self._answer_zone) for instant in instants]
        pre_open, open_, close, post_close = instants
        return Session(
            day,
            pre_open,
            open_,
            close,
            post_close,
            early_close=hours.close < self.exchange.hours.close,
            late_open=hours.open > self.exchange.hours.open,
            why=why,
        )
