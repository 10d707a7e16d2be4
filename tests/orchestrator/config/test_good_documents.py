"""What a config may look like, and what is read from it."""

import json

import pytest

from orchestrator.config import TradingConfig, embedded_defaults, from_dict, load_file, load_text, to_dict

FULL = """\
mode: live
schedule:
  timezone: Europe/Berlin
  calendar: NASDAQ
  calendar_overrides:
    2026-07-02: {close: 13:00}
    2025-01-09: closed
    "2025-01-10": open
  jobs:
    heartbeat: {interval: 1m30s}
    post_market_end: off
    report: {cron: "0 18 * * mon-fri", command: [python, report.py], timeout: 10m, notify: failure}
strategy:
  name: my.strategies:Momentum
  params: {lookback: 20, halves: [0.5, null, {deep: true}], name: 9:30}
  symbols: [BRK.B, EUR/USD, ^GSPC, "TRUE"]
broker:
  broker_type: ibkr
  port: 4001
  use_gateway: yes please
  account_number: U1234567
  paper_trading: false
  starting_cash: 1e6
  maintenance_windows: [23:45-00:45, 00:15-01:45]
engine:
  start_timeout: 90
  stop_timeout: 1m
  restart_cooldown: 1h30m
  heartbeat_timeout: 45.5
data: {primary_source: csv, path: /srv/prices, update_interval: 250ms}
"""


def test_the_minimal_file_is_read(documented_config):
    config = load_text(documented_config)
    assert config.mode == "paper"
    assert config.strategy.symbols == ["AAPL", "MSFT"]
    assert config.notifications.channels == ["slack"]
    assert config.notifications.slack_webhook_url == "https://hooks.slack.com/services/YOUR/WEBHOOK/URL"
    assert config.risk == TradingConfig().risk


def test_a_full_file_is_read():
    config = load_text(FULL.replace("yes please", "true").replace("250ms", "0.25s"))
    assert config.schedule.calendar_overrides == {
        "2026-07-02": {"close": "13:00"},
        "2025-01-09": "closed",
        "2025-01-10": "open",
    }
    assert config.schedule.jobs["heartbeat"] == {"interval": "1m30s"}
    assert config.schedule.jobs["post_market_end"] == "off"
    assert config.strategy.params == {"lookback": 20, "halves": [0.5, None, {"deep": True}], "name": "9:30"}
    assert config.strategy.symbols == ["BRK.B", "EUR/USD", "^GSPC", "TRUE"]
    assert config.broker.starting_cash == 1_000_000
    assert config.broker.maintenance_windows == ["23:45-00:45", "00:15-01:45"]


def test_lengths_of_time_are_seconds_however_they_are_written():
    engine = load_text(
        "engine: {start_timeout: 90, stop_timeout: 1m, restart_cooldown: 1h30m, backoff_max: 4.5s}"
    ).engine
    assert (engine.start_timeout, engine.stop_timeout, engine.restart_cooldown) == (90, 60, 5400)
    assert engine.backoff_max == 4.5
    assert all(type(value) is float for value in (engine.start_timeout, engine.stop_timeout, engine.backoff_max))


@pytest.mark.parametrize(
    "text",
    ["", "\n", "# nothing\n", "---\n", "null\n", "{}\n", "\ufeff", "risk:\nbroker:\n", "schedule:\n  jobs:\n"],
)
def test_what_is_left_out_has_its_default(text):
    assert load_text(text) == TradingConfig()


@pytest.mark.parametrize(("suffix", "text"), [(".json", ""), (".json", "null"), (".json", "{}"), (".toml", "")])
def test_an_empty_file_of_another_format_is_the_defaults_too(suffix, text):
    assert load_text(text, suffix) == TradingConfig()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("9:30", "9:30"),
        ("09:30", "09:30"),
        ("16:00:00", "16:00:00"),
        ("on", "on"),
        ("NO", "NO"),
        ("y", "y"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("2026-11-24", "2026-11-24"),
        (".inf", ".inf"),
        ("1.0.0", "1.0.0"),
        ("=", "="),
        ("12", 12),
        ("-3", -3),
        ("+3", 3),
        ("0", 0),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("Null", None),
        ("", None),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n      two\n      lines", "two\nlines\n"),
    ],
)
def test_an_unquoted_value_means_what_it_looks_like(written, read):
    value = load_text(f"strategy:\n  params:\n    x: {written}\n").strategy.params["x"]
    assert value == read
    assert type(value) is type(read)


def test_the_built_in_parser_reads_the_same_as_the_fast_one(documented_config):
    """A tab, here in a comment, sends the text to PyYAML's own parser."""
    assert load_text(documented_config + "#\t\n") == load_text(documented_config)


def test_windows_line_ends_are_read(documented_config):
    documents = ((documented_config, ".yaml"), ('{\n"mode": "paper"}', ".json"), ('mode = "paper"\n', ".toml"))
    for text, suffix in documents:
        assert load_text(text.replace("\n", "\r\n"), suffix).mode == "paper"


def test_times_in_toml_are_text_as_in_yaml():
    text = "created_at = 2026-11-24T09:30:00Z\n[strategy.params]\nday = 2026-11-24\nat = 09:30:00\n"
    config = load_text(text, ".toml")
    assert config.created_at == "2026-11-24T09:30:00+00:00"
    assert config.strategy.params == {"day": "2026-11-24", "at": "09:30:00"}


def test_routes_are_read():
    text = "notifications: {routes: [{levels: [warning, critical], quiet_hours: 22:00-07:00, channels: [console]}]}"
    (route,) = load_text(text).notifications.routes
    assert (route.levels, route.topics, route.quiet_hours) == (["warning", "critical"], [], "22:00-07:00")


def test_a_channel_that_is_not_used_needs_nothing():
    assert load_text("notifications: {enabled: false, channels: [slack]}").notifications.channels == ["slack"]


def test_a_channel_of_apprise_may_be_used_and_routed_to():
    text = "notifications:\n  apprise: {phone: 'ntfy://topic'}\n  channels: [phone]\n  routes: [{channels: [phone]}]\n"
    assert load_text(text).notifications.apprise == {"phone": "ntfy://topic"}


def test_live_money_is_accepted_where_everything_says_so():
    text = "mode: live\nbroker: {paper_trading: false, port: 7496, account_number: U1234567}\n"
    assert load_text(text).mode == "live"


def test_a_file_is_read_by_its_suffix(tmp_path):
    for name, text in (("c.yml", "mode: paper"), ("c.JSON", '{"mode": "paper"}'), ("c.toml", 'mode = "paper"')):
        (tmp_path / name).write_text(text)
        assert load_file(tmp_path / name) == TradingConfig()


def test_a_missing_file_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        load_file(tmp_path / "config.yaml")
    path = tmp_path / "config.yaml"
    assert str(caught.value) == f"no config file {path}; write one with: orchestrator config init {path}"


def test_a_file_that_is_not_utf8_is_pointed_at(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_bytes("mode: paper\nversion: 'é'\n".encode("latin-1"))
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        load_file(path)
    assert str(caught.value) == f"{path}:2:11: the byte 0xe9 is not UTF-8; save the file as UTF-8"


def test_plain_data_makes_a_config():
    data = to_dict(embedded_defaults())
    data["risk"]["max_position_size"] = 0.05
    config = from_dict(data)
    assert config.risk.max_position_size == 0.05
    assert json.loads(json.dumps(to_dict(config))) == to_dict(config)


def test_a_config_shares_nothing_with_the_data_it_was_made_from():
    data = to_dict(embedded_defaults())
    config = from_dict(data)
    data["strategy"]["symbols"].append("TSLA")
    assert config.strategy.symbols == ["AAPL", "MSFT"]
    assert TradingConfig().strategy.symbols is not TradingConfig().strategy.symbols
