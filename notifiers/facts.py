"""A message's metadata as facts to be read."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from notifiers.figures import decimal, figure, percent
from notifiers.message import NotificationMessage
from notifiers.text import clean, cut, one_line

__all__ = ["Fact", "facts", "is_fraction", "moment"]

MOST = 20
LONGEST_NAME = 60
LONGEST_VALUE = 500
SHORT = 24
"""Characters of a value that leaves room for another beside it."""

WORDS = {
    "id": "ID",
    "pid": "PID",
    "url": "URL",
    "cpu": "CPU",
    "rss": "RSS",
    "pnl": "P&L",
    "avg": "average",
}
UNITS = {"s": "s", "seconds": "s", "ms": "ms", "mb": "MB", "pct": "%", "percent": "%"}
ISO_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}|\.\d{6})?(?:Z|[+-]\d\d:\d\d)")

FRACTIONS = re.compile(
    r"drawdown|threshold|volatility|exposure|concentration|weight|buffer|stop_loss|position_size|pct|percent"
)
QUANTITIES = re.compile(r"quantity|shares|count|total|filled|remaining|retries|attempts|second|minute|position")
LABELS = re.compile(r"(?:^|[_ ])(?:id|ref|pid|port|account|client|run|version|code|year|number|session|seed)$")
"""Names of whole numbers that are no amounts, and are written without commas."""

MEASURED = ("current_value", "limit_value")
"""Names of facts that do not tell their kind: ``limit_type`` does, and ``limit_value`` what it is counted in."""


@dataclass(frozen=True)
class Fact:
    """One line of metadata: ``Average fill price``, ``150.00``."""

    name: str
    value: str

    @property
    def is_short(self) -> bool:
        """Whether two of its kind have room beside each other."""
        return len(self.value) <= SHORT and "\n" not in self.value

    @property
    def is_sentence(self) -> bool:
        """Whether it says something by itself, and need not be said twice."""
        return len(self.value.split()) > 2


def facts(message: NotificationMessage) -> list[Fact]:
    """What there is to read beside the text, short ones first; the last one may tell how many others there were."""
    given = message.facts
    known = [Fact(_name(key), _value(*_measure(key, given), value, message)) for key, value in given.items()]
    fresh = [fact for fact in known if not (fact.is_sentence and fact.value in message.message)]
    told = sorted(fresh[:MOST], key=lambda fact: not fact.is_short)
    return [*told, Fact("And", f"{len(fresh) - MOST} more")] if len(fresh) > MOST else told


def moment(at: datetime) -> str:
    """``2026-11-27 10:05:03 EST``"""
    return f"{at:%Y-%m-%d %H:%M:%S} {at.tzname()}"


def is_fraction(kind: str, value: Any) -> bool:
    """Whether a number of this kind is a share of something, told in percent, and not an amount of money or shares."""
    return isinstance(value, float) and abs(value) <= 1 and bool(FRACTIONS.search(kind.lower()))


def _name(key: str) -> str:
    words = [WORDS.get(word, word) for word in one_line(key).replace("_", " ").split()]
    if len(words) > 1 and words[-1] in UNITS:
        words[-1] = f"({UNITS[words[-1]]})"
    name = " ".join(words)
    return cut(name[:1].upper() + name[1:], LONGEST_NAME) or "?"


def _measure(key: str, given: Mapping[str, Any]) -> tuple[str, Any]:
    """The kind of a fact, and the number by which it is seen in what it is counted."""
    if key in MEASURED:
        return str(given.get("limit_type", key)), given.get("limit_value")
    return key, given[key]


def _value(kind: str, yardstick: Any, value: Any, message: NotificationMessage) -> str:
    text = _local(value, message.timestamp.tzinfo) if isinstance(value, str) else _said(kind.lower(), yardstick, value)
    return cut(clean(text).strip("\n"), LONGEST_VALUE) or "-"


def _local(text: str, zone: tzinfo | None) -> str:
    """A time in ISO 8601 where the message's time is shown; everything else as it is."""
    if not ISO_TIME.fullmatch(text):
        return text
    try:
        return moment(datetime.fromisoformat(text).astimezone(zone))
    except (ValueError, OverflowError):  # the 31st of February, the first hour of the year 1
        return text


def _said(kind: str, yardstick: Any, value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case int() | float() if is_fraction(kind, yardstick):
            return percent(value)
        case int():
            return str(value) if LABELS.search(kind) else f"{value:,}"
        case float():
            return figure(value) if QUANTITIES.search(kind) else decimal(value)
        case Decimal() if value.is_finite():
            return f"{value:,f}"
        case datetime() if value.tzinfo:
            return moment(value)
        case list() | tuple() if not any(isinstance(each, Mapping | list | tuple) for each in value):
            return ", ".join(_said(kind, yardstick, each) for each in value)
        case Mapping() | list() | tuple():
            return json.dumps(value, default=str, ensure_ascii=False)
        case _:
            return str(getattr(value, "value", value))
