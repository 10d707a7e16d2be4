"""What the account is worth and holds, as IB says it."""

import logging
from collections.abc import Callable, Mapping
from math import isfinite, nan
from typing import Any

__all__ = ["CURRENCY", "AccountBook", "our_name"]

logger = logging.getLogger(__name__)

CURRENCY = "USD"
"""What is traded, and in which everything is told."""

FIGURES = {"UnrealizedPnL": "unrealized_pnl", "RealizedPnL": "realized_pnl", "AvailableFunds": "available_funds"}
"""IB's tags, and our words for them."""


def our_name(symbol: str) -> str:
    """IB writes ``BRK B`` where everybody else writes ``BRK.B``."""
    return symbol.replace(" ", ".")


class AccountBook:
    """:param account: reads which account is ours; IB tells of all that the login has."""

    def __init__(self, account: Callable[[], str]) -> None:
        self._account = account
        self._values: dict[tuple[str, str], str] = {}
        self._positions: dict[int, tuple[str, float, float]] = {}
        self.on_cash: Callable[[], None] = lambda: None
        """Called when the cash is told anew."""

    def hear_value(self, tag: str, value: str, currency: str, account: str) -> None:
        """A net liquidation of nothing, such as servers tell while they start, is no loss of everything."""
        if account == self._account() and (tag != "NetLiquidation" or _is_worth(value)):
            self._values[tag, currency] = value
            direct = ("TotalCashBalance", CURRENCY) in self._values
            if (tag, currency) == ("TotalCashBalance", CURRENCY) or (tag == "TotalCashValue" and not direct):
                self.on_cash()

    def hear_position(self, account: str, contract: Any, quantity: float, average: float) -> None:
        if account == self._account() and contract.secType == "STK":
            self._positions[contract.conId] = (our_name(contract.symbol), float(quantity), float(average))

    def begin(self) -> None:
        """Positions are about to be told anew: one that is not told is none."""
        self._positions.clear()

    def cash(self) -> float | None:
        """In our currency; None if it is not known."""
        direct = self._number("TotalCashBalance", CURRENCY)
        return direct if direct is not None else self._exchanged("TotalCashValue")

    def net_liquidation(self) -> float | None:
        return self._exchanged("NetLiquidation")

    def held(self, symbol: str) -> float:
        return sum(quantity for name, quantity, _ in self._positions.values() if name == symbol)

    def position(self, symbol: str) -> tuple[float, float]:
        """Shares, and what one has cost on the average."""
        found = [(quantity, average) for name, quantity, average in self._positions.values() if name == symbol]
        return found[0] if len(found) == 1 else (self.held(symbol), 0.0)

    def symbols(self) -> set[str]:
        return {name for name, quantity, _ in self._positions.values() if quantity}

    def figures(self) -> Mapping[str, Any]:
        told = {word: self._exchanged(tag) for tag, word in FIGURES.items()}
        return {"net_liquidation": self.net_liquidation(), "cash": self.cash(), **told}

    def _exchanged(self, tag: str) -> float | None:
        """An amount that IB tells in our currency, or else in the account's own, times the rate that it tells."""
        direct = self._number(tag, CURRENCY)
        if direct is not None:
            return direct
        rate = self._number("ExchangeRate", CURRENCY)
        for (name, currency), value in self._values.items():
            if name == tag and currency != "BASE" and rate:
                return round(float(value) / rate, 2)
        return None

    def _number(self, tag: str, currency: str) -> float | None:
        value = self._values.get((tag, currency))
        try:
            number = None if value is None else float(value)
        except ValueError:
            number = nan
        if number is not None and not isfinite(number):
            logger.warning("the account value %s is %r, not a number", tag, value)
            return None
        return number


def _is_worth(value: str) -> bool:
    try:
        return float(value) > 0
    except ValueError:
        return False
