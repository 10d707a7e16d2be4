"""What was traded in a session, and what was earned by it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select

from orchestrator.alerts.report.money import ZERO, cents, exact
from orchestrator.store import Store, fills

__all__ = ["SymbolTrades", "Trades", "cash_flow", "trades_of"]

PRICE = Decimal("0.0001")

MOST_REPLAYED = 10_000
"""Earlier fills that are read, in the daemon's loop, to learn what the shares that were sold had cost."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SymbolTrades:
    """What was traded of one symbol. Average prices are without commission, and None where nothing was traded."""

    symbol: str
    bought: Decimal
    bought_at: Decimal | None
    sold: Decimal
    sold_at: Decimal | None
    commission: Decimal


@dataclass(frozen=True, slots=True)
class Trades:
    """:param orders: how many were filled, wholly or in part.
    :param realised: the profit of what was sold, over its average cost and before commission; None if not all of it
        is known to have been bought, or if that was too many fills ago.
    """

    orders: int
    fills: int
    commission: Decimal
    realised: Decimal | None
    symbols: tuple[SymbolTrades, ...]


def trades_of(store: Store, begin: datetime, end: datetime) -> Trades:
    """What was traded between two times, both included."""
    at = fills.c.at
    traded = store.rows(select(fills).where(at >= begin, at <= end).order_by(at, fills.c.fill_id))
    by_symbol: dict[str, list[Row]] = defaultdict(list)
    for fill in traded:
        by_symbol[fill["symbol"]].append(fill)
    return Trades(
        orders=len({fill["order_ref"] for fill in traded}),
        fills=len(traded),
        commission=_commission(traded),
        realised=_realised(store, begin, traded),
        symbols=tuple(_symbol_trades(symbol, by_symbol[symbol]) for symbol in sorted(by_symbol)),
    )


def cash_flow(store: Store, after: datetime, until: datetime) -> Decimal:
    """The cash that trades brought after one time until another, included; what they cost is negative."""
    columns = (fills.c.action, fills.c.quantity, fills.c.price, fills.c.commission)
    flow = ZERO
    for fill in store.rows(select(*columns).where(fills.c.at > after, fills.c.at <= until)):
        flow += _value(fill) * (-1 if _bought(fill) else 1) - exact(fill["commission"])
    return flow


def _symbol_trades(symbol: str, traded: Sequence[Row]) -> SymbolTrades:
    bought, bought_at = _volume(fill for fill in traded if _bought(fill))
    sold, sold_at = _volume(fill for fill in traded if not _bought(fill))
    return SymbolTrades(symbol, bought, bought_at, sold, sold_at, _commission(traded))


def _volume(traded: Iterable[Row]) -> tuple[Decimal, Decimal | None]:
    """Shares, and their average price."""
    quantity = value = ZERO
    for fill in traded:
        quantity, value = quantity + exact(fill["quantity"]), value + _value(fill)
    return quantity, (value / quantity).quantize(PRICE, ROUND_HALF_UP) if quantity else None


def _commission(traded: Iterable[Row]) -> Decimal:
    return cents(sum((exact(fill["commission"]) for fill in traded), ZERO))


def _value(fill: Row) -> Decimal:
    return exact(fill["quantity"]) * exact(fill["price"])


def _bought(fill: Row) -> bool:
    return bool(fill["action"] == "BUY")


# --- profit ---


@dataclass(slots=True)
class Book:
    """A symbol's shares and what they cost. `short`: something was sold that is not known to have been bought."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    short: bool = False

    def enter(self, fill: Row) -> Decimal:
        """Count a fill; returns what was earned by it."""
        quantity = exact(fill["quantity"])
        if _bought(fill):
            self.quantity, self.cost = self.quantity + quantity, self.cost + _value(fill)
            return ZERO
        if quantity > self.quantity:
            self.short = True
            return ZERO
        cost = self.cost * quantity / self.quantity
        self.quantity, self.cost = self.quantity - quantity, self.cost - cost
        return _value(fill) - cost


def _realised(store: Store, begin: datetime, traded: Sequence[Row]) -> Decimal | None:
    books = {fill["symbol"]: Book() for fill in traded if not _bought(fill)}
    history = _history(store, sorted(books), begin) if books else []
    if len(history) > MOST_REPLAYED:
        return None
    for fill in history:
        books[fill["symbol"]].enter(fill)
    earned = sum((books[fill["symbol"]].enter(fill) for fill in traded if fill["symbol"] in books), ZERO)
    return None if any(book.short for book in books.values()) else cents(earned)


def _history(store: Store, symbols: Sequence[str], before: datetime) -> Sequence[Row]:
    columns = (fills.c.symbol, fills.c.action, fills.c.quantity, fills.c.price)
    query = select(*columns).where(fills.c.symbol.in_(symbols), fills.c.at < before)
    return store.rows(query.order_by(fills.c.at, fills.c.fill_id).limit(MOST_REPLAYED + 1))
