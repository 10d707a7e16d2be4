"""The documented import names; everything lives in the packages it is imported from."""

from calendars import MarketCalendar, MarketState, Session
from notifiers import (
    AlertLevel,
    AppriseNotifier,
    ConsoleNotifier,
    DiscordNotifier,
    EmailNotifier,
    MemoryNotifier,
    NotificationMessage,
    Notifier,
    OrderNotificationAdapter,
    RiskNotificationAdapter,
    SlackNotifier,
    WebhookNotifier,
)
from orchestrator.config import (
    BrokerConfig,
    ConfigError,
    ConfigManager,
    DataConfig,
    NotificationConfig,
    RiskConfig,
    StrategyConfig,
    TradingConfig,
    TradingScheduleConfig,
)
from orchestrator.daemon import TradingOrchestrator
from orchestrator.states import EngineState, OrchestratorState

__all__ = [
    "TradingOrchestrator",
    "OrchestratorState",
    "EngineState",
    "MarketCalendar",
    "MarketState",
    "Session",
    "ConfigManager",
    "ConfigError",
    "TradingConfig",
    "TradingScheduleConfig",
    "StrategyConfig",
    "RiskConfig",
    "BrokerConfig",
    "DataConfig",
    "NotificationConfig",
    "AlertLevel",
    "NotificationMessage",
    "Notifier",
    "SlackNotifier",
    "DiscordNotifier",
    "EmailNotifier",
    "WebhookNotifier",
    "AppriseNotifier",
    "ConsoleNotifier",
    "MemoryNotifier",
    "OrderNotificationAdapter",
    "RiskNotificationAdapter",
]
