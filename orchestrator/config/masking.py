"""Config texts as they may be shown: the secrets in them are covered, everything else stands as it was written."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.documents import Document, format_of
from orchestrator.config.errors import MASK, Mark, Path
from orchestrator.config.loading import read_document
from orchestrator.config.model import is_secret

__all__ = ["Masks", "masked_text"]


@dataclass
class Masks:
    """One mask for each secret, so that a comparison shows that a secret has changed and not what it is."""

    _known: dict[str, str] = field(default_factory=dict)

    def __call__(self, secret: str) -> str:
        return self._known.setdefault(secret, f"{MASK}{len(self._known) + 1}")


def masked_text(text: str, suffix: str, name: str, mask: Callable[[str], str] = lambda _: MASK) -> str:
    """A config text with every secret covered, to the end of its line; a lone reference such as ``${TOKEN}`` is none.

    :param mask: what stands in the place of a secret.
    :raises ConfigError: for a text that can't be read at all.
    """
    document = read_document(text, suffix, name)
    lines = _lines(text, suffix)
    marks = sorted({*document.values.values(), *document.keys.values()})
    for place, secret in sorted(_secrets(document).items(), reverse=True):
        _cover(lines, place, secret, mask(secret), next((each for each in marks if each > place), None))
    return "".join(lines)


def _secrets(document: Document) -> dict[Mark, str]:
    return {
        document.values[path]: str(value)
        for path, value in _scalars(document.data, ())
        if is_secret(path) and path in document.values and not _is_reference(value)
    }


def _scalars(value: Any, path: Path) -> list[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        return [found for key, inner in value.items() for found in _scalars(inner, (*path, str(key)))]
    if isinstance(value, list):
        return [found for index, inner in enumerate(value) for found in _scalars(inner, (*path, index))]
    return [] if value is None else [(path, value)]


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("${") and value.find("}") == len(value) - 1 and ":-" not in value


def _lines(text: str, suffix: str) -> list[str]:
    """The lines as the reader of the format counts them: for YAML some more letters than a newline end one."""
    return text.splitlines(keepends=True) if format_of(suffix, "") == "yaml" else re.split(r"(?<=\n)", text)


def _cover(lines: list[str], place: Mark, secret: str, mask: str, following: Mark | None) -> None:
    """Cover a value that begins at a place; one over several lines goes up to the next thing that has a place."""
    row = place.line - 1
    line = lines[row]
    in_one_line = any(written in line[place.column - 1 :] for written in _spellings(secret))
    lines[row] = line[: place.column - 1] + mask + ("\n" if line.endswith("\n") else "")
    if in_one_line:
        return
    last = len(lines) if following is None else max(following.line - 1, row + 1)
    if following is not None and following.line - 1 > row:
        tail = lines[following.line - 1]
        before = tail[: following.column - 1]
        if before.strip(" -\t?"):  # the end of the value stands there
            lines[following.line - 1] = " " * len(before) + tail[following.column - 1 :]
    del lines[row + 1 : last]


def _spellings(secret: str) -> set[str]:
    """How a value may stand in a line; of one that stands otherwise more is covered than need be."""
    quoted = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, secret.replace("'", "''"), *quoted}
