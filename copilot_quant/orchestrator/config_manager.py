"""Reading and writing the config."""

from orchestrator.config import (
    BrokerConfig,
    ConfigConflict,
    ConfigError,
    ConfigManager,
    DataConfig,
    EngineConfig,
    HealthConfig,
    LoggingConfig,
    NotificationConfig,
    RiskConfig,
    StrategyConfig,
    TradingConfig,
    TradingScheduleConfig,
)

__all__ = [
    "BrokerConfig",
    "ConfigConflict",
    "ConfigError",
    "ConfigManager",
    "DataConfig",
    "EngineConfig",
    "HealthConfig",
    "LoggingConfig",
    "NotificationConfig",
    "RiskConfig",
    "StrategyConfig",
    "TradingConfig",
    "TradingScheduleConfig",
]
