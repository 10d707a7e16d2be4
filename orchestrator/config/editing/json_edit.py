"""JSON edited in place: its order, its indentation and what is left alone stay as they are."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from orchestrator.config.editing.flow_edit import FlowEditor, Writer
from orchestrator.config.editing.text_tree import CannotEdit, Node, Part, newline_of
from orchestrator.config.editing.tree_edit import edited
from orchestrator.config.json_text import TOKEN, write

__all__ = ["edit", "tree_of"]

INDENTED = re.compile(r"^([ \t]+)\S", re.MULTILINE)


def edit(text: str, target: Mapping[str, Any]) -> str:
    """The text with no more changed than must be for it to say `target`.

    :raises CannotEdit: if it is written in a way that is not edited.
    """
    return edited(text, target, tree_of, _editor) if text.strip() else write(dict(target))


def tree_of(text: str) -> Node:
    """The tree of a JSON text.

    :raises CannotEdit: for what is not JSON.
    """
    try:
        return _Builder(text).whole()
    except (StopIteration, ValueError, IndexError) as error:
        raise CannotEdit("not JSON") from error


class _Builder:
    def __init__(self, text: str) -> None:
        self.tokens = TOKEN.finditer(text)

    def whole(self) -> Node:
        return self._node(next(self.tokens))

    def _node(self, first: re.Match[str]) -> Node:
        start = first.start()
        if first.group() == "{":
            parts, end = self._parts(self._entry, "}")
            return Node(start, end, {part.key: part.node.value for part in parts}, parts, flow=True)
        if first.group() == "[":
            parts, end = self._parts(self._item, "]")
            return Node(start, end, [part.node.value for part in parts], parts, flow=True)
        return Node(start, first.end(), json.loads(first.group()))

    def _parts(self, part_of: Callable[[re.Match[str], int], Part], closing: str) -> tuple[tuple[Part, ...], int]:
        """The parts up to a bracket, and the end of that."""
        parts: list[Part] = []
        while (token := next(self.tokens)).group() != closing:
            if token.group() == ",":
                parts[-1] = replace(parts[-1], comma=token.start())
            else:
                parts.append(part_of(token, len(parts)))
        return tuple(parts), token.end()

    def _entry(self, key: re.Match[str], index: int) -> Part:
        colon = next(self.tokens)
        return Part(json.loads(key.group()), key.start(), colon.end(), self._node(next(self.tokens)), flow=True)

    def _item(self, first: re.Match[str], index: int) -> Part:
        node = self._node(first)
        return Part(index, node.start, node.start, node, flow=True)


def _editor(text: str) -> FlowEditor:
    found = INDENTED.search(text)
    step = found[1] if found else None
    newline = newline_of(text)

    def value(what: Any, indent: str | None) -> str:
        """In lines where the text around is, in one line where it is that."""
        written = json.dumps(what, ensure_ascii=False, indent=None if indent is None else step)
        return written.replace("\n", f"{newline}{indent}")

    return FlowEditor(text, Writer(value, lambda key: f"{json.dumps(key, ensure_ascii=False)}:"))
