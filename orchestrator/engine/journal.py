"""The orders and fills in the store: what was decided, what was sent, what was traded.

What is not in here did not happen: an order is written down before it is sent, and what the account holds is what the
fills add up to. Whoever begins anew on the same store goes on where the last one was killed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from orchestrator.engine.records import OPEN, Action, Fill, OrderRecord, OrderStatus, OrderType
from orchestrator.store import Store, meta
from orchestrator.store import fills as fills_table
from orchestrator.store import orders as orders_table

__all__ = ["Journal", "order_ref"]

ORDER_FIELDS = tuple(column.name for column in orders_table.columns)
FILL_FIELDS = tuple(each.name for each in fields(Fill))
DECISIONS = "decisions"
"""Key in ``meta``: the session that was last traded and the labels of what was decided in it."""


def order_ref(session: str, strategy: str, symbol: str, decision: str) -> str:
    """The name of an order: the same decision gives the same name, for example 20121123-equal_weight-AAPL-0935."""
    return f"{session.replace('-', '')}-{strategy}-{symbol}-{decision}"


class Journal:
    """Reads and writes the tables ``orders`` and ``fills``, each change one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def intend(
        self, records: Sequence[OrderRecord], session: str = "", decision: str | None = None
    ) -> list[OrderRecord]:
        """Write down orders that are about to be sent, and, if given, that `decision` of `session` is made: all or
        nothing.

        Returns those that are new. A record whose `order_ref` is known was decided before, and is not to be sent.
        """
        with self._store.engine.begin() as connection:
            number = connection.execute(select(func.max(orders_table.c.order_id))).scalar() or 0
            new = []
            for record in records:
                record.order_id = number + 1
                if _insert(connection, orders_table, _values(record, ORDER_FIELDS)):
                    number += 1
                    new.append(record)
            if decision is not None:
                labels = [*_decisions(connection, session), decision]
                row = {"key": DECISIONS, "value": {"session": session, "labels": labels}}
                connection.execute(insert(meta).prefix_with("OR REPLACE").values(row))
        return new

    def decisions(self, session: str) -> list[str]:
        """The labels of the decisions made in the session, in order."""
        with self._store.reader.connect() as connection:
            return _decisions(connection, session)

    def save(self, record: OrderRecord) -> None:
        """Write down what became of an order."""
        with self._store.engine.begin() as connection:
            _save(connection, record)

    def add_fill(self, record: OrderRecord, fill: Fill) -> bool:
        """Write down a fill, and count it in its order. False, and nothing done, if its `fill_id` is known."""
        with self._store.engine.begin() as connection:
            if not _insert(connection, fills_table, _values(fill, FILL_FIELDS)):
                return False
            record.apply(fill)
            _save(connection, record)
        return True

    def find(self, order_ref: str) -> OrderRecord | None:
        found = self._orders(select(orders_table).where(orders_table.c.order_ref == order_ref))
        return found[0] if found else None

    def open_orders(self) -> list[OrderRecord]:
        """Those of which something may still come, oldest first."""
        return self._orders(select(orders_table).where(orders_table.c.status.in_(OPEN)))

    def orders(self, session: str) -> list[OrderRecord]:
        """All that were decided in the session, oldest first."""
        return self._orders(select(orders_table).where(orders_table.c.session == session))

    def fills(self) -> list[Fill]:
        """All there ever were, oldest first."""
        return [_fill(row) for row in self._store.rows(select(fills_table).order_by(*_AGE))]

    def sent_since(self, at: datetime) -> list[datetime]:
        """When orders went to the broker, from `at` on."""
        sent = orders_table.c.submitted_at
        query = select(sent).where(sent >= at, orders_table.c.status != OrderStatus.PENDING).order_by(sent)
        return [row["submitted_at"] for row in self._store.rows(query)]

    def _orders(self, query: Select[Any]) -> list[OrderRecord]:
        rows = self._store.rows(query.order_by(orders_table.c.order_id))
        wanted = [row["order_ref"] for row in rows]
        filled: dict[str, list[Fill]] = {ref: [] for ref in wanted}
        for row in self._store.rows(select(fills_table).where(fills_table.c.order_ref.in_(wanted)).order_by(*_AGE)):
            filled[row["order_ref"]].append(_fill(row))
        return [_order(row, filled[row["order_ref"]]) for row in rows]


_AGE = (fills_table.c.at, fills_table.c.fill_id)


def _decisions(connection: Connection, session: str) -> list[str]:
    found = connection.execute(select(meta.c.value).where(meta.c.key == DECISIONS)).scalar()
    return list(found["labels"]) if found is not None and found["session"] == session else []


def _insert(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Whether the row is new; one that its primary key knows is left as it is."""
    statement = sqlite_insert(table).values(values).on_conflict_do_nothing(index_elements=list(table.primary_key))
    return connection.execute(statement).rowcount == 1


def _save(connection: Connection, record: OrderRecord) -> None:
    values = _values(record, ORDER_FIELDS)
    connection.execute(update(orders_table).where(orders_table.c.order_ref == record.order_ref).values(values))


def _values(record: OrderRecord | Fill, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(record, name) for name in names}


def _order(row: Mapping[str, Any], filled: list[Fill]) -> OrderRecord:
    typed = {
        "action": Action(row["action"]),
        "order_type": OrderType(row["order_type"]),
        "status": OrderStatus(row["status"]),
        "fills": filled,
    }
    return OrderRecord(**{**row, **typed})


def _fill(row: Mapping[str, Any]) -> Fill:
    return Fill(**{**row, "action": Action(row["action"])})
