"""Positions that must go, whatever the strategy wants: losses that reach their limit, and orders to sell everything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orchestrator.engine.account import Account, Position
from orchestrator.engine.prices import Price
from orchestrator.engine.records import OrderRecord

__all__ = ["BREAKER", "STOP_LOSS", "Exits", "lost_too_much"]

STOP_LOSS, BREAKER = "stop_loss", "circuit_breaker"
"""Labels of the decisions; they are in the `order_ref`, so that each is made once for a symbol in a session."""


def lost_too_much(account: Account, prices: Mapping[str, Price], limit: float) -> list[tuple[Position, Price]]:
    """The positions that have lost this fraction or more of their average entry price, commission not counted. Only a
    fresh price tells."""
    found = []
    for symbol, position in account.positions.items():
        price = prices.get(symbol)
        if price is not None and not price.stale and price.value <= position.avg_price * (1 - limit):
            found.append((position, price))
    return found


@dataclass(slots=True)
class Exits:
    """What has been ordered in this session, by the label of the decision."""

    ordered: dict[str, set[str]]

    @classmethod
    def of(cls, records: Iterable[OrderRecord]) -> "Exits":
        """From all orders of the session: it outlives a restart."""
        exits = cls({})
        for record in records:
            exits.add(record)
        return exits

    def add(self, record: OrderRecord) -> None:
        self.ordered.setdefault(record.decision, set()).add(record.symbol)

    def has(self, symbol: str, *labels: str) -> bool:
        return any(symbol in self.ordered.get(label, ()) for label in labels)

    def barred(self) -> dict[str, str]:
        """What may not be bought back in this session, and why."""
        return dict.fromkeys(sorted(self.ordered.get(STOP_LOSS, ())), "position_stop_loss has sold it in this session")
