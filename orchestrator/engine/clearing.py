"""The last looks at an order: when a strategy gives it, and when it is to be sent. Pure functions."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from orchestrator.engine.crowding import is_crowded
from orchestrator.engine.limits import Cut, Limits, Plan, Situation, ordered
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Action, Order
from orchestrator.engine.risk import BAND, no_purchase, whole
from orchestrator.engine.volatility import scale_to_target

__all__ = ["MINUTE", "WAIT", "Clearance", "check_orders", "clear_order", "orders_left"]

MINUTE = timedelta(minutes=1)


def check_orders(orders: Iterable[Order], situation: Situation) -> Plan:
    """What may be sent of the orders that a strategy gives itself."""
    plan = Plan()
    ahead = list(situation.waiting)
    for order in sorted(orders, key=lambda order: order.action is Action.BUY):
        check = _check_purchase if order.action is Action.BUY else _check_sale
        quantity = whole(check(order, ahead, situation, plan))
        if quantity > 0:
            plan.orders.append(replace(order, quantity=quantity))
            ahead.append(plan.orders[-1])
    return plan


def _check_sale(order: Order, ahead: Sequence[Order], situation: Situation, plan: Plan) -> float:
    symbol, there = order.symbol, _unsold(order.symbol, ahead, situation)
    if order.quantity > there:
        reason = f"{symbol}: {order.quantity:g} are to be sold, {there:g} are there"
        plan.cuts.append(Cut("long_only", symbol, order.quantity, whole(there), reason))
    return min(order.quantity, there)


def _unsold(symbol: str, ahead: Sequence[Order], situation: Situation) -> float:
    return max(situation.account.held(symbol) - ordered(ahead, symbol, Action.SELL), 0.0)


def _check_purchase(order: Order, ahead: Sequence[Order], situation: Situation, plan: Plan) -> float:
    symbol, limits = order.symbol, situation.limits
    cut = no_purchase(order, situation) or _no_price(order, situation)
    engaged = {*situation.account.positions, *(each.symbol for each in ahead if each.action is Action.BUY)}
    if cut is None and symbol not in engaged and len(engaged) >= limits.max_positions:
        reason = f"{symbol}: max_positions allows {limits.max_positions}, and so many are there"
        cut = Cut("max_positions", symbol, order.quantity, 0.0, reason)
    if cut is not None:
        plan.cuts.append(cut)
        return 0.0
    if symbol not in engaged and is_crowded(symbol, sorted(engaged), situation, plan):
        return 0.0
    quantity = _limit_size(order, ahead, situation, plan)
    return _limit_volatility(replace(order, quantity=quantity), ahead, situation, plan) if quantity else 0.0


def _no_price(order: Order, situation: Situation) -> Cut | None:
    price = situation.prices.get(order.symbol)
    if price is None or price.stale:
        return Cut("price", order.symbol, order.quantity, 0.0, f"{order.symbol} has no price now")
    return None


def _limit_size(order: Order, ahead: Sequence[Order], situation: Situation, plan: Plan) -> float:
    room = _size_room(order, ahead, situation)
    if order.quantity > room:
        reason = f"{order.symbol}: {order.quantity:g} more, max_position_size allows {room:g}"
        plan.cuts.append(Cut("max_position_size", order.symbol, order.quantity, room, reason))
    return min(order.quantity, room)


def _size_room(order: Order, ahead: Sequence[Order], situation: Situation) -> float:
    """How many shares more the largest position has."""
    symbol, limits = order.symbol, situation.limits
    most = limits.max_position_size * situation.equity() / _unit(order, situation.prices, limits)
    return whole(max(most - situation.account.held(symbol) - ordered(ahead, symbol, Action.BUY), 0.0))


def _limit_volatility(order: Order, ahead: Sequence[Order], situation: Situation, plan: Plan) -> float:
    """The purchase is scaled like a target weight, beside everything that is there and on its way."""
    equity, prices = situation.equity(), situation.prices
    there = {symbol: position.quantity for symbol, position in situation.account.positions.items()}
    for each in ahead:
        change = each.quantity if each.action is Action.BUY else -each.quantity
        there[each.symbol] = there.get(each.symbol, 0.0) + change
    fixed = {symbol: shares * prices[symbol].value / equity for symbol, shares in there.items() if symbol in prices}
    movable = {order.symbol: order.quantity * prices[order.symbol].value / equity}
    scaling = scale_to_target(movable, fixed, situation)
    if scaling.remark:
        plan.remarks.append(scaling.remark)
    if scaling.cut is not None:
        plan.cuts.append(replace(scaling.cut, symbol=order.symbol, reason=f"{order.symbol}: {scaling.cut.reason}"))
    return order.quantity * scaling.share


@dataclass(frozen=True, slots=True)
class Clearance:
    """How much of an order may be sent now: 0 ends it, None lets it wait."""

    quantity: float | None
    reason: str = ""


WAIT = Clearance(None)


def clear_order(
    order: Order, live: Sequence[Order], sent: Sequence[datetime], now: datetime, situation: Situation
) -> Clearance:
    """The last look at an order before it is sent, with the account and the limits that there are now.

    :param live: what is still open of the orders that the broker has.
    :param sent: when orders were sent.
    """
    if _no_price(order, situation) is not None or orders_left(sent, now, situation.limits) <= 0:
        return WAIT
    if order.action is Action.SELL:
        there = _unsold(order.symbol, live, situation)
        return Clearance(min(order.quantity, there), f"{there:g} of {order.quantity:g} are there")
    forbidden = no_purchase(order, situation)
    if forbidden is not None:
        return Clearance(0, forbidden.reason)
    return min(
        (_clear_size(order, live, situation), _clear_cash(order, live, situation)),
        key=lambda clearance: clearance.quantity or 0.0,
    )


def _clear_size(order: Order, live: Sequence[Order], situation: Situation) -> Clearance:
    """Whether the limit has been lowered, or the price has run, since the order was decided. What trading has cost
    since takes nothing from an order that was within its limit."""
    room = _size_room(order, live, situation)
    if order.quantity - room <= BAND * (order.quantity + situation.account.held(order.symbol)):
        return Clearance(order.quantity)
    return Clearance(room, f"max_position_size allows {room:g} of {order.quantity:g}")


def _clear_cash(order: Order, live: Sequence[Order], situation: Situation) -> Clearance:
    limits, prices = situation.limits, situation.prices
    purchases = (each for each in live if each.action is Action.BUY and each.symbol in prices)
    reserved = math.fsum(each.quantity * _unit(each, prices, limits) for each in purchases)
    spendable = max(situation.account.cash - reserved - limits.min_cash_buffer * situation.equity(), 0.0)
    quantity = min(order.quantity, whole(spendable / _unit(order, prices, limits)))
    return Clearance(quantity, f"min_cash_buffer leaves money for {quantity:g} of {order.quantity:g}")


def _unit(order: Order, prices: Mapping[str, Price], limits: Limits) -> float:
    """What a share that is bought can cost: a limit order its limit, a stop order what it is triggered at."""
    market = prices[order.symbol].value
    price = order.limit_price or max(market, order.stop_price or 0.0)
    return price * (1 + limits.cost)


def orders_left(sent: Sequence[datetime], now: datetime, limits: Limits) -> int:
    """How many more orders may be sent now, after those that were sent at these times."""
    return limits.max_orders_per_minute - sum(1 for at in sent if at > now - MINUTE)
