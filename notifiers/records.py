"""Reading records that somebody else defines: whatever is in them, nothing here raises."""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from enum import Enum
from typing import Any

__all__ = ["field", "items", "number", "word"]

UNSET = 1e300
"""Interactive Brokers says "no price" with the greatest float there is."""


def field(source: Any, name: str) -> Any:
    """A field of a mapping, an object, or what is read like a mapping; None if it has none, or none to be read."""
    value = None
    with suppress(Exception):  # fields may be computed, and fail at it
        value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    if value is None and not isinstance(source, Mapping):
        with suppress(Exception):
            value = source[name]
    return None if callable(value) and not isinstance(value, Enum) else value


def items(value: Any) -> list[Any]:
    """What is in a list of records; nothing if it is none."""
    known: list[Any] = []
    with suppress(Exception):
        known.extend(value if isinstance(value, Iterable) and not isinstance(value, str | Mapping) else ())
    return known


def word(value: Any) -> str | None:
    """As text; of an enum's member its value if that is a text, else its name."""
    if isinstance(value, Enum):
        value = value.value if isinstance(value.value, str) else value.name
    text = ""
    with suppress(Exception):
        text = "" if value is None else str(value).strip()
    return text or None


def number(value: Any) -> float | None:
    """A finite number: whole ones as int, unless they are given as float."""
    known = math.nan
    with suppress(Exception):
        known = math.nan if isinstance(value, bool) else float(value)
    if not math.isfinite(known) or abs(known) > UNSET:
        return None
    return int(known) if known.is_integer() and not isinstance(value, float) else known
