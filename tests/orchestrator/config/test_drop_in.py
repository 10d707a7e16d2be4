"""A config as its users have it loads unchanged, and every option in it acts somewhere."""

import ast
import copy
from dataclasses import fields
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import orchestrator.config
from orchestrator.config import TradingConfig, embedded_defaults, load_file, to_dict
from orchestrator.config.options import is_section, types_of

EVERY_KEY = """\
version: "1.0.0"
mode: paper
schedule:
  timezone: America/New_York
  calendar: NYSE
  calendar_overrides: {}
  enable_pre_market: false
  enable_post_market: false
  auto_start: true
  auto_stop: true
  jobs: {}
strategy:
  name: equal_weight
  params: {}
  symbols: [AAPL, MSFT]
  max_positions: 10
  position_size_pct: 0.10
  rebalance_frequency: daily
risk:
  max_portfolio_drawdown: 0.12
  max_position_size: 0.10
  position_stop_loss: 0.05
  enable_circuit_breaker: true
  circuit_breaker_threshold: 0.10
  min_cash_buffer: 0.20
  max_cash_buffer: 0.80
  max_correlation: 0.80
  enable_volatility_targeting: true
  target_portfolio_volatility: 0.15
  max_orders_per_minute: 60
broker:
  broker_type: paper
  host: 127.0.0.1
  port: 7497
  client_id: 1
  account_number: null
  use_gateway: false
  paper_trading: true
  starting_cash: 100000
  commission: 0.001
  slippage: 0.0005
  maintenance_windows: ["23:45-00:45"]
data:
  primary_source: null
  path: null
  update_interval: 1.0
  enable_reconnect: true
  cache_enabled: true
  cache_dir: ./data/cache
engine:
  target: builtin
  start_timeout: 60
  stop_timeout: 30
  heartbeat_timeout: 30
  max_restart_attempts: 3
  restart_cooldown: 300
  backoff_initial: 1
  backoff_max: 60
health:
  min_free_disk_mb: 200
  max_data_age: 120
  max_clock_jump: 30
  ping_url: null
notifications:
  enabled: true
  channels: [console]
  alert_levels: [warning, critical]
  slack_webhook_url: null
  slack_channel: null
  discord_webhook_url: null
  smtp_host: null
  smtp_port: 587
  smtp_username: null
  smtp_password: null
  email_from: null
  email_to: []
  webhook_url: null
  webhook_headers: {}
  apprise: {}
  routes: []
state_dir: .orchestrator
store_url: null
logging: {level: INFO, format: text, file: orchestrator.log, max_mb: 10, backups: 10}
created_at: null
updated_at: null
"""


def leaves(data, path=()):
    """Options and their values; what a section holds is walked into, what an option holds is not."""
    for key, value in data.items():
        if isinstance(value, dict) and not path and value:
            yield from leaves(value, (key,))
        else:
            yield (*path, key), value


def loaded(text, folder):
    path = folder / "config.paper.yaml"
    path.write_text(text, encoding="utf-8")
    config = load_file(path)
    assert path.read_text(encoding="utf-8") == text
    return dict(leaves(to_dict(config)))


@pytest.fixture(params=["minimal", "every key"])
def text(request, documented_config):
    return documented_config if request.param == "minimal" else EVERY_KEY


def test_a_documented_file_is_read_as_it_stands(text, tmp_path):
    """What PyYAML reads of it is what it is taken for; what it leaves out is the default."""
    config, written = loaded(text, tmp_path), dict(leaves(yaml.safe_load(text)))
    assert {path: config[path] for path in written} == written
    defaults = dict(leaves(to_dict(TradingConfig())))
    assert {path: value for path, value in config.items() if path not in written} == {
        path: value for path, value in defaults.items() if path not in written
    }


def test_the_minimal_file_says_what_it_says(documented_config, tmp_path):
    config = loaded(documented_config, tmp_path)
    assert config["strategy", "symbols"] == ["AAPL", "MSFT"]
    assert config["broker", "broker_type"] == "ibkr"
    assert config["notifications", "slack_webhook_url"] == "https://hooks.slack.com/services/YOUR/WEBHOOK/URL"


def test_the_file_of_every_key_is_the_defaults(tmp_path):
    assert loaded(EVERY_KEY, tmp_path) == dict(leaves(to_dict(embedded_defaults())))


OTHER = {
    ("version",): "2.3",
    ("schedule", "timezone"): "Europe/Berlin",
    ("schedule", "calendar"): "XETR",
    ("schedule", "calendar_overrides"): {"2026-07-02": {"close": "13:00"}},
    ("schedule", "jobs"): {"heartbeat": {"interval": "10m"}},
    ("strategy", "name"): "momentum",
    ("strategy", "params"): {"lookback_days": 30},
    ("strategy", "symbols"): ["TSLA"],
    ("strategy", "rebalance_frequency"): "weekly",
    ("broker", "broker_type"): "ibkr",
    ("broker", "host"): "gateway.example.com",
    ("broker", "account_number"): "DU1234567",
    ("broker", "maintenance_windows"): ["00:15-01:45"],
    ("data", "primary_source"): "csv",
    ("data", "path"): "prices",
    ("data", "cache_dir"): "/var/cache",
    ("engine", "target"): "desk:Engine",
    ("health", "ping_url"): "https://hc.example.com/x",
    ("notifications", "channels"): ["slack", "phone"],
    ("notifications", "alert_levels"): ["critical"],
    ("notifications", "slack_webhook_url"): "https://hooks.slack.com/services/T0/B0/x",
    ("notifications", "slack_channel"): "#alerts",
    ("notifications", "discord_webhook_url"): "https://discord.com/api/webhooks/1/x",
    ("notifications", "smtp_host"): "mail.example.com",
    ("notifications", "smtp_username"): "me",
    ("notifications", "smtp_password"): "secret",
    ("notifications", "email_from"): "bot@example.com",
    ("notifications", "email_to"): ["me@example.com"],
    ("notifications", "webhook_url"): "https://example.com/hook",
    ("notifications", "webhook_headers"): {"X-Token": "secret"},
    ("notifications", "apprise"): {"phone": "ntfy://topic"},
    ("notifications", "routes"): [{"channels": ["phone"], "levels": [], "topics": ["risk"], "quiet_hours": None}],
    ("state_dir",): "/var/lib/orchestrator",
    ("store_url",): "sqlite:////var/lib/orchestrator/x.db",
    ("logging", "level"): "DEBUG",
    ("logging", "format"): "json",
    ("logging", "file"): "",
    ("created_at",): "2026-11-24T09:30:00-05:00",
    ("updated_at",): "2026-11-24T09:30:00-05:00",
    # What has to fit to something else, besides.
    ("mode",): "paper",
    ("broker", "paper_trading"): True,
    ("risk", "max_portfolio_drawdown"): 0.2,
    ("engine", "backoff_max"): 90,
}
"""Another value for each option that is no switch and no number."""


def changed(path, value):
    """Another value of the same kind."""
    if path in OTHER:
        return OTHER[path]
    return not value if isinstance(value, bool) else value * 1.25 if isinstance(value, float) else value + 1


def test_every_value_of_the_file_is_honoured(tmp_path):
    """Each of them set to something else is what comes out."""
    document = yaml.safe_load(EVERY_KEY)
    other = copy.deepcopy(document)
    for path, value in leaves(document):
        target = other if len(path) == 1 else other[path[0]]
        target[path[-1]] = changed(path, value)
    config = loaded(yaml.safe_dump(other, sort_keys=False), tmp_path)
    assert {path: config[path] for path, _ in leaves(other)} == dict(leaves(other))


# --- every option acts ---

ACTS = {
    "mode": "orchestrator.cli.errors",
    "schedule.timezone": "orchestrator.config.rules",
    "schedule.calendar": "orchestrator.config.rules",
    "schedule.calendar_overrides": "orchestrator.config.rules",
    "schedule.enable_pre_market": "orchestrator.loop",
    "schedule.enable_post_market": "orchestrator.loop",
    "schedule.auto_start": "orchestrator.loop",
    "schedule.auto_stop": "orchestrator.loop",
    "schedule.jobs": "orchestrator.loop",
    "strategy.name": "orchestrator.engine.strategy",
    "strategy.params": "orchestrator.engine.strategy",
    "strategy.symbols": "orchestrator.engine.builtin",
    "strategy.max_positions": "orchestrator.engine.limits",
    "strategy.position_size_pct": "orchestrator.engine.builtin",
    "strategy.rebalance_frequency": "orchestrator.engine.trader",
    "risk.max_portfolio_drawdown": "orchestrator.engine.watch",
    "risk.max_position_size": "orchestrator.engine.limits",
    "risk.position_stop_loss": "orchestrator.engine.trader",
    "risk.max_cash_buffer": "orchestrator.engine.limits",
    "risk.max_correlation": "orchestrator.engine.limits",
    "risk.enable_volatility_targeting": "orchestrator.engine.limits",
    "risk.target_portfolio_volatility": "orchestrator.engine.limits",
    "risk.enable_circuit_breaker": "orchestrator.engine.watch",
    "risk.flatten_on_breaker": "orchestrator.engine.trader",
    "risk.circuit_breaker_threshold": "orchestrator.engine.watch",
    "risk.min_cash_buffer": "orchestrator.engine.limits",
    "risk.max_orders_per_minute": "orchestrator.engine.limits",
    "broker.broker_type": "orchestrator.engine.support",
    "broker.port": "orchestrator.config.rules",
    "broker.account_number": "orchestrator.config.rules",
    "broker.paper_trading": "orchestrator.config.rules",
    "broker.starting_cash": "orchestrator.engine.builtin",
    "broker.commission": "orchestrator.engine.venue",
    "broker.slippage": "orchestrator.engine.venue",
    "broker.host": "orchestrator.engine.ibkr.build",
    "broker.client_id": "orchestrator.engine.ibkr.build",
    "data.enable_reconnect": "orchestrator.engine.ibkr.build",
    "data.cache_enabled": "orchestrator.engine.ibkr.build",
    "data.cache_dir": "orchestrator.config.paths",
    "data.primary_source": "orchestrator.engine.data",
    "data.path": "orchestrator.config.paths",
    "data.update_interval": "orchestrator.engine.builtin",
    "engine.target": "orchestrator.engine.build",
    "engine.start_timeout": "orchestrator.supervision.supervisor",
    "engine.stop_timeout": "orchestrator.supervision.supervisor",
    "engine.heartbeat_timeout": "orchestrator.supervision.supervisor",
    "engine.max_restart_attempts": "orchestrator.supervision.supervisor",
    "engine.restart_cooldown": "orchestrator.supervision.supervisor",
    "engine.backoff_initial": "orchestrator.supervision.supervisor",
    "engine.backoff_max": "orchestrator.supervision.supervisor",
    "engine.auto_rollback": "orchestrator.adoption",
    "broker.maintenance_windows": "orchestrator.loop",
    "health.min_free_disk_mb": "orchestrator.supervision.health",
    "health.max_data_age": "orchestrator.supervision.health",
    "health.max_clock_jump": "orchestrator.loop",
    "health.ping_url": "orchestrator.loop",
    "notifications.enabled": "orchestrator.alerts.channels",
    "notifications.channels": "orchestrator.alerts.channels",
    "notifications.alert_levels": "orchestrator.alerts.routes",
    "notifications.slack_webhook_url": "orchestrator.alerts.channels",
    "notifications.slack_channel": "orchestrator.alerts.channels",
    "notifications.discord_webhook_url": "orchestrator.alerts.channels",
    "notifications.smtp_host": "orchestrator.alerts.channels",
    "notifications.smtp_port": "orchestrator.alerts.channels",
    "notifications.smtp_username": "orchestrator.alerts.channels",
    "notifications.smtp_password": "orchestrator.alerts.channels",
    "notifications.email_from": "orchestrator.alerts.channels",
    "notifications.email_to": "orchestrator.alerts.channels",
    "notifications.webhook_url": "orchestrator.alerts.channels",
    "notifications.webhook_headers": "orchestrator.alerts.channels",
    "notifications.apprise": "orchestrator.alerts.channels",
    "notifications.routes": "orchestrator.alerts.routes",
    "notifications.dedupe_window": "orchestrator.alerts.book",
    "notifications.digest_after": "orchestrator.alerts.book",
    "housekeeping.job_runs": "orchestrator.schedule.housekeeping",
    "housekeeping.transitions": "orchestrator.schedule.housekeeping",
    "housekeeping.alerts": "orchestrator.schedule.housekeeping",
    "housekeeping.incidents": "orchestrator.schedule.housekeeping",
    "housekeeping.equity": "orchestrator.schedule.housekeeping",
    "housekeeping.requests": "orchestrator.schedule.housekeeping",
    "housekeeping.config_versions": "orchestrator.schedule.housekeeping",
    "housekeeping.backup_dir": "orchestrator.config.paths",
    "housekeeping.backups": "orchestrator.schedule.housekeeping",
    "state_dir": "orchestrator.config.paths",
    "store_url": "orchestrator.config.paths",
    "logging.level": "orchestrator.logs",
    "logging.format": "orchestrator.logs",
    "logging.file": "orchestrator.config.paths",
    "logging.max_mb": "orchestrator.logs",
    "logging.backups": "orchestrator.logs",
    "created_at": "orchestrator.config.manager",
    "updated_at": "orchestrator.config.manager",
}
"""By option, the module in which it makes a difference."""

FOR_OTHERS = {
    "version": "the user counts with it",
    "broker.use_gateway": "read by an engine of the user's, which gets the whole config",
}
"""Options that are there for somebody else, and why."""


def options():
    """The path of every option, and the class of its section."""
    for each in fields(TradingConfig):
        kind = types_of(TradingConfig)[each.name]
        if is_section(kind):
            yield from ((f"{each.name}.{inner.name}", kind) for inner in fields(kind))
        else:
            yield each.name, TradingConfig


OPTIONS = dict(options())


def test_every_option_is_in_exactly_one_place():
    """What is new goes into ACTS, with the module that reads it."""
    listed = [*ACTS, *FOR_OTHERS]
    assert set(OPTIONS) ^ set(listed) == set()
    assert len(set(listed)) == len(listed)


@pytest.mark.parametrize(("path", "module"), list(ACTS.items()))
def test_the_module_reads_the_option(path, module):
    assert reads(Path(find_spec(module).origin), path)


@pytest.mark.parametrize("path", FOR_OTHERS)
def test_nothing_reads_an_option_without_effect(path):
    """If something does by now, the option is one of those that act. What only shows or checks it does not count."""
    root = Path(orchestrator.config.__file__).parents[1]
    folders = {root / "config", root / "cli"}
    files = [file for file in root.rglob("*.py") if not folders & set(file.parents)]
    assert len(files) > 40
    assert [str(file.relative_to(root)) for file in files if path != "version" and reads(file, path)] == []


def reads(file, path):
    """Whether a module has an attribute of the option's name, and has to do with its section."""
    attributes, words = names_in(file)
    section, _, name = path.rpartition(".")
    return name in attributes and bool({section or "config", OPTIONS[path].__name__} & words)


@cache
def names_in(file):
    """The attributes that a module's text reads, and every name in it."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    read = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    named = {node.id for node in nodes if isinstance(node, ast.Name)} | {n.arg for n in nodes if isinstance(n, ast.arg)}
    return read, attributes | named
