"""The config file: read, checked, handed out as dataclasses, and written.

Importing this is light; YAML, Cerberus and the calendar are loaded by the first config that is read, and what saves
one by its first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from orchestrator.config.errors import ConfigError, Problem
from orchestrator.config.loading import from_dict, load_file, load_text
from orchestrator.config.model import (
    BrokerConfig,
    DataConfig,
    EngineConfig,
    HealthConfig,
    HousekeepingConfig,
    LoggingConfig,
    NotificationConfig,
    RiskConfig,
    RouteConfig,
    StrategyConfig,
    TradingConfig,
    TradingScheduleConfig,
    embedded_defaults,
)
from orchestrator.config.paths import cache_dir, data_path, log_file, state_dir, store_url
from orchestrator.config.plain import masked, to_dict
from orchestrator.config.writing import to_text

if TYPE_CHECKING:
    from orchestrator.config.advice import warnings
    from orchestrator.config.manager import ConfigConflict, ConfigManager

__all__ = [
    "ConfigManager",
    "ConfigConflict",
    "ConfigError",
    "Problem",
    "TradingConfig",
    "TradingScheduleConfig",
    "StrategyConfig",
    "RiskConfig",
    "BrokerConfig",
    "DataConfig",
    "EngineConfig",
    "HealthConfig",
    "HousekeepingConfig",
    "NotificationConfig",
    "RouteConfig",
    "LoggingConfig",
    "embedded_defaults",
    "load_file",
    "load_text",
    "from_dict",
    "to_dict",
    "to_text",
    "masked",
    "warnings",
    "state_dir",
    "store_url",
    "log_file",
    "data_path",
    "cache_dir",
]

LATE = {"warnings": "advice", "ConfigConflict": "manager", "ConfigManager": "manager"}
"""By name, the module that is imported when it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{LATE[name]}"), name)
    return found
