import subprocess
import sys

import orchestrator.config

HEAVY = {"yaml", "cerberus", "tomllib", "holidays", "jobs", "apscheduler", "sqlalchemy", "difflib", "tomlkit"}


def test_the_public_names():
    assert orchestrator.config.__all__ == [
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
    assert all(hasattr(orchestrator.config, name) for name in orchestrator.config.__all__)


def test_importing_it_loads_no_other_library():
    script = f"import sys, orchestrator.config; print(sorted({HEAVY} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
