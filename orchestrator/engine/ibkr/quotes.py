"""The newest prices of one symbol."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.engine.prices import Price

__all__ = ["Quote"]

FIELDS = {1: "bid", 66: "bid", 2: "ask", 67: "ask", 4: "last", 68: "last", 9: "close", 75: "close"}
"""IB's numbers for ticks, live and delayed."""


@dataclass(slots=True)
class Quote:
    """`at` is when a price last came."""

    symbol: str
    bid: float = 0.0
    ask: float = 0.0
    last: float = 0.0
    close: float = 0.0
    at: datetime | None = None

    def take(self, tick: int, price: float, at: datetime) -> None:
        """A price; -1 says that there is none."""
        name = FIELDS.get(tick)
        if name is None:
            return
        setattr(self, name, max(price, 0.0))
        if name != "close":
            self.at = at

    def forget(self) -> None:
        """What there is can't be trusted any more."""
        self.at = None

    def price(self, at: datetime, max_age: timedelta, *, live: bool) -> Price | None:
        """The last trade, if buyers and sellers still agree with it, or else the middle between them.

        :param live: whether prices can come at all.
        """
        value = self._value()
        if value <= 0 or self.at is None:
            return None
        return Price(self.symbol, value, self.at, stale=not live or at - self.at > max_age)

    def _value(self) -> float:
        if self.bid > 0 and self.ask >= self.bid:
            inside = self.bid <= self.last <= self.ask
            return self.last if inside else round((self.bid + self.ask) / 2, 4)
        return self.last
