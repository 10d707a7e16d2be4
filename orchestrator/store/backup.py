"""Backups: a whole copy of a database in use, and one put back in its place."""

import json
import os
import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.config.files import make_folder, sync_folder
from orchestrator.store.copying import copy_database
from orchestrator.store.errors import StoreError, cause, remedy
from orchestrator.store.glance import reading
from orchestrator.store.soundness import beside, faults, refuse_unusable
from orchestrator.store.version import SCHEMA_VERSION

__all__ = ["Contents", "back_up", "inspect", "restore"]

PATIENCE = 5.0
"""Seconds that a restore waits for somebody who has the database open."""

LAST_WORD = """
    SELECT max(at) FROM (
        SELECT max(at) AS at FROM transitions UNION ALL SELECT max(at) FROM alerts UNION ALL SELECT max(at) FROM equity
        UNION ALL SELECT max(updated_at) FROM orders UNION ALL SELECT max(finished_at) FROM job_runs)
"""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a database.

    :param written_at: the latest time in it; None if nothing has happened yet.
    :param last_order_at: when the last order was given.
    :param halted: the reason of the halt; None if trading is not halted.
    """

    path: Path
    size: int
    schema: int
    written_at: datetime | None
    orders: int
    fills: int
    last_order_at: datetime | None
    halted: str | None

    def document(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {
            "path": str(self.path),
            "bytes": self.size,
            "schema": self.schema,
            "written_at": None if self.written_at is None else self.written_at.isoformat(),
            "orders": self.orders,
            "fills": self.fills,
            "last_order_at": None if self.last_order_at is None else self.last_order_at.isoformat(),
            "halted": self.halted,
        }


def back_up(database: Path, target: Path, *, replace: bool) -> Contents:
    """Copy a database, which may be in use, to a file; returns what is in the copy.

    :raises FileExistsError: the file exists and is not to be replaced.
    :raises StoreError: the database can't be read, or is damaged.
    :raises OSError: the file can't be written; nothing of it is left behind.
    """
    refuse_unusable(database, writing=False)
    try:
        with reading(database) as source:
            copy_database(source, target, replace=replace)
    except sqlite3.Error as error:
        raise StoreError(f"{database}: {cause(error)}; {remedy(error)}") from error
    return inspect(target)


def inspect(path: Path) -> Contents:
    """What is in a database; raises StoreError for one that could not be put in place of another."""
    refuse_unusable(path, writing=False)
    try:
        with reading(path) as connection:
            if found := faults(connection):
                raise StoreError(f"{path} is damaged: {'; '.join(found)}")
            contents = _contents(path, connection)
    except sqlite3.Error as error:
        raise StoreError(f"{path} can't be used: {cause(error)}") from error
    if contents.schema > SCHEMA_VERSION:
        known = f"schema {contents.schema}, this program knows {SCHEMA_VERSION}"
        raise StoreError(f"{path} was written by a newer version ({known}); install that version first")
    return contents


def _contents(path: Path, connection: sqlite3.Connection) -> Contents:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone() is None:
        raise StoreError(f"{path} is a database, and not one of the orchestrator's")
    orders, last_order = connection.execute("SELECT count(*), max(submitted_at) FROM orders").fetchone()
    halt: Mapping[str, Any] | None = _meta(connection, "halt")
    return Contents(
        path,
        path.stat().st_size,
        int(_meta(connection, "schema_version")),
        _moment(connection.execute(LAST_WORD).fetchone()[0]),
        orders,
        connection.execute("SELECT count(*) FROM fills").fetchone()[0],
        _moment(last_order),
        None if halt is None else str(halt["reason"]),
    )


def _meta(connection: sqlite3.Connection, key: str) -> Any:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else json.loads(row[0])


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


# --- putting one back ---


def restore(backup: Path, database: Path, now: datetime) -> Path | None:
    """Put a copy of a backup in place of a database that nobody may have open for writing.

    Wherever this ends, there is the old database or the new one, whole.

    :returns: where the old one is kept; None if there was none.
    :raises StoreError, OSError: it can't be done; the old database is as it was.
    """
    make_folder(database.parent, 0o700)
    fresh = beside(database, ".restoring")
    back_up(backup, fresh, replace=True)
    try:
        kept = _set_aside(database, beside(database, f".before-{now:%Y%m%dT%H%M%SZ}"))
        os.replace(fresh, database)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    sync_folder(database.parent)
    return kept


def _set_aside(database: Path, kept: Path) -> Path | None:
    """Give the old database a second name, and take its log away, which must never meet the new one."""
    _settle(database)
    old = database if database.exists() else None
    if old is not None:
        _second_name(old, kept)
    log = beside(database, "-wal")
    if log.exists() and log.stat().st_size:
        log.rename(beside(kept, "-wal"))  # of a database too damaged to take it in, or of one that is gone
    for ending in ("-wal", "-shm"):
        beside(database, ending).unlink(missing_ok=True)
    sync_folder(database.parent)
    return kept if old is not None else None


def _settle(database: Path) -> None:
    """Have what is in the log written into the database, so that it is whole by itself; a damaged one stays as it is.

    :raises StoreError: another program is reading it.
    """
    try:
        refuse_unusable(database, writing=True)
    except StoreError:
        return
    if database.exists() and _is_held(database):
        raise StoreError(f"{database}: another program has it open; close that and try again")


def _is_held(database: Path) -> bool:
    with closing(sqlite3.connect(database, timeout=PATIENCE, isolation_level=None)) as connection:
        try:
            return bool(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
        except sqlite3.DatabaseError as error:
            return "locked" in str(error)


def _second_name(old: Path, kept: Path) -> None:
    try:
        os.link(old, kept)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        shutil.copy2(old, kept)
