"""Under which number each order goes to the gateway: written down before it is sent.

A gateway counts, for each client id, the numbers that have reached it, and says the next. After an interruption that
tells which orders have arrived: a number below the next one has, any other has not. A number is given to one order
only, so what a gateway says of it is said of that order. If somebody resets the gateway's count, the next number falls
behind one that it has said before, and tells nothing any more.
"""

from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from orchestrator.store import Store

__all__ = ["Ledger", "Number"]

KEY = "ibkr_orders"
"""In ``meta``."""


@dataclass(frozen=True, slots=True)
class Number:
    """The gateway knows an order by both."""

    client_id: int
    order_id: int


class Ledger:
    """The numbers of the orders that may still be under way."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: dict[str, Number] = {}
        self._refs: dict[Number, str] = {}
        self._highest: dict[int, int] = {}
        self._said: dict[int, int] = {}
        """The highest next number that a gateway can have said."""

    def load(self, wanted: Container[str]) -> None:
        """Take up what an earlier run has left, and forget the numbers of orders that are not wanted any more."""
        found: dict[str, Any] = self._store.read_meta(KEY) or {"orders": {}, "highest": {}}
        self._highest = {int(client): number for client, number in found["highest"].items()}
        self._said = {int(client): number for client, number in found.get("said", {}).items()}
        for ref, (client_id, order_id) in found["orders"].items():
            if ref in wanted:
                self._keep(ref, Number(client_id, order_id))

    def number(self, order_ref: str) -> Number | None:
        """None if it was never sent."""
        return self._numbers.get(order_ref)

    def ref(self, number: Number) -> str | None:
        return self._refs.get(number)

    def refs(self) -> list[str]:
        return list(self._numbers)

    def highest(self, client_id: int) -> int:
        """The highest number that was ever given, 0 if none was."""
        return self._highest.get(client_id, 0)

    def arrived(self, number: Number, next_id: int) -> bool | None:
        """Whether an order of this number has reached the gateway, which says the next one for its client id; None if
        that can't be told."""
        if next_id < self._said.get(number.client_id, 0):
            return None
        return number.order_id < next_id

    def seen(self, number: Number) -> None:
        """The gateway has told of an order of this number."""
        self._said[number.client_id] = max(self._said.get(number.client_id, 0), number.order_id + 1)

    def give(self, order_ref: str, number: Number, next_id: int) -> None:
        """Write down that the order is about to be sent under this number, to a gateway that has said the next one."""
        self._keep(order_ref, number)
        self._highest[number.client_id] = max(self.highest(number.client_id), number.order_id)
        self._said[number.client_id] = max(self._said.get(number.client_id, 0), next_id)
        self._store.write_meta(
            KEY,
            {
                "orders": {ref: [each.client_id, each.order_id] for ref, each in self._numbers.items()},
                "highest": {str(client): highest for client, highest in self._highest.items()},
                "said": {str(client): next_id for client, next_id in self._said.items()},
            },
        )

    def forget(self, order_ref: str) -> None:
        """It is over; that it is not written down at once only costs a look at the next start."""
        number = self._numbers.pop(order_ref, None)
        if number is not None:
            self._refs.pop(number, None)

    def _keep(self, order_ref: str, number: Number) -> None:
        self.forget(order_ref)
        self._numbers[order_ref], self._refs[number] = number, order_ref
