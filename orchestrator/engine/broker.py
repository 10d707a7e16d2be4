"""What the engine needs of a broker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from orchestrator.engine.account import Position
from orchestrator.engine.prices import Doubt
from orchestrator.engine.records import Fill, OrderRecord, OrderStatus, Split

__all__ = ["Broker", "BrokerError", "OrderReport"]


class BrokerError(Exception):
    """The broker refuses the order; the text says why. Sending it again unchanged would not help."""


@dataclass(frozen=True, slots=True)
class OrderReport:
    """The broker says what an order's status is now; fills are told as fills."""

    order_ref: str
    status: OrderStatus
    reason: str = ""


class Broker(Protocol):
    """Takes orders, and tells at each step what became of them. Nothing here waits for a market."""

    def connect(self) -> None:
        """Raises EngineError if it can't be reached, saying what to do."""

    def disconnect(self) -> None: ...

    def is_connected(self) -> bool:
        """Whether orders can be sent, and all that is told here is known to be so."""

    def attend(self, now: datetime) -> None:
        """Keep the connection, whatever the market does; called at each step of the engine. News waits for
        :meth:`step`."""

    def submit(self, record: OrderRecord, now: datetime) -> None:
        """Send the order under its `order_ref`; raises BrokerError if it is refused at once."""

    def cancel(self, order_ref: str, now: datetime) -> None:
        """Ask for its end, which :meth:`step` reports. One that is not open is left alone."""

    def step(self, now: datetime) -> list[Fill | OrderReport]:
        """What has happened since the last step, in order."""

    def orders(self) -> Mapping[str, OrderStatus]:
        """By `order_ref`, what is known of the orders that have reached the broker: of all that may still fill, and of
        those that have ended in the present session and the journal may not know of."""

    def executions(self) -> list[Fill]:
        """The fills of the present session that the journal may lack; it knows by `fill_id` those that it has."""

    def positions(self) -> Mapping[str, Position]: ...

    def cash(self) -> float: ...

    def net_liquidation(self) -> float | None:
        """What the account is worth by the broker's own reckoning; None where cash and positions are all there is."""

    def figures(self) -> Mapping[str, Any]:
        """What people should see of broker and account, JSON-ready."""

    def adjust(self, now: datetime, tell: Callable[[Split, Position], None]) -> Mapping[str, Doubt]:
        """Take account of what has become of the shares themselves, before anything is valued or traded.

        :param tell: called with a split and the position before it, which is the broker's from then on. If a kill comes
            in between it is told again.
        :return: the positions that can't be told, by symbol; they are to be left alone.
        """
