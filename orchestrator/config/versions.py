"""Former states of a config file, as files in a folder beside it, and a log of who made which of them when and why."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from orchestrator.config.files import append, make_folder, remove_leftovers, replace_file, sync_folder

__all__ = ["Note", "Version", "VersionFolder", "version_of"]

DIGITS = 12
FEWEST_DIGITS = 4
STAMP = "%Y%m%dT%H%M%SZ"
UNKNOWN = "unknown"
"""The author of a version that the log does not know."""


@dataclass(frozen=True, slots=True)
class Version:
    """A content that the file had.

    :param version: the first digits of the SHA-256 of its bytes.
    :param at: when the file got it last, in UTC.
    :param author: who did that: cli, reload, api; file for what was edited by hand.
    """

    version: str
    at: datetime
    author: str
    reason: str
    path: Path


@dataclass(frozen=True, slots=True)
class Note:
    """A content that is to be kept, and what the log is to say of it."""

    content: bytes
    at: datetime
    author: str
    reason: str


class _File(NamedTuple):
    number: int
    at: datetime
    version: str
    path: Path


class _Line(NamedTuple):
    version: str
    at: datetime
    author: str
    reason: str


def version_of(content: bytes) -> str:
    """What the version with this content is called."""
    return sha256(content).hexdigest()[:DIGITS]


class VersionFolder:
    """The versions of one config file, one for each content.

    They are named by number, time and content: ``config.paper.v0002.20261124T143000Z.1f0c3a9b27de.yaml``, and what is
    known of them is in ``config.paper.yaml.log``, a line of JSON for each time that the file got one of them. A line
    that cannot be read says nothing, and a version without a line is listed all the same.
    """

    def __init__(self, folder: Path, config_path: Path) -> None:
        self.folder = folder
        self.suffix = config_path.suffix
        self.stem = config_path.stem
        self.log = folder / f"{config_path.name}.log"
        self._pattern = (
            rf"{re.escape(self.stem)}\.v(\d+)\.(\d{{8}}T\d{{6}}Z)\.([0-9a-f]{{{DIGITS}}}){re.escape(self.suffix)}"
        )

    def paths(self) -> list[Path]:
        """The files of the versions, newest first."""
        return [record.path for record in self.records()]

    def records(self) -> list[Version]:
        """The versions, newest first: each where the file got it last."""
        files, last = self._files(), {line.version: (place, line) for place, line in enumerate(self._lines())}
        placed, place = [], -1
        for file in files:  # one without a line stands behind those that were stored before it
            at, line = last.get(file.version, (place, None))
            place = max(place, at)
            placed.append((at, file.number, _record(file, line)))
        return [record for *_, record in sorted(placed, key=lambda each: each[:2], reverse=True)]

    def find(self, version: str | os.PathLike[str]) -> Version:
        """A version by its path, the name of its file, or at least 4 digits with which it begins.

        :raises FileNotFoundError: if there is none.
        :raises LookupError: if there are several.
        """
        records, wanted = self.records(), os.fspath(version)
        for record in records:
            if record.path.name == wanted or record.path.resolve() == Path(wanted).resolve():
                return record
        found = [record for record in records if record.version.startswith(wanted.lower())]
        if len(wanted) < FEWEST_DIGITS or not found:
            raise FileNotFoundError(f"no version {wanted!r} in {self.folder}; {_remedy(wanted)}")
        if len(found) > 1:
            listed = ", ".join(record.version for record in found)
            raise LookupError(f"several versions begin with {wanted!r}: {listed}; write more digits")
        return found[0]

    @contextmanager
    def keeping(self, notes: Sequence[Note]) -> Iterator[None]:
        """Keep versions while something is done that fails or not; if it fails, they are taken back.

        They are on the disk before it begins: whatever is lost then, no content is. To be used by one process at a
        time.

        :raises OSError: if they cannot be kept.
        """
        undo = ExitStack()
        try:
            self._prepare(undo)
            for note in notes:
                self._store(note, undo)
            self._write_down(notes, undo)
            sync_folder(self.folder)
            yield
        except Exception:
            undo.close()
            raise

    def _prepare(self, undo: ExitStack) -> None:
        if not self.folder.exists():
            undo.callback(self._remove_folder)
            make_folder(self.folder, 0o700)
        remove_leftovers(self.folder, self._pattern)

    def _store(self, note: Note, undo: ExitStack) -> None:
        version, files = version_of(note.content), self._files()
        if all(file.version != version for file in files):
            number = files[-1].number + 1 if files else 1
            path = self.folder / f"{self.stem}.v{number:04}.{note.at.astimezone(UTC):{STAMP}}.{version}{self.suffix}"
            replace_file(path, note.content)
            undo.callback(path.unlink)

    def _write_down(self, notes: Sequence[Note], undo: ExitStack) -> None:
        size = self.log.stat().st_size if self.log.exists() else None
        undo.callback(self._shorten_log, size)
        torn = b"\n" if size and not self.log.read_bytes().endswith(b"\n") else b""
        append(self.log, torn + b"".join(map(_line, notes)))

    def _remove_folder(self) -> None:
        with suppress(FileNotFoundError):
            self.folder.rmdir()

    def _shorten_log(self, size: int | None) -> None:
        if size is None:
            self.log.unlink(missing_ok=True)
        else:
            os.truncate(self.log, size)

    def _files(self) -> list[_File]:
        """The files of the versions, in the order in which they were stored."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        matches = (re.fullmatch(self._pattern, name) for name in names)
        return sorted(
            _File(int(match[1]), at, match[3], self.folder / match[0])
            for match in matches
            if match is not None and (at := _time(match[2])) is not None
        )

    def _lines(self) -> Iterator[_Line]:
        """What can be read of the log. Its last line is torn where a disk was full or a machine went down."""
        try:
            content = self.log.read_bytes()
        except FileNotFoundError:
            return
        yield from filter(None, map(_understood, content.splitlines()))


def _understood(line: bytes) -> _Line | None:
    """What a line of the log says; None for what is none."""
    try:
        said = json.loads(line)
        texts = [said[key] for key in ("version", "at", "author", "reason")]
        if not all(isinstance(text, str) for text in texts):
            return None
        version, at, author, reason = texts
        return _Line(version, datetime.fromisoformat(at).astimezone(UTC), author, reason)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _time(stamp: str) -> datetime | None:
    try:
        return datetime.fromisoformat(stamp)
    except ValueError:
        return None


def _line(note: Note) -> bytes:
    said = {
        "version": version_of(note.content),
        "at": note.at.isoformat(),
        "author": note.author,
        "reason": note.reason,
    }
    return json.dumps(said, ensure_ascii=False).encode() + b"\n"


def _record(file: _File, line: _Line | None) -> Version:
    if line is None:
        return Version(file.version, file.at, UNKNOWN, "", file.path)
    return Version(file.version, line.at, line.author, line.reason, file.path)


def _remedy(wanted: str) -> str:
    short = len(wanted) < FEWEST_DIGITS and set(wanted.lower()) <= set("0123456789abcdef")
    return f"write at least {FEWEST_DIGITS} digits of it" if short else "list_versions() names them"
