"""One option of the configuration: its default, and beside it what the rest is derived from."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import Field, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, get_type_hints

from orchestrator.config.errors import Path

__all__ = ["Apply", "Option", "is_section", "option", "option_at", "option_of", "readable", "section", "types_of"]

T = TypeVar("T")

DAY = 86_400

Apply = Literal["now", "engine", "daemon"]
"""When a changed value takes effect: at the reload, at the next start of the engine, or of the daemon."""


@dataclass(frozen=True, slots=True)
class Option:
    """What is known of an option besides its type and default.

    :param doc: one line; the comment beside it in a written file.
    :param secret: its value is shown to nobody.
    :param rules: Cerberus rules, and those of :class:`~orchestrator.config.schema.StrictValidator`.
    :param example: lines that stand as comments under it in a written file.
    """

    doc: str
    apply: Apply = "now"
    secret: bool = False
    example: str = ""
    rules: Mapping[str, Any] = field(default_factory=dict)


def option(default: T, doc: str, *, apply: Apply = "now", secret: bool = False, example: str = "", **rules: Any) -> T:
    """A dataclass field for an option. A list or mapping given as its default is copied for each config."""
    made: T = field(
        default_factory=lambda: deepcopy(default),
        metadata={"option": Option(doc, apply, secret, example, rules)},
    )
    return made


def section(kind: Callable[[], T], doc: str) -> T:
    """A dataclass field for a section: options under one key."""
    made: T = field(default_factory=kind, metadata={"option": Option(doc)})
    return made


def option_of(of: "Field[Any]") -> Option:
    """What is known of the option that a dataclass field holds."""
    known: Option = of.metadata["option"]
    return known


def readable(option: Option, value: Any) -> Any:
    """A value as people write it: a duration of days and more by its units."""
    from jobs.durations import format_duration

    long = "duration" in option.rules and isinstance(value, int | float) and value >= DAY
    return format_duration(value) if long else value


@cache
def types_of(kind: type) -> Mapping[str, Any]:
    """The type of each field, by name, in the order of the file."""
    return get_type_hints(kind)


def is_section(kind: Any) -> bool:
    """Whether a field of this type is a section."""
    return isinstance(kind, type) and is_dataclass(kind)


def option_at(kind: type, path: Path) -> Option | None:
    """The innermost option that a path in a config of this kind leads to or into; None if there is none."""
    if not path:
        return None
    found = next((each for each in fields(kind) if each.name == path[0]), None)
    if found is None:
        return None
    inner = types_of(kind)[found.name]
    return option_at(inner, path[1:]) if is_section(inner) and len(path) > 1 else option_of(found)
