"""What is allowed but risky."""

import pytest

from orchestrator.config import load_text, warnings

LIVE = "mode: live\nbroker: {paper_trading: false, port: 7496, account_number: U1}\n"
SAFE = "strategy: {position_size_pct: 0.08}\n"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (
            "strategy: {position_size_pct: 0.1, symbols: [A, B, C, D, E, F, G, H, I, J, K]}",
            "strategy.position_size_pct: 10 positions of 0.1 and min_cash_buffer 0.2 are 1.2 of equity: "
            "the last positions will be cut; 0.08 would fit",
        ),
        (
            "strategy: {position_size_pct: 0.2, max_positions: 4}",  # two symbols, so no more than two positions
            "strategy.position_size_pct: 0.2 is more than risk.max_position_size 0.1: "
            "every position will be cut to that",
        ),
        (SAFE.replace("}", ", symbols: []}"), "strategy.symbols: the list is empty: nothing will be traded"),
        (SAFE + "notifications: {enabled: false}", "notifications.enabled: no alert will be sent"),
        (SAFE + "notifications: {channels: []}", "notifications.channels: the list is empty: no alert will be sent"),
        (
            SAFE + "notifications: {alert_levels: [info, warning]}",
            "notifications.alert_levels: critical is missing: the worst will not be told",
        ),
        (SAFE + LIVE, "notifications.channels: mode is live, and alerts go to the console only"),
        (
            SAFE
            + LIVE
            + "risk: {enable_circuit_breaker: false}\nnotifications: {channels: [x], apprise: {x: 'ntfy://x'}}",
            "risk.enable_circuit_breaker: mode is live, and no drawdown halts trading",
        ),
        (SAFE + "broker: {port: 7496}", "broker.port: 7496 is the live port of TWS, and mode is paper"),
        (SAFE + "broker: {port: 4002}", "broker.port: 4002 is a port of the Gateway, and use_gateway is false"),
        (SAFE + "broker: {use_gateway: true}", "broker.port: 7497 is a port of TWS, and use_gateway is true"),
        (
            "risk: {position_stop_loss: 0.1}",
            "risk.position_stop_loss: this version does not act on it",
        ),
        ("health: {ping_url: 'https://hc.example/secret'}", "health.ping_url: this version does not act on it"),
        (
            "notifications: {routes: [{levels: [critical], channels: [console]}]}",
            "notifications.routes: this version does not act on it",
        ),
        (SAFE + "broker: {commission: 1}", "broker.commission: 1 is 100% of each trade; 0.001 is 0.1%"),
        (SAFE + "broker: {slippage: 0.1}", "broker.slippage: 0.1 is 10% of each trade; 0.001 is 0.1%"),
        (
            SAFE + "data: {update_interval: 1m}",
            "data.update_interval: 60 s is not below engine.heartbeat_timeout 30 s: it will look like a failure",
        ),
        (
            SAFE + "data: {update_interval: 20}\nhealth: {max_data_age: 10}",
            "data.update_interval: 20 s is not below health.max_data_age 10 s: it will look like a failure",
        ),
    ],
)
def test_a_risky_config_is_valid_and_warned_of(text, warning):
    assert said(text) == [warning]


def said(text):
    """The warnings; what is said of the default broker is left out, so that each case shows its own."""
    return [str(problem) for problem in warnings(load_text(text)) if problem.path != "broker.broker_type"]


def test_broker_that_this_version_does_not_have_is_warned_of():
    (problem,) = warnings(load_text("broker: {broker_type: ibkr}"))
    assert str(problem) == (
        "broker.broker_type: ibkr is not part of this version, and start will refuse it; write paper"
    )


def test_a_sound_config_has_no_warning():
    assert said(SAFE) == []


def test_ports_say_nothing_of_another_broker():
    assert said(SAFE + "broker: {broker_type: paper, port: 4001}") == []


def test_the_file_is_named_where_it_is_known():
    problem, *_ = warnings(load_text("broker: {broker_type: ibkr}"), "config.yaml")
    assert str(problem).startswith("config.yaml: broker.broker_type: ")
