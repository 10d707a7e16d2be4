"""orchestrator orders: what was ordered, and what came of it."""

from datetime import datetime
from typing import Any

import click
from sqlalchemy import Select, select

from orchestrator.cli.completers import order_refs
from orchestrator.cli.errors import Failed
from orchestrator.cli.output import echo_json, json_option, table
from orchestrator.cli.settings import Settings
from orchestrator.cli.terminal import one_line
from orchestrator.engine.records import OPEN
from orchestrator.store import fills as fills_table
from orchestrator.store import orders as orders_table

__all__ = ["orders"]

USUALLY = 20
"""Orders that are listed if nothing is said."""


@click.group()
def orders() -> None:
    """List orders and their fills.

    Example: orchestrator orders list --open
    """


@orders.command("list")
@click.option("--session", "day", type=click.DateTime(["%Y-%m-%d"]), help="Only those decided in this session.")
@click.option("--symbol", help="Only those of this symbol.")
@click.option("--open", "only_open", is_flag=True, help="Only those of which something may still come.")
@click.option(
    "--last", type=click.IntRange(1, 100_000), help=f"How many; {USUALLY} if neither --session nor --open is given."
)
@json_option
@click.pass_obj
def list_orders(
    settings: Settings, day: datetime | None, symbol: str | None, only_open: bool, last: int | None, as_json: bool
) -> None:
    """List orders, the newest first, with the daemon up or down.

    Example: orchestrator orders list --session 2026-11-27 --json
    """
    settings.tolerate()
    limit = last if day is not None or only_open else last or USUALLY
    found = _read(settings, _query(day, symbol, only_open, limit))
    if as_json:
        echo_json([_document(each, settings) for each in found or []])
    elif found:
        heads = ["order", "type", "filled", "price", "status", "updated", "reason"]
        click.echo(table(heads, [_cells(each, settings) for each in found]))
    elif found is None:
        click.echo(f"no orders: no daemon has run on {settings.store_path} yet")
    else:
        click.echo("no such orders" if day or symbol or only_open else "no orders")


@orders.command()
@click.argument("order_ref", shell_complete=order_refs)
@json_option
@click.pass_obj
def show(settings: Settings, order_ref: str, as_json: bool) -> None:
    """Show one order whole, with its fills. The beginning of ORDER_REF is enough, if no other order begins so.

    Example: orchestrator orders show 20261127-equal_weight-AAPL-0935
    """
    settings.tolerate()
    order = _only(_read(settings, _named(order_ref)) or [], order_ref)
    if as_json:
        echo_json(_document(order, settings))
        return
    click.echo("\n".join(f"{key:<18} {_plain(order[key], settings)}" for key in KEYS))
    for fill in order["fills"]:
        shares = f"{_number(fill['quantity'])} at {fill['price']:,.4f}, commission {fill['commission']:,.4f}"
        click.echo(f"{'fill':<18} {_plain(fill['at'], settings)}: {shares}, id {fill['fill_id']}")


KEYS = (
    "order_ref",
    "order_id",
    "perm_id",
    "session",
    "strategy",
    "decision",
    "symbol",
    "action",
    "order_type",
    "total_quantity",
    "filled_quantity",
    "remaining_quantity",
    "limit_price",
    "avg_fill_price",
    "status",
    "error_message",
    "submitted_at",
    "updated_at",
)
FILL_KEYS = ("fill_id", "quantity", "price", "commission", "at")

Row = dict[str, Any]


def _query(day: datetime | None, symbol: str | None, only_open: bool, limit: int | None) -> Select[Any]:
    columns = orders_table.c
    query = select(orders_table).order_by(columns.submitted_at.desc(), columns.order_id.desc()).limit(limit)
    if day is not None:
        query = query.where(columns.session == day.date().isoformat())
    if symbol is not None:
        query = query.where(columns.symbol == symbol.upper())
    return query.where(columns.status.in_(OPEN)) if only_open else query


def _named(beginning: str) -> Select[Any]:
    ref = orders_table.c.order_ref
    return select(orders_table).where(ref >= beginning, ref < beginning + LAST_CHARACTER).order_by(ref).limit(2)


LAST_CHARACTER = "\U0010ffff"


def _only(found: list[Row], order_ref: str) -> Row:
    exact = [order for order in found if order["order_ref"] == order_ref] or found
    if not exact:
        raise Failed(f"no order {order_ref!r}; to see what there is: orchestrator orders list")
    if len(exact) > 1:
        raise Failed(f"several orders begin with {order_ref}, such as {exact[0]['order_ref']}; write more of it")
    return exact[0]


def _read(settings: Settings, query: Select[Any]) -> list[Row] | None:
    """Orders, each with its fills; None where no daemon has run yet."""
    store = settings.reader()
    if store is None:
        return None
    of_these = fills_table.c.order_ref.in_(query.with_only_columns(orders_table.c.order_ref))
    its_fills = select(fills_table).where(of_these).order_by(fills_table.c.at, fills_table.c.fill_id)
    try:
        with store.reader.connect() as connection:  # both as of one moment
            found = {row["order_ref"]: {**row, "fills": []} for row in connection.execute(query).mappings()}
            filled = connection.execute(its_fills).mappings().all()
    finally:
        store.close()
    for fill in filled:
        found[fill["order_ref"]]["fills"].append(fill)
    for order in found.values():
        order["remaining_quantity"] = order["total_quantity"] - order["filled_quantity"]
    return list(found.values())


# --- showing ---


def _document(order: Row, settings: Settings) -> dict[str, Any]:
    zone = settings.calendar.timezone

    def plain(value: Any) -> Any:
        return value.astimezone(zone).isoformat() if isinstance(value, datetime) else value

    fills = [{key: plain(fill[key]) for key in FILL_KEYS} for fill in order["fills"]]
    return {**{key: plain(order[key]) for key in KEYS}, "fills": fills}


def _cells(order: Row, settings: Settings) -> list[str]:
    price = order["avg_fill_price"] or order["limit_price"]
    return [
        order["order_ref"],
        f"{order['action']} {order['symbol']} {order['order_type']}",
        f"{_number(order['filled_quantity'])} of {_number(order['total_quantity'])}",
        "-" if price is None else f"{price:,.2f}",
        order["status"],
        _plain(order["updated_at"], settings),
        one_line(order["error_message"] or "-"),
    ]


def _plain(value: Any, settings: Settings) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(settings.calendar.timezone):%a %d %b %H:%M:%S %Z}"
    if isinstance(value, float):
        return _number(value)
    return "-" if value is None else one_line(str(value))


def _number(value: float) -> str:
    return f"{value:,.6f}".rstrip("0").rstrip(".")
