"""Orders and fills: what a strategy asks for, what became of it, and what was traded."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

__all__ = ["LIVE", "OPEN", "Action", "Fill", "Order", "OrderRecord", "OrderStatus", "OrderType"]


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"


class OrderStatus(StrEnum):
    PENDING = "Pending"
    """Decided and written down; not sent, or not known to be sent."""
    SUBMITTED = "Submitted"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    ERROR = "Error"


LIVE = frozenset({OrderStatus.SUBMITTED, OrderStatus.PARTIALLY_FILLED})
"""The broker has it and may fill it."""

OPEN = LIVE | {OrderStatus.PENDING}
"""Something may still come of it."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a strategy asks for. `action` and `order_type` may be given as text in any case.

    :param quantity: shares; what is left after the risk limits is rounded down to whole ones.
    :raises ValueError: for an order that makes no sense.
    """

    symbol: str
    action: Action
    quantity: float
    order_type: OrderType = OrderType.MARKET
    limit_price: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "action", _choice(Action, self.action))
        object.__setattr__(self, "order_type", _choice(OrderType, self.order_type))
        if not self.symbol:
            raise ValueError("an order needs a symbol")
        if not _positive(self.quantity):
            raise ValueError(f"{self.symbol}: an order's quantity is a positive number, not {self.quantity!r}")
        if self.order_type is OrderType.LIMIT and not _positive(self.limit_price):
            raise ValueError(f"{self.symbol}: a limit order needs a positive limit_price, not {self.limit_price!r}")
        if self.order_type is OrderType.MARKET and self.limit_price is not None:
            raise ValueError(f"{self.symbol}: a market order has no limit_price; say order_type=LIMIT")


@dataclass(frozen=True, slots=True)
class Fill:
    """Shares traded for an order. `fill_id` is the broker's and unique; `commission` is money; `at` is aware."""

    fill_id: str
    order_ref: str
    symbol: str
    action: Action
    quantity: float
    price: float
    commission: float
    at: datetime

    @property
    def signed_quantity(self) -> float:
        """Positive for what was bought."""
        return self.quantity if self.action is Action.BUY else -self.quantity


@dataclass(slots=True)
class OrderRecord:
    """An order from the decision to its end, as the journal has it.

    `order_ref` is the order's name for ever, at the broker too. `session` is the exchange's date as ISO text, and
    `decision` the label of the occasion on which `strategy` decided. Times are aware; `submitted_at` is when it was
    last sent, before that when it was decided.
    """

    order_ref: str
    session: str
    strategy: str
    decision: str
    symbol: str
    action: Action
    total_quantity: float
    submitted_at: datetime
    updated_at: datetime
    order_type: OrderType = OrderType.MARKET
    limit_price: float | None = None
    status: OrderStatus = OrderStatus.PENDING
    filled_quantity: float = 0.0
    avg_fill_price: float | None = None
    error_message: str | None = None
    """Why it was cut, cancelled or refused."""
    retry_count: int = 0
    """How often it was taken up again after a restart."""
    order_id: int | None = None
    perm_id: int | None = None
    fills: list[Fill] = field(default_factory=list)

    @property
    def remaining_quantity(self) -> float:
        return self.total_quantity - self.filled_quantity

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    def apply(self, fill: Fill) -> None:
        """Count a fill; the status becomes Filled or PartiallyFilled."""
        value = (self.avg_fill_price or 0.0) * self.filled_quantity + fill.price * fill.quantity
        self.fills.append(fill)
        self.filled_quantity += fill.quantity
        self.avg_fill_price = round(value / self.filled_quantity, 6)
        done = self.remaining_quantity <= 0
        self.status = OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED
        self.updated_at = fill.at


Choice = TypeVar("Choice", Action, OrderType)


def _choice(kind: type[Choice], value: str) -> Choice:
    try:
        return kind(str(value).upper())
    except ValueError:
        raise ValueError(f"{value!r} is none of {', '.join(kind)}") from None


def _positive(number: float | None) -> bool:
    return isinstance(number, int | float) and math.isfinite(number) and number > 0
