"""The complete YAML file of a config, each option with its doc as a comment.

``orchestrator config init`` writes it, and so does a save.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import yaml

from orchestrator.config.model import TradingConfig, embedded_defaults
from orchestrator.config.options import is_section, option_of, types_of
from orchestrator.config.plain import to_dict
from orchestrator.config.yaml_text import plain_value

__all__ = ["commented_yaml", "paper_template"]

HEADER = """\
# Configuration of the trading orchestrator. Every option is here, and what is left out has its default.
# Times are exchange time. After an edit: orchestrator config validate
"""
COMMENT_COLUMN = 40
WIDEST_COMMENT_COLUMN = 60
LONGEST_LINE = 90
EXACT = 1e15
PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*", re.ASCII)
TROUBLE = ("y", "n")
"""Words that YAML 1.1 takes for true and false, though its usual readers do not."""


def paper_template() -> str:
    """The file that a beginner starts from: the defaults, with the paper broker."""
    return commented_yaml(embedded_defaults())


def commented_yaml(config: TradingConfig) -> str:
    """The whole config as YAML, which reads back as an equal config."""
    return HEADER + "".join(_blocks(config))


def _blocks(config: TradingConfig) -> Iterator[str]:
    """The sections, and what stands at the top between them, with an empty line before each."""
    after_section = True
    data, types = to_dict(config), types_of(TradingConfig)
    for each in fields(TradingConfig):
        doc, inner = option_of(each).doc, types[each.name]
        if is_section(inner):
            lines = [f"{each.name}:  # {doc}", *_options(inner, data[each.name], "  ")]
        else:
            lines = [*_option(each.name, data[each.name], doc, "")]
        yield ("\n" if after_section or is_section(inner) else "") + "\n".join(lines) + "\n"
        after_section = is_section(inner)


def _options(kind: type, data: Mapping[str, Any], indent: str) -> Iterator[str]:
    for each in fields(kind):
        option, value = option_of(each), data[each.name]
        yield from _option(each.name, value, option.doc, indent)
        if not value:
            yield from (f"{indent}#   {line}" for line in option.example.splitlines())


def _option(name: str, value: Any, doc: str, indent: str) -> Iterator[str]:
    first, *rest = _entry(name, value, indent)
    column = COMMENT_COLUMN if len(first) < COMMENT_COLUMN - 1 else WIDEST_COMMENT_COLUMN
    yield f"{first:<{column - 2}}  # {doc}"
    yield from rest


def _entry(key: str, value: Any, indent: str) -> list[str]:
    """The lines of a key and its value. A mapping stands under its key, and so does a list that is long."""
    name = f"{indent}{_scalar(key)}:"
    if isinstance(value, dict) and value:
        return [name, *(line for item in value.items() for line in _entry(*item, indent + "  "))]
    line = f"{name} {_flow(value)}"
    if isinstance(value, list) and any(isinstance(item, dict) or len(line) > LONGEST_LINE for item in value):
        return [name, *(f"{indent}  - {_flow(item)}" for item in value)]
    return [line]


def _flow(value: Any) -> str:
    """A value in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return value if _is_plain(value) else _quoted(value)
    return _number(value) if isinstance(value, float) else json.dumps(value)


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


def _quoted(text: str) -> str:
    """JSON's escapes are YAML's; besides, what YAML takes for a line's end or refuses is escaped."""
    return "".join(
        letter if letter.isprintable() or ord(letter) < 0x80 else f"\\U{ord(letter):08x}"
        for letter in json.dumps(text, ensure_ascii=False).replace("\x7f", "\\x7f")
    )
