"""Strict YAML: what looks like text is text, and nothing stands twice.

Read from the parser's events, not by a loader, so that each value comes with its place, and YAML 1.1's
surprises never arise: ``9:30`` is not 570, ``on`` is not true, ``010`` is not 8, and a date is text. Plain
scalars follow YAML 1.2: null, true and false, decimal integers, decimal fractions.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from yaml.reader import ReaderError

from orchestrator.config.documents import Document, check_depth, refuse
from orchestrator.config.errors import Finding, Mark, Path, shown

__all__ = ["plain_value", "read"]

SCALARS: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
    (re.compile(r"~|null|Null|NULL|"), lambda text: None),
    (re.compile(r"true|True|TRUE"), lambda text: True),
    (re.compile(r"false|False|FALSE"), lambda text: False),
    (re.compile(r"[-+]?(0|[1-9][0-9]{0,17})"), int),
    (re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?"), float),
)
"""What a plain scalar is, and how it is read; everything else is text."""

HINTS = {
    "mapping values are not allowed": "check the indentation, and put text that holds ': ' in quotes",
    "could not find expected ':'": "write key: value",
    "cannot start any token": "put the text in quotes",
    "but found '<scalar>'": "put the text in quotes, or look for a missing comma",
    "expected <block end>": "indent it like its neighbours",
    "sequence entries are not allowed": "put the text in quotes, or write the list in lines below",
    "expected alphabetic or numeric character": "put text that begins with * or & in quotes",
    "unknown escape": "use single quotes around text with backslashes",
    "unexpected end of stream": "close the quotes",
}
"""By a part of the parser's own words: what is probably to be done."""


def plain_value(text: str) -> Any:
    """What an unquoted scalar means."""
    for pattern, value in SCALARS:
        if pattern.fullmatch(text):
            return value(text)
    return text


def read(text: str, name: str) -> Document:
    """Read one YAML document.

    :raises ConfigError: if it is not YAML, has more than one document, or is nested too deeply.
    """
    document = Document(name)
    _Reader(document, _events(text, name)).whole()
    return document


def _events(text: str, name: str) -> Iterator[Event]:
    """The parser's events, by libyaml where it is built in: it is 20 times faster.

    But it is lenient with tabs, and PyYAML's own has the better words: whatever may be wrong is left to that.
    """
    fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if "\t" not in text:
        with suppress(yaml.YAMLError, UnicodeEncodeError):
            return iter(list(yaml.parse(text, Loader=fast)))
    try:
        return iter(list(yaml.parse(text, Loader=yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        _refuse_syntax(error, text, name)
    except ReaderError as error:
        before = text[: error.position]
        mark = Mark(before.count("\n") + 1, error.position - before.rfind("\n"))
        refuse(name, f"the character U+{error.character:04X} cannot stand in YAML", "remove it", mark)


def _refuse_syntax(error: yaml.MarkedYAMLError, text: str, name: str) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    place = Mark(mark.line + 1, mark.column + 1) if mark else None
    if mark and text[mark.index : mark.index + 1] == "\t":
        refuse(name, "a tab cannot stand here", "use spaces", place)
    words = str(error.problem or error.context)
    began = error.context_mark
    where = f" {error.context} that begins on line {began.line + 1}" if error.problem and began else ""
    hint = next((remedy for part, remedy in HINTS.items() if part in words), "")
    refuse(name, f"not valid YAML: {words}{where}", hint, place)


def _mark(event: Any) -> Mark:
    start = event.start_mark
    return Mark(start.line + 1, start.column + 1)


class _Reader:
    """Makes plain data of events, and notes in the document where things stand and what is wrong."""

    def __init__(self, document: Document, events: Iterator[Event]) -> None:
        self.into = document
        self.events = events

    def whole(self) -> None:
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                self._one_document(event)

    def _one_document(self, start: Event) -> None:
        if self.into.values:
            refuse(self.into.name, "a second document begins here", "keep one in a file", _mark(start))
        self.into.data = self._node(self._next(), ())

    def _node(self, event: Any, path: Path) -> Any:
        mark = self.into.values[path] = _mark(event)
        check_depth(self.into.name, path, mark)
        tag = getattr(event, "tag", None)
        if tag is not None:
            shorter = tag.replace("tag:yaml.org,2002:", "!!")
            self._broken(path, shorter, f"the tag {shorter} is not read", "remove it, and quote what is text")
        if isinstance(event, MappingStartEvent):
            return self._mapping(path)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path)
        if isinstance(event, AliasEvent):
            self._broken(path, f"*{event.anchor}", f"the alias *{event.anchor} is not read", "write it out")
            return None
        return plain_value(event.value) if event.implicit[0] else event.value

    def _next(self) -> Any:
        return next(self.events)

    def _sequence(self, path: Path) -> list[Any]:
        data: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            data.append(self._node(event, (*path, len(data))))
        return data

    def _mapping(self, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(key := self._next(), MappingEndEvent):
            mark = _mark(key)
            wrong = self._key_problem(key, mark, path, data)
            if wrong is None:
                here = (*path, key.value)
                self.into.keys[here] = mark
                data[key.value] = self._node(self._next(), here)
            else:
                self.into.findings.append(wrong)
                self._skip(key)
                self._skip(self._next())
        return data

    def _key_problem(self, key: Any, mark: Mark, path: Path, so_far: dict[str, Any]) -> Finding | None:
        """Why a key cannot be read; its value is then passed over."""
        if not isinstance(key, ScalarEvent):
            return Finding(path, None, "a key is one word or quoted text", "write key: value", mark=mark)
        if key.value == "<<" and key.implicit[0]:
            return Finding(path, "<<", "merge keys (<<) are not read", "write the keys out", mark=mark)
        if key.value in so_far:
            here = (*path, key.value)
            message = f"{shown(key.value)} stands here twice, first on line {self.into.keys[here].line}"
            return Finding(here, key.value, message, "remove one of the two", mark=mark)
        return None

    def _skip(self, event: Event) -> None:
        """Pass over a node that has begun with this event."""
        depth = int(isinstance(event, CollectionStartEvent))
        while depth:
            event = self._next()
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)

    def _broken(self, path: Path, value: str, message: str, remedy: str) -> None:
        self.into.broken.append(path)
        self.into.findings.append(Finding(path, value, message, remedy))
