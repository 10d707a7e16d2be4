"""The options themselves: defaults, and what the rest is derived from."""

import re
from dataclasses import fields

import pytest

from orchestrator.config import TradingConfig, embedded_defaults, formats, from_dict, to_dict
from orchestrator.config.model import is_secret
from orchestrator.config.options import is_section, option_at, option_of, types_of
from orchestrator.config.schema import schema_of
from orchestrator.config.validator import StrictValidator

DEFAULTS = {
    "version": "1.0.0",
    "mode": "paper",
    "schedule": {
        "timezone": "America/New_York",
        "calendar": "NYSE",
        "calendar_overrides": {},
        "enable_pre_market": False,
        "enable_post_market": False,
        "auto_start": True,
        "auto_stop": True,
        "jobs": {},
    },
    "strategy": {
        "name": "equal_weight",
        "params": {},
        "symbols": ["AAPL", "MSFT"],
        "max_positions": 10,
        "position_size_pct": 0.10,
        "rebalance_frequency": "daily",
    },
    "risk": {
        "max_portfolio_drawdown": 0.12,
        "max_position_size": 0.10,
        "position_stop_loss": 0.05,
        "enable_circuit_breaker": True,
        "flatten_on_breaker": False,
        "circuit_breaker_threshold": 0.10,
        "min_cash_buffer": 0.20,
        "max_cash_buffer": 0.80,
        "max_correlation": 0.80,
        "enable_volatility_targeting": True,
        "target_portfolio_volatility": 0.15,
        "max_orders_per_minute": 60,
    },
    "broker": {
        "broker_type": "ibkr",
        "host": "127.0.0.1",
        "port": 7497,
        "client_id": 1,
        "account_number": None,
        "use_gateway": False,
        "paper_trading": True,
        "starting_cash": 100_000,
        "commission": 0.001,
        "slippage": 0.0005,
        "maintenance_windows": ["23:45-00:45"],
    },
    "data": {
        "primary_source": None,
        "path": None,
        "update_interval": 1.0,
        "enable_reconnect": True,
        "cache_enabled": True,
        "cache_dir": "./data/cache",
    },
    "engine": {
        "target": "builtin",
        "start_timeout": 60,
        "stop_timeout": 30,
        "heartbeat_timeout": 30,
        "max_restart_attempts": 3,
        "restart_cooldown": 300,
        "backoff_initial": 1,
        "backoff_max": 60,
        "auto_rollback": True,
    },
    "health": {"min_free_disk_mb": 200, "max_data_age": 120, "max_clock_jump": 30, "ping_url": None},
    "notifications": {
        "enabled": True,
        "channels": ["console"],
        "alert_levels": ["warning", "critical"],
        "slack_webhook_url": None,
        "slack_channel": None,
        "discord_webhook_url": None,
        "smtp_host": None,
        "smtp_port": 587,
        "smtp_username": None,
        "smtp_password": None,
        "email_from": None,
        "email_to": [],
        "webhook_url": None,
        "webhook_headers": {},
        "apprise": {},
        "routes": [],
        "dedupe_window": 300,
        "digest_after": 20,
    },
    "housekeeping": {
        "job_runs": 30 * 86_400,
        "transitions": 365 * 86_400,
        "alerts": 90 * 86_400,
        "incidents": 90 * 86_400,
        "equity": 30 * 86_400,
        "requests": 7 * 86_400,
        "config_versions": 200,
        "backup_dir": None,
        "backups": 7,
    },
    "state_dir": ".orchestrator",
    "store_url": None,
    "logging": {"level": "INFO", "format": "text", "file": "orchestrator.log", "max_mb": 10, "backups": 10},
    "created_at": None,
    "updated_at": None,
}


def options():
    """The path, option, type and default of every option."""
    for each in fields(TradingConfig):
        kind = types_of(TradingConfig)[each.name]
        if is_section(kind):
            for inner in fields(kind):
                yield pytest.param((each.name, inner.name), option_of(inner), types_of(kind)[inner.name])
        else:
            yield pytest.param((each.name,), option_of(each), kind)


def test_the_defaults_are_the_documented_ones():
    assert to_dict(TradingConfig()) == DEFAULTS
    assert list(to_dict(TradingConfig())) == list(DEFAULTS)


def test_the_defaults_are_valid():
    assert from_dict(DEFAULTS) == TradingConfig()


def test_without_a_file_the_broker_is_paper():
    assert to_dict(embedded_defaults()) == {**DEFAULTS, "broker": {**DEFAULTS["broker"], "broker_type": "paper"}}


@pytest.mark.parametrize(("path", "option", "kind"), list(options()))
def test_an_option_has_a_doc_of_one_line_and_says_when_it_takes_effect(path, option, kind):
    assert 4 <= len(option.doc) <= 80
    assert "\n" not in option.doc
    assert not option.doc.endswith(".") or option.doc.endswith("...")
    assert option.apply in {"now", "engine", "daemon"}
    assert option_at(TradingConfig, path) is option


@pytest.mark.parametrize(("path", "option", "kind"), list(options()))
def test_an_option_that_may_be_null_is_null_by_default(path, option, kind):
    """TOML has no null: what is left out there must be able to mean it."""
    value = TradingConfig()
    for name in path:
        value = getattr(value, name)
    assert (value is None) == ("None" in str(kind))


def test_what_is_secret():
    found = {".".join(row.values[0]) for row in options() if row.values[1].secret}
    assert found == {
        "health.ping_url",
        "notifications.slack_webhook_url",
        "notifications.discord_webhook_url",
        "notifications.smtp_password",
        "notifications.webhook_url",
        "notifications.webhook_headers",
        "notifications.apprise",
        "store_url",
    }
    assert is_secret(("notifications", "apprise", "phone"))
    assert not is_secret(("notifications", "channels", 0))
    assert not is_secret(("nowhere",))
    assert not is_secret(())


SHAPES = [
    (formats.HOST, "127.0.0.1", "localhost", "gw-1.example.com", "::1", "fe80::1", "2001:db8::7334"),
    (formats.LOG_FILE, "", "orchestrator.log", "/var/log/my trading.log"),
    (formats.PLACE, "data", "/srv/my data", "~/x"),
    (formats.SQLITE_URL, "sqlite:///x.db", "sqlite:////var/lib/x.db", "sqlite:///~/x.db"),
    (formats.STRATEGY, "momentum", "desk:Tenth", "my.desk:Tenth", "größe:Maß"),
    (formats.SYMBOL, "AAPL", "BRK.B", "^GSPC", "EUR/USD", "ES=F", "7203.T"),
    (formats.WINDOW, "23:45-00:45", "00:00-23:59"),
    (formats.MOMENT, "2026-11-24T09:30:00-05:00", "2026-11-24T14:30:00Z"),
    (formats.HTTP_URL, "https://example.com/x?y=z", "http://127.0.0.1:8080"),
]
MISSHAPEN = [
    (formats.HOST, None, "", "a b", "me@host", "a/b"),
    (formats.HOST, "127.0.0.1", "127.0.0.1:7497", "http://127.0.0.1", "tcp://127.0.0.1:7497/"),
    (formats.LOG_FILE, None, " ", "x\ny", "x\0"),
    (formats.SQLITE_URL, None, "x.db", "sqlite://x.db", "sqlite:///", "sqlite:///:memory:", "sqlite:///x.db?timeout=5"),
    (formats.STRATEGY, None, "desk", "desk:Tenth:x", "desk:Tenth.inner", "desk:", ":Tenth", "1desk:Tenth", "de sk:T"),
    (formats.STRATEGY, '"my.desk:Tenth"', "my.desk.Tenth", "my/desk.py:Tenth"),
    (formats.STRATEGY, "equal_weight", "equal_wieght", "Equal_Weight", "equalweight"),
    (formats.WINDOW, '"09:00-17:30"', "9:00-17:30", "9:00 - 17:30", "09:00 to 17:30", "9-17:30"),
    (formats.WINDOW, None, "9:00", "25:00-26:00", "09:00-09:00", "always"),
    (formats.TIMEZONE, "America/New_York", "America/NewYork", "EDT", "New York"),
    (formats.TIMEZONE, None, "Mars/Olympus", "UTC+1", ""),
]


@pytest.mark.parametrize(("shape", "texts"), [(row[0], row[1:]) for row in SHAPES])
def test_a_text_of_the_right_shape_is_taken(shape, texts):
    assert [text for text in texts if not shape.accepts(text)] == []


@pytest.mark.parametrize(("shape", "meant", "texts"), [(row[0], row[1], row[2:]) for row in MISSHAPEN])
def test_for_a_text_of_another_shape_the_one_that_was_meant_is_offered(shape, meant, texts):
    remedy = shape.remedy if meant is None else f"write {meant}"
    assert [text for text in texts if shape.accepts(text)] == []
    assert {text: shape.remedy_for(text) for text in texts} == dict.fromkeys(texts, remedy)


@pytest.mark.parametrize("row", [*SHAPES, *((row[0], *row[2:]) for row in MISSHAPEN)])
def test_the_pattern_of_a_shape_lets_through_what_it_accepts(row):
    shape, *texts = row
    accepted = [text for text in texts if shape.accepts(text) and text not in shape.names]
    assert [text for text in accepted if not re.fullmatch(shape.regex or ".*", text)] == []


def test_schema_is_one_that_cerberus_takes_as_it_is() -> None:
    schema = schema_of(TradingConfig)
    assert StrictValidator(schema).schema.schema == schema, "a shorthand would have to be expanded before use"
