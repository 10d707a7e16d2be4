"""When a fault comes, as a scenario file says it: the keys ``at``, ``every`` and ``random``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from jobs.durations import format_duration, parse_duration
from jobs.triggers import Anchor, parse_anchor
from jobs.values import WrongValue, shown
from orchestrator.rehearsal.scenario.values import AtRandom, EachSession, Every, Once, When

__all__ = ["OCCASIONS", "Occasion", "written"]

SHORTEST = 1.0
"""Seconds between two faults of one entry."""

MOST = 10_000
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?", re.ASCII)
EXAMPLES = 'write a time such as "2026-11-27 10:05", or a moment of every session such as "open + 30m"'


@dataclass(frozen=True, slots=True)
class Occasion:
    """:param about: for the docs.
    :param read: from plain data and the exchange's zone; raises WrongValue.
    """

    about: str
    read: Callable[[object, ZoneInfo], When]


def _at(value: object, zone: ZoneInfo) -> When:
    if not isinstance(value, str):
        raise WrongValue(f"{shown(value)} is not a time", EXAMPLES)
    if value[:1].isdigit():
        return Once(_time(value, zone))
    try:
        return EachSession(parse_anchor(value))
    except ValueError as error:
        message = str(error) if "duration" in str(error) else f"{shown(value)} is neither a time nor one of a session"
        raise WrongValue(message, EXAMPLES) from error


def _time(text: str, zone: ZoneInfo) -> datetime:
    try:
        if TIME.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        pass  # such as the 31st of November
    raise WrongValue(f"{shown(text)} is not a time", 'write one such as "2026-11-27 10:05", exchange time')


def _every(value: object, zone: ZoneInfo) -> When:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongValue(f"{shown(value)} is not a duration", "write one such as 90s, 5m or 2h")
    seconds = parse_duration(value)
    if seconds < SHORTEST:
        raise WrongValue(f"{shown(value)} is too short", "the shortest is 1s")
    return Every(seconds)


def _random(value: object, zone: ZoneInfo) -> When:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise WrongValue(f"{shown(value)} is not a whole number from 1 to {MOST}", "write how often, such as 3")
    return AtRandom(value)


OCCASIONS: Mapping[str, Occasion] = {
    "at": Occasion(
        'at a time of the exchange, ``"2026-11-27 10:05"``, or at a moment of every session, ``"open + 30m"``: '
        "anchors as in the sessions of jobs",
        _at,
    ),
    "every": Occasion("again and again in the whole range: ``2h``", _every),
    "random": Occasion("so many times in the range, at times drawn by the seed: ``3``", _random),
}
"""By key. An entry has exactly one of them."""


def written(when: When, zone: ZoneInfo) -> dict[str, Any]:
    """The key and its value, which read the same."""
    match when:
        case Once(at=at):
            local = at.astimezone(zone)
            return {"at": f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"}
        case EachSession(anchor=anchor):
            return {"at": _anchor(anchor)}
        case Every(seconds=seconds):
            return {"every": format_duration(seconds)}
        case AtRandom(times=times):
            return {"random": times}


def _anchor(anchor: Anchor) -> str:
    seconds = anchor.offset.total_seconds()
    return f"{anchor.name} {'+' if seconds > 0 else '-'} {format_duration(abs(seconds))}" if seconds else anchor.name
