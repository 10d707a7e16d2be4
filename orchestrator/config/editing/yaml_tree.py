"""The tree of a YAML text, from the parser's events and the places of its dashes, colons and commas."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml
from yaml.events import CollectionEndEvent, DocumentStartEvent, MappingStartEvent, ScalarEvent, SequenceStartEvent
from yaml.tokens import BlockEntryToken, FlowEntryToken, KeyToken, Token, ValueToken

from orchestrator.config.editing.text_tree import BREAKS, CannotEdit, Node, Part, line_end, line_start
from orchestrator.config.yaml_text import plain_value

__all__ = ["tree_of"]


class _Loader(yaml.SafeLoader):
    """The parser that tells in full where things stand, and keeps the tokens too."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.taken: list[Token] = []

    def get_token(self) -> Token:
        token: Token = super().get_token()  # type: ignore[no-untyped-call]
        self.taken.append(token)
        return token

    def events(self) -> Iterator[Any]:
        while self.check_event():
            yield self.get_event()  # type: ignore[no-untyped-call]


class _Places:
    """The places of one kind of token, in the order of the text."""

    def __init__(self, tokens: list[Token], kind: type[Token]) -> None:
        self._all: list[int] = [token.start_mark.index for token in tokens if isinstance(token, kind)]

    def before(self, place: int) -> int:
        index = bisect_left(self._all, place) - 1
        if index < 0:
            raise CannotEdit("a key or dash that is not found")
        return self._all[index]

    def between(self, start: int, end: int) -> int | None:
        """The first one from `start` to `end`, both included."""
        index = bisect_left(self._all, start)
        return self._all[index] if index < len(self._all) and self._all[index] <= end else None


def tree_of(text: str) -> Node | None:
    """The tree of a YAML text; None if it has no document.

    :raises CannotEdit: for what is not YAML, for an alias, and for a key that is no scalar.
    """
    try:
        loader = _Loader(text)
        events = list(loader.events())
    except yaml.YAMLError as error:
        raise CannotEdit("not YAML") from error
    return _Builder(text, events, loader.taken).whole()


class _Builder:
    def __init__(self, text: str, events: list[Any], tokens: list[Token]) -> None:
        self.text = text
        self.events = iter(events)
        self.keys = _Places(tokens, KeyToken)
        self.dashes = _Places(tokens, BlockEntryToken)
        self.colons = _Places(tokens, ValueToken)
        self.commas = _Places(tokens, FlowEntryToken)

    def whole(self) -> Node | None:
        started = any(isinstance(event, DocumentStartEvent) for event in self.events)
        return self._node(next(self.events)) if started else None

    def _node(self, event: Any) -> Node:
        start, end = _span(event)
        if isinstance(event, ScalarEvent):
            value = plain_value(event.value) if event.implicit[0] else event.value
            return Node(start, self._scalar_end(start, end, event.style), value)
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            return self._collection(event)
        raise CannotEdit("an alias")

    def _scalar_end(self, start: int, end: int, style: str | None) -> int:
        """The parser takes empty lines behind a block of text for a part of it, which they are only after ``|+``."""
        if style not in ("|", ">"):
            return end
        if "+" in self.text[start : line_end(self.text, start)].partition("#")[0]:
            return line_end(self.text, line_start(self.text, end - 1))
        return start + len(self.text[start:end].rstrip(f" \t{BREAKS}"))

    def _collection(self, event: Any) -> Node:
        start, flow, mapping = _span(event)[0], event.flow_style, isinstance(event, MappingStartEvent)
        parts: list[Part] = []
        while not isinstance(first := next(self.events), CollectionEndEvent):
            parts.append(self._entry(first, flow) if mapping else self._item(first, len(parts), flow))
        value: Any = {part.key: part.node.value for part in parts} if mapping else [part.node.value for part in parts]
        bracket, end = _span(first)
        if not flow:
            return Node(start, parts[-1].end, value, tuple(parts), odd=self.text[start] in "&!")
        whole = self.text[start] in "{["  # in lists there are pairs without braces
        end = max(end, *(part.end for part in parts[-1:]), start)
        return Node(start, end, value, self._with_commas(parts, bracket), flow=True, odd=not whole)

    def _entry(self, key: Any, flow: bool) -> Part:
        if not isinstance(key, ScalarEvent):
            raise CannotEdit("a key that is no scalar")
        start, end = _span(key)
        node = self._node(next(self.events))
        colon = self.colons.between(end, node.start)
        if colon is None:
            return Part(key.value, start, end, replace(node, odd=True), flow=flow)
        marker = self.keys.before(start + 1)
        return Part(key.value, marker if self.text[marker] == "?" else start, colon + 1, node, flow=flow)

    def _item(self, first: Any, index: int, flow: bool) -> Part:
        node = self._node(first)
        dash = node.start if flow else self.dashes.before(node.start)
        return Part(index, dash, node.start if flow else dash + 1, node, flow=flow)

    def _with_commas(self, parts: list[Part], end: int) -> tuple[Part, ...]:
        """The parts of a collection in brackets, each with the comma between it and the next or the end."""
        ends = [*(part.start for part in parts[1:]), end]
        found = (self.commas.between(part.end, following) for part, following in zip(parts, ends, strict=False))
        return tuple(replace(part, comma=comma) for part, comma in zip(parts, found, strict=True))


def _span(event: Any) -> tuple[int, int]:
    return event.start_mark.index, event.end_mark.index
