from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest

from notifiers import AlertLevel, MemoryNotifier, OrderNotificationAdapter, RiskNotificationAdapter

AT = datetime(2026, 11, 27, 15, 5, 3, tzinfo=UTC)


class OrderStatus(Enum):
    SUBMITTED = "Submitted"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    ERROR = "Error"


@dataclass
class Record:
    """As the platform's engine keeps it."""

    status: Any = OrderStatus.FILLED
    filled_quantity: float = 100
    remaining_quantity: float = 0
    avg_fill_price: float = 150.0
    order_id: int = 17
    symbol: str = "AAPL"
    action: str = "BUY"
    total_quantity: int = 100
    order_type: str = "LMT"
    limit_price: float | None = 150.25
    fills: list[Any] = field(default_factory=list)
    error_message: str | None = None
    retry_count: int = 0


PART = Record(OrderStatus.PARTIALLY_FILLED, 60, 40, 150.05)
EVERYTHING = {
    "notify_on_fills": True,
    "notify_on_partial_fills": True,
    "notify_on_errors": True,
    "notify_on_cancellations": True,
}


@pytest.fixture
def memory() -> MemoryNotifier:
    return MemoryNotifier()


@pytest.fixture
def orders(memory: MemoryNotifier) -> OrderNotificationAdapter:
    return OrderNotificationAdapter([memory], **EVERYTHING, now=lambda: AT)


@pytest.fixture
def risk(memory: MemoryNotifier) -> RiskNotificationAdapter:
    return RiskNotificationAdapter([memory], now=lambda: AT)


def fill(quantity: float, price: float, commission: float) -> SimpleNamespace:
    return SimpleNamespace(fill_id="x1", quantity=quantity, price=price, commission=commission)


@pytest.mark.parametrize(
    ("record", "latest", "title", "text"),
    [
        (Record(), None, "Order filled: AAPL", "BUY 100 AAPL filled at 150.00"),
        (
            Record(fills=[fill(60, 150, 0.3), {"quantity": 40, "price": 150, "commission": 0.2}]),
            None,
            "Order filled: AAPL",
            "BUY 100 AAPL filled at 150.00, commission 0.50",
        ),
        (
            Record(fills=[fill(60, 150, 0.3), fill(40, 150, 0.2)]),
            fill(40, 150, 0.2),
            "Order filled: AAPL",
            "BUY 100 AAPL filled at 150.00, commission 0.50",
        ),
        (Record(), fill(100, 150, 1), "Order filled: AAPL", "BUY 100 AAPL filled at 150.00, commission 1.00"),
        (
            Record("FILLED", 0.5, 0, 0.01234, action="SELL", symbol="BTC"),
            None,
            "Order filled: BTC",
            "SELL 0.5 BTC filled at 0.0123",
        ),
        (
            PART,
            None,
            "Order partially filled: AAPL",
            "BUY 60 AAPL filled at 150.05; 60 of 100 done",
        ),
        (
            PART,
            fill(20, 150.1, 0.1),
            "Order partially filled: AAPL",
            "BUY 20 AAPL filled at 150.10, commission 0.10; 60 of 100 done",
        ),
        (
            Record("Submitted", 60, 40, 150.05),
            None,
            "Order partially filled: AAPL",
            "BUY 60 AAPL filled at 150.05; 60 of 100 done",
        ),
        ({"order_id": 17}, None, "Order filled", "order 17 filled"),
        (None, fill(10, 5, 0), "Order filled", "an order filled at 5.00"),
        (
            {"symbol": "AAPL", "action": "BUY", "filled_quantity": Decimal("10"), "avg_fill_price": "150.5"},
            None,
            "Order filled: AAPL",
            "BUY 10 AAPL filled at 150.50",
        ),
        (
            Record(avg_fill_price=float("nan"), total_quantity="many", filled_quantity=1.7976931348623157e308),
            None,
            "Order filled: AAPL",
            "BUY AAPL filled",
        ),
    ],
)
def test_a_fill_as_a_trader_reads_it(orders, memory, record, latest, title, text):
    orders.on_order_filled(*([record] if latest is None else [record, latest]))
    (message,) = memory.messages
    assert (message.title, message.message, message.level) == (title, text, AlertLevel.INFO)


def test_the_facts_of_a_fill(orders, memory):
    orders.on_order_filled(Record(fills=[fill(100, 150, 0.5)]))
    (message,) = memory.messages
    assert message.timestamp == AT
    assert message.to_dict()["metadata"] == {
        "order_id": 17,
        "symbol": "AAPL",
        "action": "BUY",
        "order_type": "LMT",
        "quantity": 100,
        "price": 150.0,
        "commission": 0.5,
        "filled_quantity": 100,
        "remaining_quantity": 0,
        "limit_price": 150.25,
    }


@pytest.mark.parametrize(
    ("record", "args", "text"),
    [
        (Record(OrderStatus.ERROR), ["no margin"], "BUY 100 AAPL LMT at 150.25 failed: no margin"),
        (
            Record(
                OrderStatus.ERROR,
                error_message="no margin",
                retry_count=2,
                limit_price=None,
                order_type="MKT",
            ),
            [],
            "BUY 100 AAPL MKT failed: no margin (retries: 2)",
        ),
        ({}, [], "an order failed: no reason given"),
        ({}, [ValueError("boom")], "an order failed: boom"),
    ],
)
def test_an_error_is_a_warning(orders, memory, record, args, text):
    orders.on_order_error(record, *args)
    (message,) = memory.messages
    assert (message.message, message.level) == (text, AlertLevel.WARNING)
    assert message.title.startswith("Order failed")


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Record(OrderStatus.CANCELLED, 0, 100), "BUY 100 AAPL LMT at 150.25 cancelled"),
        (Record("ApiCancelled", 40, 60), "BUY 100 AAPL LMT at 150.25 cancelled with 40 of 100 done"),
    ],
)
def test_a_cancellation_is_a_warning(orders, memory, record, text):
    orders.on_order_status_changed(record)
    (message,) = memory.messages
    assert (message.title, message.message) == ("Order cancelled: AAPL", text)
    assert message.level is AlertLevel.WARNING


@pytest.mark.parametrize("status", [status for status in OrderStatus if status is not OrderStatus.CANCELLED])
def test_other_changes_are_left_to_their_own_callbacks(orders, memory, status):
    orders.on_order_status_changed(Record(status))
    assert memory.messages == []


@pytest.mark.parametrize(
    ("option", "tell"),
    [
        ("notify_on_fills", lambda adapter: adapter.on_order_filled(Record())),
        ("notify_on_partial_fills", lambda adapter: adapter.on_order_filled(PART)),
        ("notify_on_errors", lambda adapter: adapter.on_order_error(Record(), "no margin")),
        (
            "notify_on_cancellations",
            lambda adapter: adapter.on_order_status_changed(Record(OrderStatus.CANCELLED)),
        ),
    ],
)
def test_each_kind_of_event_has_its_switch(memory, option, tell):
    tell(OrderNotificationAdapter([memory], **EVERYTHING | {option: False}))
    assert memory.messages == []
    tell(OrderNotificationAdapter([memory], **dict.fromkeys(EVERYTHING, False) | {option: True}))
    assert len(memory.messages) == 1


def test_by_default_fills_and_errors_are_told(memory):
    adapter = OrderNotificationAdapter([memory])
    adapter.on_order_filled(PART)
    adapter.on_order_status_changed(Record(OrderStatus.CANCELLED))
    assert memory.messages == []
    adapter.on_order_filled(Record())
    adapter.on_order_error(Record(), "no margin")
    assert [message.level for message in memory.messages] == [AlertLevel.INFO, AlertLevel.WARNING]


def test_every_notifier_is_told_and_filters_for_itself():
    everything, warnings = MemoryNotifier(), MemoryNotifier(min_level="warning")
    adapter = OrderNotificationAdapter([everything, warnings])
    adapter.on_order_filled(Record())
    adapter.on_order_error(Record(), "no margin")
    assert (len(everything.messages), len(warnings.messages)) == (2, 1)


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({"drawdown": 0.12, "threshold": 0.10}, "Drawdown exceeded (drawdown 12.0%, threshold 10.0%)"),
        ({"drawdown": 0.12}, "Drawdown exceeded (drawdown 12.0%)"),
        ({}, "Drawdown exceeded"),
    ],
)
def test_a_circuit_breaker_is_critical(risk, memory, figures, text):
    risk.on_circuit_breaker_triggered(reason="Drawdown exceeded", **figures)
    (message,) = memory.messages
    assert (message.title, message.message) == ("Circuit breaker triggered", text)
    assert message.level is AlertLevel.CRITICAL
    assert message.metadata == {"reason": "Drawdown exceeded", **figures}
    assert message.timestamp == AT


@pytest.mark.parametrize(
    ("args", "level", "title", "text"),
    [
        (
            ("max_position_size", 0.15, 0.1, "AAPL"),
            AlertLevel.WARNING,
            "Risk limit breached: max_position_size of AAPL",
            "max_position_size of AAPL is 0.15, the limit is 0.1",
        ),
        (
            ("max_positions", 11, 10),
            AlertLevel.WARNING,
            "Risk limit breached: max_positions",
            "max_positions is 11, the limit is 10",
        ),
        (
            ("min_cash_buffer", 0.05, 0.2),
            AlertLevel.CRITICAL,
            "Risk limit breached: min_cash_buffer",
            "min_cash_buffer is 0.05, the limit is 0.2",
        ),
    ],
)
def test_a_breach_warns_of_a_position_and_is_critical_otherwise(risk, memory, args, level, title, text):
    risk.on_risk_limit_breach(*args)
    (message,) = memory.messages
    assert (message.level, message.title, message.message) == (level, title, text)


def test_a_drawdown_is_warned_of(risk, memory):
    risk.on_portfolio_drawdown_warning(0.085, 0.1)
    (message,) = memory.messages
    assert message.level is AlertLevel.WARNING
    assert message.title == "Portfolio drawdown 8.5%"
    assert message.message == "The portfolio is 8.5% below its peak; the threshold is 10.0%"
