"""An order as it can be told, read from whatever record of it an engine keeps."""

import re
from dataclasses import dataclass
from typing import Any, Self

from notifiers.figures import decimal, figure
from notifiers.records import field, items, number, word

__all__ = ["Fill", "Order"]

PARTIAL = {"partiallyfilled", "partialfilled", "partialfill", "partfilled", "partial"}
CANCELLED = {"cancelled", "canceled", "apicancelled"}


@dataclass(frozen=True)
class Fill:
    """One execution; what is not known is None."""

    quantity: float | None = None
    price: float | None = None
    commission: float | None = None

    @classmethod
    def read(cls, source: Any) -> Self:
        """From an object or a mapping."""
        return cls(*(number(field(source, name)) for name in ("quantity", "price", "commission")))


@dataclass(frozen=True)
class Order:
    """What is known of an order; what is not is None. `status` has small letters only, no spaces or signs."""

    order_id: int | str | None
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
        """From an object or a mapping with the documented fields, or some of them, whatever is in them."""
        return cls(
            order_id=_label(field(record, "order_id")),
            symbol=word(field(record, "symbol")),
            action=(word(field(record, "action")) or "").upper() or None,
            order_type=word(field(record, "order_type")),
            status=re.sub(r"[^a-z]", "", (word(field(record, "status")) or "").lower()),
            total=number(field(record, "total_quantity")),
            filled=number(field(record, "filled_quantity")),
            remaining=number(field(record, "remaining_quantity")),
            limit_price=number(field(record, "limit_price")),
            average_price=number(field(record, "avg_fill_price")),
            retries=number(field(record, "retry_count")),
            error=word(field(record, "error_message")),
            fills=tuple(map(Fill.read, items(field(record, "fills")))),
        )

    @property
    def is_cancelled(self) -> bool:
        return self.status in CANCELLED

    @property
    def is_partial(self) -> bool:
        """Whether a part is filled and another is not; where status and quantities disagree, status wins."""
        return self.status in PARTIAL or (self.status != "filled" and bool(self._left))

    @property
    def _left(self) -> float | None:
        if self.remaining is not None or self.total is None or self.filled is None:
            return self.remaining
        return max(0, self.total - self.filled)

    def done(self, latest: Fill) -> Fill:
        """All that is filled as one; if the record does not tell, `latest` does, if it may be all there is."""
        quantity = self.filled or sum(fill.quantity or 0 for fill in self.fills) or latest.quantity
        only = latest if latest.quantity in (None, quantity) else Fill()
        commissions = [fill.commission for fill in self.fills if fill.commission is not None]
        return Fill(
            quantity or None,
            self.average_price or self._mean_price() or only.price,
            sum(commissions) if commissions else only.commission,
        )

    def _mean_price(self) -> float | None:
        known = [(fill.quantity, fill.price) for fill in self.fills if fill.quantity and fill.price]
        shares = sum(quantity for quantity, _ in known)
        return sum(quantity * price for quantity, price in known) / shares if shares else None

    def brief(self, quantity: float | None, of: float | None = None) -> str:
        """``BUY 100 AAPL``, ``BUY 40 of 100 AAPL``"""
        if not self.symbol:
            return f"order {self.order_id}" if self.order_id else "an order"
        number = None if quantity is None else figure(quantity)
        whole = None if number is None or of is None else f"of {figure(of)}"
        return " ".join(word for word in (self.action, number, whole, self.symbol) if word)

    def described(self) -> str:
        """``BUY 100 AAPL LMT at 150.00``"""
        kind = f" {self.order_type}" if self.order_type else ""
        limit = f" at {decimal(self.limit_price)}" if self.limit_price else ""
        return f"{self.brief(self.total)}{kind}{limit}"

    def facts(self, **figures: Any) -> dict[str, Any]:
        """What there is to know, what is known better put in its place."""
        return {
            "symbol": self.symbol,
            "action": self.action,
            "quantity": self.total,
            **figures,
            "order_type": self.order_type,
            "limit_price": self.limit_price or None,
            "order_id": self.order_id,
        }

    def progress(self) -> dict[str, Any]:
        return {"filled_quantity": self.filled, "remaining_quantity": self.remaining}


def _label(value: Any) -> int | str | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else word(value)
