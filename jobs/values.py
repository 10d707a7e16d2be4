"""What each key of a job may say: a table of readers, which make the daemon's value of the file's."""

import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from difflib import get_close_matches
from enum import StrEnum
from itertools import takewhile
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from jobs.durations import parse_duration
from jobs.triggers import parse_anchor

__all__ = ["READERS", "STATES", "Misfire", "Notify", "Overlap", "WrongValue", "meant_zone", "nearest", "shown"]

STATES = ("stopped", "pre_market", "trading", "post_market", "error")
MOST_RETRIES = 100
LONGEST_SHOWN = 60
EXAMPLE_COMMAND = '["python", "report.py"]'
DURATION = "write one such as 90s, 5m or 1h30m"
IMPORT_STRING = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
DOTTED_NAME = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*?)[.:](?P<name>[^\W\d]\w*)(?:\(\))?")
ABBREVIATIONS = {
    **dict.fromkeys(("ET", "EDT"), "America/New_York"),
    **dict.fromkeys(("CT", "CDT"), "America/Chicago"),
    **dict.fromkeys(("PT", "PDT"), "America/Los_Angeles"),
    "BST": "Europe/London",
    "CEST": "Europe/Berlin",
    "JST": "Asia/Tokyo",
}
"""What is no name of a time zone, but of the clock in one."""
TRUTH = {
    **dict.fromkeys(("on", "yes", "y", "1"), "true"),
    **dict.fromkeys(("off", "no", "n", "0"), "false"),
    "true": "true without quotes",
    "false": "false without quotes",
}


class Misfire(StrEnum):
    """What to do with a fire whose time passed while the daemon was away, or too busy, by more than `grace`."""

    SKIP = "skip"
    RUN = "run"
    RUN_IF_SAME_SESSION = "run_if_same_session"


class Overlap(StrEnum):
    """What to do with a fire that comes while the run before is still going on."""

    SKIP = "skip"
    QUEUE = "queue"
    """Begin it when that run ends; one fire waits at most, and a further one is skipped."""


class Notify(StrEnum):
    """Which runs of a job raise an alert."""

    NEVER = "never"
    FAILURE = "failure"
    ALWAYS = "always"


class WrongValue(ValueError):
    """A value that its key can't have.

    :param remedy: what would be right.
    :param at: of a list, the index of the entry that is wrong.
    """

    def __init__(self, message: str, remedy: str = "", at: int | None = None) -> None:
        self.message, self.remedy, self.at = message, remedy, at
        super().__init__(f"{message}; {remedy}" if remedy else message)

    @classmethod
    def of(cls, error: ValueError) -> "WrongValue":
        """The same of any parser's error, whose text ends with what would be right."""
        if isinstance(error, cls):
            return error
        message, separator, remedy = str(error).rpartition("; ")
        return cls(message, remedy) if separator else cls(remedy)


def shown(value: object) -> str:
    """A value as it stands in a file, cut if long; of lists and mappings only that they are such."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]}...{text[-1]}"


def nearest(word: object, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word that was probably meant: of those spelled much like it, the one that begins most like it.

    :param likeness: of two words, from 0 to 1, from which on one may be meant by the other.
    """
    if not isinstance(word, str):
        return None
    by_folded = {each.casefold(): each for each in known}
    folded = word.casefold()
    close = get_close_matches(folded, by_folded, n=3, cutoff=likeness)
    return by_folded[max(close, key=lambda each: _same_letters(each, folded))] if close else None


def _same_letters(one: str, other: str) -> int:
    """How many letters two words have in common from the start."""
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return len(list(pairs))


def meant_zone(text: str) -> str | None:
    """The time zone that was probably meant by an abbreviation, a city or a misspelled name."""
    zones = available_timezones()
    cities = {zone.rpartition("/")[2]: zone for zone in sorted(zones) if "/" in zone}
    city = nearest(text.replace(" ", "_"), cities, likeness=0.85)
    named = nearest(text, zones, likeness=0.85)
    return ABBREVIATIONS.get(text.upper()) or named or (cities[city] if city else None)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    example = f': "{value}"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    raise WrongValue(f"{shown(value)} is not text", f"write it in quotes{example}")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise WrongValue(f"{shown(value)} is not true or false", f"write {TRUTH.get(str(value).lower(), 'true or false')}")


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongValue(f"{shown(value)} is not a duration", DURATION)
    return parse_duration(value)


def _interval(value: object) -> float:
    seconds = _seconds(value)
    if seconds < 1:
        raise WrongValue(f"{shown(value)} is too short", "the shortest is 1s")
    return seconds


def _timedelta(value: object) -> timedelta:
    return timedelta(seconds=_seconds(value))


def _timeout(value: object) -> timedelta:
    limit = _timedelta(value)
    if not limit:
        raise WrongValue(f"{shown(value)} would end every run as it begins", DURATION)
    return limit


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_RETRIES:
        return value
    digits = isinstance(value, str) and value.isdecimal()
    remedy = f"write {value} without quotes" if digits else "write one such as 3"
    raise WrongValue(f"{shown(value)} is not a whole number from 0 to {MOST_RETRIES}", remedy)


def _import_string(value: object) -> str:
    text = _text(value)
    if IMPORT_STRING.fullmatch(text):
        return text
    meant = DOTTED_NAME.fullmatch(text)
    example = f"{meant['module']}:{meant['name']}" if meant else "package.module:function"
    raise WrongValue(f"{shown(value)} does not name a function", f'write "{example}"')


def _command(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise WrongValue(f"{shown(value)} is not a list of words", f"write {_as_words(value)}")
    if not value:
        raise WrongValue("the list is empty", f"write {EXAMPLE_COMMAND}")
    return tuple(_word(word, index) for index, word in enumerate(value))


def _word(value: object, index: int) -> str:
    try:
        word = _text(value)
    except WrongValue as wrong:
        raise WrongValue(wrong.message, wrong.remedy, index) from None
    if "\0" in word:
        raise WrongValue("a program's argument can't hold the character NUL", "remove it", index)
    return word


def _as_words(line: object) -> str:
    """A command line as the list that it should have been, or an example of one."""
    try:
        words = shlex.split(line) if isinstance(line, str) else []
    except ValueError:  # quotes that do not end
        words = []
    return json.dumps(words, ensure_ascii=False) if words else EXAMPLE_COMMAND


def _states(value: object) -> frozenset[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise WrongValue(f"{shown(value)} is not a list of states", f"choose from {', '.join(STATES)}")
    for index, word in enumerate(words):
        if word not in STATES:
            close = nearest(word, STATES)
            remedy = f"write {close}" if close else "choose one of these"
            at = None if words is not value else index
            raise WrongValue(f"{shown(word)} is not one of {', '.join(STATES)}", remedy, at)
    return frozenset(words)


def _one_of(kind: type[StrEnum]) -> Callable[[object], StrEnum]:
    def read(value: object) -> StrEnum:
        if isinstance(value, str) and value in set(kind):
            return kind(value)
        close = nearest(value, kind)
        remedy = f"write {close}" if close else "choose one of these"
        raise WrongValue(f"{shown(value)} is not one of {', '.join(kind)}", remedy)

    return read


def _zone(value: object) -> ZoneInfo:
    text = _text(value)
    try:
        return ZoneInfo(text)
    except (KeyError, OSError, ValueError):
        remedy = f"write {meant_zone(text) or 'an IANA name such as America/New_York'}"
        raise WrongValue(f"{shown(value)} is not a known time zone", remedy) from None


READERS: Mapping[str, Callable[[object], Any]] = {
    "cron": _text,
    "interval": _interval,
    "session": lambda value: parse_anchor(_text(value)),
    "every": _interval,
    "until": lambda value: parse_anchor(_text(value)),
    "timezone": _zone,
    "run": _import_string,
    "command": _command,
    "enabled": _flag,
    "misfire": _one_of(Misfire),
    "grace": _timedelta,
    "overlap": _one_of(Overlap),
    "timeout": _timeout,
    "retries": _count,
    "jitter": _timedelta,
    "only_when": _states,
    "trading_days_only": _flag,
    "notify": _one_of(Notify),
}
"""By key, in the order in which they are best written. A reader raises ValueError for what it can't read."""
