"""Orders and fills: what a strategy asks for, what became of it, and what was traded."""

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

__all__ = ["LIVE", "OPEN", "Action", "Fill", "Order", "OrderRecord", "OrderStatus", "OrderType", "Split"]


class Action(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    """Becomes a market order when the price reaches its ``stop_price``."""


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
    """What a strategy asks for, good for the session. `action` and `order_type` may be given as text in any case.

    :param quantity: shares; what is left after the risk limits is rounded down to whole ones.
    :param limit_price: of a LIMIT order: it is filled at this price or a better one.
    :param stop_price: of a STOP order: it is filled at the market once the price is there, or worse.
    :raises ValueError: for an order that makes no sense.
    """

    symbol: str
    action: Action
    quantity: float
    order_type: OrderType = OrderType.MARKET
    limit_price: float | None = None
    stop_price: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "action", _choice(Action, self.action))
        object.__setattr__(self, "order_type", _choice(OrderType, self.order_type))
        if not self.symbol:
            raise ValueError("an order needs a symbol")
        if not _positive(self.quantity):
            raise ValueError(f"{self.symbol}: an order's quantity is a positive number, not {self.quantity!r}")
        for kind, name in PRICE_NAMES.items():
            self._check_price(kind, name, getattr(self, name))

    def _check_price(self, kind: OrderType, name: str, value: float | None) -> None:
        own = self.order_type.lower()
        if self.order_type is kind and not _positive(value):
            raise ValueError(f"{self.symbol}: a {own} order needs a positive {name}, not {value!r}")
        if self.order_type is not kind and value is not None:
            raise ValueError(f"{self.symbol}: a {own} order has no {name}; say order_type={kind}")

    @property
    def price(self) -> float | None:
        """The one that it names: its limit, or where it is triggered."""
        return self.limit_price or self.stop_price


PRICE_NAMES = {OrderType.LIMIT: "limit_price", OrderType.STOP: "stop_price"}


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


@dataclass(frozen=True, slots=True)
class Split:
    """A share became `ratio` shares (2, 1.5, 0.1) at `at`, which is aware and the session's open.

    `price` is the first price afterwards; it pays for fractions of a share, which are not held.
    """

    symbol: str
    at: datetime
    ratio: float
    price: float


@dataclass(slots=True)
class OrderRecord:
    """An order from the decision to its end, as the journal has it.

    `order_ref` is the order's name for ever, at the broker too. `session` is the exchange's date as ISO text, and
    `decision` the label of the occasion on which `strategy` decided. Times are aware; `submitted_at` is when it was
    last sent, before that when it was decided. `limit_price` is the price that the order names: of a limit order its
    limit, of a stop order where it is triggered.
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

    def rest(self) -> Order:
        """What is still to be traded, as an order."""
        named = {PRICE_NAMES[self.order_type]: self.limit_price} if self.order_type in PRICE_NAMES else {}
        return Order(self.symbol, self.action, self.remaining_quantity, self.order_type, **named)

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
