"""What happened, on its way into the store.

A turn of the loop collects rows and writes them together at its end. While the database can't be written (locked,
disk full) they wait in memory, in order, and go with a later turn: history is delayed, never the loop.
"""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple, Self

from sqlalchemy import Connection, Insert
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.sql import Executable

from orchestrator.store import Store

__all__ = ["History", "Prepared"]

logger = logging.getLogger("orchestrator.store")

LIMIT = 50_000
"""Rows that may wait. Beyond it the oldest go, and the log says how many."""


class Prepared(NamedTuple):
    """A statement as the driver takes it, for rows that come by the thousand a day: SQLAlchemy puts each of them in
    order anew, which costs more than to write it.

    :param sql: with a question mark for each value.
    :param values: makes these of what was added.
    """

    sql: str
    values: Callable[[Any], tuple[Any, ...]]

    @classmethod
    def of(cls, statement: Insert, columns: Sequence[str], values: Callable[[Any], tuple[Any, ...]]) -> Self:
        """:param columns: those that `values` gives, in order."""
        return cls(str(statement.compile(dialect=sqlite.dialect(), column_keys=list(columns))), values)


Row = tuple[Executable | Prepared, Any]


class History:
    """Statements waiting to be executed.

    :param batch: rows that may wait for the next write without haste; 1 writes at every turn.
    """

    def __init__(self, store: Store, batch: int = 1) -> None:
        self._store, self._batch = store, batch
        self._waiting: deque[Row] = deque()
        self._dropped = 0
        self.failing = ""
        """Why the last write failed; empty while writing works."""

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    def add(self, statement: Executable | Prepared, row: Mapping[str, Any] | tuple[Any, ...]) -> None:
        """Have a row written: a mapping, or for a prepared statement whatever that takes."""
        if len(self._waiting) >= LIMIT:
            self._waiting.popleft()
            self._dropped += 1
        self._waiting.append((statement, row))

    def flush(self, *, force: bool = False) -> bool:
        """Write what waits, in one transaction; False if it could not be written and still waits."""
        if not self._waiting or (len(self._waiting) < self._batch and not force):
            return True
        try:
            self._write()
        except OperationalError as error:  # locked, full, unreadable: the database's trouble, not a row's
            self._fail(str(error.orig))
            return False
        except (SQLAlchemyError, ValueError):
            return self._write_one_by_one()
        if self.failing:
            logger.info("the store can be written again")
        if self._dropped:
            logger.error("%d rows of history were dropped while the store could not be written", self._dropped)
        self.failing, self._dropped = "", 0
        self._waiting.clear()
        return True

    def _write(self) -> None:
        with self._store.engine.begin() as connection:
            for _, group in groupby(self._waiting, key=lambda item: id(item[0])):
                _execute(connection, list(group))

    def _write_one_by_one(self) -> bool:
        """Find the row that can't be written by itself, and let it go, so that it holds up no other."""
        while self._waiting:
            try:
                with self._store.engine.begin() as connection:
                    _execute(connection, [self._waiting[0]])
            except OperationalError as error:
                self._fail(str(error.orig))
                return False
            except (SQLAlchemyError, ValueError) as error:
                logger.error("a row of history can't be written and is dropped: %s", getattr(error, "orig", error))
            self._waiting.popleft()
        self.failing, self._dropped = "", 0
        return True

    def _fail(self, reason: str) -> None:
        if reason != self.failing:
            logger.error("history can't be written (%s); %d rows wait in memory", reason, len(self._waiting))
        self.failing = reason


def _execute(connection: Connection, items: Sequence[Row]) -> None:
    """Rows of one statement."""
    statement = items[0][0]
    if isinstance(statement, Prepared):
        connection.exec_driver_sql(statement.sql, [statement.values(row) for _, row in items])
    else:
        connection.execute(statement, [row for _, row in items])
