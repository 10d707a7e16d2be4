"""The documented way to a config file: load, save, reload, and back to a former version."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from calendars import Clock, SystemClock
from orchestrator.config.documents import format_of
from orchestrator.config.editing.merging import agree
from orchestrator.config.editing.place import Place, edited, written
from orchestrator.config.errors import ConfigError, Problem
from orchestrator.config.files import locked, make_folder, remove_leftovers, replace_file, sync_folder
from orchestrator.config.loading import from_dict, read_text
from orchestrator.config.model import TradingConfig
from orchestrator.config.plain import to_dict
from orchestrator.config.versions import Note, Version, VersionFolder, version_of

__all__ = ["ConfigConflict", "ConfigManager"]

VERSION_DIR = ".config_versions"
NO_FILE = "no file"
BY_HAND = "file"
"""The author of what nobody has saved through a manager."""
MOST_TOLD = 8


class ConfigConflict(ConfigError):
    """The file is not what it was when it was loaded. Nothing was written, and nothing is lost."""


class ConfigManager:
    """Reads and writes one config file. Constructing one touches nothing.

    What it hands out is the caller's to change. The current config is changed by `load`, `reload`, `save` and
    `restore_version` only, and by none of them if it fails.

    Managers of one file, in one process or in several, wait for each other when they write.

    :param config_path: a ``.yaml``, ``.toml`` or ``.json`` file.
    :param enable_versioning: keep what was saved, and what a save replaces.
    :param version_dir: where; ``.config_versions`` beside the file if not given.
    """

    def __init__(
        self,
        config_path: str | os.PathLike[str],
        enable_versioning: bool = True,
        version_dir: str | os.PathLike[str] | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.config_path = Path(config_path)
        self.enable_versioning = enable_versioning
        self.version_dir = Path(version_dir) if version_dir is not None else self.config_path.parent / VERSION_DIR
        self._clock = clock or SystemClock()
        self._current: TradingConfig | None = None
        self._known: str | None = None
        """The version that the file was when this manager last read or wrote it; None before that."""

    def load(self) -> TradingConfig:
        """Read the file.

        :raises ConfigError: with everything that is wrong with it.
        :raises FileNotFoundError: saying how to make one.
        """
        place = self._place()
        format_of(place.suffix, place.name)
        try:
            text = read_text(self.config_path)
        except FileNotFoundError:
            self._known = NO_FILE
            raise
        config = place.read(text)
        self._known = version_of(text.encode())
        return self._take(config)

    def reload(self) -> TradingConfig:
        """Read the file again. Where `load` raises, so does this, and the current config stays."""
        return self.load()

    def get_current_config(self) -> TradingConfig | None:
        """The config last loaded or saved; None before that."""
        return deepcopy(self._current)

    def save(
        self, config: TradingConfig, create_version: bool = True, *, author: str = "api", reason: str = ""
    ) -> None:
        """Make the file say a config: all of it or, if anything fails, nothing.

        Only what differs is written; comments and all else stay. If nothing differs the file is not touched. If
        something does, sets `updated_at` of the config, and `created_at` if it has none, to the present time.

        A manager that has neither loaded nor saved the file overwrites whatever is there.

        :param author: who saves: api, cli, reload; for the history.
        :param reason: why; what was changed, if not given. Secrets are masked in that, and should not be in this.
        :raises ConfigError: with everything that is wrong with the config.
        :raises ConfigConflict: if the file was changed by someone else since it was loaded.
        :raises OSError: if it can't be written.
        """
        checked = from_dict(to_dict(config), str(self.config_path))
        with self._held():
            found = self._found()
            old = self._meaning(found)
            if found is not None and old is not None and agree(old, _stamped(checked, old, old.updated_at)):
                self._known = version_of(found)
            else:
                checked = _stamped(checked, old, self._clock.now().isoformat(timespec="seconds"))
                content = self._text(found, old, checked).encode()
                keep = create_version and self.enable_versioning
                self._put(found, content, keep, author, reason or _told(found, old, checked))
                config.created_at, config.updated_at = checked.created_at, checked.updated_at
        self._take(checked)

    def list_versions(self) -> list[Path]:
        """The versions that were kept, newest first."""
        return self._versions().paths()

    def restore_version(
        self, version: str | os.PathLike[str], *, author: str = "api", reason: str = ""
    ) -> TradingConfig:
        """Make a version the file's text again, to the byte. What the file is now is kept.

        :param version: a path from `list_versions`, its last part, or at least 4 digits of the version.
        :param author: as of `save`.
        :param reason: as of `save`.
        :raises FileNotFoundError: if there is no such version.
        :raises LookupError: if there are several.
        :raises ConfigError: if it is not a config that can be used now.
        :raises ConfigConflict: if the file was changed by someone else since it was loaded.
        :raises OSError: if it can't be written.
        """
        record = self._versions().find(version)
        return self._restore(read_text(record.path), str(record.path), author, reason)

    def restore_text(self, text: str, *, author: str = "api", reason: str = "") -> TradingConfig:
        """Make a text the file's, to the byte, as :meth:`restore_version` does with one of its versions.

        :raises ConfigError, ConfigConflict, OSError: as `restore_version`.
        """
        return self._restore(text, f"version {version_of(text.encode())}", author, reason)

    def records(self) -> list[Version]:
        """The versions that were kept, newest first, each with who made it, when and why."""
        return self._versions().records()

    def _restore(self, text: str, name: str, author: str, reason: str) -> TradingConfig:
        config, content = replace(self._place(), name=name).read(text), text.encode()
        with self._held():
            found, version = self._found(), version_of(content)
            if found == content:
                self._known = version
            else:
                self._put(found, content, self.enable_versioning, author, reason or f"restored {version}")
        return self._take(config)

    def _versions(self) -> VersionFolder:
        return VersionFolder(self.version_dir, self.config_path)

    def _place(self) -> Place:
        return Place(str(self.config_path), self.config_path.suffix, self._target().parent)

    def _target(self) -> Path:
        """The file that is read and written, which a link may lead to."""
        return Path(os.path.realpath(self.config_path))

    def _take(self, config: TradingConfig) -> TradingConfig:
        self._current = deepcopy(config)
        return config

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Nobody else writes the file in here."""
        folder = self._target().parent
        make_folder(folder)
        with locked(folder):
            yield

    def _found(self) -> bytes | None:
        """What is in the file now; raises ConfigConflict if that is not what this manager knows."""
        try:
            content = self.config_path.read_bytes()
        except FileNotFoundError:
            content = None
        now = NO_FILE if content is None else version_of(content)
        if self._known not in (None, now):
            done = "removed" if content is None else "written" if self._known == NO_FILE else "changed"
            message = f"the file was {done} by someone else since it was loaded"
            remedy = "reload() and make the change again"
            raise ConfigConflict([Problem(str(self.config_path), None, None, "", "", message, remedy)])
        return content

    def _meaning(self, content: bytes | None) -> TradingConfig | None:
        """The config that the file has; None if it has none that can be read."""
        try:
            return None if content is None else self._place().read(content.decode())
        except (ConfigError, UnicodeDecodeError):
            return None

    def _text(self, found: bytes | None, old: TradingConfig | None, new: TradingConfig) -> str:
        """The file's text with the new config in it; a complete one where there is nothing to be kept."""
        if found is None or old is None or not found.strip():
            return written(new, self._place())
        return edited(found.decode(), old, new, self._place())

    def _put(self, found: bytes | None, content: bytes, keep: bool, author: str, reason: str) -> None:
        """Replace the file; what it was and what it becomes are versions then, and neither if it fails."""
        target = self._target()
        notes = [*self._by_hand(found), Note(content, self._clock.now(), author, reason)] if keep else []
        remove_leftovers(target.parent, re.escape(target.name))
        with self._versions().keeping(notes) if keep else nullcontext():
            replace_file(target, content)
        self._known = version_of(content)
        sync_folder(target.parent)

    def _by_hand(self, found: bytes | None) -> Iterator[Note]:
        """What is in the file, if that is not what was saved last."""
        records = self._versions().records()
        if found is not None and (not records or records[0].version != version_of(found)):
            written_at = datetime.fromtimestamp(self.config_path.stat().st_mtime, UTC)
            reason = "edited by hand" if records else "before the first save"
            yield Note(found, min(written_at, self._clock.now()), BY_HAND, reason)


def _stamped(config: TradingConfig, old: TradingConfig | None, at: str | None) -> TradingConfig:
    """The config as it is saved at a time. A config that was made anew does not make the file anew."""
    created_at = config.created_at or (old.created_at if old else at)
    return replace(config, created_at=created_at or at, updated_at=at)


def _told(found: bytes | None, old: TradingConfig | None, new: TradingConfig) -> str:
    """The reason of a save for which none was given."""
    from orchestrator.config.changes import UNSHOWN, changes

    if old is None:
        return "first save" if found is None else "replaces a file that could not be read"
    said = [
        f"{each.key}: changed" if each.key.startswith(UNSHOWN) else f"{each.key}: {each.old!r} -> {each.new!r}"
        for each in changes(old, new)
    ]
    more = [f"{len(said) - MOST_TOLD} more"] if len(said) > MOST_TOLD else []
    return "; ".join(said[:MOST_TOLD] + more)
