"""A correction of an execution that is on record: the fill is rewritten, and its order with it."""

from sqlalchemy import Connection, select, update

from orchestrator.engine.records import Fill, OrderRecord
from orchestrator.store import Store, fills, orders

__all__ = ["correct_record", "write_correction"]


def write_correction(store: Store, fill: Fill) -> None:
    """Put this in the place of the fill of the same `fill_id`: in one transaction with the sums of its order."""
    values = {"quantity": fill.quantity, "price": fill.price, "commission": fill.commission}
    with store.engine.begin() as connection:
        connection.execute(update(fills).where(fills.c.fill_id == fill.fill_id).values(values))
        _sum_up(connection, fill.order_ref)


def _sum_up(connection: Connection, order_ref: str) -> None:
    query = select(fills.c.quantity, fills.c.price).where(fills.c.order_ref == order_ref)
    rows = list(connection.execute(query))
    filled = sum(row.quantity for row in rows)
    value = sum(row.quantity * row.price for row in rows)
    average = round(value / filled, 6) if filled else None
    sums = {"filled_quantity": filled, "avg_fill_price": average}
    connection.execute(update(orders).where(orders.c.order_ref == order_ref).values(sums))


def correct_record(record: OrderRecord, fill: Fill) -> None:
    """The same for an order that is in memory, and will be written as it is there."""
    record.fills = [fill if each.fill_id == fill.fill_id else each for each in record.fills]
    record.filled_quantity = sum(each.quantity for each in record.fills)
    value = sum(each.quantity * each.price for each in record.fills)
    record.avg_fill_price = round(value / record.filled_quantity, 6) if record.filled_quantity else None
