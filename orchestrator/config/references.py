"""References in the texts of a config, and the values that remember which reference they came from.

::

    ${NAME}             an environment variable, which must be set and not empty
    ${NAME:-default}    the same, with a text for when it is not
    ${file:PATH}        what a file says, without the newline at its end; a relative path starts at the config file
    $${                 a plain ${

What a reference stands for is for use only. Whatever shows or writes the config takes the reference in its place.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = [
    "MASK",
    "Failure",
    "FromReference",
    "Referenced",
    "ReferencedFloat",
    "ReferencedInt",
    "Surroundings",
    "Unresolvable",
    "carry",
    "displayed",
    "escaped",
    "holds_secret",
    "malformed",
    "names_file",
    "resolve",
    "resolve_each",
    "watched_files",
]

MASK = "***"
LARGEST_FILE = 65_536
"""Bytes. A secret is a line or a key; what is larger is another file than was meant."""

REFERENCE = re.compile(
    r"""\$(?:
        (?P<plain>\$\{)
      | \{(?: file:(?P<file>[^{}\0\n]+)
            | (?P<name>[A-Za-z_][A-Za-z0-9_]*) (?: :-(?P<default>(?:(?!\$\{)[^}])*) )?
          )\}
      | (?P<wrong>\{[^}]*\}?)
    )""",
    re.VERBOSE,
)
NOTHING = (None, "", "null")
"""Defaults that say nothing."""
LAST_NEWLINE = re.compile(r"\r?\n\Z")
HOW_TO_WRITE = "write ${NAME}, ${NAME:-default} or ${file:PATH}, or $${ for a plain ${"


class FromReference:
    """A value that a reference stood for. It is used like any other, but ``repr`` has the reference.

    :ivar reference: the whole text as it stood in the file; there may be more than the reference in it.
    """

    reference: str

    @property
    def shown(self) -> str:
        """The reference for whoever does not know whether its option is secret: what would be used without it is not
        told."""
        return REFERENCE.sub(_without_default, self.reference)

    def __repr__(self) -> str:
        return repr(self.shown)


class Referenced(FromReference, str):
    """A text that a reference stood for."""

    def __new__(cls, value: str, reference: str) -> "Referenced":
        made = super().__new__(cls, value)
        made.reference = reference
        return made

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]
        return str(self), self.reference


class ReferencedInt(FromReference, int):
    """A whole number that a reference stood for."""

    __str__ = int.__repr__

    def __new__(cls, value: int, reference: str) -> "ReferencedInt":
        made = super().__new__(cls, value)
        made.reference = reference
        return made

    def __getnewargs__(self) -> tuple[int, str]:  # type: ignore[override]
        return int(self), self.reference


class ReferencedFloat(FromReference, float):
    """A number that a reference stood for."""

    __str__ = float.__repr__

    def __new__(cls, value: float, reference: str) -> "ReferencedFloat":
        made = super().__new__(cls, value)
        made.reference = reference
        return made

    def __getnewargs__(self) -> tuple[float, str]:  # type: ignore[override]
        return float(self), self.reference


CARRIERS: Mapping[type, type[Referenced | ReferencedInt | ReferencedFloat]] = {
    str: Referenced,
    int: ReferencedInt,
    float: ReferencedFloat,
}
"""True, false and null can't carry anything."""


def carry(value: Any, reference: str) -> Any:
    """The value, remembering its reference if it is text or a number."""
    carrier = CARRIERS.get(type(value))
    return value if carrier is None else carrier(value, reference)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a reference has no value, and what would be right. Neither text has anything of a value in it."""

    message: str
    remedy: str


class Unresolvable(ValueError):
    """References of a text have no value; `failures` has all of them."""

    def __init__(self, failures: list[Failure]) -> None:
        self.failures = failures
        super().__init__("; ".join(f"{each.message}; {each.remedy}" for each in failures))


@dataclass(frozen=True)
class Surroundings:
    """Where references are looked up.

    :param folder: where relative paths start.
    """

    folder: Path = Path()
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def lookup(self, match: re.Match[str]) -> str | Failure:
        """What one match of REFERENCE stands for."""
        if match["plain"]:
            return "${"
        if match["file"]:
            return _content(_path(match["file"], self.folder))
        return _misspelt(match) or self._variable(match["name"], match["default"])

    def _variable(self, name: str, default: str | None) -> str | Failure:
        if value := self.environ.get(name):
            return value
        if default is not None:
            return default
        what = "is empty" if name in self.environ else "is not set"
        return Failure(f"the environment variable {name} {what}", f"set it, or write ${{{name}:-default}}")


def resolve(text: str, surroundings: Surroundings) -> str:
    """A text with what its references stand for: a `Referenced`, or plain text if it has none.

    :raises Unresolvable: with every reference that has no value.
    """
    failures: list[Failure] = []

    def value(match: re.Match[str]) -> str:
        found = surroundings.lookup(match)
        if isinstance(found, Failure):
            failures.append(found)
            return ""
        return found

    resolved = REFERENCE.sub(value, text)
    if failures:
        raise Unresolvable(failures)
    return Referenced(resolved, text) if any(_references(text)) else resolved


def resolve_each(texts: Iterable[str], surroundings: Surroundings) -> list[str]:
    """As `resolve`, of several texts.

    :raises Unresolvable: with every reference in any of them that has no value.
    """
    resolved, failures = [], []
    for text in texts:
        try:
            resolved.append(resolve(text, surroundings))
        except Unresolvable as error:
            failures += error.failures
    if failures:
        raise Unresolvable(failures)
    return resolved


def malformed(text: str) -> list[Failure]:
    """What looks like a reference in a text, and is none."""
    wrong = (_misspelt(match) for match in REFERENCE.finditer(text))
    return [failure for failure in wrong if failure is not None]


def names_file(text: str) -> bool:
    """Whether a reference in a text is to a file."""
    return any(match["file"] for match in _references(text))


def escaped(text: str) -> str:
    """The text that stands for this one in a file."""
    return text.replace("${", "$${")


def displayed(reference: str, secret: bool) -> str:
    """How the text of a file is shown that holds a reference.

    :param secret: then what stands around a reference, and what would be used without it, is part of the secret.
    """
    if not secret:
        return reference
    match = REFERENCE.fullmatch(reference)
    return _without_default(match) if match and (match["file"] or match["name"]) else MASK


def holds_secret(text: str) -> bool:
    """Whether the text of a secret option holds a secret itself: more than a reference, or what is used without it.

    Of a text with a reference in it the rest is taken to be none: the secret part of an address is at its end.
    """
    found = [*_references(text)]
    return any(match["default"] not in NOTHING for match in found) if found else bool(text)


def watched_files(text: str, base_dir: Path) -> tuple[Path, ...]:
    """The files, as absolute paths, whose content a config's text refers to: they may change while the text does not.

    :param text: of the config file, in any format. What only its comments name is among them.
    """
    return tuple(sorted({_path(match["file"], base_dir) for match in _references(text) if match["file"]}))


def _references(text: str) -> Iterator[re.Match[str]]:
    return (match for match in REFERENCE.finditer(text) if not match["plain"])


def _without_default(match: re.Match[str]) -> str:
    return f"${{{match['name']}:-{MASK}}}" if match["default"] else match[0]


def _misspelt(match: re.Match[str]) -> Failure | None:
    if not match["wrong"]:
        return None
    what = "is no reference" if match["wrong"].endswith("}") else "is not closed"
    return Failure(f"a ${{ in it {what}", HOW_TO_WRITE)


def _path(text: str, folder: Path) -> Path:
    return folder.absolute() / os.path.expanduser(text)


def _content(path: Path) -> str | Failure:
    try:
        # A pipe that nobody writes to must not hold up whoever reads the config.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            content = file.read(LARGEST_FILE + 1) if regular else None
    except OSError as error:
        return Failure(f"the file {path} can't be read: {error.strerror}", "put it there, or name another")
    return _text(path, content)


def _text(path: Path, content: bytes | None) -> str | Failure:
    """What a file says, which must be something and not much; None is the content of what is no regular file."""
    if content is None:
        return Failure(f"{path} is no regular file", "name one that holds the value and nothing else")
    if len(content) > LARGEST_FILE:
        return Failure(f"the file {path} is larger than {LARGEST_FILE // 1024} KiB", "name one that holds the value")
    try:
        text = content.decode()
    except UnicodeDecodeError:  # it would repeat the content
        return Failure(f"the file {path} is not UTF-8", "save it as UTF-8")
    return LAST_NEWLINE.sub("", text) or Failure(f"the file {path} is empty", "write the value into it")
