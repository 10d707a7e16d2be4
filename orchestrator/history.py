"""What happened, on its way into the store.

A turn of the loop collects rows and writes them together at its end. While the database can't be written (locked,
disk full) they wait in memory, in order, and go with a later turn: history is delayed, never the loop.
"""

import logging
from collections import deque
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.sql import Executable

from orchestrator.store import Store

__all__ = ["History"]

logger = logging.getLogger("orchestrator.store")

LIMIT = 50_000
"""Rows that may wait. Beyond it the oldest go, and the log says how many."""


class History:
    """Statements waiting to be executed.

    :param batch: rows that may wait for the next write without haste; 1 writes at every turn.
    """

    def __init__(self, store: Store, batch: int = 1) -> None:
        self._store, self._batch = store, batch
        self._waiting: deque[tuple[Executable, Mapping[str, Any]]] = deque()
        self._dropped = 0
        self.failing = ""
        """Why the last write failed; empty while writing works."""

    @property
    def waiting(self) -> int:
        """How many rows wait."""
        return len(self._waiting)

    def add(self, statement: Executable, row: Mapping[str, Any]) -> None:
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
                items = list(group)
                connection.execute(items[0][0], list(map(itemgetter(1), items)))

    def _write_one_by_one(self) -> bool:
        """Find the row that can't be written by itself, and let it go, so that it holds up no other."""
        while self._waiting:
            statement, row = self._waiting[0]
            try:
                with self._store.engine.begin() as connection:
                    connection.execute(statement, row)
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
