"""Whether a database file is one, and whole.

SQLite takes an empty file for a new database, and leaves out what it can't read of a write-ahead log. Of a journal of
orders that would be a loss which nobody notices, so both are refused here.
"""

import os
import pwd
import sqlite3
from pathlib import Path

from orchestrator.store.errors import RESTORE, StoreError

__all__ = ["BELONGING", "beside", "faults", "refuse_unusable"]

BELONGING = ("-wal", "-shm", ".lock", ".restoring")
"""Endings of the names of files that belong to a database."""

WAL_MAGIC = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
NOT_SYNCED = b"\0\0\0\0"
"""How the log may begin after a power cut, before anything in it was promised to anybody."""


def beside(path: Path, ending: str) -> Path:
    """A file that belongs to a database: ``-wal``, ``-shm``, ``.lock``."""
    return path.with_name(path.name + ending)


def refuse_unusable(path: Path, *, writing: bool) -> None:
    """Raise StoreError for what can't be opened, or what SQLite would open in spite of a loss."""
    log = beside(path, "-wal")
    if not path.exists():
        if writing and _size(log):
            text = f"{path} is gone, and what was written last is still in {log.name}"
            raise StoreError(f"{text}; put the database back, or move that file away too, to begin anew")
        return
    if path.is_dir():
        raise StoreError(f"{path} is a folder; name a database file in store_url, or move it away")
    _refuse_others(path, writing=writing)
    if _size(path) == 0:
        raise StoreError(f"{path} is empty, which no database of ours ever is; {RESTORE}")
    if not _is_log(log):
        text = f"{log} is not a write-ahead log, so what was written last is lost"
        raise StoreError(f"{text}; restore a backup, or move that file away to go on with what was written before")


def faults(connection: sqlite3.Connection) -> list[str]:
    """What a complete check finds, which reads everything; an empty list for a database that is sound."""
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
    orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(10)
    return [*(text for text in found if text != "ok"), *(f"{row[0]} {row[1]} has no {row[2]}" for row in orphans)]


def _refuse_others(path: Path, *, writing: bool) -> None:
    try:
        os.close(os.open(path, os.O_RDWR if writing else os.O_RDONLY))
    except PermissionError:
        found, me = path.stat(), _name(os.geteuid())
        what = "written" if writing else "read"
        text = (
            f"{path} may not be {what} by {me}: its owner is {_name(found.st_uid)}, its mode {found.st_mode & 0o777:o}"
        )
        raise StoreError(f"{text}; run this as {_name(found.st_uid)}, or: chown {me} {path.parent}/*") from None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; check the disk that it is on") from error


def _is_log(log: Path) -> bool:
    try:
        with log.open("rb") as file:
            start = file.read(4)
    except OSError:  # there is none; or it is somebody else's, of which SQLite will say what it has to
        return True
    return len(start) < 4 or start in WAL_MAGIC or start == NOT_SYNCED


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
