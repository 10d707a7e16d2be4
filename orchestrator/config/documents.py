"""Config files as plain data that knows where in the text each value stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from orchestrator.config.errors import ConfigError, Finding, Mark, Path, Problem, dotted, outline
from orchestrator.config.model import is_secret
from orchestrator.config.references import displayed

__all__ = ["SUFFIXES", "Document", "check_depth", "format_of", "refuse"]

DEEPEST = 40


@dataclass
class Document:
    """A text that was read.

    :param name: of the file, as errors show it.
    :param data: mappings, lists, text, numbers, true, false and null.
    :param values: where each value begins.
    :param keys: where the key of each value in a mapping stands.
    :param findings: what is wrong with the text itself, though it could be read.
    :param broken: paths whose value could not be read; the data has null there.
    :param references: the texts that stood where the data has what their references stand for.
    """

    name: str
    data: Any = None
    values: dict[Path, Mark] = field(default_factory=dict)
    keys: dict[Path, Mark] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    broken: list[Path] = field(default_factory=list)
    references: dict[Path, str] = field(default_factory=dict)

    def problems(self, findings: Iterable[Finding]) -> list[Problem]:
        """The findings with their places, in the order of the text."""
        placed = [(self._mark(each), self._discreet(each)) for each in findings]
        placed.sort(key=lambda pair: (pair[0] or Mark(0, 0), dotted(pair[1].path)))
        return [_problem(self.name, mark, each) for mark, each in placed]

    def _discreet(self, finding: Finding) -> Finding:
        """The finding, with the reference for its value if there is one."""
        reference = None if finding.at_key else self.references.get(finding.path)
        shown = outline(finding.value) if reference is None else displayed(reference, is_secret(finding.path))
        return replace(finding, value=shown)

    def _mark(self, finding: Finding) -> Mark | None:
        """The place of the finding's path, or of the nearest thing around it that has a place in the text."""
        if finding.mark is not None:
            return finding.mark
        path = finding.path
        if path in self.values:
            return self.keys.get(path, self.values[path]) if finding.at_key else self.values[path]
        around = [path[:length] for length in range(len(path) - 1, -1, -1)]
        return next((self.keys.get(each, self.values[each]) for each in around if each in self.values), None)


def refuse(name: str, message: str, remedy: str = "", mark: Mark | None = None) -> NoReturn:
    """Raise ConfigError for a text that cannot be read at all."""
    raise ConfigError([_problem(name, mark, Finding((), None, message, remedy))])


def check_depth(name: str, path: Path, mark: Mark) -> None:
    """Raise ConfigError for what is nested more deeply than a config can be."""
    if len(path) > DEEPEST:
        refuse(name, f"nested more than {DEEPEST} deep", "flatten it", mark)


def _problem(name: str, mark: Mark | None, finding: Finding) -> Problem:
    line, column = mark or (None, None)
    path = dotted(finding.path)
    return Problem(name, line, column, path, finding.value, finding.message, finding.remedy)


def format_of(suffix: str, name: str) -> str:
    """``yaml``, ``toml`` or ``json``, by the suffix of a file; raises ConfigError for another one."""
    if suffix.lower() not in SUFFIXES:
        message = f"{suffix!r} is no suffix of a config file" if suffix else "the file's name has no suffix"
        refuse(name, message, f"use {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix.lower()]


SUFFIXES: Mapping[str, str] = {".yaml": "yaml", ".yml": "yaml", ".toml": "toml", ".json": "json"}
