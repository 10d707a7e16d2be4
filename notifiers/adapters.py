"""From what happens to orders and to risk, to what is told about it."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from notifiers.base import Notifier
from notifiers.facts import is_fraction
from notifiers.figures import decimal, figure, percent, percents
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.orders import Fill, Order
from notifiers.records import number, word

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

    def on_order_error(self, record: Any, text: Any = None) -> None:
        """WARNING. `text` says what went wrong; default the record's error_message."""
        if not self.notify_on_errors:
            return
        order = Order.read(record)
        reason = word(text) or order.error or "no reason given"
        retries = f" (retries: {figure(order.retries)})" if order.retries else ""
        said = f"{order.described()} failed: {reason}{retries}"
        facts = order.facts(**order.progress(), error=reason, retry_count=order.retries or None)
        self._tell(AlertLevel.WARNING, _title("Order failed", order), said, facts)

    def on_order_status_changed(self, record: Any) -> None:
        """WARNING for a cancelled order, if that is wanted. Fills and errors have callbacks of their own."""
        order = Order.read(record)
        if not (self.notify_on_cancellations and order.is_cancelled):
            return
        part = f" with {_of_total(order)} filled" if order.filled else ""
        why = f": {order.error}" if order.error else ""
        text = f"{order.described()} cancelled{part}{why}"
        facts = order.facts(**order.progress(), error=order.error)
        self._tell(AlertLevel.WARNING, _title("Order cancelled", order), text, facts)

    def _tell_fill(self, order: Order, latest: Fill) -> None:
        done = order.done(latest)
        quantity = done.quantity or order.total
        text = f"{order.brief(quantity)} filled{_at(done.price)}{_paid(done.commission)}"
        facts = order.facts(quantity=quantity, price=done.price, commission=done.commission)
        self._tell(AlertLevel.INFO, _title("Order filled", order), text, facts)

    def _tell_partial_fill(self, order: Order, latest: Fill) -> None:
        done = order.done(latest)
        text = f"{order.brief(done.quantity, order.total)} filled{_at(done.price)} so far{_paid(done.commission)}"
        facts = order.facts(
            **order.progress(), price=done.price, commission=done.commission, last_fill=_last(latest, done)
        )
        self._tell(AlertLevel.INFO, _title("Order partially filled", order), text, facts)


class RiskNotificationAdapter(_Adapter):
    """Its methods are callbacks for a risk manager. Drawdowns and thresholds are fractions: 0.1 is 10 %."""

    def on_circuit_breaker_triggered(
        self, reason: str, drawdown: float | None = None, threshold: float | None = None
    ) -> None:
        """CRITICAL."""
        given = {"drawdown": number(drawdown), "threshold": number(threshold)}
        known = {name: value for name, value in given.items() if value is not None}
        texts = percents(*known.values()) if len(known) == 2 else tuple(map(percent, known.values()))
        figures = ", ".join(f"{name} {text}" for name, text in zip(known, texts, strict=True))
        said = word(reason) or "No reason given"
        text = f"{said} ({figures})" if figures else said
        self._tell(AlertLevel.CRITICAL, "Circuit breaker triggered", text, {"reason": said, **known})

    def on_risk_limit_breach(
        self, limit_type: str, current_value: float, limit_value: float, symbol: str | None = None
    ) -> None:
        """WARNING for a limit on a position (it has a symbol, or is named so), CRITICAL for any other."""
        kind, where = word(limit_type) or "a limit", word(symbol)
        level = AlertLevel.WARNING if where or "position" in kind.lower() else AlertLevel.CRITICAL
        what = f"{kind} of {where}" if where else kind
        current, limit = number(current_value), number(limit_value)
        is_now, may_be = _compared(kind, current, limit)
        facts = {"limit_type": kind, "current_value": current, "limit_value": limit, "symbol": where}
        self._tell(level, f"Risk limit breached: {what}", f"{what} is {is_now}, the limit is {may_be}", facts)

    def on_portfolio_drawdown_warning(self, current_drawdown: float, threshold: float) -> None:
        """WARNING."""
        loss, limit = number(current_drawdown), number(threshold)
        is_now, may_be = _shares(loss, limit)
        text = f"The portfolio is {is_now} below its peak; the threshold is {may_be}"
        facts = {"drawdown": loss, "threshold": limit}
        self._tell(AlertLevel.WARNING, f"Portfolio drawdown {is_now}", text, facts)


def _title(event: str, order: Order) -> str:
    return f"{event}: {order.symbol}" if order.symbol else event


def _at(price: float | None) -> str:
    return f" at {decimal(price)}" if price else ""


def _paid(commission: float | None) -> str:
    return f", commission {decimal(commission)}" if commission else ""


def _of_total(order: Order) -> str:
    total = f" of {figure(order.total)}" if order.total else ""
    return f"{figure(order.filled or 0)}{total}"


def _last(latest: Fill, done: Fill) -> str | None:
    """The latest fill, where it is not the only one."""
    if not latest.quantity or latest.quantity == done.quantity:
        return None
    return f"{figure(latest.quantity)}{_at(latest.price)}"


def _compared(kind: str, current: float | None, limit: float | None) -> tuple[str, str]:
    return _shares(current, limit) if is_fraction(kind, limit) else (_known(current, figure), _known(limit, figure))


def _shares(current: float | None, limit: float | None) -> tuple[str, str]:
    if current is None or limit is None:
        return _known(current, percent), _known(limit, percent)
    return percents(current, limit)


def _known(value: float | None, told: Callable[[float], str]) -> str:
    return "unknown" if value is None else told(value)
