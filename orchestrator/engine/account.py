"""Cash and positions: what the fills add up to."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.engine.prices import Price
from orchestrator.engine.records import Fill, Split

__all__ = ["Account", "Position"]


@dataclass(frozen=True, slots=True)
class Position:
    """Shares held. `avg_price` is the average price paid, without commission."""

    symbol: str
    quantity: float
    avg_price: float

    def after(self, fill: Fill) -> "Position":
        quantity = self.quantity + fill.signed_quantity
        if self.quantity * fill.signed_quantity >= 0:
            paid = abs(self.quantity) * self.avg_price + fill.quantity * fill.price
            average = round(paid / (abs(self.quantity) + fill.quantity), 6)
        else:
            average = self.avg_price if quantity * self.quantity > 0 else fill.price
        return Position(self.symbol, quantity, average)


@dataclass(slots=True)
class Account:
    """An account's state; `positions` holds no empty ones."""

    cash: float
    positions: dict[str, Position] = field(default_factory=dict)

    @classmethod
    def of(cls, starting_cash: float, fills: Iterable[Fill], splits: Iterable[Split] = ()) -> "Account":
        """The account that began with `starting_cash` and saw these fills and splits, each oldest first; a split
        comes before what was traded at its open."""
        account, waiting = cls(starting_cash), list(splits)
        for fill in fills:
            while waiting and waiting[0].at <= fill.at:
                account.split(waiting.pop(0))
            account.apply(fill)
        for split in waiting:
            account.split(split)
        return account

    def apply(self, fill: Fill) -> None:
        self.cash = round(self.cash - fill.signed_quantity * fill.price - fill.commission, 6)
        position = self.positions.get(fill.symbol, Position(fill.symbol, 0.0, 0.0)).after(fill)
        if position.quantity:
            self.positions[fill.symbol] = position
        else:
            self.positions.pop(fill.symbol, None)

    def split(self, split: Split) -> None:
        """Hold as many shares more, each bought for as much less; a fraction of a share is paid out."""
        before = self.positions.get(split.symbol)
        if before is None:
            return
        shares = round(before.quantity * split.ratio, 6)
        kept = float(math.floor(shares))
        self.cash = round(self.cash + (shares - kept) * split.price, 6)
        if kept:
            self.positions[split.symbol] = Position(split.symbol, kept, round(before.avg_price / split.ratio, 6))
        else:
            del self.positions[split.symbol]

    def held(self, symbol: str) -> float:
        position = self.positions.get(symbol)
        return position.quantity if position is not None else 0.0

    def value(self, symbol: str, prices: Mapping[str, Price]) -> float:
        """What is held of it at its price, or without one at what was paid."""
        position = self.positions[symbol]
        price = prices.get(symbol)
        return position.quantity * (position.avg_price if price is None else price.value)

    def equity(self, prices: Mapping[str, Price]) -> float:
        """Cash and the positions at these prices; one without a price counts with what was paid for it."""
        return round(math.fsum([self.cash, *(self.value(symbol, prices) for symbol in self.positions)]), 6)
