"""The account over a session: what it was worth, what that changed, and how it was invested."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

from orchestrator.alerts.report.money import cents, exact, fraction
from orchestrator.alerts.report.trades import cash_flow
from orchestrator.store import Store, equity

__all__ = ["Equity", "Exposure", "Holding", "Mark", "equity_of", "exposure_of", "mark_before"]

PENNY_WISE = Decimal("0.01")
"""Cash that differs by no more than this from what the trades explain is a matter of rounding."""


@dataclass(frozen=True, slots=True)
class Mark:
    """The account at a moment; `drawdown` is a fraction of its peak."""

    at: datetime
    equity: Decimal
    cash: Decimal
    drawdown: float


@dataclass(frozen=True, slots=True)
class Equity:
    """The account at its last mark, and how it came there; fractions are of what it was before.

    :param since: the mark that `change` counts from, the last one before the session; None for the start.
    :param other_cash: what of `change` came or went without a trade: paid in or out, dividends, fees.
    :param total_change: since the start.
    :param worst_drawdown: of the marks on record, which the engine makes every quarter of an hour and after fills.
    """

    at: datetime
    equity: Decimal
    cash: Decimal
    change: Decimal
    change_fraction: float | None
    since: datetime | None
    other_cash: Decimal
    total_change: Decimal
    total_fraction: float | None
    drawdown: float
    worst_drawdown: float


@dataclass(frozen=True, slots=True)
class Holding:
    """A position; `weight` is its fraction of the equity."""

    symbol: str
    quantity: float
    price: float | None
    weight: float | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """Fractions of the equity. `positions` is None where they are not known: the last session's alone are kept."""

    invested: float
    cash: float
    positions: tuple[Holding, ...] | None


def mark_before(store: Store, at: datetime) -> Mark | None:
    """The account as it was left before that time."""
    return _mark(store, select(equity).where(equity.c.at < at).order_by(equity.c.at.desc()))


def equity_of(
    store: Store, begin: datetime, end: datetime, before: Mark | None, starting_cash: float | None
) -> Equity | None:
    """What became of the account between two times, both included; None without a mark there."""
    within = (equity.c.at >= begin, equity.c.at <= end)
    last = _mark(store, select(equity).where(*within).order_by(equity.c.at.desc()))
    if last is None:
        return None
    start = _start(store, starting_cash) or last.equity
    base = start if before is None else before.equity
    return Equity(
        at=last.at,
        equity=last.equity,
        cash=last.cash,
        change=last.equity - base,
        change_fraction=fraction(last.equity - base, base),
        since=None if before is None else before.at,
        other_cash=cents(Decimal(0)) if before is None else _other_cash(store, before, last),
        total_change=last.equity - start,
        total_fraction=fraction(last.equity - start, start),
        drawdown=last.drawdown,
        worst_drawdown=store.rows(select(func.max(equity.c.drawdown).label("worst")).where(*within))[0]["worst"],
    )


def exposure_of(last: Equity | None, account: Mapping[str, Any] | None) -> Exposure | None:
    """How the account is invested; None where it is not known, or there is nothing to invest.

    :param account: the session's newest ``EquityMarked``, as a mapping, which knows the positions; None if it is lost.
    """
    worth, cash = (last.equity, last.cash) if last is not None else (None, None)
    positions = None
    if account is not None:
        worth, cash, positions = exact(account["equity"]), exact(account["cash"]), account["positions"]
    if worth is None or cash is None or worth <= 0:
        return None
    in_cash = fraction(cash, worth) or 0.0
    holdings = None if positions is None else [_holding(each, worth) for each in positions]
    largest_first = None if holdings is None else tuple(sorted(holdings, key=lambda each: -abs(each.weight or 0.0)))
    return Exposure(round(1 - in_cash, 6), in_cash, largest_first)


def _mark(store: Store, query: Any) -> Mark | None:
    row = next(iter(store.rows(query.limit(1))), None)
    return None if row is None else Mark(row["at"], _money(row["equity"]), _money(row["cash"]), row["drawdown"])


def _start(store: Store, starting_cash: float | None) -> Decimal | None:
    if starting_cash is not None:
        return _money(starting_cash)
    first = _mark(store, select(equity).order_by(equity.c.at))
    return None if first is None else first.equity


def _other_cash(store: Store, before: Mark, last: Mark) -> Decimal:
    other = last.cash - before.cash - cash_flow(store, before.at, last.at)
    return cents(other if abs(other) > PENNY_WISE else Decimal(0))


def _holding(position: Mapping[str, Any], equity: Decimal) -> Holding:
    quantity, price = position["quantity"], position["price"]
    weight = None if price is None else fraction(exact(quantity) * exact(price), equity)
    return Holding(position["symbol"], quantity, price, weight)


def _money(number: float) -> Decimal:
    return cents(exact(number))
