"""What the limits look at, and what they say: values only."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from orchestrator.config import TradingConfig
from orchestrator.engine.account import Account
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Action, Order

__all__ = ["Cut", "Limits", "Plan", "Returns", "Situation", "ordered"]

Returns = Mapping[date, float]
"""Daily returns of a symbol: by session, what a share gained since the session before, as a fraction."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be held and ordered. Fractions are of equity.

    :param cost: what trading takes at most, as a fraction of the traded value.
    :param target_volatility: most that the portfolio may be expected to move in a year (one standard deviation); None
        if that is not looked at.
    """

    max_positions: int
    max_position_size: float
    min_cash_buffer: float
    max_orders_per_minute: int
    cost: float
    max_cash_buffer: float = 1.0
    max_correlation: float = 1.0
    target_volatility: float | None = None
    sessions_a_year: int = 252

    @classmethod
    def of(cls, config: TradingConfig) -> "Limits":
        risk, broker = config.risk, config.broker
        return cls(
            max_positions=config.strategy.max_positions,
            max_position_size=risk.max_position_size,
            min_cash_buffer=risk.min_cash_buffer,
            max_orders_per_minute=risk.max_orders_per_minute,
            cost=(1 + broker.slippage) * (1 + broker.commission) - 1,
            max_cash_buffer=risk.max_cash_buffer,
            max_correlation=risk.max_correlation,
            target_volatility=risk.target_portfolio_volatility if risk.enable_volatility_targeting else None,
            sessions_a_year=365 if config.schedule.calendar.upper() == "ALWAYS" else 252,
        )


def _no_returns(symbol: str) -> Returns:
    return {}


@dataclass(frozen=True, slots=True)
class Situation:
    """All that decides on what may be ordered.

    :param waiting: what is still open of earlier orders.
    :param prices: fresh ones to trade on; stale ones count in the equity only.
    :param halted: why nothing at all may be bought; empty if it may.
    :param barred: why a symbol may not be bought, by symbol.
    :param returns: recent daily returns of a symbol.
    """

    account: Account
    waiting: Sequence[Order]
    prices: Mapping[str, Price]
    limits: Limits
    halted: str = ""
    barred: Mapping[str, str] = field(default_factory=dict)
    returns: Callable[[str], Returns] = _no_returns

    def equity(self) -> float:
        return self.account.equity(self.prices)

    def fresh(self) -> dict[str, float]:
        return {symbol: price.value for symbol, price in self.prices.items() if not price.stale}


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
    """The orders that may be sent, sales first; what was cut on the way; and what could not be looked at."""

    orders: list[Order] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def ordered(orders: Iterable[Order], symbol: str, action: Action) -> float:
    """How many shares of the symbol are to be bought, or sold."""
    return sum(each.quantity for each in orders if each.symbol == symbol and each.action is action)
