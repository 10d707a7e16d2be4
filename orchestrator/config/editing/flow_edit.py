"""Changes of mappings and lists in brackets, as JSON has them and YAML may."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.config.editing.text_tree import (
    Node,
    Part,
    Splice,
    after_break,
    begins_line,
    blank,
    indentation,
    line_end,
    line_start,
    newline_of,
)

__all__ = ["FlowEditor", "Writer"]


@dataclass(frozen=True)
class Writer:
    """How the values of a format are written.

    :param value: of a value and the indentation of the line it begins in; None if it is to be one line.
    :param key: a key with its colon.
    """

    value: Callable[[Any, str | None], str]
    key: Callable[[str], str]

    def entries(self, values: Mapping[str, Any], indent: str | None) -> list[str]:
        return [f"{self.key(key)} {self.value(value, indent)}" for key, value in values.items()]


class FlowEditor:
    """An editor of what is written in brackets. Taking out and putting in are not to be mixed in one pass."""

    def __init__(self, text: str, writer: Writer) -> None:
        self.text = text
        self.writer = writer
        self.newline = newline_of(text)

    def without(self, node: Node, gone: Iterable[Part], at: Part | None) -> Iterator[Splice]:
        """A comment stays, unless it stands behind what is taken out."""
        out = {part.key for part in gone}
        kept = [index for index, part in enumerate(node.parts) if part.key not in out]
        if not kept and not self._commented(node.start, node.end):
            yield Splice(node.start + 1, node.end - 1)
            return
        behind = kept[-1] + 1 if kept else len(node.parts)
        yield from (self._cut(part) for part in node.parts[:behind] if part.key in out)
        yield from self._without_last(node.parts[behind - 1], node.parts[behind:])

    def _without_last(self, last: Part, gone: tuple[Part, ...]) -> Iterator[Splice]:
        """Take out what comes behind the part that will be the last; a comma stays where one was at the end."""
        if not gone:
            return
        if not self._commented(last.end, gone[-1].end):
            yield Splice(last.end, gone[-1].end)
            return
        if last.comma is not None and gone[-1].comma is None:
            yield Splice(last.comma, last.comma + 1)
        yield from map(self._cut, gone)

    def _commented(self, start: int, end: int) -> bool:
        """Whether there may be a comment; a # in a text is taken for one too."""
        return "#" in self.text[start:end]

    def _ends_line(self, rest: str) -> bool:
        """Whether of a line only a comment is left, at most."""
        return blank(rest) or rest.lstrip(" \t").startswith("#")

    def _cut(self, part: Part) -> Splice:
        """A part with its comma; with its whole line, if that has nothing else."""
        end = part.end if part.comma is None else part.comma + 1
        rest = self.text[end : line_end(self.text, end)]
        if begins_line(self.text, part.start) and self._ends_line(rest):
            return Splice(line_start(self.text, part.start), after_break(self.text, end + len(rest)))
        return Splice(part.start, end if self._ends_line(rest) else end + len(rest) - len(rest.lstrip(" \t")))

    def replaced(self, node: Node, value: Any, at: Part | None) -> Iterator[Splice]:
        yield Splice(node.start, node.end, self.writer.value(value, indentation(self.text, node.start)))

    def with_entries(self, node: Node, values: Mapping[str, Any], at: Part | None) -> Iterator[Splice]:
        if node.parts:
            yield from self._put(node.parts[-1], lambda indent: self.writer.entries(values, indent))
        else:
            yield self._fill(node, values, self.writer.entries(values, None))

    def with_items(self, node: Node, after: int, items: list[Any], at: Part | None) -> Iterator[Splice]:
        def texts(indent: str | None) -> list[str]:
            return [self.writer.value(item, indent) for item in items]

        if not node.parts:
            yield self._fill(node, items, texts(None))
        elif after == 0:
            yield self._put_first(node.parts[0], texts)
        else:
            yield from self._put(node.parts[after - 1], texts)

    def _fill(self, node: Node, values: Any, texts: list[str]) -> Splice:
        """Put something into a mapping or list that is empty, but for comments."""
        if self._commented(node.start, node.end):
            return Splice(node.start + 1, node.start + 1, ", ".join(texts) + " ")
        return Splice(node.start, node.end, self.writer.value(values, indentation(self.text, node.start)))

    def _put(self, after: Part, texts: Callable[[str | None], list[str]]) -> Iterator[Splice]:
        indent, more = self._indent(after), after.comma is not None
        end = after.end if after.comma is None else after.comma + 1
        rest = self.text[end : line_end(self.text, end)]
        if not more:
            yield Splice(end, end, ",")
        if indent is not None and self._ends_line(rest):
            end += len(rest)
            lines = ",".join(f"{self.newline}{indent}{text}" for text in texts(indent))
            yield Splice(end, end, lines + "," * more)
        else:
            yield Splice(end, end, " " + ", ".join(texts(None)) + "," * more)

    def _put_first(self, first: Part, texts: Callable[[str | None], list[str]]) -> Splice:
        indent = self._indent(first)
        between = " " if indent is None else self.newline + indent
        return Splice(first.start, first.start, "".join(f"{text},{between}" for text in texts(indent)))

    def _indent(self, part: Part) -> str | None:
        """The indentation of a part that begins a line."""
        start = line_start(self.text, part.start)
        return self.text[start : part.start] if begins_line(self.text, part.start) else None
