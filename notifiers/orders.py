"""An order as it can be told, read from whatever record of it an engine keeps."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

__all__ = ["Fill", "Order", "figure", "price_text"]

UNSET = 1e300
"""Interactive Brokers says "no price" with the greatest float there is."""


@dataclass(frozen=True)
class Fill:
    """One execution; what is not known is None."""

    quantity: float | None = None
    price: float | None = None
    commission: float | None = None

    @classmethod
    def read(cls, source: Any) -> Self:
        """From an object or a mapping."""
        return cls(*(_number(_get(source, name)) for name in ("quantity", "price", "commission")))


@dataclass(frozen=True)
class Order:
    """What is known of an order; what is not is None. `status` has small letters only, no spaces or signs."""

    order_id: Any
    symbol: str | None
    action: str | None
    order_type: str | None
    status: str
    total: float | None
    filled: float | None
    remaining: float | None
    limit_price: float | None
    average_price: float | None
    retries: float | None
    error: str | None
    fills: tuple[Fill, ...]

    @classmethod
    def read(cls, record: Any) -> Self:
        """From an object or a mapping with the documented fields, or some of them."""
        return cls(
            order_id=_get(record, "order_id"),
            symbol=_word(_get(record, "symbol")),
            action=_word(_get(record, "action")),
            order_type=_word(_get(record, "order_type")),
            status=re.sub(r"[^a-z]", "", str(_get(record, "status") or "").lower()),
            total=_number(_get(record, "total_quantity")),
            filled=_number(_get(record, "filled_quantity")),
            remaining=_number(_get(record, "remaining_quantity")),
            limit_price=_number(_get(record, "limit_price")),
            average_price=_number(_get(record, "avg_fill_price")),
            retries=_number(_get(record, "retry_count")),
            error=_word(_get(record, "error_message")),
            fills=tuple(map(Fill.read, _get(record, "fills") or ())),
        )

    @property
    def is_cancelled(self) -> bool:
        return self.status in ("cancelled", "canceled", "apicancelled")

    @property
    def is_partial(self) -> bool:
        """Whether a part is filled and another is not; where status and quantities disagree, status wins."""
        return self.status == "partiallyfilled" or (self.status != "filled" and bool(self.remaining))

    @property
    def commission(self) -> float | None:
        """Of all fills together; None if no fill tells."""
        known = [fill.commission for fill in self.fills if fill.commission is not None]
        return sum(known) if known else None

    def brief(self, quantity: float | None) -> str:
        """``BUY 100 AAPL``"""
        number = None if quantity is None else figure(quantity)
        words = [word for word in (self.action, number, self.symbol) if word]
        return " ".join(words) if self.symbol else f"order {self.order_id}" if self.order_id else "an order"

    def described(self) -> str:
        """``BUY 100 AAPL LMT at 150.00``"""
        kind = f" {self.order_type}" if self.order_type else ""
        limit = f" at {price_text(self.limit_price)}" if self.limit_price else ""
        return f"{self.brief(self.total)}{kind}{limit}"

    def facts(self) -> dict[str, Any]:
        return {
            "order_id": self.order_id,
            "symbol": self.symbol,
            "action": self.action,
            "order_type": self.order_type,
            "quantity": self.total,
            "filled_quantity": self.filled,
            "remaining_quantity": self.remaining,
            "limit_price": self.limit_price,
        }


def figure(number: float) -> str:
    """``100``, ``0.5``: no more digits than are needed, and no exponent."""
    return f"{number:.8f}".rstrip("0").rstrip(".")


def price_text(price: float) -> str:
    """``150.00``, ``0.0123``: two decimals, or four where they tell more."""
    exact = f"{price:.4f}"
    return exact[:-2] if exact.endswith("00") else exact


def _get(source: Any, name: str) -> Any:
    value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    return getattr(value, "value", value)


def _word(value: Any) -> str | None:
    return (str(value).strip() or None) if value is not None else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number) or abs(number) > UNSET:
        return None
    return int(number) if number.is_integer() and not isinstance(value, float) else number
