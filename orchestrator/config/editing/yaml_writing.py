"""Values as YAML that means the same to every reader, to those of YAML 1.1 too."""

import json
import re
from collections.abc import Iterator
from typing import Any

import yaml

from orchestrator.config.yaml_text import plain_value

__all__ = ["entry", "flow", "item", "quoted", "scalar"]

LONGEST_LINE = 90
EXACT = 1e15
PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*", re.ASCII)
TROUBLE = ("y", "n")
"""Words that YAML 1.1 takes for true and false, though its usual readers do not."""


def entry(key: str, value: Any, indent: str, step: str = "  ") -> list[str]:
    """The lines of a key and its value. A mapping stands under its key, and so does a list that is long."""
    name = f"{indent}{scalar(key)}:"
    if isinstance(value, dict) and value:
        return [name, *_entries(value, indent + step, step)]
    line = f"{name} {flow(value)}"
    if isinstance(value, list) and any(isinstance(part, dict) or len(line) > LONGEST_LINE for part in value):
        return [name, *(f"{indent}{step}- {flow(part)}" for part in value)]
    return [line]


def item(value: Any, indent: str, step: str = "  ") -> list[str]:
    """The lines of an item in a list, with the keys of a mapping under each other."""
    if not isinstance(value, dict) or not value:
        return [f"{indent}- {flow(value)}"]
    first, *rest = _entries(value, f"{indent}  ", step)
    return [f"{indent}- {first.lstrip(' ')}", *rest]


def flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def scalar(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else quoted(value)
    return _number(value) if isinstance(value, float) else json.dumps(value)


def quoted(text: str) -> str:
    """JSON's escapes are YAML's; besides, what YAML takes for a line's end or refuses is escaped."""
    return "".join(
        letter if letter.isprintable() or ord(letter) < 0x80 else f"\\U{ord(letter):08x}"
        for letter in json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")
    )


def _entries(values: dict[str, Any], indent: str, step: str) -> Iterator[str]:
    for key, value in values.items():
        yield from entry(key, value, indent, step)


def _number(value: float) -> str:
    """Without a fraction that is none; with a point before an exponent, or YAML 1.1 would take it for text."""
    if value.is_integer() and abs(value) < EXACT:
        return str(int(value))
    text = repr(value)
    return text if "." in text else text.replace("e", ".0e")


def _is_plain(text: str) -> bool:
    """Whether unquoted text is the same text to everybody, to readers of YAML 1.1 too."""
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    old = (pattern for first in (text[:1], None) for _, pattern in resolvers.get(first, []))
    return (
        PLAIN.fullmatch(text) is not None
        and plain_value(text) == text
        and text.lower() not in TROUBLE
        and not any(pattern.match(text) for pattern in old)
    )
