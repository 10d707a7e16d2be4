"""Calls a strategy, and takes nothing from it unseen."""

import math
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.engine.interface import EngineError
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Fill, Order
from orchestrator.engine.strategy import Context, Strategy

__all__ = ["StrategyError", "StrategyRunner"]


class StrategyError(EngineError):
    """The strategy raised, or returned what is no answer."""


class StrategyRunner:
    """:param name: as in the config, for texts."""

    def __init__(self, strategy: Strategy, name: str) -> None:
        self._strategy, self._name = strategy, name
        self.gives_orders = strategy.gives_orders

    def initialize(self, context: Context) -> None:
        self._strategy.context = context
        self._call("initialize", self._strategy.initialize)

    def weights(self, now: datetime, data: Mapping[str, Price]) -> dict[str, float] | None:
        """The target weights, each a finite number; None if the strategy wants no change."""
        answer = self._call("target_weights", self._strategy.target_weights, now, data)
        if answer is None:
            return None
        if not isinstance(answer, Mapping):
            raise self._error("target_weights", f"it returned {answer!r}, not a mapping from symbol to weight")
        for symbol, weight in answer.items():
            if not (isinstance(symbol, str) and _is_number(weight)):
                raise self._error("target_weights", f"it gives {symbol!r} the weight {weight!r}, not a number")
        return {symbol: float(weight) for symbol, weight in answer.items()}

    def orders(self, now: datetime, data: Mapping[str, Price]) -> list[Order]:
        answer = self._call("on_data", self._strategy.on_data, now, data)
        orders = list(answer) if isinstance(answer, list | tuple) else [answer] if answer is not None else []
        for order in orders:
            if not isinstance(order, Order):
                raise self._error("on_data", f"it returned {order!r}, not a list of Order")
        return orders

    def fill(self, fill: Fill) -> None:
        self._call("on_fill", self._strategy.on_fill, fill)

    def finalize(self) -> None:
        self._call("finalize", self._strategy.finalize)

    def _call(self, what: str, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:
            where = _place(error, type(self._strategy))
            raise self._error(what, f"{type(error).__name__}: {error} ({where})") from error

    def _error(self, what: str, trouble: str) -> StrategyError:
        return StrategyError(f"strategy {self._name} failed in {what}: {trouble}")


def _place(error: Exception, strategy: type) -> str:
    """The line of the strategy's own file that the error came through last, or else the line that raised it."""
    file = getattr(sys.modules.get(strategy.__module__), "__file__", None)
    frames = traceback.extract_tb(error.__traceback__)
    frame = ([each for each in frames if each.filename == file] or frames)[-1]
    return f"{Path(frame.filename).name} line {frame.lineno}"


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool | str) and math.isfinite(value)
    except TypeError:
        return False
