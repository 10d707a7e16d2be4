"""TOML edited in place, by tomlkit: it keeps comments, order and the way in which values are written."""

import re
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from orchestrator.config.editing.alignment import aligned, same
from orchestrator.config.editing.text_tree import CannotEdit, newline_of
from orchestrator.config.toml_text import plain

__all__ = ["edit"]

STUMBLES = (TOMLKitError, LookupError, TypeError, ValueError, AttributeError)
"""How tomlkit ends where tables are out of order, or spread by dotted keys."""
LONE_NEWLINE = re.compile(r"(?<!\r)\n")


def edit(text: str, target: Mapping[str, Any]) -> str:
    """The text with no more changed than must be for it to say `target`.

    :raises CannotEdit: if it is written in a way that is not edited.
    """
    ended = text.endswith("\n")
    try:
        document = tomlkit.parse(text if ended else f"{text}{newline_of(text)}")
        _bring(document, plain(document.unwrap()), target)
        edited = document.as_string()
    except STUMBLES as error:
        raise CannotEdit(str(error)) from error
    if newline_of(text) == "\r\n" and not LONE_NEWLINE.search(text):
        edited = LONE_NEWLINE.sub("\r\n", edited)
    return edited if ended else edited.removesuffix(newline_of(edited))


def _bring(table: Any, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Change what is different in a table."""
    for key in [key for key in old if key not in new]:
        del table[key]
    for key, value in new.items():
        if key not in old:
            table[key] = _new(value, at_top=isinstance(table, tomlkit.TOMLDocument))
        elif not same(old[key], value):
            _bring_value(table, key, old[key], value)


def _bring_value(holder: Any, key: Any, old: Any, new: Any) -> None:
    if isinstance(old, dict) and isinstance(new, dict):
        _bring(holder[key], old, new)
    elif isinstance(old, list) and isinstance(new, list) and _holds(holder[key], new):
        _bring_list(holder[key], old, new)
    else:
        if isinstance(holder[key], AoT):
            del holder[key]
        holder[key] = _new(new)


def _holds(items: Any, new: list[Any]) -> bool:
    """Whether a list can hold other items in the way it is written: tables with headers are tables, and never none."""
    return not isinstance(items, AoT) or (bool(new) and all(isinstance(item, dict) for item in new))


def _bring_list(items: Any, old: list[Any], new: list[Any]) -> None:
    pairs = list(aligned(old, new))
    for before, after in pairs:
        if before is not None and after is not None and not same(old[before], new[after]):
            _bring_value(items, before, old[before], new[after])
    for before, after in reversed(pairs):
        if after is None:
            del items[before]
    for before, after in pairs:
        if before is None and after is not None:
            items.insert(after, new[after] if isinstance(items, AoT) else _new(new[after]))


def _new(value: Any, at_top: bool = False) -> Any:
    """A section at the top has a header; what is a table elsewhere stands in braces, which is right everywhere."""
    if isinstance(value, list):
        made: Any = tomlkit.array()
        made.extend(map(_new, value))
        return made
    if not isinstance(value, dict):
        return value
    made = tomlkit.table() if at_top else tomlkit.inline_table()
    for key, inner in value.items():
        made[key] = _new(inner)
    return made
