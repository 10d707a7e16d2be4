import sqlite3
from collections import UserDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifiers import AlertLevel, MemoryNotifier, OrderNotificationAdapter, RiskNotificationAdapter

AT = datetime(2026, 11, 27, 15, 5, 3, tzinfo=UTC)


class OrderStatus(Enum):
    SUBMITTED = "Submitted"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    ERROR = "Error"


class Numbered(IntEnum):
    BUY = 1
    PARTIALLY_FILLED = 2


@dataclass
class Record:
    """As the platform's engine keeps it."""

    status: Any = OrderStatus.FILLED
    filled_quantity: float = 100
    remaining_quantity: float = 0
    avg_fill_price: float | None = 150.0
    order_id: int = 17
    symbol: str = "AAPL"
    action: str = "BUY"
    total_quantity: int = 100
    order_type: str = "LMT"
    limit_price: float | None = 150.25
    fills: list[Any] = field(default_factory=list)
    error_message: str | None = None
    retry_count: int = 0


class Failing:
    """A record whose fields are computed, and fail at it."""

    symbol = "AAPL"
    action = "BUY"

    @property
    def filled_quantity(self) -> float:
        raise ConnectionError("not connected")

    @property
    def fills(self) -> list[Any]:
        raise RuntimeError("not now")

    def remaining_quantity(self) -> float:
        return 40.0


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


def fill(quantity: Any, price: Any, commission: Any) -> SimpleNamespace:
    return SimpleNamespace(fill_id="x1", quantity=quantity, price=price, commission=commission)


def row() -> sqlite3.Row:
    connection = sqlite3.connect(":memory:")
    connection.row_factory = sqlite3.Row
    query = "SELECT 'AAPL' symbol, 'BUY' action, 100 total_quantity, 100 filled_quantity, 150 avg_fill_price"
    try:
        return connection.execute(query).fetchone()
    finally:
        connection.close()


PLAIN = {"symbol": "AAPL", "action": "BUY", "total_quantity": 100, "filled_quantity": 100, "avg_fill_price": 150.0}


@pytest.mark.parametrize(
    ("record", "latest", "text"),
    [
        (Record(), None, "BUY 100 AAPL filled at 150.00"),
        (
            Record(fills=[fill(60, 150, 0.3), {"quantity": 40, "price": 150, "commission": 0.2}]),
            None,
            "BUY 100 AAPL filled at 150.00, commission 0.50",
        ),
        (
            Record(fills=[fill(60, 150, 0.3), fill(40, 150, 0.2)]),
            fill(40, 150, 0.2),
            "BUY 100 AAPL filled at 150.00, commission 0.50",
        ),
        (Record(), fill(100, 150, 1), "BUY 100 AAPL filled at 150.00, commission 1.00"),
        (Record(), fill(40, 150, 1), "BUY 100 AAPL filled at 150.00"),
        (
            Record(avg_fill_price=None, fills=[fill(50, 100, 0), fill(150, 200, 0)]),
            None,
            "BUY 100 AAPL filled at 175.00",
        ),
        (Record(total_quantity=12_500, filled_quantity=12_500), None, "BUY 12,500 AAPL filled at 150.00"),
        (
            Record("FILLED", 0.5, 0, 0.01234, action="SELL", symbol="BTC"),
            None,
            "SELL 0.5 BTC filled at 0.01234",
        ),
        (Record(action=Numbered.BUY, status="filled"), None, "BUY 100 AAPL filled at 150.00"),
        (
            Record(action="buy", filled_quantity=Decimal("100"), avg_fill_price=Decimal("150.10")),
            None,
            "BUY 100 AAPL filled at 150.10",
        ),
        (PLAIN, None, "BUY 100 AAPL filled at 150.00"),
        (UserDict(PLAIN), None, "BUY 100 AAPL filled at 150.00"),
        (SimpleNamespace(**PLAIN), None, "BUY 100 AAPL filled at 150.00"),
        (row(), None, "BUY 100 AAPL filled at 150.00"),
        (PLAIN | {"filled_quantity": "100", "avg_fill_price": " 150.5 "}, None, "BUY 100 AAPL filled at 150.50"),
        ({"symbol": "AAPL", "action": "BUY", "fills": [fill(10, 150.5, 0)]}, None, "BUY 10 AAPL filled at 150.50"),
        ({"symbol": "AAPL"}, fill(10, None, None), "10 AAPL filled"),
        ({"order_id": 17}, None, "order 17 filled"),
        (None, fill(10, 5, 0), "an order filled at 5.00"),
        (None, None, "an order filled"),
        (object(), "a fill", "an order filled"),
        (Failing(), None, "BUY AAPL filled"),
        (
            Record(
                avg_fill_price=float("nan"), total_quantity="many", filled_quantity=1.7976931348623157e308, fills="none"
            ),
            None,
            "BUY AAPL filled",
        ),
    ],
)
def test_a_fill_as_a_trader_reads_it(orders, memory, record, latest, text):
    orders.on_order_filled(*([record] if latest is None else [record, latest]))
    (message,) = memory.messages
    assert (message.message, message.level, message.timestamp) == (text, AlertLevel.INFO, AT)
    assert message.title.removesuffix(": AAPL").removesuffix(": BTC") == "Order filled"


@pytest.mark.parametrize(
    ("record", "latest", "text"),
    [
        (PART, None, "BUY 60 of 100 AAPL filled at 150.05 so far"),
        (PART, fill(20, 150.1, 0.1), "BUY 60 of 100 AAPL filled at 150.05 so far"),
        (PART, fill(60, 150.05, 0.1), "BUY 60 of 100 AAPL filled at 150.05 so far, commission 0.10"),
        (Record("Submitted", 60, 40, 150.05), None, "BUY 60 of 100 AAPL filled at 150.05 so far"),
        (Record(Numbered.PARTIALLY_FILLED, 60, 40, 150.05), None, "BUY 60 of 100 AAPL filled at 150.05 so far"),
        (Record("partially_filled", 60, 40, 150.05), None, "BUY 60 of 100 AAPL filled at 150.05 so far"),
        (
            Record("PreSubmitted", 0, 100, None),
            fill(40, 150, 0.5),
            "BUY 40 of 100 AAPL filled at 150.00 so far, commission 0.50",
        ),
        (PLAIN | {"filled_quantity": 40}, None, "BUY 40 of 100 AAPL filled at 150.00 so far"),
        ({"symbol": "AAPL", "status": "partial"}, fill(40, 150, None), "40 AAPL filled at 150.00 so far"),
        ({"status": "PartiallyFilled"}, None, "an order filled so far"),
    ],
)
def test_a_partial_fill_as_a_trader_reads_it(orders, memory, record, latest, text):
    orders.on_order_filled(record, latest)
    (message,) = memory.messages
    assert (message.message, message.level) == (text, AlertLevel.INFO)
    assert message.title.removesuffix(": AAPL") == "Order partially filled"


def test_the_facts_of_a_fill(orders, memory):
    orders.on_order_filled(Record(fills=[fill(100, 150, 0.5)]))
    (message,) = memory.messages
    assert message.to_dict()["metadata"] == {
        "symbol": "AAPL",
        "action": "BUY",
        "quantity": 100,
        "price": 150.0,
        "commission": 0.5,
        "order_type": "LMT",
        "limit_price": 150.25,
        "order_id": 17,
    }


def test_the_facts_of_a_partial_fill(orders, memory):
    orders.on_order_filled(PART, fill(20, 150.1, 0.1))
    facts = memory.messages[0].metadata
    known = {
        "quantity": 100,
        "filled_quantity": 60,
        "remaining_quantity": 40,
        "price": 150.05,
        "last_fill": "20 at 150.10",
    }
    assert {name: facts[name] for name in known} == known


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
        (
            PLAIN | {"error_message": "Order rejected - reason: <none>"},
            [None],
            "BUY 100 AAPL failed: Order rejected - reason: <none>",
        ),
        ({}, [], "an order failed: no reason given"),
        ({}, [ValueError("boom")], "an order failed: boom"),
        ({}, [" "], "an order failed: no reason given"),
        (Failing(), [201], "BUY AAPL failed: 201"),
        (None, ["not connected"], "an order failed: not connected"),
    ],
)
def test_an_error_is_a_warning(orders, memory, record, args, text):
    orders.on_order_error(record, *args)
    (message,) = memory.messages
    assert (message.message, message.level) == (text, AlertLevel.WARNING)
    assert message.title.removesuffix(": AAPL") == "Order failed"


@pytest.mark.parametrize(
    ("record", "text"),
    [
        (Record(OrderStatus.CANCELLED, 0, 100), "BUY 100 AAPL LMT at 150.25 cancelled"),
        (Record("ApiCancelled", 40, 60), "BUY 100 AAPL LMT at 150.25 cancelled with 40 of 100 filled"),
        (Record("Canceled", 0, 100, error_message="too late"), "BUY 100 AAPL LMT at 150.25 cancelled: too late"),
        ({"symbol": "AAPL", "status": OrderStatus.CANCELLED, "filled_quantity": 5}, "AAPL cancelled with 5 filled"),
    ],
)
def test_a_cancellation_is_a_warning(orders, memory, record, text):
    orders.on_order_status_changed(record)
    (message,) = memory.messages
    assert (message.title, message.message) == ("Order cancelled: AAPL", text)
    assert message.level is AlertLevel.WARNING


@pytest.mark.parametrize(
    "status", [status for status in OrderStatus if status is not OrderStatus.CANCELLED] + [None, "", 7]
)
def test_other_changes_are_left_to_their_own_callbacks(orders, memory, status):
    orders.on_order_status_changed(Record(status))
    orders.on_order_status_changed(SimpleNamespace(status=status))
    assert memory.messages == []


JUNK = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.decimals()
    | st.sampled_from(list(OrderStatus))
)
FIELDS = st.sampled_from(list(Record.__dataclass_fields__))
RECORDS = st.dictionaries(
    FIELDS, JUNK | st.lists(st.dictionaries(st.sampled_from(["quantity", "price", "commission"]), JUNK))
)


@settings(derandomize=True, deadline=None)
@given(RECORDS, st.none() | JUNK | RECORDS, JUNK)
def test_no_record_makes_an_adapter_raise(record, latest, text):
    memory = MemoryNotifier()
    adapter = OrderNotificationAdapter([memory], **EVERYTHING)
    for each in (record, SimpleNamespace(**record)):
        adapter.on_order_filled(each, latest)
        adapter.on_order_error(each, text)
        adapter.on_order_status_changed(each)
    assert len(memory.messages) >= 4
    assert all(message.to_dict() for message in memory.messages)


@settings(derandomize=True, deadline=None)
@given(JUNK, JUNK, JUNK, JUNK)
def test_no_figures_make_a_risk_adapter_raise(first, second, third, fourth):
    memory = MemoryNotifier()
    adapter = RiskNotificationAdapter([memory])
    adapter.on_circuit_breaker_triggered(first, second, third)
    adapter.on_risk_limit_breach(first, second, third, fourth)
    adapter.on_portfolio_drawdown_warning(first, second)
    assert len(memory.messages) == 3
    assert all(message.to_dict() and message.title and message.message for message in memory.messages)


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
        ({"drawdown": 0.12, "threshold": 0.10}, "Drawdown exceeded (drawdown 12.0 %, threshold 10.0 %)"),
        ({"drawdown": Decimal("0.1004"), "threshold": 0.10}, "Drawdown exceeded (drawdown 10.04 %, threshold 10.00 %)"),
        ({"drawdown": 0.12}, "Drawdown exceeded (drawdown 12.0 %)"),
        ({"threshold": 0.1}, "Drawdown exceeded (threshold 10.0 %)"),
        ({"drawdown": float("nan")}, "Drawdown exceeded"),
        ({}, "Drawdown exceeded"),
    ],
)
def test_a_circuit_breaker_is_critical(risk, memory, figures, text):
    risk.on_circuit_breaker_triggered(reason="Drawdown exceeded", **figures)
    (message,) = memory.messages
    assert (message.title, message.message) == ("Circuit breaker triggered", text)
    assert message.level is AlertLevel.CRITICAL
    assert message.timestamp == AT


def test_the_facts_of_a_circuit_breaker(risk, memory):
    risk.on_circuit_breaker_triggered("Drawdown exceeded", 0.12, 0.1)
    assert memory.messages[0].metadata == {"reason": "Drawdown exceeded", "drawdown": 0.12, "threshold": 0.1}


@pytest.mark.parametrize(
    ("args", "level", "title", "text"),
    [
        (
            ("max_position_size", 0.15, 0.1, "AAPL"),
            AlertLevel.WARNING,
            "Risk limit breached: max_position_size of AAPL",
            "max_position_size of AAPL is 15.0 %, the limit is 10.0 %",
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
            "min_cash_buffer is 5.0 %, the limit is 20.0 %",
        ),
        (
            ("max_exposure", 1.25, 1.0),
            AlertLevel.CRITICAL,
            "Risk limit breached: max_exposure",
            "max_exposure is 125.0 %, the limit is 100.0 %",
        ),
        (
            ("max_position_value", Decimal("12500"), 10_000.0, "AAPL"),
            AlertLevel.WARNING,
            "Risk limit breached: max_position_value of AAPL",
            "max_position_value of AAPL is 12,500, the limit is 10,000",
        ),
        (
            ("max_correlation", 0.85, 0.8),
            AlertLevel.CRITICAL,
            "Risk limit breached: max_correlation",
            "max_correlation is 0.85, the limit is 0.8",
        ),
        (
            (OrderStatus.ERROR, None, None, ""),
            AlertLevel.CRITICAL,
            "Risk limit breached: Error",
            "Error is unknown, the limit is unknown",
        ),
    ],
)
def test_a_breach_warns_of_a_position_and_is_critical_otherwise(risk, memory, args, level, title, text):
    risk.on_risk_limit_breach(*args)
    (message,) = memory.messages
    assert (message.level, message.title, message.message) == (level, title, text)


@pytest.mark.parametrize(
    ("figures", "title", "text"),
    [
        ((0.085, 0.1), "Portfolio drawdown 8.5 %", "The portfolio is 8.5 % below its peak; the threshold is 10.0 %"),
        (
            (0.1001, 0.1),
            "Portfolio drawdown 10.01 %",
            "The portfolio is 10.01 % below its peak; the threshold is 10.00 %",
        ),
        ((0.1, None), "Portfolio drawdown 10.0 %", "The portfolio is 10.0 % below its peak; the threshold is unknown"),
    ],
)
def test_a_drawdown_is_warned_of(risk, memory, figures, title, text):
    risk.on_portfolio_drawdown_warning(*figures)
    (message,) = memory.messages
    assert (message.level, message.title, message.message) == (AlertLevel.WARNING, title, text)
