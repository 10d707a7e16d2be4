"""The orders and fills in the store: what was decided, what was sent, what was traded.

What is not in here did not happen: an order is written down before it is sent, and what the account holds is what the
fills add up to. Whoever begins anew on the same store goes on where the last one was killed.

News is a fill, or an order's end without one. It is noted as untold in the transaction that writes it down, and that
note is deleted when it has been told; so what was written down before a kill is told after it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from orchestrator.engine.records import OPEN, Action, Fill, OrderRecord, OrderStatus, OrderType, Split
from orchestrator.store import READ_META, WRITE_META, Store
from orchestrator.store import fills as fills_table
from orchestrator.store import orders as orders_table

__all__ = ["Journal", "News", "order_ref"]

ORDER_FIELDS = tuple(column.name for column in orders_table.columns)
FILL_FIELDS = tuple(each.name for each in fields(Fill))
CHANGING = tuple(name for name in ORDER_FIELDS if name != "order_ref")

# A row that its primary key knows is left as it is.
INSERT_ORDER = sqlite_insert(orders_table).on_conflict_do_nothing(index_elements=["order_ref"])
INSERT_FILL = sqlite_insert(fills_table).on_conflict_do_nothing(index_elements=["fill_id"])
UPDATE_ORDER = (
    update(orders_table)
    .where(orders_table.c.order_ref == bindparam("ref"))
    .values({name: bindparam(name) for name in CHANGING})
)

DECISIONS = "decisions"
"""Key in ``meta``: the session that was last traded and the labels of what was decided in it."""
SPLITS = "splits"
"""Key in ``meta``: the splits that positions have gone through, oldest first."""
UNTOLD = "untold"
"""Key in ``meta``: what has been written down and perhaps not told, each as order_ref and fill_id."""

News = tuple[OrderRecord, Fill | None]
"""An order and its new fill; without a fill, an order that has ended."""


def order_ref(session: str, strategy: str, symbol: str, decision: str) -> str:
    """The name of an order: the same decision gives the same name, for example 20121123-equal_weight-AAPL-0935."""
    return f"{session.replace('-', '')}-{strategy}-{symbol}-{decision}"


class Journal:
    """Reads and writes the tables ``orders`` and ``fills``, each change one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._untold: list[list[str]] | None = None
        self._noted = False

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
                if connection.execute(INSERT_ORDER, _values(record, ORDER_FIELDS)).rowcount == 1:
                    number += 1
                    new.append(record)
            if decision is not None:
                labels = [*_decisions(connection, session), decision]
                _write_meta(connection, DECISIONS, {"session": session, "labels": labels})
        return new

    def decisions(self, session: str) -> list[str]:
        """The labels of the decisions made in the session, in order."""
        with self._store.reader.connect() as connection:
            return _decisions(connection, session)

    def save(self, record: OrderRecord) -> None:
        """Write down what became of an order."""
        with self._store.engine.begin() as connection:
            _save(connection, record)
            if not record.is_open:
                self._note(connection, record.order_ref, "")

    def add_fill(self, record: OrderRecord, fill: Fill) -> bool:
        """Write down a fill, and count it in its order. False, and nothing done, if its `fill_id` is known."""
        with self._store.engine.begin() as connection:
            if connection.execute(INSERT_FILL, _values(fill, FILL_FIELDS)).rowcount == 0:
                return False
            record.apply(fill)
            _save(connection, record)
            self._note(connection, record.order_ref, fill.fill_id)
        return True

    def add_split(self, split: Split) -> None:
        """Write down a split that a position has gone through."""
        with self._store.engine.begin() as connection:
            row = {"symbol": split.symbol, "at": split.at.isoformat(), "ratio": split.ratio, "price": split.price}
            _write_meta(connection, SPLITS, [*(_read_meta(connection, SPLITS) or []), row])

    # --- what has been told ---

    def untold(self) -> list[News]:
        """What was written down and perhaps not told before a kill, oldest first."""
        found = self._store.read_meta(UNTOLD) or []
        self._untold, self._noted = list(found), bool(found)
        return [news for ref, fill_id in found if (news := self._news(ref, fill_id)) is not None]

    def told(self) -> None:
        """All news up to here has been told; the next that is written down takes note of it, or :meth:`acknowledge`."""
        self._untold = []

    def acknowledge(self) -> None:
        """Take note of what has been told, if that has not been done."""
        if self._noted and not self._untold:
            self._noted = False
            self._store.write_meta(UNTOLD, [])

    def _note(self, connection: Connection, order_ref: str, fill_id: str) -> None:
        if self._untold is None:
            self._untold = list(_read_meta(connection, UNTOLD) or [])
        self._untold.append([order_ref, fill_id])
        self._noted = True
        _write_meta(connection, UNTOLD, self._untold)

    def _news(self, order_ref: str, fill_id: str) -> News | None:
        record = self.find(order_ref)
        if record is None:
            return None
        return record, next((fill for fill in record.fills if fill.fill_id == fill_id), None)

    # --- reading ---

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

    def splits(self) -> list[Split]:
        """All that positions have gone through, oldest first."""
        rows = self._store.read_meta(SPLITS) or []
        return [Split(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]

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


_AGE: tuple[Any, ...] = (fills_table.c.at, literal_column("fills.rowid"))
"""Of one moment, the one first that was first written down."""


def _decisions(connection: Connection, session: str) -> list[str]:
    found = _read_meta(connection, DECISIONS)
    return list(found["labels"]) if found is not None and found["session"] == session else []


def _read_meta(connection: Connection, key: str) -> Any:
    return connection.execute(READ_META, {"key": key}).scalar()


def _write_meta(connection: Connection, key: str, value: Any) -> None:
    connection.execute(WRITE_META, {"key": key, "value": value})


def _save(connection: Connection, record: OrderRecord) -> None:
    connection.execute(UPDATE_ORDER, {"ref": record.order_ref, **_values(record, CHANGING)})


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
