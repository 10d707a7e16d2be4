"""YAML edited in place: by lines where it is written in lines, in brackets where it is in brackets."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.config.editing.alignment import same
from orchestrator.config.editing.flow_edit import FlowEditor, Writer
from orchestrator.config.editing.text_tree import (
    BREAKS,
    CannotEdit,
    Node,
    Part,
    Splice,
    after_break,
    begins_line,
    column,
    line_end,
    line_start,
    newline_of,
)
from orchestrator.config.editing.tree_edit import edited
from orchestrator.config.editing.yaml_tree import tree_of
from orchestrator.config.editing.yaml_writing import entry, flow, item, quoted, scalar

__all__ = ["edit"]

INLINE = Writer(value=lambda value, indent: flow(value), key=lambda key: f"{scalar(key)}:")
BREAK = rf"(?:\r\n|[{BREAKS}])"
COMMENT = re.compile(rf"{BREAK}( *)#[^{BREAKS}]*")
COMMENT_AT_TOP = re.compile(rf"(?:{BREAK}[ \t]*)*?{BREAK}( *)#[^{BREAKS}]*")
INDENTED = re.compile(r"^( +)[^\s#-]", re.MULTILINE)


def edit(text: str, target: Mapping[str, Any]) -> str:
    """The text with no more changed than must be for it to say `target`.

    :raises CannotEdit: if it is written in a way that is not edited.
    """
    new = _appended(text, target) if tree_of(text) is None else edited(text, target, _tree, _LineEditor)
    return _ending_like(text, new)


def _ending_like(old: str, new: str) -> str:
    """The new text without its last line break, if the old had none and nothing depends on it."""
    shorter = new.removesuffix(newline_of(new))
    if not old or old[-1] in BREAKS or shorter == new:
        return new
    return shorter if same(_tree(shorter).value, _tree(new).value) else new


def _appended(text: str, target: Mapping[str, Any]) -> str:
    """A text that has nothing but comments, with something to say."""
    newline = newline_of(text)
    lines = [line for key, value in target.items() for line in entry(key, value, "")]
    return text + newline * (column(text, len(text)) > 0) + newline.join([*lines, ""])


def _tree(text: str) -> Node:
    tree = tree_of(text)
    if tree is None:
        raise CannotEdit("no document")
    return tree


class _LineEditor(FlowEditor):
    """An editor of what is written in lines; what is in brackets is left to the other."""

    def __init__(self, text: str) -> None:
        super().__init__(text, INLINE)

    def without(self, node: Node, gone: Iterable[Part], at: Part | None) -> Iterator[Splice]:
        out = {part.key for part in gone}
        if node.flow:
            yield from super().without(node, gone, at)
        elif len(out) == len(node.parts):
            yield from self._collapsed(node, "{}" if isinstance(node.value, dict) else "[]", at)
        else:
            for part, following in zip(node.parts, [*node.parts[1:], None], strict=True):
                if part.key in out:
                    yield self._cut_lines(part, None if following is None or following.key in out else following)

    def _cut_lines(self, part: Part, following: Part | None = None) -> Splice:
        """A part with its lines and the comment behind it; only itself if it stands behind the dash of a list.

        :param following: the next part, if that stays.
        """
        if begins_line(self.text, part.start):
            return self._lines(part)
        if following is not None and self.text[line_end(self.text, part.end) : following.start].isspace():
            return Splice(part.start, following.start)
        return Splice(part.start, part.end)

    def _lines(self, part: Part) -> Splice:
        end = after_break(self.text, line_end(self.text, part.end))
        return Splice(line_start(self.text, part.start), end)

    def _collapsed(self, node: Node, new: str, at: Part | None) -> Iterator[Splice]:
        """In place of what stands in lines, something in one line; comments stay."""
        first, *rest = node.parts
        if at is None:
            yield replace(self._lines(first), new=new + self.newline)
        elif begins_line(self.text, first.start):
            yield from (Splice(at.opening, at.opening, f" {new}"), self._lines(first))
        else:
            yield Splice(at.opening, first.end, f" {new}")
        yield from map(self._lines, rest)

    def replaced(self, node: Node, value: Any, at: Part | None) -> Iterator[Splice]:
        if at is None:
            yield self._document(node, value)
        elif node.parts and not node.flow:
            yield from self._collapsed(node, flow(value), at)
        elif node.start == node.end:
            yield Splice(at.opening, at.opening, f" {self._in_one_line(node, value, at)}")
        else:
            yield Splice(node.start, node.end, self._in_one_line(node, value, at))

    def _in_one_line(self, node: Node, value: Any, at: Part) -> str:
        """A value; text in the quotes that the former had, and braces for a mapping that will stand in lines."""
        quote = self.text[node.start : node.start + 1]
        if isinstance(value, dict) and not at.flow and isinstance(at.key, str):
            return "{}"
        if isinstance(value, str) and quote == '"':
            return quoted(value)
        if isinstance(value, str) and quote == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
        return flow(value)

    def _document(self, node: Node, value: Mapping[str, Any]) -> Splice:
        lines = [line for key, inner in value.items() for line in entry(key, inner, "")]
        own_line = begins_line(self.text, node.start)
        before = "" if own_line else self.newline
        after = self.newline if own_line and node.start == node.end else ""
        return Splice(node.start, node.end, before + self.newline.join(lines) + after)

    def with_entries(self, node: Node, values: Mapping[str, Any], at: Part | None) -> Iterator[Splice]:
        if not node.parts:
            yield from self._opened(node, dict(values), at)
        elif node.flow:
            yield from super().with_entries(node, values, at)
        else:
            yield self._added(node, self._entries(node, values, in_brackets=at is not None and _in_brackets(node)))

    def with_items(self, node: Node, after: int, items: list[Any], at: Part | None) -> Iterator[Splice]:
        if not node.parts:
            yield from self._opened(node, items, at)
        elif node.flow:
            yield from super().with_items(node, after, items, at)
        else:
            yield self._inserted(node, after, self._items(node, items))

    def _entries(self, node: Node, values: Mapping[str, Any], in_brackets: bool) -> list[str]:
        """Lines of entries. A mapping among them is in brackets where the others are."""
        indent = " " * column(self.text, node.parts[0].start)
        if in_brackets:
            return [f"{indent}{scalar(key)}: {flow(value)}" for key, value in values.items()]
        return [line for key, value in values.items() for line in entry(key, value, indent, self._step())]

    def _items(self, node: Node, items: list[Any]) -> list[str]:
        indent = " " * column(self.text, node.parts[0].start)
        in_lines = any(part.node.parts and not part.node.flow for part in node.parts)
        return [line for each in items for line in (item(each, indent) if in_lines else [f"{indent}- {flow(each)}"])]

    def _added(self, node: Node, lines: list[str]) -> Splice:
        """Lines at the end of what stands in lines; before its last part if that would swallow them."""
        last = node.parts[-1]
        if not self._swallows(last):
            return self._below(self._after_comments(node), lines)
        start = line_start(self.text, last.start)
        if not begins_line(self.text, last.start):
            raise CannotEdit("a block of text without a line break at its end")
        return Splice(start, start, self.newline.join([*lines, ""]))

    def _after_comments(self, node: Node) -> int:
        """Behind what follows the last part and is a comment indented as much; at the top, also over empty lines."""
        width, end = column(self.text, node.parts[0].start), line_end(self.text, node.end)
        pattern = COMMENT if width else COMMENT_AT_TOP
        while (found := pattern.match(self.text, end)) and len(found[1]) >= width:
            end = found.end()
        return end

    def _inserted(self, node: Node, after: int, lines: list[str]) -> Splice:
        if after:
            return self._below(node.parts[after - 1].end, lines)
        dash = node.parts[0].start
        before = self.newline.join(lines).lstrip(" ") + self.newline + " " * column(self.text, dash)
        return Splice(dash, dash, before)

    def _opened(self, node: Node, value: Any, at: Part | None) -> Iterator[Splice]:
        """Fill empty brackets, or put lines in their place."""
        lines = [] if at is None or at.flow or isinstance(at.key, int) else entry(at.key, value, "", self._step())[1:]
        if at is None or not lines or "#" in self.text[at.opening : node.end]:
            yield from self._filled(node, value, at)
        else:
            indent = " " * column(self.text, at.start)
            yield Splice(at.opening, node.end)
            yield self._below(node.end, [indent + line for line in lines])

    def _filled(self, node: Node, value: Any, at: Part | None) -> Iterator[Splice]:
        if isinstance(value, dict):
            yield from super().with_entries(node, value, at)
        else:
            yield from super().with_items(node, 0, value, at)

    def _below(self, place: int, lines: list[str]) -> Splice:
        end = line_end(self.text, place)
        return Splice(end, end, "".join(self.newline + line for line in lines))

    def _swallows(self, part: Part) -> bool:
        """Whether a part ends in a block of text with which the whole text ends, without a line break."""
        while part.node.parts:
            part = part.node.parts[-1]
        return part.end == len(self.text) and self.text[part.node.start : part.node.start + 1] in ("|", ">")

    def _step(self) -> str:
        """By how much what stands under a key is indented."""
        first = INDENTED.search(self.text)
        return first[1] if first else "  "


def _in_brackets(node: Node) -> bool:
    """Whether the mappings that a mapping holds are written in brackets."""
    inner = [part.node for part in node.parts if isinstance(part.node.value, dict) and part.node.parts]
    return bool(inner) and all(each.flow for each in inner)
