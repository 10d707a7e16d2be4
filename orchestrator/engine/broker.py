"""What the engine needs of a broker."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.engine.account import Position
from orchestrator.engine.records import Fill, OrderRecord, OrderStatus

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

    def is_connected(self) -> bool: ...

    def submit(self, record: OrderRecord, now: datetime) -> None:
        """Send the order under its `order_ref`; raises BrokerError if it is refused at once."""

    def cancel(self, order_ref: str, now: datetime) -> None:
        """Ask for its end, which :meth:`step` reports. One that is not open is left alone."""

    def step(self, now: datetime) -> list[Fill | OrderReport]:
        """What has happened since the last step, in order."""

    def open_orders(self) -> set[str]:
        """The `order_ref` of every order that may still fill."""

    def executions(self) -> list[Fill]:
        """The fills of the present session that the journal may lack; it knows by `fill_id` those that it has."""

    def positions(self) -> Mapping[str, Position]: ...

    def cash(self) -> float: ...
