"""A look at the database beside whoever uses it: by bare sqlite3, and over before SQLAlchemy could be imported.

For what is asked with every key, every few seconds or by a person who waits. Values come as they are stored: a time
is ISO 8601 text in UTC, a document is JSON.
"""

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from orchestrator.store.errors import StoreError, cause, remedy
from orchestrator.store.soundness import refuse_unusable
from orchestrator.store.version import refuse_version

__all__ = ["HAS_TABLE", "Glance", "reading", "reading_uri"]

HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
PATIENCE = 10.0
"""Seconds that whoever holds the database is waited for."""

READ_META = "SELECT value FROM meta WHERE key = ?"


class Glance:
    """An open connection that can't write.

    :raises StoreError: for a file that is damaged, unreadable, or of another version.
    """

    def __init__(self, path: Path) -> None:
        refuse_unusable(path, writing=False)
        self.path = path
        try:
            self._connection = _connect(path)
            self._connection.row_factory = sqlite3.Row
            try:
                refuse_version(path, self._version(), reading=True)
            except BaseException:
                self.close()
                raise
        except sqlite3.Error as error:
            raise StoreError(f"{path}: {cause(error)}; {remedy(error)}") from error

    def in_use(self) -> bool:
        """Whether a daemon has come as far as to keep its jobs here, which it does last."""
        return self._has_table("apscheduler_jobs")

    def read_meta(self, key: str) -> Any:
        """The value under `key`; None if there is none."""
        found = self._connection.execute(READ_META, (key,)).fetchone()
        return None if found is None else json.loads(found["value"])

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Mapping[str, Any]]:
        """The rows of a select, each as a mapping."""
        return [dict(row) for row in self._connection.execute(query, parameters)]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _version(self) -> int | None:
        version: int | None = self.read_meta("schema_version") if self._has_table("meta") else None
        return version

    def _has_table(self, name: str) -> bool:
        return self._connection.execute(HAS_TABLE, (name,)).fetchone() is not None


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A bare connection to a database that may be in use, which changes nothing of it."""
    with closing(_connect(path)) as opened:
        yield opened


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(reading_uri(path), uri=True, timeout=PATIENCE, isolation_level=None)


def reading_uri(path: Path) -> str:
    """Where there is no WAL nobody has the file open, and nothing but `immutable` keeps SQLite from making one.

    It is beside the file itself, wherever a link to that may be.
    """
    path = Path(os.path.realpath(path))
    alone = not path.with_name(f"{path.name}-wal").exists()
    return f"file:{quote(str(path))}?mode=ro{'&immutable=1' if alone else ''}"
