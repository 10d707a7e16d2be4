"""The operator at the command line, in a rehearsal: puts a request into the store until he has an answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.store import Store, requests

__all__ = ["ASK_AGAIN", "Hand"]

ASK_AGAIN = timedelta(seconds=5)
"""Until he looks for the answer, or tries again."""

GIVES_UP = timedelta(minutes=1)
"""Until he takes a request for lost, as the daemon does."""

Arguments = Callable[[Store], Mapping[str, Any] | None]
"""Reads what the request needs; None if there is nothing to ask for."""


@dataclass
class _Wish:
    kind: str
    arguments: Arguments
    id: int | None = None
    put_at: datetime | None = None


class Hand:
    """:param store: makes a store for him.
    :param wake: tells the daemon that there is a request; False if none runs.
    """

    def __init__(self, store: Callable[[], Store], close: Callable[[Store], None], wake: Callable[[], bool]) -> None:
        self._store, self._close, self._wake = store, close, wake
        self._wishes: list[_Wish] = []

    def ask(self, kind: str, arguments: Arguments) -> None:
        self._wishes.append(_Wish(kind, arguments))

    def press(self, now: datetime) -> bool:
        """Put what has not been put, in order, and look for answers; whether something still waits for one.

        :param now: as the machine's clock has it.
        """
        store = self._store()
        try:
            while self._wishes and self._done(store, self._wishes[0], now):
                self._wishes.pop(0)
        except SQLAlchemyError:
            pass  # the database is in trouble; he tries again
        finally:
            self._close(store)
        return bool(self._wishes)

    def _done(self, store: Store, wish: _Wish, now: datetime) -> bool:
        if wish.id is not None and self._answered(store, wish.id):
            return True
        if wish.put_at is not None and abs(now - wish.put_at) < GIVES_UP:
            return False
        arguments = wish.arguments(store)
        if arguments is None:
            return True
        if self._wake():
            wish.id, wish.put_at = self._put(store, wish.kind, arguments, now), now
        return False

    def _answered(self, store: Store, request: int) -> bool:
        rows = store.rows(select(requests.c.answered_at).where(requests.c.id == request))
        return bool(rows) and rows[0]["answered_at"] is not None

    def _put(self, store: Store, kind: str, arguments: Mapping[str, Any], now: datetime) -> int:
        with store.engine.begin() as connection:
            key = connection.execute(
                insert(requests).values(at=now, kind=kind, args=dict(arguments))
            ).inserted_primary_key
        return int(key[0]) if key else 0
