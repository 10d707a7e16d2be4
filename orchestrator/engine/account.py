"""Cash and positions: what the fills add up to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.engine.prices import Price
from orchestrator.engine.records import Fill

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
    def of(cls, starting_cash: float, fills: Iterable[Fill]) -> "Account":
        """The account that began with `starting_cash` and saw these fills, oldest first."""
        account = cls(starting_cash)
        for fill in fills:
            account.apply(fill)
        return account

    def apply(self, fill: Fill) -> None:
        self.cash = round(self.cash - fill.signed_quantity * fill.price - fill.commission, 6)
        position = self.positions.get(fill.symbol, Position(fill.symbol, 0.0, 0.0)).after(fill)
        if position.quantity:
            self.positions[fill.symbol] = position
        else:
            self.positions.pop(fill.symbol, None)

    def held(self, symbol: str) -> float:
        position = self.positions.get(symbol)
        return position.quantity if position is not None else 0.0

    def equity(self, prices: Mapping[str, Price]) -> float:
        """Cash and the positions at these prices; one without a price counts with what was paid for it."""
        total = self.cash
        for symbol, position in self.positions.items():
            price = prices.get(symbol)
            total += position.quantity * (position.avg_price if price is None else price.value)
        return round(total, 6)
