"""The last looks at an order: when a strategy gives it, and when it is to be sent. Pure functions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.engine.account import Account
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Action, Order
from orchestrator.engine.risk import Cut, Limits, Plan, no_purchase, ordered, whole

__all__ = ["MINUTE", "Clearance", "check_orders", "clear_order", "orders_left"]

MINUTE = timedelta(minutes=1)


def check_orders(
    orders: Iterable[Order],
    account: Account,
    waiting: Sequence[Order],
    prices: Mapping[str, Price],
    limits: Limits,
    *,
    may_buy: bool,
) -> Plan:
    """What may be sent of the orders that a strategy gives itself.

    :param waiting: what is still open of earlier orders.
    """
    plan = Plan()
    ahead = list(waiting)
    for order in sorted(orders, key=lambda order: order.action is Action.BUY):
        check = _check_purchase if order.action is Action.BUY else _check_sale
        quantity, cut = check(order, account, ahead, prices, limits)
        if order.action is Action.BUY and not may_buy:
            quantity, cut = 0.0, no_purchase(order)
        if cut is not None:
            plan.cuts.append(cut)
        if quantity > 0:
            plan.orders.append(replace(order, quantity=quantity))
            ahead.append(plan.orders[-1])
    return plan


Checked = tuple[float, Cut | None]


def _check_sale(
    order: Order, account: Account, ahead: Sequence[Order], prices: Mapping[str, Price], limits: Limits
) -> Checked:
    there = account.held(order.symbol) - ordered(ahead, order.symbol, Action.SELL)
    quantity = whole(min(order.quantity, there))
    if order.quantity <= there:
        return quantity, None
    reason = f"{order.symbol}: {order.quantity:g} are to be sold, {max(there, 0):g} are there"
    return quantity, Cut("long_only", order.symbol, order.quantity, quantity, reason)


def _check_purchase(
    order: Order, account: Account, ahead: Sequence[Order], prices: Mapping[str, Price], limits: Limits
) -> Checked:
    symbol, price = order.symbol, prices.get(order.symbol)
    if price is None or price.stale:
        return 0.0, Cut("price", symbol, order.quantity, 0.0, f"{symbol} has no price now")
    engaged = set(account.positions) | {each.symbol for each in ahead if each.action is Action.BUY}
    if symbol not in engaged and len(engaged) >= limits.max_positions:
        reason = f"{symbol}: max_positions allows {limits.max_positions}"
        return 0.0, Cut("max_positions", symbol, order.quantity, 0.0, reason)
    cost = max(price.value, order.limit_price or 0.0) * (1 + limits.cost)
    most = limits.max_position_size * account.equity(prices) / cost
    room = max(most - account.held(symbol) - ordered(ahead, symbol, Action.BUY), 0.0)
    if order.quantity <= room:
        return whole(order.quantity), None
    reason = f"{symbol}: {order.quantity:g} more, max_position_size allows {whole(room):g}"
    return whole(room), Cut("max_position_size", symbol, order.quantity, whole(room), reason)


@dataclass(frozen=True, slots=True)
class Clearance:
    """How much of an order may be sent now: 0 ends it, None lets it wait."""

    quantity: float | None
    reason: str = ""


WAIT = Clearance(None)


def clear_order(
    order: Order,
    live: Sequence[Order],
    sent: Sequence[datetime],
    now: datetime,
    account: Account,
    prices: Mapping[str, Price],
    limits: Limits,
    *,
    may_buy: bool,
) -> Clearance:
    """The last look at an order before it is sent, with the cash that there is now.

    :param live: what is still open of the orders that the broker has.
    :param sent: when orders were sent.
    """
    price = prices.get(order.symbol)
    if price is None or price.stale or orders_left(sent, now, limits) <= 0:
        return WAIT
    if order.action is Action.SELL:
        return Clearance(order.quantity)
    if not may_buy:
        return Clearance(0, "the circuit breaker allows no purchase in this session")
    reserved = math.fsum(_most(each, prices, limits) for each in live if each.action is Action.BUY)
    spendable = account.cash - reserved - limits.min_cash_buffer * account.equity(prices)
    unit = _most(replace(order, quantity=1), prices, limits)
    quantity = min(order.quantity, whole(max(spendable, 0.0) / unit))
    return Clearance(quantity, f"min_cash_buffer leaves money for {quantity:g} of {order.quantity:g}")


def _most(order: Order, prices: Mapping[str, Price], limits: Limits) -> float:
    """What a purchase can cost at these prices."""
    price = order.limit_price or (prices[order.symbol].value if order.symbol in prices else 0.0)
    return order.quantity * price * (1 + limits.cost)


def orders_left(sent: Sequence[datetime], now: datetime, limits: Limits) -> int:
    """How many more orders may be sent now, after those that were sent at these times."""
    return limits.max_orders_per_minute - sum(1 for at in sent if at > now - MINUTE)
