"""The limits that a portfolio passes on its way to orders: pure functions from target weights to what may be ordered.

Fractions are of equity. Only long positions are held: a negative weight is none, and no more is sold than is there.
What makes a position smaller is never held back by a limit on what may be bought.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from orchestrator.engine.crowding import is_crowded
from orchestrator.engine.limits import Cut, Plan, Situation, ordered
from orchestrator.engine.records import Action, Order
from orchestrator.engine.volatility import scale_to_target

__all__ = ["BAND", "no_purchase", "plan_rebalance", "whole"]

BAND = 0.05
"""A position this near to its target, as a fraction of the target, or nearer than one share, is left as it is:
following every move of the price would cost more than it is worth. A new position and a complete exit are never too
small."""


def plan_rebalance(weights: Mapping[str, float], situation: Situation) -> Plan:
    """The orders that bring the account to these target weights; a held symbol without a weight is sold.

    A symbol without a fresh price is left as it is. What waits counts as done.
    """
    plan = Plan()
    fresh, equity = situation.fresh(), situation.equity()
    allowed = _limit_weights(weights, fresh, situation, plan)
    for symbol in [*allowed, *(held for held in situation.account.positions if held not in allowed)]:
        if symbol in fresh:
            plan.orders += _change(Target(symbol, allowed.get(symbol, 0.0) * equity, fresh[symbol]), situation)
    _drop_forbidden(plan, situation)
    _limit_spending(plan, fresh, equity, situation)
    plan.orders.sort(key=lambda order: order.action is Action.BUY)
    return plan


def _limit_weights(
    weights: Mapping[str, float], fresh: Mapping[str, float], situation: Situation, plan: Plan
) -> dict[str, float]:
    """One limit after the other: of each position, of those that are alike, of their number, of the whole."""
    allowed = {symbol: _limit_weight(symbol, weights[symbol], situation, plan) for symbol in weights if symbol in fresh}
    for symbol in (each for each in weights if each not in allowed):
        plan.cuts.append(Cut("price", symbol, weights[symbol], 0.0, f"{symbol} has no price now and is left as it is"))
    immovable = [symbol for symbol in situation.account.positions if symbol not in fresh]
    _limit_likeness(allowed, immovable, situation, plan)
    _limit_number(allowed, max(situation.limits.max_positions - len(immovable), 0), plan)
    _limit_volatility(allowed, immovable, situation, plan)
    return allowed


def _limit_weight(symbol: str, weight: float, situation: Situation, plan: Plan) -> float:
    if weight < 0:
        reason = f"{symbol}: no short positions, so {weight:g} becomes 0"
        plan.cuts.append(Cut("long_only", symbol, weight, 0.0, reason))
        return 0.0
    most = situation.limits.max_position_size
    if weight > most:
        reason = f"{symbol}: {weight:.2%} of equity, max_position_size allows {most:.2%}"
        plan.cuts.append(Cut("max_position_size", symbol, weight, most, reason))
    return min(weight, most)


def _limit_likeness(weights: dict[str, float], immovable: list[str], situation: Situation, plan: Plan) -> None:
    """What is held stays; then the largest weights come first, of equal ones the first."""
    engaged = {*situation.account.positions, *_bought(situation)}
    chosen = [*immovable, *(symbol for symbol in weights if symbol in engaged and weights[symbol] > 0)]
    for symbol in _largest_first(weights):
        if symbol in chosen:
            continue
        if is_crowded(symbol, chosen, situation, plan):
            weights[symbol] = 0.0
        else:
            chosen.append(symbol)


def _bought(situation: Situation) -> set[str]:
    return {order.symbol for order in situation.waiting if order.action is Action.BUY}


def _limit_number(weights: dict[str, float], most: int, plan: Plan) -> None:
    wanted = _largest_first(weights)
    for symbol in wanted[most:]:
        reason = f"{symbol}: max_positions allows {most}, and {len(wanted)} are wanted"
        plan.cuts.append(Cut("max_positions", symbol, weights[symbol], 0.0, reason))
        weights[symbol] = 0.0


def _largest_first(weights: Mapping[str, float]) -> list[str]:
    return sorted((symbol for symbol in weights if weights[symbol] > 0), key=lambda symbol: -weights[symbol])


def _limit_volatility(weights: dict[str, float], immovable: list[str], situation: Situation, plan: Plan) -> None:
    equity, account, prices = situation.equity(), situation.account, situation.prices
    fixed = {symbol: account.value(symbol, prices) / equity for symbol in immovable} if equity > 0 else {}
    scaling = scale_to_target(weights, fixed, situation)
    if scaling.cut is not None:
        plan.cuts.append(scaling.cut)
    if scaling.remark:
        plan.remarks.append(scaling.remark)
    for symbol in weights:
        weights[symbol] *= scaling.share


def _drop_forbidden(plan: Plan, situation: Situation) -> None:
    """Take out what may not be bought at all, and say why."""
    kept = []
    for order in plan.orders:
        cut = no_purchase(order, situation)
        if cut is None:
            kept.append(order)
        else:
            plan.cuts.append(cut)
    plan.orders = kept


def no_purchase(order: Order, situation: Situation) -> Cut | None:
    """Why an order, if it is a purchase, may not be given at all."""
    if order.action is Action.SELL:
        return None
    if situation.halted:
        return Cut("halted", order.symbol, order.quantity, 0.0, f"{order.symbol} is not bought: {situation.halted}")
    why = situation.barred.get(order.symbol)
    return None if why is None else Cut("barred", order.symbol, order.quantity, 0.0, f"{order.symbol}: {why}")


def _limit_spending(plan: Plan, fresh: Mapping[str, float], equity: float, situation: Situation) -> None:
    """Scale all purchases alike, if cash and the proceeds of the sales do not pay for them and leave the buffer."""

    def value(orders: Iterable[Order], action: Action) -> float:
        return math.fsum(each.quantity * fresh.get(each.symbol, 0.0) for each in orders if each.action is action)

    account, limits = situation.account, situation.limits
    wanted = value(plan.orders, Action.BUY) * (1 + limits.cost)
    proceeds = value(plan.orders, Action.SELL) * (1 - limits.cost)
    reserved = value(situation.waiting, Action.BUY) * (1 + limits.cost)
    spendable = max(account.cash + proceeds - reserved - limits.min_cash_buffer * equity, 0.0)
    if wanted <= spendable:
        return
    reason = f"purchases for {wanted:.2f} are wanted; min_cash_buffer leaves {spendable:.2f} for them"
    plan.cuts.append(Cut("min_cash_buffer", None, wanted, spendable, reason))
    scaled = (_scaled(order, spendable / wanted, account.held(order.symbol)) for order in plan.orders)
    plan.orders = [order for order in scaled if order is not None]


def _scaled(order: Order, factor: float, held: float) -> Order | None:
    if order.action is Action.SELL:
        return order
    quantity = whole(order.quantity * factor)
    return replace(order, quantity=quantity) if quantity > BAND * held else None


class Target(NamedTuple):
    symbol: str
    value: float
    price: float


def _change(target: Target, situation: Situation) -> list[Order]:
    """Order the difference between what will be held and the target, if it is worth it."""
    symbol, value, price = target
    there = situation.account.held(symbol) - ordered(situation.waiting, symbol, Action.SELL)
    expected = there + ordered(situation.waiting, symbol, Action.BUY)
    if expected and value and abs(value - expected * price) <= max(price, BAND * value):
        return []
    # What trading costs is taken from the target, so that the position is within its limit afterwards as well.
    difference = whole(value / (price * (1 + situation.limits.cost))) - expected
    if difference > 0:
        return [Order(symbol, Action.BUY, difference)]
    sale = min(-difference, there)
    return [Order(symbol, Action.SELL, sale)] if sale > 0 else []


def whole(shares: float) -> float:
    """Rounded down, but not for a rounding error of the arithmetic."""
    return float(math.floor(shares + 1e-9))
