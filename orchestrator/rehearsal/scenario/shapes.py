"""What the parameters of faults look like: each read from a file, written to one, and drawn at random."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobs.durations import format_duration, parse_duration
from jobs.values import WrongValue, shown
from orchestrator.config.formats import nearest
from orchestrator.config.model import TradingConfig
from orchestrator.config.options import is_section, types_of

__all__ = ["DURATION", "FACTOR", "FLAG", "MEGABYTES", "OPTIONS", "SHIFT", "SYMBOLS", "TEXT", "Shape", "drawn_duration"]

Draw = Callable[[random.Random], Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of value.

    :param noun: for the docs.
    :param example: in YAML.
    :param read: from plain data; raises WrongValue.
    :param write: back to plain data that reads the same.
    """

    noun: str
    example: str
    read: Callable[[object], Any]
    write: Callable[[Any], Any] = lambda value: value


def drawn_duration(rng: random.Random, shortest: float, longest: float) -> timedelta:
    """Whole seconds between two lengths, short ones more often than long ones."""
    return timedelta(seconds=round(math.exp(rng.uniform(math.log(shortest), math.log(longest)))))


def _duration(value: object) -> timedelta:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise WrongValue(f"{shown(value)} is not a duration", "write one such as 90s, 5m or 1h30m")
    seconds = parse_duration(value)
    if seconds == 0:
        raise WrongValue(f"{shown(value)} is no time at all", "write one such as 90s, 5m or 1h30m")
    return timedelta(seconds=seconds)


def _shift(value: object) -> timedelta:
    """A duration with a sign."""
    if isinstance(value, str) and value[:1] in {"+", "-"}:
        length = _duration(value[1:].strip())
        return -length if value[0] == "-" else length
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return -_duration(-value)
    return _duration(value)


def _signed(value: timedelta) -> str:
    return f"{'-' if value < timedelta(0) else '+'}{_text_of(abs(value))}"


def _text_of(value: timedelta) -> str:
    return format_duration(value.total_seconds())


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise WrongValue(f"{shown(value)} is not a number", "write one such as 0.8")
    return float(value)


def _factor(value: object) -> float:
    factor = _number(value)
    if not 0.01 <= factor <= 100:
        raise WrongValue(f"{shown(value)} is not between 0.01 and 100", "write 0.8 for a fall by a fifth")
    return factor


def _megabytes(value: object) -> float:
    free = _number(value)
    if free < 0:
        raise WrongValue(f"{shown(value)} is negative", "write how many megabytes are left, such as 10")
    return free


def _text(value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise WrongValue(f"{shown(value)} is not text", "write it in quotes")


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise WrongValue(f"{shown(value)} is not true or false", "write true or false")


def _symbols(value: object) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list | tuple) or not words:
        raise WrongValue(f"{shown(value)} is not a list of symbols", "write one such as [AAPL, MSFT]")
    for index, word in enumerate(words):
        if not isinstance(word, str):
            raise WrongValue(f"{shown(word)} is not a symbol", "write a ticker such as AAPL", index)
    return tuple(words)


def _options(value: object) -> dict[str, Any]:
    """Config options by dotted key. The values are whatever somebody may write: judging them is the daemon's work."""
    if not isinstance(value, Mapping) or not value:
        raise WrongValue(f"{shown(value)} is not a mapping", "write one such as {risk.max_position_size: 0.05}")
    for key in value:
        _check_option(str(key), TradingConfig, str(key).split("."))
    return {str(key): inner for key, inner in value.items()}


def _check_option(whole: str, kind: type, steps: list[str], before: str = "") -> None:
    types = types_of(kind)
    if steps[0] not in types:
        close = nearest(steps[0], types)
        remedy = f"did you mean {before}{close}?" if close else f"known there are {', '.join(types)}"
        raise WrongValue(f"{shown(whole)} is no option of the config", remedy)
    inner = types[steps[0]]
    if is_section(inner) and len(steps) > 1:
        _check_option(whole, inner, steps[1:], f"{before}{steps[0]}.")


DURATION = Shape("duration", "10m", _duration, _text_of)
SHIFT = Shape("duration with a sign", "+1h", _shift, _signed)
FACTOR = Shape("number", "0.8", _factor)
MEGABYTES = Shape("number", "10", _megabytes)
TEXT = Shape("text", '"words"', _text)
FLAG = Shape("true or false", "true", _flag)
SYMBOLS = Shape("list of symbols", "[AAPL, MSFT]", _symbols, list)
OPTIONS = Shape("options by dotted key", "{risk.max_position_size: 0.05}", _options, dict)
