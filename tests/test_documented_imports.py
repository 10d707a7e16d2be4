"""The documented import names, and the documented usage as far as it needs no network."""

import threading
from datetime import UTC, datetime

import pytest

from orchestrator.engine import Action, Fill, OrderRecord

IMPORTS = [
    "from copilot_quant.orchestrator import TradingOrchestrator",
    "from copilot_quant.orchestrator import MarketCalendar, MarketState",
    "from copilot_quant.orchestrator import ConfigManager",
    """from copilot_quant.orchestrator.notifiers import (
    SlackNotifier,
    DiscordNotifier,
    EmailNotifier,
    NotificationMessage,
    AlertLevel
)""",
    """from copilot_quant.orchestrator.notification_integration import (
    OrderNotificationAdapter,
    RiskNotificationAdapter
)""",
    "from copilot_quant.orchestrator.notifiers import Notifier",
    "from copilot_quant.orchestrator.trading_orchestrator import TradingOrchestrator",
    "from copilot_quant.orchestrator.market_calendar import MarketCalendar",
    "from copilot_quant.orchestrator.config_manager import ConfigManager",
]


@pytest.fixture
def folder(tmp_path, monkeypatch, documented_config):
    """The working directory, with the minimal config in it."""
    (tmp_path / "config.paper.yaml").write_text(documented_config)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("statement", IMPORTS)
def test_import_works(statement):
    exec(statement, {})


CALENDAR = """
from copilot_quant.orchestrator import MarketCalendar, MarketState
from datetime import datetime

calendar = MarketCalendar()

# Check if market is open
if calendar.is_market_open():
    print("Market is open for trading")

# Get current market state
state = calendar.get_market_state()
if state == MarketState.TRADING:
    print("Regular trading hours")

# Check if today is a trading day
if calendar.is_trading_day():
    print("Market is open today")

# Get next market open
next_open = calendar.get_next_market_open()
print(f"Next market open: {next_open}")
"""


def test_calendar_usage(capsys):
    names = {}
    exec(CALENDAR, names)
    assert names["next_open"] > datetime.now(UTC)
    assert f"Next market open: {names['next_open']}" in capsys.readouterr().out


CONFIG = """
from copilot_quant.orchestrator import ConfigManager

# Load configuration
manager = ConfigManager("config.paper.yaml")
config = manager.load()

# Access configuration
print(f"Trading mode: {config.mode}")
print(f"Symbols: {config.strategy.symbols}")

# Modify and save
config.strategy.max_positions = 15
manager.save(config)

# Hot reload
updated_config = manager.reload()

# View version history
versions = manager.list_versions()
for version in versions:
    print(f"Version: {version}")
"""


def test_config_usage(folder, capsys):
    names = {}
    exec(CONFIG, names)
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["Trading mode: paper", "Symbols: ['AAPL', 'MSFT']"]
    assert names["updated_config"].strategy.max_positions == 15
    assert len(names["versions"]) >= 1
    assert said[2:] == [f"Version: {version}" for version in names["versions"]]
    assert "max_positions: 15" in (folder / "config.paper.yaml").read_text()


NOTIFIERS = """
from copilot_quant.orchestrator.notifiers import (
    SlackNotifier,
    DiscordNotifier,
    EmailNotifier,
    NotificationMessage,
    AlertLevel
)

# Setup notifiers
slack = SlackNotifier(
    webhook_url="https://hooks.slack.com/services/YOUR/WEBHOOK/URL",
    channel="#trading-alerts",
    min_level=AlertLevel.WARNING  # Only send WARNING and CRITICAL
)

discord = DiscordNotifier(
    webhook_url="https://discord.com/api/webhooks/YOUR/WEBHOOK",
    min_level=AlertLevel.INFO  # Send all levels
)

email = EmailNotifier(
    smtp_host="smtp.gmail.com",
    smtp_port=587,
    username="your-email@gmail.com",
    password="your-app-password",
    from_email="trading-bot@example.com",
    to_emails=["trader@example.com"]
)

# Send notification
message = NotificationMessage(
    title="Order Filled",
    message="Bought 100 shares of AAPL at $150.00",
    level=AlertLevel.INFO,
    metadata={
        'symbol': 'AAPL',
        'quantity': 100,
        'price': 150.00
    }
)
"""

ADAPTERS = """
from copilot_quant.orchestrator.notification_integration import (
    OrderNotificationAdapter,
    RiskNotificationAdapter
)

# Create adapters
order_adapter = OrderNotificationAdapter(
    notifiers,
    notify_on_fills=True,
    notify_on_partial_fills=False,
    notify_on_errors=True
)

risk_adapter = RiskNotificationAdapter(notifiers)

# Register with order handler
order_handler.register_fill_callback(order_adapter.on_order_filled)
order_handler.register_error_callback(order_adapter.on_order_error)

# Send risk alerts
risk_adapter.on_circuit_breaker_triggered(
    reason="Portfolio drawdown exceeded 10%",
    drawdown=0.12,
    threshold=0.10
)
"""


def test_notifier_usage():
    names = {}
    exec(NOTIFIERS, names)
    assert not names["slack"].notify(names["message"]), "it is below its min_level"
    assert names["message"].to_dict()["metadata"] == {"symbol": "AAPL", "quantity": 100, "price": 150.0}


class OrderHandler:
    """A platform's own, as far as the documentation shows it."""

    def register_fill_callback(self, callback):
        self.filled = callback

    def register_error_callback(self, callback):
        self.failed = callback


def test_adapter_usage():
    from copilot_quant.orchestrator.notifiers import AlertLevel, MemoryNotifier

    memory, handler = MemoryNotifier(), OrderHandler()
    exec(ADAPTERS, {"notifiers": [memory], "order_handler": handler})
    assert [message.level for message in memory.messages] == [AlertLevel.CRITICAL]
    assert "Portfolio drawdown exceeded 10%" in memory.messages[0].message

    record = an_order()
    fill = Fill("f1", record.order_ref, "AAPL", Action.BUY, 100, 150.0, 1.0, record.submitted_at)
    record.apply(fill)
    handler.filled(record, fill)
    handler.failed(record, "the margin is too small")
    assert "AAPL" in memory.messages[1].title + memory.messages[1].message
    assert "the margin is too small" in memory.messages[2].message


def an_order():
    at = datetime(2026, 11, 24, 14, 35, tzinfo=UTC)
    return OrderRecord(
        order_ref="20261124-own-AAPL-0935",
        session="2026-11-24",
        strategy="own",
        decision="0935",
        symbol="AAPL",
        action=Action.BUY,
        total_quantity=100,
        submitted_at=at,
        updated_at=at,
    )


def test_orchestrator_usage(folder):
    from copilot_quant.orchestrator import OrchestratorState, TradingOrchestrator

    (folder / "config.paper.yaml").write_text("schedule: {calendar: ALWAYS}\nbroker: {broker_type: paper}\n")
    orchestrator = TradingOrchestrator("config.paper.yaml")
    assert not (folder / ".orchestrator").exists(), "constructing it touches nothing"
    changes, trading = [], threading.Event()

    def changed(old, new):
        changes.append((old, new))
        if new is OrchestratorState.TRADING:
            trading.set()

    orchestrator.register_state_change_callback(changed)
    thread = threading.Thread(target=orchestrator.start)
    thread.start()
    assert trading.wait(30)
    assert (orchestrator.is_running(), orchestrator.get_state()) == (True, OrchestratorState.TRADING)
    orchestrator.stop()
    thread.join(30)
    assert not thread.is_alive()
    assert (orchestrator.is_running(), orchestrator.get_state()) == (False, OrchestratorState.STOPPED)
    stopped, waiting, trades = OrchestratorState.STOPPED, OrchestratorState.PRE_MARKET, OrchestratorState.TRADING
    assert changes == [(stopped, waiting), (waiting, trades), (trades, stopped)]


def test_orchestrator_takes_the_minimal_config(folder):
    from copilot_quant.orchestrator import TradingOrchestrator

    orchestrator = TradingOrchestrator("config.paper.yaml", heartbeat_interval=60, max_restart_attempts=1)
    orchestrator.open()
    try:
        assert orchestrator.loop.config.broker.broker_type == "ibkr"
        assert orchestrator.loop.schedule.specs["heartbeat"].schedule == "interval 60"
    finally:
        orchestrator.close()
