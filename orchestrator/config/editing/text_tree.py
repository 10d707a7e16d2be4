"""A text as a tree of values that know where they stand in it, and changes of such a text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

__all__ = [
    "CannotEdit",
    "Node",
    "Part",
    "Splice",
    "after_break",
    "begins_line",
    "blank",
    "column",
    "indentation",
    "line_end",
    "line_start",
    "newline_of",
    "spliced",
]

BREAKS = "\r\n\x85\u2028\u2029"
"""What ends a line for YAML. JSON has none of the odd ones outside of texts."""
NEWLINE = re.compile(r"\r\n|\n|\r")


class CannotEdit(Exception):
    """The text is written in a way that is not edited in place."""


@dataclass(frozen=True)
class Node:
    """A value at ``text[start:end]``.

    :param value: what it says; keys and items are in `parts`.
    :param parts: of a mapping or list, in the order of the text.
    :param flow: in brackets; otherwise a scalar, or a mapping or list in lines.
    :param odd: a mapping or list whose parts are not known well enough to be changed.
    """

    start: int
    end: int
    value: Any
    parts: tuple["Part", ...] = ()
    flow: bool = False
    odd: bool = False

    @cached_property
    def by_key(self) -> Mapping[str | int, "Part"]:
        return {part.key: part for part in self.parts}


@dataclass(frozen=True)
class Part:
    """One entry of a mapping or item of a list.

    :param start: of its key; of its dash, in a list in lines.
    :param opening: behind its colon or dash: where its value is put if it has none.
    :param comma: the place of the comma behind it, if there is one.
    :param flow: it stands in brackets.
    """

    key: str | int
    start: int
    opening: int
    node: Node
    comma: int | None = None
    flow: bool = False

    @property
    def end(self) -> int:
        return max(self.opening, self.node.end)


@dataclass(frozen=True)
class Splice:
    """``text[start:end]`` becomes `new`."""

    start: int
    end: int
    new: str = ""


def spliced(text: str, splices: Iterable[Splice]) -> str:
    """The text with all changes made; of those in one place the first comes first."""
    parts, last = [], 0
    for each in sorted(splices, key=lambda splice: (splice.start, splice.end)):
        if each.start < last:
            raise CannotEdit("two changes overlap")
        parts += [text[last : each.start], each.new]
        last = each.end
    return "".join([*parts, text[last:]])


def line_start(text: str, place: int) -> int:
    """Where the line of a place begins."""
    while place > 0 and text[place - 1] not in BREAKS:
        place -= 1
    return place


def line_end(text: str, place: int) -> int:
    """Where the line of a place ends, before its break."""
    while place < len(text) and text[place] not in BREAKS:
        place += 1
    return place


def after_break(text: str, place: int) -> int:
    """Behind the line break at a place, if there is one."""
    if text.startswith("\r\n", place):
        return place + 2
    return place + 1 if place < len(text) and text[place] in BREAKS else place


def begins_line(text: str, place: int) -> bool:
    """Whether only spaces stand before a place in its line."""
    return blank(text[line_start(text, place) : place])


def blank(text: str) -> bool:
    return not text.strip(" \t")


def indentation(text: str, place: int) -> str:
    """The spaces with which the line of a place begins."""
    line = text[line_start(text, place) : line_end(text, place)]
    return line[: len(line) - len(line.lstrip(" \t"))]


def column(text: str, place: int) -> int:
    return place - line_start(text, place)


def newline_of(text: str) -> str:
    """How the lines of a text end, going by the first."""
    first = NEWLINE.search(text)
    return first.group() if first else "\n"
