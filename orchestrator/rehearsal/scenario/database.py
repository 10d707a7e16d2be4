"""A database that may fail: what its driver would raise is raised where SQLAlchemy hands it a statement."""

import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from orchestrator.rehearsal.scenario.troubles import Troubles
from orchestrator.store import Store

__all__ = ["FaultyDatabase"]

READING = ("BEGIN", "SELECT", "PRAGMA")
LOCKING = "BEGIN IMMEDIATE"


class FaultyDatabase:
    """:param advance: lets time pass: whoever waits for a lock stands still meanwhile."""

    def __init__(self, troubles: Troubles, advance: Callable[[timedelta], None]) -> None:
        self._troubles, self._advance = troubles, advance

    def watch(self, store: Store, patience: Callable[[], float]) -> Store:
        """Have the troubles come over this store; before it is opened.

        :param patience: seconds that its user waits for a lock.
        """

        @event.listens_for(store.engine, "before_cursor_execute")
        def before(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
            self._execute(statement, patience)

        return store

    def touch(self, writes: bool, patience: float) -> None:
        """Be in trouble as a statement would be, for what is kept beside the database."""
        for statement in (LOCKING, "UPDATE") if writes else ("SELECT",):
            self._execute(statement, lambda: patience)

    def _execute(self, statement: str, patience: Callable[[], float]) -> None:
        if (broken := self._troubles.find("database_error")) is not None:
            _fail(statement, broken.parameters["text"])
        if statement == LOCKING:
            self._wait_for_lock(statement, patience())
        elif not statement.startswith(READING) and self._troubles.find("disk_full") is not None:
            _fail(statement, "database or disk is full")

    def _wait_for_lock(self, statement: str, patience: float) -> None:
        left = self._troubles.left("database_locked")
        if left > timedelta(0):
            self._advance(min(left, timedelta(seconds=patience)))
        if self._troubles.find("database_locked") is not None:
            _fail(statement, "database is locked")


def _fail(statement: str, text: str) -> NoReturn:
    raise OperationalError(statement, None, sqlite3.OperationalError(text))
