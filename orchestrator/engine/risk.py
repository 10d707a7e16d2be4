"""The limits that every order passes: pure functions from what is wanted to what may be ordered.

Fractions are of equity. Only long positions are held: a negative weight is none, and no more is sold than is there.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from orchestrator.config import TradingConfig
from orchestrator.engine.account import Account
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Action, Order

__all__ = [
    "NOT_ENFORCED",
    "Cut",
    "Limits",
    "Plan",
    "no_purchase",
    "ordered",
    "plan_rebalance",
    "whole",
]

NOT_ENFORCED: tuple[str, ...] = (
    "position_stop_loss",
    "max_cash_buffer",
    "max_correlation",
    "enable_volatility_targeting",
    "target_portfolio_volatility",
)
"""The keys of ``risk:`` that nothing looks at yet."""

BAND = 0.05
"""A position this near to its target, as a fraction of the target, or nearer than one share, is left as it is:
following every move of the price would cost more than it is worth. A new position and a complete exit are never too
small."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be held and ordered. `cost` is what trading takes at most, as a fraction of the traded value."""

    max_positions: int
    max_position_size: float
    min_cash_buffer: float
    max_orders_per_minute: int
    cost: float

    @classmethod
    def of(cls, config: TradingConfig) -> "Limits":
        return cls(
            max_positions=config.strategy.max_positions,
            max_position_size=config.risk.max_position_size,
            min_cash_buffer=config.risk.min_cash_buffer,
            max_orders_per_minute=config.risk.max_orders_per_minute,
            cost=(1 + config.broker.slippage) * (1 + config.broker.commission) - 1,
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """What a limit took away. `limit` is the key of the config, or a word for what there is no key for."""

    limit: str
    symbol: str | None
    wanted: float
    allowed: float
    reason: str


@dataclass(slots=True)
class Plan:
    """The orders that may be sent, sales first, and what was cut on the way."""

    orders: list[Order] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)


def plan_rebalance(
    weights: Mapping[str, float],
    account: Account,
    waiting: Sequence[Order],
    prices: Mapping[str, Price],
    limits: Limits,
    *,
    may_buy: bool,
) -> Plan:
    """The orders that bring the account to these target weights; a held symbol without a weight is sold.

    A symbol without a fresh price is left as it is.

    :param waiting: what is still open of earlier orders; it counts as done.
    :param prices: fresh ones to trade on; stale ones count in the equity only.
    """
    plan = Plan()
    fresh = {symbol: price.value for symbol, price in prices.items() if not price.stale}
    allowed = _limit_weights(weights, account, fresh, limits, plan)
    equity = account.equity(prices)
    for symbol in [*allowed, *(held for held in account.positions if held not in allowed)]:
        if symbol in fresh:
            target = Target(symbol, allowed.get(symbol, 0.0) * equity, fresh[symbol])
            plan.orders += _change(target, account.held(symbol), waiting, limits.cost)
    if not may_buy:
        plan.orders = _without_purchases(plan)
    _limit_spending(plan, account, waiting, fresh, equity, limits)
    plan.orders.sort(key=lambda order: order.action is Action.BUY)
    return plan


def _limit_weights(
    weights: Mapping[str, float], account: Account, fresh: Mapping[str, float], limits: Limits, plan: Plan
) -> dict[str, float]:
    allowed = {
        symbol: _limit_weight(symbol, weight, limits, plan) for symbol, weight in weights.items() if symbol in fresh
    }
    for symbol in (each for each in weights if each not in allowed):
        plan.cuts.append(Cut("price", symbol, weights[symbol], 0.0, f"{symbol} has no price now and is left as it is"))
    immovable = sum(1 for symbol in account.positions if symbol not in fresh)
    _limit_number(allowed, max(limits.max_positions - immovable, 0), plan)
    return allowed


def _limit_weight(symbol: str, weight: float, limits: Limits, plan: Plan) -> float:
    if weight < 0:
        reason = f"{symbol}: no short positions, so {weight:g} becomes 0"
        plan.cuts.append(Cut("long_only", symbol, weight, 0.0, reason))
        return 0.0
    most = limits.max_position_size
    if weight > most:
        reason = f"{symbol}: {weight:.2%} of equity, max_position_size allows {most:.2%}"
        plan.cuts.append(Cut("max_position_size", symbol, weight, most, reason))
    return min(weight, most)


def _limit_number(weights: dict[str, float], most: int, plan: Plan) -> None:
    """The largest weights stay; of equal ones the first."""
    wanted = sorted((symbol for symbol in weights if weights[symbol] > 0), key=lambda symbol: -weights[symbol])
    for symbol in wanted[most:]:
        reason = f"{symbol}: max_positions allows {most}, and {len(wanted)} are wanted"
        plan.cuts.append(Cut("max_positions", symbol, weights[symbol], 0.0, reason))
        weights[symbol] = 0.0


def _limit_spending(
    plan: Plan,
    account: Account,
    waiting: Sequence[Order],
    fresh: Mapping[str, float],
    equity: float,
    limits: Limits,
) -> None:
    """Scale all purchases alike, if cash and the proceeds of the sales do not pay for them and leave the buffer."""

    def value(orders: Iterable[Order], action: Action) -> float:
        return math.fsum(each.quantity * fresh.get(each.symbol, 0.0) for each in orders if each.action is action)

    wanted = value(plan.orders, Action.BUY) * (1 + limits.cost)
    proceeds = value(plan.orders, Action.SELL) * (1 - limits.cost)
    reserved = value(waiting, Action.BUY) * (1 + limits.cost)
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


def _change(target: Target, held: float, waiting: Sequence[Order], cost: float) -> list[Order]:
    """Order the difference between what will be held and the target, if it is worth it."""
    symbol, value, price = target
    there = held - ordered(waiting, symbol, Action.SELL)
    expected = there + ordered(waiting, symbol, Action.BUY)
    if expected and value and abs(value - expected * price) <= max(price, BAND * value):
        return []
    # What trading costs is taken from the target, so that the position is within its limit afterwards as well.
    difference = whole(value / (price * (1 + cost))) - expected
    if difference > 0:
        return [Order(symbol, Action.BUY, difference)]
    sale = min(-difference, there)
    return [Order(symbol, Action.SELL, sale)] if sale > 0 else []


def _without_purchases(plan: Plan) -> list[Order]:
    for order in plan.orders:
        if order.action is Action.BUY:
            plan.cuts.append(no_purchase(order))
    return [order for order in plan.orders if order.action is Action.SELL]


def no_purchase(order: Order) -> Cut:
    """What the tripped circuit breaker does to a purchase."""
    reason = f"{order.symbol}: the circuit breaker allows no purchase in this session"
    return Cut("circuit_breaker", order.symbol, order.quantity, 0.0, reason)


def ordered(orders: Iterable[Order], symbol: str, action: Action) -> float:
    """How many shares of the symbol are to be bought, or sold."""
    return sum(each.quantity for each in orders if each.symbol == symbol and each.action is action)


def whole(shares: float) -> float:
    """Rounded down, but not for a rounding error of the arithmetic."""
    return float(math.floor(shares + 1e-9))
