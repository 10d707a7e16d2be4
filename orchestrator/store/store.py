"""What the daemon remembers, opened where it is sound."""

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DatabaseError

from orchestrator.store.connection import connect
from orchestrator.store.errors import StoreError, cause, remedy
from orchestrator.store.migrations import SCHEMA_VERSION, migrate
from orchestrator.store.statements import WRITE_META
from orchestrator.store.tables import meta, tables

__all__ = ["Store"]


class Store:
    """A database with the tables of this package.

    :param url: ``sqlite:///path``, or ``sqlite://`` for one in memory.
    :param busy_timeout: seconds to wait for another writer before ``database is locked`` is raised.
    :param durable: every commit survives a power cut (for orders and fills). Without it a commit survives any crash
        of the program, and a power cut may take the last ones.
    :param read_only: refuse to write, and to create a missing file.
    :raises StoreError: by :meth:`open`, for a file that is damaged, unreadable, or of a newer version.
    """

    def __init__(self, url: str, *, busy_timeout: float = 10.0, durable: bool = False, read_only: bool = False) -> None:
        self.url, self.read_only = url, read_only
        self.path = None if url == "sqlite://" else Path(url.removeprefix("sqlite:///"))
        self.engine = connect(url, self.path, busy_timeout, durable, read_only)
        self.reader = self.engine.execution_options(read_only=True)

    def open(self) -> "Store":
        """Make what is missing and look whether the rest is sound. Reading stores only look."""
        try:
            self._check()
            if not self.read_only:
                self._migrate()
                tables.create_all(self.engine)
                self._write_version()
        except (DatabaseError, sqlite3.Error) as error:
            self.close()
            raise StoreError(f"{self.path or self.url}: {cause(error)}; {remedy(error)}") from error
        except BaseException:
            self.close()
            raise
        return self

    def _check(self) -> None:
        if self.path is not None and not self.read_only:
            _create_private(self.path)
        with self.reader.connect() as connection:
            answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
            if answer != "ok":
                raise StoreError(f"{self.path}: the database is damaged ({answer}); restore a backup, or move it away")
            version = self.read_meta("schema_version", connection) if _has_table(connection, "meta") else None
        if version is not None and version > SCHEMA_VERSION:
            raise StoreError(
                f"{self.path}: written by a newer version (schema {version}, this program knows {SCHEMA_VERSION}); "
                "install that version again"
            )
        if version is not None and version < SCHEMA_VERSION and self.read_only:
            raise StoreError(f"{self.path}: written by an earlier version; orchestrator start brings it up to date")

    def _migrate(self) -> None:
        """Bring a database of an earlier version up to this one: whole or, if it is killed on the way, not at all."""
        with self.engine.begin() as connection:
            version = self.read_meta("schema_version", connection) if _has_table(connection, "meta") else None
            if version is not None and version < SCHEMA_VERSION:
                migrate(connection, version)

    def _write_version(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(meta).prefix_with("OR IGNORE").values(key="schema_version", value=SCHEMA_VERSION))

    def in_use(self) -> bool:
        """Whether a daemon has come as far as to keep its jobs here, which it does last."""
        with self.reader.connect() as connection:
            return _has_table(connection, "apscheduler_jobs")

    def close(self) -> None:
        self.engine.dispose()

    def __enter__(self) -> "Store":
        return self.open()

    def __exit__(self, *exc: object) -> None:
        self.close()

    # --- small facts ---

    def read_meta(self, key: str, connection: Connection | None = None) -> Any:
        """The value under `key`; None if there is none."""
        query = select(meta.c.value).where(meta.c.key == key)
        if connection is not None:
            return connection.execute(query).scalar()
        with self.reader.connect() as own:
            return own.execute(query).scalar()

    def write_meta(self, key: str, value: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(WRITE_META, {"key": key, "value": value})

    def rows(self, query: Any) -> list[Mapping[str, Any]]:
        """The rows of a select, each as a mapping."""
        with self.reader.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _create_private(path: Path) -> None:
    """The file is its owner's alone from the first byte on; SQLite gives its WAL files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _has_table(connection: Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.exec_driver_sql(query, (name,)).scalar() is not None
