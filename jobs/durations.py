"""Lengths of time as people write them: ``90s``, ``5m``, ``1h30m``, ``2d``."""

import math
import re
from functools import lru_cache

__all__ = ["format_duration", "parse_duration"]

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
LONGEST = 36_500 * UNITS["d"]
"""Seconds. A hundred years: beyond it dates overflow, and nobody means it."""

PARTS = r"\s*".join(rf"(?:(?P<{unit}>\d+(?:\.\d+)?)\s*{unit})?" for unit in UNITS)
DURATION = re.compile(PARTS, re.ASCII)


def parse_duration(value: str | int | float) -> float:
    """Seconds in a duration: a number of seconds, or text of days, hours, minutes and seconds in that order.

    :raises ValueError: naming the value and what would be right; also for one that is negative, not finite or
        longer than a hundred years.
    """
    seconds = _seconds_in(value) if isinstance(value, str) else _number(value)
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"{value!r} is not a duration: it must be from 0 to {LONGEST // UNITS['d']}d")
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text for a duration, to the microsecond: 5400 is ``1h30m``, 0 is ``0s``.

    :raises ValueError: for a negative number, or one that is not finite.
    """
    if not 0 <= seconds < math.inf:
        raise ValueError(f"{seconds!r} is not a duration: it must be a number of seconds of at least 0")
    whole, micros = divmod(round(seconds * 1_000_000), 1_000_000)
    text = ""
    for unit, size in UNITS.items():
        count, whole = divmod(whole, size)
        fraction = f"{micros / 1_000_000:.6f}"[1:].rstrip("0") if unit == "s" and micros else ""
        text += f"{count}{fraction}{unit}" if count or fraction else ""
    return text or "0s"


@lru_cache(maxsize=1024)
def _seconds_in(text: str) -> float:
    match = DURATION.fullmatch(text.strip())
    parts = {unit: float(number) for unit, number in match.groupdict().items() if number} if match else {}
    if not parts:
        raise ValueError(f"{text!r} is not a duration; write one such as 90s, 5m, 1h30m or 2d")
    return sum(number * UNITS[unit] for unit, number in parts.items())


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a duration; write seconds, or text such as 90s, 5m, 1h30m or 2d")
    return float(value)
