"""Every config text that was ever in force: who brought it in, when, why, and whether an engine has run with it.

The texts stand as the file had them: a reference to a secret is kept, never what it stands for.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from orchestrator.config import ConfigError
from orchestrator.config.source import ConfigSource, Reading
from orchestrator.history import History
from orchestrator.store import WRITE_META, Store, config_versions

__all__ = ["ConfigRecord", "ConfigVersion", "last_applied", "read_again", "recorded"]

logger = logging.getLogger("orchestrator.config")

IN_FORCE = "config_in_force"
"""The key in ``meta`` of ``{version, path}``: what is in force, and the file it came from."""

INSERT = insert(config_versions).prefix_with("OR IGNORE")
APPLIED = (
    update(config_versions)
    .where(config_versions.c.version == bindparam("which"))
    .values(applied_at=bindparam("applied_at"))
)
WORKED = (
    update(config_versions)
    .where(config_versions.c.version == bindparam("which"))
    .values(worked_at=bindparam("worked_at"))
)


@dataclass(frozen=True, slots=True)
class ConfigVersion:
    """A text that was in force.

    :param at: when it was first in force.
    :param author: who brought it in: ``start``, ``reload``, ``rollback``, or who saved it before (``cli``, ``api``).
    :param applied_at: when it last came into force.
    :param worked_at: when an engine last came up with it; None if none ever did.
    """

    version: str
    at: datetime
    author: str
    reason: str
    suffix: str
    text: str
    applied_at: datetime
    worked_at: datetime | None


class ConfigRecord:
    """Writes the record. Nothing here waits for the store: what can't be written now goes with a later turn.

    :param path: of the config file; None for the embedded defaults.
    """

    def __init__(self, store: Store, history: History, path: Path | None) -> None:
        self._store, self._history, self._path = store, history, path

    def applied(self, reading: Reading, author: str, reason: str, now: datetime) -> None:
        """A text has come into force."""
        row = {
            "version": reading.version,
            "at": now,
            "author": author,
            "reason": reason,
            "suffix": reading.suffix,
            "text": reading.text,
            "applied_at": now,
        }
        self._history.add(INSERT, row)
        self._history.add(APPLIED, {"which": reading.version, "applied_at": now})
        in_force = {"version": reading.version, "path": _place(self._path)}
        self._history.add(WRITE_META, {"key": IN_FORCE, "value": in_force})

    def worked(self, version: str, now: datetime) -> None:
        """An engine has come up with this text."""
        self._history.add(WORKED, {"which": version, "worked_at": now})

    def last_that_worked(self) -> ConfigVersion | None:
        """The text with which an engine came up last; raises SQLAlchemyError if the store can't be read."""
        latest = select(func.max(config_versions.c.worked_at)).scalar_subquery()
        found = recorded(self._store, config_versions.c.worked_at == latest)
        return found[0] if found else None

    def find(self, version: str) -> ConfigVersion | None:
        """The text of a version; raises SQLAlchemyError if the store can't be read."""
        found = recorded(self._store, config_versions.c.version == version)
        return found[0] if found else None


def recorded(store: Store, *where: Any) -> list[ConfigVersion]:
    """The texts that were in force, the one that came last first."""
    query = select(config_versions).where(*where).order_by(config_versions.c.applied_at.desc())
    return [_version(row) for row in store.rows(query)]


def last_applied(store: Store, path: Path | None) -> ConfigVersion | None:
    """The text that was in force last, if it came from this file."""
    in_force: dict[str, Any] = store.read_meta(IN_FORCE) or {}
    if path is None or in_force.get("path") != _place(path):
        return None
    found = recorded(store, config_versions.c.version == in_force["version"])
    return found[0] if found else None


def read_again(source: ConfigSource, recorded: ConfigVersion) -> Reading | None:
    """A recorded text, if it is still a config."""
    try:
        return source.parse(recorded.text, recorded.suffix, f"version {recorded.version}", earlier=True)
    except (ConfigError, OSError) as error:
        logger.warning("an earlier config can't be gone back to: %s", error)
        return None


def _place(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


def _version(row: Mapping[str, Any]) -> ConfigVersion:
    return ConfigVersion(**row)
