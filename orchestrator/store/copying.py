"""A whole copy of a database, put in its place at once."""

import errno
import os
import re
import sqlite3
import tempfile
from contextlib import suppress
from pathlib import Path

from orchestrator.config.files import locked, remove_leftovers, sync_folder
from orchestrator.store.errors import StoreError
from orchestrator.store.glance import reading
from orchestrator.store.soundness import faults

__all__ = ["copy_database"]


def copy_database(source: sqlite3.Connection, target: Path, *, replace: bool) -> None:
    """Copy what is committed now, while others go on writing; check the copy, and only then put it in place.

    Whoever looks finds no file, or the old one, or the new one whole, wherever this ends. It is private, and for good.

    :raises FileExistsError: the target exists and is not to be replaced.
    :raises StoreError: the copy is not sound, so the source is not.
    :raises OSError, sqlite3.Error: it can't be read or written; nothing is left behind.
    """
    target = Path(os.path.realpath(target))
    with locked(target.parent):
        if not replace and target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        remove_leftovers(target.parent, re.escape(target.name))
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        try:
            source.execute("VACUUM INTO ?", (name,))
            _check(Path(name))
            os.fsync(descriptor)
            os.replace(name, target)
        except BaseException:
            with suppress(FileNotFoundError):
                os.unlink(name)
            raise
        finally:
            os.close(descriptor)
        sync_folder(target.parent)


def _check(copy: Path) -> None:
    with reading(copy) as connection:
        if found := faults(connection):
            raise StoreError(f"the copy is not sound, so the database is damaged: {'; '.join(found)}")
