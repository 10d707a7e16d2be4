"""What a file is to say: what it says now, with the values of another config where that differs."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from orchestrator.config.editing.alignment import aligned, same
from orchestrator.config.model import RouteConfig, TradingConfig
from orchestrator.config.plain import as_written, set_options, to_dict
from orchestrator.config.references import FromReference

__all__ = ["agree", "merged"]

Data = Mapping[str, Any]


def merged(raw: Data, old: TradingConfig, new: TradingConfig, nulls: bool = True) -> dict[str, Any]:
    """The plain data of a file that says `new`. What is not different stays as it is written, or left out.

    :param raw: what the file says now, as it is written there: ``5m``, ``${NAME}``.
    :param old: what that means.
    :param nulls: whether the format has a null; otherwise an option without a value is left out.
    """
    written = as_written(new) if nulls else set_options(new)
    for route in written["notifications"]["routes"]:
        _shorten(route)
    return _mapping(raw, to_dict(old), to_dict(new), written)


def agree(one: TradingConfig, other: TradingConfig) -> bool:
    """Whether a file that says the one need not be changed to say the other."""
    return _unchanged(to_dict(one), to_dict(other))


def _shorten(route: dict[str, Any]) -> None:
    """Leave out what is the default anyway."""
    for each in fields(RouteConfig):
        default = each.default_factory() if each.default_factory is not MISSING else each.default
        if each.name in route and same(route[each.name], default):
            del route[each.name]


def _unchanged(old: Any, new: Any) -> bool:
    """Whether a value is the same; a reference is, if it is the same reference, whatever it stands for by now."""
    if isinstance(new, FromReference):
        return isinstance(old, FromReference) and old.reference == new.reference
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_unchanged(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_unchanged, old, new))
    return same(old, new)


def _value(raw: Any, old: Any, new: Any, written: Any) -> Any:
    if _unchanged(old, new):
        return raw
    if isinstance(old, dict) and isinstance(new, dict):
        return _mapping(raw if isinstance(raw, dict) else {}, old, new, written)
    if isinstance(raw, list) and isinstance(old, list) and isinstance(new, list) and len(raw) == len(old):
        return _list(raw, old, new, written)
    return written


def _mapping(raw: Data, old: Data, new: Data, written: Data) -> dict[str, Any]:
    """Entries in the order of the file, then those that are new to it."""
    merged = {}
    for key in [*raw, *(key for key in new if key not in raw)]:
        if key in new and key in old and _unchanged(old[key], new[key]):
            if key in raw:
                merged[key] = raw[key]
        elif key in written:
            merged[key] = _value(raw.get(key), old[key], new[key], written[key]) if key in old else written[key]
    return merged


def _list(raw: list[Any], old: list[Any], new: list[Any], written: list[Any]) -> list[Any]:
    return [
        written[after] if before is None else _value(raw[before], old[before], new[after], written[after])
        for before, after in aligned(old, new)
        if after is not None
    ]
