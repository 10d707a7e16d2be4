"""A strategy: from prices to orders or target weights. The built-in ones, and how others are loaded."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.config import StrategyConfig
from orchestrator.engine.account import Account
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Fill, Order

__all__ = ["BuyAndHold", "Context", "EqualWeight", "Momentum", "Strategy", "load_strategy"]

Data = Mapping[str, Price]
"""The fresh prices by symbol; a symbol without one is absent."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a strategy may know. `account` is for reading; `equity()` is its value now, and `past_price` gives the price
    of a symbol at an earlier time, for a share as it is now: what was before a split is divided by its ratio. None
    where it is not known."""

    symbols: Sequence[str]
    max_positions: int
    position_size_pct: float
    account: Account
    equity: Callable[[], float]
    past_price: Callable[[str, datetime], float | None]

    def weight(self, symbol: str, price: float) -> float:
        """What the position in `symbol` is of the equity."""
        return self.account.held(symbol) * price / self.equity()


class Strategy:
    """Derive from this, and write :meth:`target_weights` or :meth:`on_data` or both.

    The constructor takes what ``strategy.params`` holds, by name. `context` is there from :meth:`initialize` on.
    What a strategy remembers is gone after a restart, except for the account's positions. Prices are those of their
    time: over a split they jump, and ``context.past_price`` does not.
    """

    context: Context

    def initialize(self) -> None:
        """Called once before anything else."""

    def target_weights(self, timestamp: datetime, data: Data) -> Mapping[str, float] | None:
        """The portfolio that is wanted, as fractions of equity; what is held and not named is sold. Called when it is
        time to rebalance. None leaves everything as it is."""
        return None

    def on_data(self, timestamp: datetime, data: Data) -> Sequence[Order]:
        """Orders to send now: market, limit or stop, good for the session. Called at every look at the market."""
        return ()

    def on_fill(self, fill: Fill) -> None:
        """Called after each fill."""

    def finalize(self) -> None:
        """Called at the end, unless the engine is killed."""

    @property
    def gives_orders(self) -> bool:
        """Whether :meth:`on_data` does anything."""
        return type(self).on_data is not Strategy.on_data


class EqualWeight(Strategy):
    """``position_size_pct`` in each of the first ``max_positions`` symbols."""

    def target_weights(self, timestamp: datetime, data: Data) -> Mapping[str, float]:
        context = self.context
        return dict.fromkeys(context.symbols[: context.max_positions], context.position_size_pct)


class BuyAndHold(Strategy):
    """Buys like equal_weight, and then holds; only a limit of ``risk`` makes it sell."""

    def target_weights(self, timestamp: datetime, data: Data) -> Mapping[str, float]:
        context = self.context
        return {
            symbol: context.weight(symbol, data[symbol].value)
            if symbol in data and context.account.held(symbol)
            else context.position_size_pct
            for symbol in context.symbols[: context.max_positions]
        }


class Momentum(Strategy):
    """``position_size_pct`` in each of the ``max_positions`` symbols that have risen most, if they have risen.

    :param lookback_days: over this many calendar days.
    """

    def __init__(self, lookback_days: int = 90) -> None:
        if lookback_days <= 0:
            raise ValueError(f"lookback_days is {lookback_days!r}; it must be positive")
        self.lookback = timedelta(days=lookback_days)

    def target_weights(self, timestamp: datetime, data: Data) -> Mapping[str, float]:
        rises = {}
        for symbol in self.context.symbols:
            before = self.context.past_price(symbol, timestamp - self.lookback)
            if symbol in data and before is not None and data[symbol].value > before:
                rises[symbol] = data[symbol].value / before
        best = sorted(rises, key=lambda symbol: -rises[symbol])[: self.context.max_positions]
        return dict.fromkeys(best, self.context.position_size_pct)


BUILT_IN: Mapping[str, type[Strategy]] = {
    "equal_weight": EqualWeight,
    "buy_and_hold": BuyAndHold,
    "momentum": Momentum,
}


def load_strategy(config: StrategyConfig) -> Strategy:
    """The strategy that ``strategy.name`` names: a built-in one, or a class as "package.module:Class".

    :raises ValueError: there is no such strategy, it is no Strategy, or it does not take these params.
    """
    cls = BUILT_IN.get(config.name) or _import(config.name)
    try:
        return cls(**config.params)
    except Exception as error:
        given = ", ".join(f"{name}={value!r}" for name, value in config.params.items()) or "none"
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"strategy {config.name!r} can't be made with params {given}: {reason}") from error


def _import(name: str) -> type[Strategy]:
    module_name, colon, class_name = name.partition(":")
    if not colon:
        known = ", ".join(BUILT_IN)
        raise ValueError(f'strategy {name!r} is not built in; there are {known}, or "package.module:Class"')
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"strategy {name!r}: module {module_name} can't be imported: {reason}") from error
    cls: Any = getattr(module, class_name, None)
    if not isinstance(cls, type):
        raise ValueError(f"strategy {name!r}: module {module_name} has no class {class_name}")
    if not issubclass(cls, Strategy):
        raise ValueError(f"strategy {name!r} is not derived from orchestrator.engine.Strategy")
    return cls
