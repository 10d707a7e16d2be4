"""Closures and half days as the `holidays` library publishes them; its only home.

The library is asked one year at a time, with expansion off, under a lock: looking a date up in one of its
live objects fills that object in as a side effect, and two threads doing so see half-filled years. It is not
believed blindly either: a year without any holiday and a half day without a readable closing time are errors,
not regular days.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from threading import Lock
from types import MappingProxyType
from zoneinfo import ZoneInfo

from calendars import almanac
from calendars.exchanges import Exchange, exchange_named
from calendars.hours import minute_of
from calendars.special import SpecialDay

__all__ = ["asked", "published"]

# "Christmas Eve (markets close at 1:00pm)", "(markets close at 14:05 CET)", "(markets pause at 12:00pm CT)"
_CLOSE = re.compile(r"(?:close|pause) at (\d{1,2}:\d{2})(?: ?([ap])\.?m\b\.?)?(?: ([A-Z]{2,5}))?")
_REMARK = re.compile(r" \((?:markets |from |half-day )[^()]*\)", re.IGNORECASE)
_REMARK_ZONES = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "CET": "Europe/Paris",
    "SAST": "Africa/Johannesburg",
    "SGT": "Asia/Singapore",
    "NZDT": "Pacific/Auckland",
}
_SHORT_NAMES = {"Day after Thanksgiving Day": "Day after Thanksgiving"}

_library = Lock()


@cache
def published(code: str, year: int) -> Mapping[date, SpecialDay]:
    """The weekdays of `year` on which the exchange `code` is closed or closes early.

    Raises RuntimeError for what the library does not know or says in words that are not understood.
    """
    exchange = exchange_named(code)
    if exchange.never_closes:
        return MappingProxyType({})
    if code == almanac.CODE and (known := almanac.tabulated().get(year)) is not None:
        return known
    return asked(code, year)


def asked(code: str, year: int) -> Mapping[date, SpecialDay]:
    """What the library answers now."""
    exchange = exchange_named(code)
    closures = _names(exchange, year, "public")
    if not closures:
        raise RuntimeError(f"the installed `holidays` knows no holiday of {code} in {year}")
    half_days = _names(exchange, year, "half_day")
    days = {day: _half_day(exchange, day, name) for day, name in half_days.items() if day not in closures}
    days |= {day: SpecialDay(_SHORT_NAMES.get(name, name), closed=True) for day, name in closures.items()}
    return MappingProxyType({day: days[day] for day in sorted(days) if day.weekday() not in exchange.weekend})


def _names(exchange: Exchange, year: int, category: str) -> dict[date, str]:
    import holidays  # most of this package's memory, and not needed until a year is asked for

    with _library:
        known = holidays.financial_holidays(exchange.code, expand=False)
        if category not in known.supported_categories:
            return {}
        language = "en_US" if "en_US" in known.supported_languages else None
        found = holidays.financial_holidays(
            exchange.code, years=year, expand=False, language=language, categories=category
        )
        return {day: str(name) for day, name in found.items() if day.year == year}


def _half_day(exchange: Exchange, day: date, name: str) -> SpecialDay:
    closes = [_minute(exchange, day, *match.groups()) for match in _CLOSE.finditer(name)]
    close = min(closes, default=exchange.half_day_close)
    if close is None or not exchange.hours.open < close < exchange.hours.close:
        raise RuntimeError(
            f"the installed `holidays` calls {day} at {exchange.code} a half day, {name!r}, without a "
            f"closing time inside {exchange.hours}; expected is a text such as 'markets close at 1:00pm'"
        )
    reason = _REMARK.sub("", name)
    return SpecialDay(_SHORT_NAMES.get(reason, reason), close=close)


def _minute(exchange: Exchange, day: date, clock: str, half: str | None, zone: str | None) -> int:
    """The remark's time as a minute of the exchange's day; the remark may be in another zone's time."""
    minute = minute_of(clock)
    if half is not None:
        minute = minute % (12 * 60) + (12 * 60 if half == "p" else 0)
    if zone is None:
        return minute
    if zone not in _REMARK_ZONES:
        raise RuntimeError(f"the installed `holidays` closes {exchange.code} on {day} in the time zone {zone!r}")
    stated = datetime(day.year, day.month, day.day, *divmod(minute, 60), tzinfo=ZoneInfo(_REMARK_ZONES[zone]))
    local = stated.astimezone(ZoneInfo(exchange.zone))
    return local.hour * 60 + local.minute
