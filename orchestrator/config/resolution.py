"""Puts what references stand for in their places in a document.

Whether the result is text or is read as a plain YAML scalar depends on the option, as for any other format it must.
A job's command stays as it is: its definition is stored and shown, so the references in it are resolved when it runs.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args, get_origin

from orchestrator.config.documents import Document
from orchestrator.config.errors import Finding, Path
from orchestrator.config.model import TradingConfig, is_secret
from orchestrator.config.options import is_section, types_of
from orchestrator.config.references import (
    Failure,
    FromReference,
    Referenced,
    Surroundings,
    Unresolvable,
    carry,
    displayed,
    malformed,
    names_file,
    resolve,
)

__all__ = ["JOBS", "command_findings", "from_references", "is_command", "leaves", "resolve_document", "value_at"]

JOBS = ("schedule", "jobs")
UNKNOWN = object()
"""In the place of a type: nothing is looked up for what no option holds, and what is wrong with it is said anyway."""
OPTIONAL_TEXT = str | None
STORED = Failure(
    "what a job says is stored with it, and a file may hold a secret",
    "write ${NAME}, or the value itself; only command may name a file",
)


def resolve_document(document: Document, surroundings: Surroundings) -> None:
    """Resolve every reference in a document but those in jobs' commands.

    One without a value becomes a finding, and its path is broken.
    """
    document.data = _Resolver(document, surroundings).value(document.data, (), TradingConfig)


def command_findings(data: object, surroundings: Surroundings | None) -> list[Finding]:
    """What is wrong with the references in jobs' commands.

    :param surroundings: None if it is only to be asked whether they are well written.
    """
    return [
        Finding(path, None, failure.message, failure.remedy)
        for path, word in _command_words(data)
        for failure in (malformed(word) if surroundings is None else _failures(word, surroundings))
    ]


def from_references(data: object) -> Iterator[tuple[Path, FromReference]]:
    """The values in plain data that came from references."""
    return ((path, value) for path, value in leaves(data) if isinstance(value, FromReference))


def leaves(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """What stands in plain data besides mappings and lists."""
    if not isinstance(value, Mapping | list | tuple):
        yield path, value
    for step, inner in _entries(value):
        yield from leaves(inner, (*path, step))


def is_command(path: Path) -> bool:
    """Whether a path leads to a job's command."""
    return path[:2] == JOBS and path[3:] == ("command",)


def value_at(data: object, path: Path) -> object:
    """What plain data has at a path; None if there is nothing."""
    for step in path:
        data = dict(_entries(data)).get(step)
    return data


class _Resolver:
    def __init__(self, document: Document, surroundings: Surroundings) -> None:
        self.into, self.surroundings = document, surroundings

    def value(self, value: Any, path: Path, kind: Any) -> Any:
        if kind is UNKNOWN or is_command(path):
            return value
        if isinstance(value, dict):
            return {key: self.value(inner, (*path, key), _inner(kind, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner, (*path, step), _inner(kind, step)) for step, inner in enumerate(value)]
        return self.text(value, path, kind) if isinstance(value, str) and path else value

    def text(self, text: str, path: Path, kind: Any) -> Any:
        try:
            resolved = resolve(text, self.surroundings)
        except Unresolvable as error:
            return self.fail(text, path, error.failures)
        if path[:2] == JOBS and names_file(text):
            return self.fail(text, path, [STORED])
        if not isinstance(resolved, Referenced):
            return resolved
        self.into.references[path] = text
        return _read(resolved, kind)

    def fail(self, text: str, path: Path, failures: Iterable[Failure]) -> None:
        shown = displayed(text, is_secret(path))
        self.into.findings += [Finding(path, shown, failure.message, failure.remedy) for failure in failures]
        self.into.broken.append(path)


def _inner(kind: Any, step: str | int) -> Any:
    """The type of what stands at one step inside of a value of this type."""
    if kind is Any:
        return Any
    if is_section(kind):
        return types_of(kind).get(str(step), UNKNOWN)
    container = dict if isinstance(step, str) else list
    return get_args(kind)[-1] if get_origin(kind) is container else UNKNOWN


def _read(resolved: Referenced, kind: Any) -> Any:
    """A resolved text as a value of its option. Text stays text; but where there may be none, null is none."""
    if kind is str:
        return resolved
    from orchestrator.config.yaml_text import plain_value

    value = plain_value(resolved)
    return resolved if kind == OPTIONAL_TEXT and value is not None else carry(value, resolved.reference)


def _failures(word: str, surroundings: Surroundings) -> list[Failure]:
    try:
        resolve(word, surroundings)
    except Unresolvable as error:
        return error.failures
    return []


def _command_words(data: object) -> Iterator[tuple[Path, str]]:
    for name, job in _entries(value_at(data, JOBS)):
        for index, word in _entries(value_at(job, ("command",))):
            if isinstance(word, str):
                yield (*JOBS, name, "command", index), word


def _entries(value: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)
