"""Between plain data (mappings, lists, text, numbers) and the dataclasses."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from types import NoneType
from typing import Any, get_args

from orchestrator.config.errors import MASK, Path, overlaps
from orchestrator.config.model import TradingConfig, is_secret
from orchestrator.config.options import is_section, types_of
from orchestrator.config.references import FromReference, carry, displayed, escaped
from orchestrator.config.resolution import is_command

__all__ = ["as_written", "build", "masked", "set_options", "to_dict"]


def to_dict(config: TradingConfig) -> dict[str, Any]:
    """The config as plain data, in the order of the file; nothing of it is shared with the config.

    It has what references stand for: it is for use, not for showing and not for writing.
    """
    return asdict(config)


def as_written(config: TradingConfig) -> dict[str, Any]:
    """The config as plain data for a file: references in the places of what they stand for, and none made by chance.

    True, false and null carry no reference: where one stood for these, it is for the file to remember it.
    """
    written: dict[str, Any] = _written(to_dict(config), ())
    return written


def masked(config: TradingConfig) -> dict[str, Any]:
    """The config as plain data to be shown: references in their places, and ``***`` for every secret that is none."""
    hidden: dict[str, Any] = _masked(to_dict(config), ())
    return hidden


def set_options(config: TradingConfig) -> dict[str, Any]:
    """As :func:`as_written`, without the options that are null."""
    return _without_nulls(TradingConfig, as_written(config))


def build(kind: Any, data: Mapping[str, Any], broken: Sequence[Path] = (), at: Path = ()) -> Any:
    """A config or section from plain data that follows the schema; what is left out or null is the default.

    :param broken: paths that do not follow the schema; the options there get their defaults.
    :param at: where in the config `data` stands.
    """
    values = {}
    for name, inner in types_of(kind).items():
        here, value = (*at, name), data.get(name)
        if is_section(inner):
            values[name] = build(inner, value if isinstance(value, Mapping) else {}, broken, here)
        elif value is not None and not any(overlaps(here, path) for path in broken):
            values[name] = _converted(inner, value)
    return kind(**values)


def _converted(kind: Any, value: Any) -> Any:
    if kind is float:
        return _number(value)
    items = get_args(kind)
    if isinstance(value, list | tuple) and items and is_section(items[0]):
        return [build(items[0], item) for item in value]
    return list(_copied(value)) if isinstance(value, tuple) else _copied(value)


def _copied(value: Any) -> Any:
    """As deepcopy does, which takes five times as long for plain data."""
    if type(value) is dict:
        return {key: _copied(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_copied(inner) for inner in value]
    return value if isinstance(value, str | int | float | NoneType) else deepcopy(value)


def _number(value: str | float) -> float:
    """A number as a float; text is a length of time, in seconds."""
    number = _seconds(value) if isinstance(value, str) else float(value)
    return carry(number, value.reference) if isinstance(value, FromReference) else number


def _seconds(text: str) -> float:
    from jobs.durations import parse_duration

    return parse_duration(text)


def _without_nulls(kind: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    types = types_of(kind)
    return {name: _set(types[name], value) for name, value in data.items() if value is not None}


def _set(kind: Any, value: Any) -> Any:
    """A value without the nulls among the options of the sections in it."""
    if is_section(kind):
        return _without_nulls(kind, value)
    items = get_args(kind)
    return [_set(items[0], item) for item in value] if isinstance(value, list) and items else value


def _written(value: Any, path: Path) -> Any:
    if isinstance(value, FromReference):
        return value.reference
    if is_command(path):  # it holds its references as they are written
        return value
    if isinstance(value, dict):
        return {key: _written(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_written(inner, (*path, index)) for index, inner in enumerate(value)]
    return escaped(value) if isinstance(value, str) else value


def _masked(value: Any, path: Path) -> Any:
    if isinstance(value, FromReference):
        return displayed(value.reference, is_secret(path))
    if isinstance(value, dict):
        return {key: _masked(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, (*path, index)) for index, inner in enumerate(value)]
    return MASK if value is not None and is_secret(path) else value
