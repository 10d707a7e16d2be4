"""What is wrong with a configuration, where, and what would be right.

::

    Finding     where in the data, before it is known where in which file
    Problem     the same, with file, line and column
    ConfigError everything that is wrong with one configuration; nothing of it was applied
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from orchestrator.config.references import MASK, FromReference

__all__ = [
    "MASK",
    "ConfigError",
    "Finding",
    "Mark",
    "Path",
    "Problem",
    "dotted",
    "number",
    "outline",
    "overlaps",
    "shown",
]

Path = tuple[str | int, ...]
"""The keys and list indexes that lead to a value, from the top: ``("notifications", "channels", 0)``."""

LONGEST_SHOWN = 60
SECRET_IN_URL = re.compile(r"(\w+://)[^'\"/@]*[/@][^'\"]*")
"""Addresses of services are their passwords, wherever they were written by mistake; a bare host is none."""


class Mark(NamedTuple):
    """A place in a text; both count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Finding:
    """Something wrong at a path.

    :param value: what is shown as the value; a secret is masked before it gets here.
    :param at_key: it is the key that is wrong, not its value.
    :param mark: the place, where the path alone does not lead to it.
    """

    path: Path
    value: object
    message: str
    remedy: str = ""
    at_key: bool = False
    mark: Mark | None = None


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file. `line` and `column` count from 1; None for what was not read from a text."""

    file: str
    line: int | None
    column: int | None
    path: str
    value: object
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part not in (None, ""))
        said = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return ": ".join(part for part in (place, self.path, said) if part)


class ConfigError(ValueError):
    """The configuration is wrong; nothing of it was applied. Its text has a line for each problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def dotted(path: Path) -> str:
    """A path as people read it: ``notifications.channels[0]``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def overlaps(one: Path, other: Path) -> bool:
    """Whether one of the two is, or is inside, the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def shown(value: object) -> str:
    """A value as it would stand in the file, cut if long; of lists and mappings only that they are such.

    Of what a reference stands for only the reference is shown.
    """
    if isinstance(value, FromReference):
        return meant_by(value.shown)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list | tuple):
        return str(outline(value))
    return _cut(_without_addresses(repr(value)))


def meant_by(reference: str) -> str:
    """What to call the value of a reference."""
    return MASK if reference == MASK else f"the value of {_cut(_without_addresses(reference))}"


def number(value: float) -> str:
    """A number as it is said in a sentence: in few digits, or by its reference."""
    return shown(value) if isinstance(value, FromReference) else f"{value:g}"


def _without_addresses(text: str) -> str:
    return SECRET_IN_URL.sub(rf"\1{MASK}", text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]}...{text[-1]}"


def outline(value: object) -> object:
    """The value of a problem: of a list or mapping only that it is one, as there may be secrets inside."""
    if isinstance(value, FromReference):
        return value.shown
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list | tuple) else value
