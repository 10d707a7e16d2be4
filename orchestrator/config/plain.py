"""Between plain data (mappings, lists, text, numbers) and the dataclasses."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, fields, is_dataclass
from typing import Any, get_args

from orchestrator.config.errors import MASK, Path, overlaps
from orchestrator.config.model import TradingConfig, is_secret
from orchestrator.config.options import is_section, types_of

__all__ = ["build", "masked", "set_options", "to_dict"]


def to_dict(config: TradingConfig) -> dict[str, Any]:
    """The config as plain data, in the order of the file; nothing of it is shared with the config."""
    return asdict(config)


def masked(config: TradingConfig) -> dict[str, Any]:
    """As :func:`to_dict`, with ``***`` for every secret that is set."""
    hidden: dict[str, Any] = _masked(to_dict(config), ())
    return hidden


def set_options(section: Any) -> dict[str, Any]:
    """The options of a config or section that are not null, as plain data."""
    values = ((each.name, getattr(section, each.name)) for each in fields(section))
    return {name: _set(value) for name, value in values if value is not None}


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
    return list(deepcopy(value)) if isinstance(value, tuple) else deepcopy(value)


def _set(value: Any) -> Any:
    if is_dataclass(value):
        return set_options(value)
    return [_set(item) for item in value] if isinstance(value, list) else value


def _number(value: str | float) -> float:
    """A number as a float; text is a length of time, in seconds."""
    if not isinstance(value, str):
        return float(value)
    from jobs.durations import parse_duration

    return parse_duration(value)


def _masked(value: Any, path: Path) -> Any:
    if isinstance(value, dict):
        return {key: _masked(inner, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_masked(inner, (*path, index)) for index, inner in enumerate(value)]
    return MASK if value is not None and is_secret(path) else value
