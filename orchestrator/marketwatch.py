"""A watch on the exchange's clock: it is looked up once for as long as its answers stay the same."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from calendars import MarketCalendar, MarketState

__all__ = ["MarketWatch", "Stretch"]


class Stretch(NamedTuple):
    """Times between which neither the market's state nor the date at the exchange changes; all in UTC.

    :param since: when it was asked for; of what was before it tells nothing.
    :param until: its end, which is not of it.
    :param session: the date at the exchange in ISO 8601, which names the session.
    :param change: when the state changes next; None for ALWAYS.
    """

    since: datetime
    until: datetime
    state: MarketState
    session: str
    change: datetime | None


class MarketWatch:
    """Knows what the calendar says of now. The loop asks several times in every turn, and mostly nothing is new."""

    def __init__(self, calendar: MarketCalendar) -> None:
        self.calendar = calendar
        self._stretch: Stretch | None = None

    def at(self, now: datetime) -> Stretch:
        """What holds at this time, and until when."""
        known = self._stretch
        if known is None or not known.since <= now < known.until:
            known = self._stretch = self._look(now.astimezone(UTC))
        return known

    def _look(self, now: datetime) -> Stretch:
        calendar = self.calendar
        today = now.astimezone(calendar.exchange_timezone).date()
        change = calendar.next_change(now)
        change = None if change is None else change.astimezone(UTC)
        midnight = _midnight(today + timedelta(days=1), calendar)
        until = midnight if change is None else min(change, midnight)
        return Stretch(now, until, calendar.get_market_state(now), today.isoformat(), change)


def _midnight(day: date, calendar: MarketCalendar) -> datetime:
    return datetime.combine(day, time(0), calendar.exchange_timezone).astimezone(UTC)
