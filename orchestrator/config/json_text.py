"""JSON with the place of each value, and no key twice."""

import json
import re
from collections.abc import Iterator
from typing import Any

from orchestrator.config.documents import Document, check_depth, refuse
from orchestrator.config.errors import Finding, Mark, Path, shown

__all__ = ["read", "write"]

HINTS = (
    (re.compile(r"'"), "write double quotes"),
    (re.compile(r"(True|False|None)\b"), "write true, false or null"),
    (re.compile(r"//|/\*|#"), "remove the comment, which JSON has not, or use YAML"),
    (re.compile(r"[}\]]|,\s*[}\]]"), "remove the comma before the end"),
    (re.compile(r'"[^"\n]*"\s*:'), "write a comma before it"),
    (re.compile(r"[A-Za-z_]\w*\s*:"), "put the key in double quotes"),
    (re.compile(r"\d"), "write the number without leading zeros"),
    (re.compile(r"\\"), "write two backslashes"),
    (re.compile(r"\n"), r"close the quotes, or write \n for the line's end"),
)
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def read(text: str, name: str) -> Document:
    """Read a JSON text; an empty one is an empty config.

    :raises ConfigError: if it is not JSON.
    """
    document = Document(name)
    if text.strip():
        document.data = _parsed(text, name)
        _Places(document, text).whole()
    return document


def write(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _parsed(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        refuse(name, f"not valid JSON: {error.msg}", _hint(text, error), Mark(error.lineno, error.colno))
    except RecursionError:
        refuse(name, "nested too deeply", "flatten it")
    except ValueError:
        refuse(name, "a number has too many digits", "write fewer")


def _hint(text: str, error: json.JSONDecodeError) -> str:
    """What is probably to be done, by what stands where the text stops being JSON."""
    return next((remedy for pattern, remedy in HINTS if pattern.match(text, error.pos)), "")


class _Places:
    """Walks over the tokens of a text that is known to be JSON, and notes in the document where things stand.

    Of two equal keys `json` has read the second, so the second's places are kept.
    """

    def __init__(self, document: Document, text: str) -> None:
        self.into = document
        self.tokens = _tokens(text)

    def whole(self) -> None:
        self._value(*next(self.tokens), ())

    def _value(self, part: str, mark: Mark, path: Path) -> None:
        check_depth(self.into.name, path, mark)
        self.into.values[path] = mark
        if part == "{":
            self._object(path)
        elif part == "[":
            self._array(path)

    def _object(self, path: Path) -> None:
        seen: dict[str, int] = {}
        for part, mark in self._until("}"):
            key = json.loads(part)
            if key in seen:
                message = f"{shown(key)} stands here twice, first on line {seen[key]}"
                self.into.findings.append(Finding((*path, key), key, message, "remove one of the two", mark=mark))
            seen.setdefault(key, mark.line)
            self.into.keys[*path, key] = mark
            next(self.tokens)
            self._value(*next(self.tokens), (*path, key))

    def _array(self, path: Path) -> None:
        for index, (part, mark) in enumerate(self._until("]")):
            self._value(part, mark, (*path, index))

    def _until(self, end: str) -> Iterator[tuple[str, Mark]]:
        """The first token of each member, up to the end of the object or array."""
        for part, mark in self.tokens:
            if part == end:
                return
            if part != ",":
                yield part, mark


def _tokens(text: str) -> Iterator[tuple[str, Mark]]:
    line, start, last = 1, 0, 0
    for match in TOKEN.finditer(text):
        gap = text.count("\n", last, match.start())
        if gap:
            line, start = line + gap, text.rindex("\n", last, match.start()) + 1
        last = match.start()
        yield match.group(), Mark(line, match.start() - start + 1)
