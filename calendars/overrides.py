"""What the user knows better than the calendar: `schedule.calendar_overrides`.

    2026-07-02: {close: "13:00"}
    2025-01-09: closed
    2025-01-10: open
    2026-12-24: {open: "10:00", close: "12:00", reason: Staff party}

An override replaces everything that is otherwise known of its date: `open` is a session of regular hours, and
an end that is not given is the regular one, even on a half day, a holiday or a weekend.
"""

from collections.abc import Mapping
from datetime import date, datetime, time
from types import MappingProxyType

from calendars.exchanges import Exchange
from calendars.hours import DAY, clock_text, minute_of
from calendars.special import SpecialDay

__all__ = ["Overrides", "parse_overrides"]

Overrides = Mapping[date, object] | Mapping[str, object] | Mapping[date | str, object]
"""As the user writes them: dates, or their ISO text, and what holds on them."""

_KEYS = ("open", "close", "reason")


def parse_overrides(raw: Overrides | None, exchange: Exchange) -> Mapping[date, SpecialDay]:
    """Raises ValueError that names the date, the value and what would be right."""
    if raw and exchange.never_closes:
        raise ValueError(
            f"{exchange.code} never closes, so it takes no calendar overrides ({', '.join(map(str, raw))})"
        )
    days: dict[date, SpecialDay] = {}
    for key, value in (raw or {}).items():
        day = _day(key, exchange)
        if day in days:
            raise ValueError(f"calendar override {day} is given twice")
        days[day] = _special(day, value, exchange)
    return MappingProxyType(days)


def _day(key: object, exchange: Exchange) -> date:
    try:
        day = date.fromisoformat(key) if isinstance(key, str) else key
    except ValueError:
        day = None
    if not isinstance(day, date) or isinstance(day, datetime):
        raise ValueError(f"calendar override {key!r} is not for a date; write the date as 2026-07-02")
    if not exchange.since <= day.year <= exchange.until:
        raise ValueError(
            f"calendar override {day} is outside the years that are known of {exchange.code}, "
            f"{exchange.since} to {exchange.until}"
        )
    return day


def _special(day: date, value: object, exchange: Exchange) -> SpecialDay:
    if value == "closed":
        return SpecialDay("override", closed=True)
    if value == "open":
        return SpecialDay("override")
    if not isinstance(value, Mapping):
        raise ValueError(
            f"calendar override {day}: {value!r} is not known; "
            'right would be closed, open, or a mapping such as {close: "13:00"}'
        )
    return _with_hours(day, value, exchange)


def _with_hours(day: date, value: Mapping[object, object], exchange: Exchange) -> SpecialDay:
    unknown = [key for key in value if key not in _KEYS]
    if unknown:
        raise ValueError(f"calendar override {day}: unknown key {unknown[0]!r}; the keys are {', '.join(_KEYS)}")
    if not {"open", "close"} & value.keys():
        raise ValueError(f"calendar override {day}: {dict(value)!r} has no time; give open, close or both")
    special = SpecialDay(
        _reason(day, value),
        open=_minute(day, "open", value),
        close=_minute(day, "close", value),
    )
    _check_order(day, special, exchange)
    return special


def _reason(day: date, value: Mapping[object, object]) -> str:
    reason = value.get("reason")
    if reason is None:
        return "override"
    if not isinstance(reason, str) or not reason.strip():
        raise ValueError(f"calendar override {day}: reason: {reason!r} is not a text")
    return f"override ({reason.strip()})"


def _minute(day: date, key: str, value: Mapping[object, object]) -> int | None:
    if key not in value:
        return None
    given = value[key]
    if isinstance(given, time):
        given = given.isoformat("minutes") if given == given.replace(second=0, microsecond=0) else given
    try:
        return minute_of(given if isinstance(given, str) else repr(given))
    except ValueError:
        # YAML 1.1 reads an unquoted 13:00 as the number of its minutes, 780.
        meant = given if type(given) is int and 0 <= given <= DAY else 13 * 60
        raise ValueError(
            f"calendar override {day}: {key}: {given!r} is not a time of the day; "
            f'write it as "{clock_text(meant)}", in quotes'
        ) from None


def _check_order(day: date, special: SpecialDay, exchange: Exchange) -> None:
    hours = special.hours(exchange.hours)
    if hours.open >= hours.close:
        raise ValueError(
            f"calendar override {day}: the close {clock_text(hours.close)} is not after the open "
            f"{clock_text(hours.open)} (regular hours are {exchange.hours})"
        )
    if hours.post_close > exchange.hours.pre_open + DAY:
        raise ValueError(
            f"calendar override {day}: the close {clock_text(hours.close)} is after the next session begins "
            f"({clock_text(exchange.hours.pre_open)})"
        )
