"""Why a database can't be used."""

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.exc import DatabaseError

__all__ = ["RESTORE", "StoreError", "cause", "is_damage", "remedy"]


RESTORE = "put a backup back with: orchestrator restore FILE; or move it away to begin anew"


class StoreError(Exception):
    """The database cannot be used; the text says why and what to do."""


def cause(error: "DatabaseError | sqlite3.Error") -> str:
    """What SQLite said."""
    return str(getattr(error, "orig", error))


def is_damage(error: "DatabaseError | sqlite3.Error") -> bool:
    """Whether the file is not what it was written as."""
    return "malformed" in str(error) or "not a database" in str(error)


def remedy(error: "DatabaseError | sqlite3.Error") -> str:
    """What to do about it."""
    if isinstance(getattr(error, "orig", error), sqlite3.OperationalError) and "locked" in str(error):
        return "another program holds it; close that and try again"
    if "unable to open" in str(error) or "readonly" in str(error):
        return "check that the folder exists and may be written"
    if "full" in str(error):
        return "make space"
    return RESTORE
