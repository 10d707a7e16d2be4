"""The orders and fills in the store: what was decided, what was sent, what was traded.

What is not in here did not happen: an order is written down before it is sent, and what the account holds is what the
fills add up to. Whoever begins anew on the same store goes on where the last one was killed.

News is a fill, or an order's end without one. It is noted as untold in the transaction that writes it down. The daemon
strikes that note off when it has written down what it makes of it; so what nobody has taken before a kill is told after
it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, bindparam, func, literal_column, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from orchestrator.engine.records import LIVE, OPEN, Action, Fill, OrderRecord, OrderStatus, OrderType, Split
from orchestrator.store import READ_META, WRITE_META, Store
from orchestrator.store import fills as fills_table
from orchestrator.store import orders as orders_table
from orchestrator.store import untold as untold_table

__all__ = ["Journal", "News", "order_ref", "resting_orders"]

ORDER_FIELDS = tuple(column.name for column in orders_table.columns)
FILL_FIELDS = tuple(each.name for each in fields(Fill))
CHANGING = tuple(name for name in ORDER_FIELDS if name != "order_ref")

# A row that its primary key knows is left as it is.
INSERT_ORDER = sqlite_insert(orders_table).on_conflict_do_nothing(index_elements=["order_ref"])
INSERT_FILL = sqlite_insert(fills_table).on_conflict_do_nothing(index_elements=["fill_id"])
INSERT_UNTOLD = sqlite_insert(untold_table).on_conflict_do_nothing(index_elements=["news"])
UPDATE_ORDER = (
    update(orders_table)
    .where(orders_table.c.order_ref == bindparam("ref"))
    .values({name: bindparam(name) for name in CHANGING})
)

DECISIONS = "decisions"
"""Key in ``meta``: the session that was last traded and the labels of what was decided in it."""
SPLITS = "splits"
"""Key in ``meta``: the splits that positions have gone through, oldest first."""


class News(NamedTuple):
    """An order and its new fill; without a fill, an order that has ended."""

    name: str
    """For example 20121123-equal_weight-AAPL-0935 Cancelled."""
    record: OrderRecord
    fill: Fill | None

    @classmethod
    def of(cls, record: OrderRecord, fill: Fill | None = None) -> "News":
        return cls(f"{record.order_ref} {record.status.value if fill is None else fill.fill_id}", record, fill)


def resting_orders(store: Store, session: str) -> list[str]:
    """The names of the session's orders that the broker had when they were last heard of."""
    query = select(orders_table.c.order_ref).where(
        orders_table.c.session == session, orders_table.c.status.in_(sorted(LIVE))
    )
    return [row["order_ref"] for row in store.rows(query.order_by(orders_table.c.order_id))]


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
                _note(connection, News.of(record))

    def add_fill(self, record: OrderRecord, fill: Fill) -> bool:
        """Write down a fill, and count it in its order. False, and nothing done, if its `fill_id` is known."""
        with self._store.engine.begin() as connection:
            if connection.execute(INSERT_FILL, _values(fill, FILL_FIELDS)).rowcount == 0:
                return False
            record.apply(fill)
            _save(connection, record)
            _note(connection, News.of(record, fill))
        return True

    def add_split(self, split: Split) -> None:
        """Write down a split that a position has gone through."""
        with self._store.engine.begin() as connection:
            row = {"symbol": split.symbol, "at": split.at.isoformat(), "ratio": split.ratio, "price": split.price}
            _write_meta(connection, SPLITS, [*(_read_meta(connection, SPLITS) or []), row])

    # --- what has been told ---

    def untold(self) -> list[News]:
        """What was written down and perhaps not told before a kill, oldest first."""
        rows = self._store.rows(select(untold_table).order_by(literal_column("rowid")))
        found = [(row, record) for row in rows if (record := self.find(row["order_ref"])) is not None]
        return [
            News(row["news"], record, next((each for each in record.fills if each.fill_id == row["fill_id"]), None))
            for row, record in found
        ]

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


def _note(connection: Connection, news: News) -> None:
    row = {"news": news.name, "order_ref": news.record.order_ref}
    connection.execute(INSERT_UNTOLD, row | {"fill_id": "" if news.fill is None else news.fill.fill_id})


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
