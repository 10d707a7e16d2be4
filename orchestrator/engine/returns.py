"""Recent daily returns, and what they tell of risk.

A return is close over close of the session before, for the same share: splits are reckoned out. The last
:data:`LOOKBACK` sessions before today are looked at; with fewer than :data:`ENOUGH` returns nothing is told.
Variances are of the sample, mean removed, with n - 1 below; a year has 252 sessions, or 365 where the market never
closes.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from calendars import MarketCalendar, Session
from orchestrator.engine.limits import Returns
from orchestrator.engine.prices import PriceSource

__all__ = ["ENOUGH", "LOOKBACK", "PastReturns", "correlation", "covariance", "deviations", "shared_days"]

LOOKBACK = 60
ENOUGH = 20

STILL = 1e-14
"""A daily variance below this is none: a price that moves by less than a hundred-thousandth of a percent."""


class PastReturns:
    """Reads the returns of a symbol out of a price source, once a day."""

    def __init__(self, source: PriceSource, calendar: MarketCalendar) -> None:
        self._source, self._calendar = source, calendar
        self._day: date | None = None
        self._sessions: Sequence[Session] = ()
        self._known: dict[str, Returns] = {}

    def of(self, symbol: str, now: datetime) -> Returns:
        """The returns of the last sessions before the day of `now`; a session without a price has none."""
        day = now.astimezone(self._calendar.exchange_timezone).date()
        if day != self._day:
            self._day, self._known, self._sessions = day, {}, self._last_sessions(day)
        if symbol not in self._known:
            self._known[symbol] = self._read(symbol, now)
        return self._known[symbol]

    def _last_sessions(self, day: date) -> list[Session]:
        first = day - timedelta(days=2 * LOOKBACK + 20)  # twice as many days as sessions, whatever the holidays
        return self._calendar.sessions(first, day - timedelta(days=1))[-LOOKBACK - 1 :]

    def _read(self, symbol: str, now: datetime) -> Returns:
        returns, before = {}, None
        for session in self._sessions:
            price = self._source.past(symbol, session.close, now)
            if price is None or price.stale:
                continue
            if before is not None:
                returns[session.date] = price.value / before - 1
            before = price.value
        return returns


def shared_days(returns: Mapping[str, Returns]) -> list[date]:
    """The days for which all of these symbols have a return, in order."""
    first, *others = returns.values()
    return sorted(day for day in first if all(day in other for other in others))


def deviations(returns: Returns, days: Sequence[date]) -> list[float]:
    """How far each day's return was from their mean."""
    values = [returns[day] for day in days]
    mean = math.fsum(values) / len(values)
    return [value - mean for value in values]


def covariance(one: Sequence[float], other: Sequence[float]) -> float:
    """The sample covariance of two series of deviations; of one with itself, its variance."""
    return math.fsum(a * b for a, b in zip(one, other, strict=True)) / (len(one) - 1)


def correlation(one: Returns, other: Returns) -> float | None:
    """Between -1 and 1; None if too few days are shared, or one of the two does not move."""
    days = shared_days({"one": one, "other": other})
    if len(days) < ENOUGH:
        return None
    first, second = deviations(one, days), deviations(other, days)
    variances = covariance(first, first), covariance(second, second)
    if min(variances) < STILL:
        return None
    return covariance(first, second) / math.sqrt(variances[0] * variances[1])
