"""How a message reads, the same everywhere: a headline, the text, the facts, the time."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from notifiers.message import NotificationMessage

__all__ = ["CUT_MARK", "clean", "compose", "cut", "headline"]

CUT_MARK = " […]"
"""Stands where text was cut off."""

LONGEST = 30_000
LONGEST_FACT = 500
"""Characters. The text matters more than any one fact."""

_UNPRINTABLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def headline(message: NotificationMessage) -> str:
    """``[CRITICAL] Engine crashed``, on one line."""
    return f"[{message.level.value.upper()}] {' '.join(clean(message.title).split())}"


def compose(
    message: NotificationMessage, limit: int = LONGEST, escape: Callable[[str], str] = lambda text: text
) -> str:
    """Text, facts and time, of at most `limit` characters: the time is never cut, the facts to half the rest.

    :param escape: applied before anything is measured.
    """
    when = escape(moment(message.timestamp))
    room = limit - len(when) - len("\n\n\n\n")
    facts = cut(escape(_facts(message.metadata)), room // 2)
    text = cut(escape(clean(message.message).strip()), room - len(facts))
    return "\n\n".join(part for part in (text, facts, when) if part)


def moment(at: datetime) -> str:
    """``2026-11-27 10:05:03 EST``"""
    return f"{at:%Y-%m-%d %H:%M:%S} {at.tzname()}"


def clean(text: str) -> str:
    """`text` without terminal sequences, control characters and what UTF-8 cannot say."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _UNPRINTABLE.sub("", lines).encode("utf-8", "replace").decode("utf-8")


def cut(text: str, limit: int) -> str:
    """At most `limit` characters of `text`, with a mark where it was cut."""
    if len(text) <= limit:
        return text
    # A backslash left at the end would escape the mark.
    return (text[: max(0, limit - len(CUT_MARK))].rstrip(" \n\\") + CUT_MARK)[: max(0, limit)]


def _facts(metadata: Mapping[str, Any]) -> str:
    return "\n".join(f"{key}: {_fact(value)}" for key, value in metadata.items() if value is not None)


def _fact(value: Any) -> str:
    text = cut(clean(_said(value)), LONGEST_FACT)
    return "\n  " + text.replace("\n", "\n  ") if "\n" in text else text


def _said(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return _decimal(value)
        case datetime() if value.tzinfo:
            return moment(value)
        case Mapping() | list() | tuple():
            return json.dumps(value, default=str, ensure_ascii=False)
        case _:
            return str(getattr(value, "value", value))


def _decimal(value: float) -> str:
    """``150.00``, ``0.1234``: at least two decimals, and none of binary's noise."""
    text = f"{value:.10g}"
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals:0<2}" if whole.lstrip("-").isdigit() and "e" not in decimals else text
