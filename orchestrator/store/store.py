"""What the daemon remembers, opened where it is sound."""

import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DatabaseError

from orchestrator.config.files import make_folder
from orchestrator.store.connection import connect
from orchestrator.store.copying import copy_database
from orchestrator.store.errors import RESTORE, StoreError, cause, remedy
from orchestrator.store.glance import HAS_TABLE, reading
from orchestrator.store.migrations import migrate
from orchestrator.store.soundness import beside, refuse_unusable
from orchestrator.store.statements import WRITE_META
from orchestrator.store.tables import meta, tables
from orchestrator.store.version import SCHEMA_VERSION, refuse_version

__all__ = ["Store"]

logger = logging.getLogger("orchestrator.store")

FIRST_VERSION = insert(meta).prefix_with("OR IGNORE").values(key="schema_version", value=SCHEMA_VERSION)


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

    def open(self, *, thorough: bool = True) -> "Store":
        """Make what is missing and look whether the rest is sound. Reading stores only look, and not at every page.

        :param thorough: look at every page, which takes a second for 100 MB; needless where it has just been done.
        """
        try:
            if self.path is not None:
                self._prepare(self.path)
            self._check(thorough=thorough and not self.read_only)
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

    def _prepare(self, path: Path) -> None:
        refuse_unusable(path, writing=not self.read_only)
        if not self.read_only and not path.exists():
            _create(path)

    def _check(self, *, thorough: bool) -> None:
        with self.reader.connect() as connection:
            answer = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() if thorough else "ok"
            if answer != "ok":
                raise StoreError(f"{self.path}: the database is damaged ({answer}); {RESTORE}")
            version = self._version(connection)
        refuse_version(self.path, version, reading=self.read_only)

    def _migrate(self) -> None:
        """Bring a database of an earlier version up to this one: whole or, if it is killed on the way, not at all.

        What it was before is kept beside it, for whoever must go back to that version.
        """
        with self.reader.connect() as connection:
            version = self._version(connection)
        if version is None or version >= SCHEMA_VERSION:
            return
        if self.path is not None:
            kept = beside(self.path, f".schema-{version}")
            with reading(self.path) as source:
                copy_database(source, kept, replace=True)
            logger.info("the database is brought from schema %d to %d; before: %s", version, SCHEMA_VERSION, kept)
        with self.engine.begin() as connection:
            if self._version(connection) == version:
                migrate(connection, version)

    def _version(self, connection: Connection) -> int | None:
        """The schema's; None for a database in which there is nothing yet."""
        version: int | None = self.read_meta("schema_version", connection) if _has_table(connection, "meta") else None
        return version

    def _write_version(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(FIRST_VERSION)

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


def _create(path: Path) -> None:
    """Make a database that is its owner's alone and has all tables from the first moment on."""
    make_folder(path.parent, 0o700)
    with Store("sqlite://") as empty, closing(empty.engine.raw_connection()) as source, suppress(FileExistsError):
        copy_database(cast(sqlite3.Connection, source.driver_connection), path, replace=False)


def _has_table(connection: Connection, name: str) -> bool:
    return connection.exec_driver_sql(HAS_TABLE, (name,)).scalar() is not None
