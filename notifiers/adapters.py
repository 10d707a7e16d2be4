"""From what happens to orders and to risk, to what is told about it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from notifiers.base import Notifier
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.orders import Fill, Order, figure, price_text

__all__ = ["OrderNotificationAdapter", "RiskNotificationAdapter"]


class _Adapter:
    """Tells every notifier the same.

    :param now: the time to put on messages; default the machine's.
    """

    def __init__(self, notifiers: Iterable[Notifier], *, now: Callable[[], datetime] | None = None) -> None:
        self.notifiers = list(notifiers)
        self._now = now

    def _tell(self, level: AlertLevel, title: str, text: str, facts: dict[str, Any]) -> None:
        at = {"timestamp": self._now()} if self._now else {}
        known = {name: value for name, value in facts.items() if value is not None}
        message = NotificationMessage(title, text, level, metadata=known, **at)
        for notifier in self.notifiers:
            notifier.notify(message)


class OrderNotificationAdapter(_Adapter):
    """Its methods are callbacks for an order handler.

    A record may be an object or a mapping, with any of the fields order_id, symbol, action, total_quantity,
    order_type, limit_price, status, filled_quantity, remaining_quantity, avg_fill_price, fills, error_message
    and retry_count.
    """

    def __init__(
        self,
        notifiers: Iterable[Notifier],
        notify_on_fills: bool = True,
        notify_on_partial_fills: bool = False,
        notify_on_errors: bool = True,
        notify_on_cancellations: bool = False,
        *,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(notifiers, now=now)
        self.notify_on_fills = notify_on_fills
        self.notify_on_partial_fills = notify_on_partial_fills
        self.notify_on_errors = notify_on_errors
        self.notify_on_cancellations = notify_on_cancellations

    def on_order_filled(self, record: Any, fill: Any = None) -> None:
        """INFO. The record says whether all is filled or a part; `fill` is the latest, if it is given."""
        order, latest = Order.read(record), Fill.read(fill)
        if order.is_partial:
            if self.notify_on_partial_fills:
                self._tell_partial_fill(order, latest)
        elif self.notify_on_fills:
            self._tell_fill(order, latest)

    def on_order_error(self, record: Any, text: str | None = None) -> None:
        """WARNING. `text` says what went wrong; default the record's error_message."""
        if not self.notify_on_errors:
            return
        order = Order.read(record)
        reason = str(text or order.error or "no reason given")
        retries = f" (retries: {figure(order.retries)})" if order.retries else ""
        facts = order.facts() | {"error": reason, "retry_count": order.retries}
        text = f"{order.described()} failed: {reason}{retries}"
        self._tell(AlertLevel.WARNING, _title("Order failed", order), text, facts)

    def on_order_status_changed(self, record: Any) -> None:
        """WARNING for a cancelled order, if that is wanted. Fills and errors have callbacks of their own."""
        order = Order.read(record)
        if not (self.notify_on_cancellations and order.is_cancelled):
            return
        part = f" with {_so_far(order)}" if order.filled else ""
        text = f"{order.described()} cancelled{part}"
        self._tell(AlertLevel.WARNING, _title("Order cancelled", order), text, order.facts())

    def _tell_fill(self, order: Order, latest: Fill) -> None:
        quantity = order.filled or order.total or latest.quantity
        price = order.average_price or latest.price
        commission = latest.commission if order.commission is None else order.commission
        text = f"{order.brief(quantity)} filled{_cost(price, commission)}"
        facts = order.facts() | {"quantity": quantity, "price": price, "commission": commission}
        self._tell(AlertLevel.INFO, _title("Order filled", order), text, facts)

    def _tell_partial_fill(self, order: Order, latest: Fill) -> None:
        quantity = latest.quantity or order.filled
        price = latest.price or order.average_price
        commission = latest.commission if latest.quantity else order.commission
        text = f"{order.brief(quantity)} filled{_cost(price, commission)}; {_so_far(order)}"
        facts = order.facts() | {"quantity": quantity, "price": price, "commission": commission}
        self._tell(AlertLevel.INFO, _title("Order partially filled", order), text, facts)


class RiskNotificationAdapter(_Adapter):
    """Its methods are callbacks for a risk manager. Drawdowns and thresholds are fractions: 0.1 is 10 %."""

    def on_circuit_breaker_triggered(
        self, reason: str, drawdown: float | None = None, threshold: float | None = None
    ) -> None:
        """CRITICAL."""
        facts = {"drawdown": drawdown, "threshold": threshold}
        figures = ", ".join(f"{name} {value:.1%}" for name, value in facts.items() if value is not None)
        text = f"{reason} ({figures})" if figures else reason
        self._tell(AlertLevel.CRITICAL, "Circuit breaker triggered", text, {"reason": reason, **facts})

    def on_risk_limit_breach(
        self, limit_type: str, current_value: float, limit_value: float, symbol: str | None = None
    ) -> None:
        """WARNING for a limit on a position (it has a symbol, or is named so), CRITICAL for any other."""
        on_position = symbol is not None or "position" in limit_type.lower()
        level = AlertLevel.WARNING if on_position else AlertLevel.CRITICAL
        what = f"{limit_type} of {symbol}" if symbol else limit_type
        facts = {
            "limit_type": limit_type,
            "current_value": current_value,
            "limit_value": limit_value,
            "symbol": symbol,
        }
        text = f"{what} is {figure(current_value)}, the limit is {figure(limit_value)}"
        self._tell(level, f"Risk limit breached: {what}", text, facts)

    def on_portfolio_drawdown_warning(self, current_drawdown: float, threshold: float) -> None:
        """WARNING."""
        text = f"The portfolio is {current_drawdown:.1%} below its peak; the threshold is {threshold:.1%}"
        facts = {"drawdown": current_drawdown, "threshold": threshold}
        self._tell(AlertLevel.WARNING, f"Portfolio drawdown {current_drawdown:.1%}", text, facts)


def _title(event: str, order: Order) -> str:
    return f"{event}: {order.symbol}" if order.symbol else event


def _cost(price: float | None, commission: float | None) -> str:
    at = f" at {price_text(price)}" if price else ""
    paid = f", commission {price_text(commission)}" if commission else ""
    return at + paid


def _so_far(order: Order) -> str:
    total = f" of {figure(order.total)}" if order.total else ""
    return f"{figure(order.filled or 0)}{total} done"
