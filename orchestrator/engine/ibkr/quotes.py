"""The newest prices of one symbol."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.engine.prices import Price

__all__ = ["Quote"]

FIELDS = {1: "bid", 66: "bid", 2: "ask", 67: "ask", 4: "last", 68: "last", 9: "close", 75: "close"}
"""IB's numbers for ticks, live and delayed."""

UNKNOWN = 1e300

WIDE = 0.05
"""A spread of more than this fraction tells nothing of the price: before the open, or when a market breaks."""


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
        """A price; -1, 0, the largest number there is, and what is no number say that there is none."""
        name = FIELDS.get(tick)
        if name is None:
            return
        setattr(self, name, price if 0 < price < UNKNOWN else 0.0)
        if name != "close":
            self.at = at

    def forget(self) -> None:
        """What there is can't be trusted any more."""
        self.at = None

    def price(self, at: datetime, max_age: timedelta, *, live: bool) -> Price | None:
        """The last trade, if buyers and sellers still agree with it, or else the middle between them; where they are
        far apart, the one of them that is nearest to the last trade.

        :param live: whether prices can come at all.
        """
        value = self._value()
        if value <= 0 or self.at is None:
            return None
        return Price(self.symbol, value, self.at, stale=not live or at - self.at > max_age)

    def _value(self) -> float:
        bid, ask, last = self.bid, self.ask, self.last
        if not 0 < bid <= ask or bid <= last <= ask:
            return last
        if ask - bid <= WIDE * bid:
            return round((bid + ask) / 2, 4)
        return min(max(last, bid), ask) if last > 0 else 0.0
