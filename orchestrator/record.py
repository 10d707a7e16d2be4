"""Every config text that was ever in force: who brought it in, when, why, and whether an engine has run with it.

The texts stand as the file had them: a reference to a secret is kept, never what it stands for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from orchestrator.config.source import Reading
from orchestrator.history import History
from orchestrator.store import Store, config_versions

__all__ = ["ConfigRecord", "ConfigVersion", "recorded"]

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
    """Writes the record. Nothing here waits for the store: what can't be written now goes with a later turn."""

    def __init__(self, store: Store, history: History) -> None:
        self._store, self._history = store, history

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


def _version(row: Mapping[str, Any]) -> ConfigVersion:
    return ConfigVersion(**row)
