"""What is allowed but risky."""

import pytest

from orchestrator.config import load_file, load_text, warnings
from orchestrator.config.advice import exposed_secrets

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


@pytest.mark.parametrize("installed", [True, False])
def test_broker_whose_library_is_not_installed_is_warned_of(installed, monkeypatch):
    monkeypatch.setattr("orchestrator.config.advice.find_spec", lambda name: installed or None)
    problems = [str(problem) for problem in warnings(load_text("broker: {broker_type: ibkr}"))]
    assert problems == (
        []
        if installed
        else [
            "broker.broker_type: ibkr needs a client library, and none is installed; "
            "pip install 'trading-orchestrator[ibkr]'"
        ]
    )


def test_prices_of_ibkr_need_its_library_too(monkeypatch):
    monkeypatch.setattr("orchestrator.config.advice.find_spec", lambda name: None)
    problems = warnings(load_text("broker: {broker_type: paper}\ndata: {primary_source: ibkr}"))
    assert "data.primary_source: ibkr needs a client library" in "".join(map(str, problems))


def test_a_sound_config_has_no_warning():
    assert said(SAFE) == []


def test_ports_say_nothing_of_another_broker():
    assert said(SAFE + "broker: {broker_type: paper, port: 4001}") == []


def test_the_file_is_named_where_it_is_known():
    problem, *_ = warnings(load_text(SAFE + "broker: {port: 7496}"), "config.yaml")
    assert str(problem).startswith("config.yaml: broker.port: ")


def test_the_place_is_named_where_the_file_is_there(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("broker:\n  broker_type: ibkr\n  port: 7496\nstrategy: {symbols: []}\n")
    path.chmod(0o600)
    config = load_file(path)
    placed = [(each.line, each.column, each.path) for each in warnings(config, str(path), path)]
    assert placed[-2:] == [(3, 9, "broker.port"), (4, 21, "strategy.symbols")]
    path.write_text("no config any more: [")
    assert [(each.line, each.path) for each in warnings(config, str(path), path)][-1:] == [(None, "strategy.symbols")]


# --- what others can read ---

SECRETS = "notifications: {smtp_username: me, smtp_password: s3cr3t, apprise: {phone: 'ntfy://s3cr3t'}}\n"


def exposed(path, text, mode):
    path.write_text(text)
    path.chmod(mode)
    config = load_text(text, environ={"PW": "s3cr3t"})
    said = [str(problem) for problem in exposed_secrets(config, path)]
    assert said == [str(problem) for problem in warnings(config, str(path), path) if "chmod" in str(problem)]
    assert not any("s3cr3t" in each for each in said)
    return said


@pytest.mark.parametrize(
    ("mode", "who"), [(0o644, "everybody"), (0o604, "everybody"), (0o640, "its group"), (0o664, "everybody")]
)
def test_secrets_in_clear_that_others_can_read_are_warned_of(tmp_path, mode, who):
    path = tmp_path / "config.yaml"
    assert exposed(path, SECRETS, mode) == [
        f"{path}: {who} can read it (mode 0{mode:o}), and it holds notifications.smtp_password, "
        f"notifications.apprise.phone; chmod 600 {path}, or write ${{NAME}} or ${{file:PATH}} in the place of what is "
        "secret"
    ]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o622, 0o611])
def test_secrets_that_only_the_owner_can_read_are_not(tmp_path, mode):
    assert exposed(tmp_path / "config.yaml", SECRETS, mode) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("notifications: {slack_webhook_url: 'https://hooks.slack.com/services/YOUR/WEBHOOK/URL'}", True),
        ("notifications: {smtp_username: me, smtp_password: '${PW}'}", False),
        ("notifications: {smtp_username: me, smtp_password: '${X:-s3cr3t}'}", True),
        ("notifications: {smtp_username: me, smtp_password: '$${PW}'}", True),
        ("notifications: {slack_webhook_url: '${X:-}'}", False),
        ("notifications: {slack_webhook_url: 'https://hooks.slack.com/services/${PW}'}", False),
        ("notifications: {webhook_headers: {X: 's3cr3t'}}", True),
        ("notifications: {webhook_headers: {X: 'Bearer ${PW}'}}", False),
        ("health: {ping_url: 'https://hc.example/s3cr3t'}", True),
        ("store_url: 'sqlite:///desk.db'", False),
        ("strategy: {symbols: ['AAPL']}", False),
    ],
)
def test_what_is_a_secret_in_clear(tmp_path, text, secret):
    assert bool(exposed(tmp_path / "config.yaml", text, 0o644)) is secret


def test_a_file_that_is_gone_is_read_by_nobody(tmp_path):
    assert exposed_secrets(load_text(SECRETS), tmp_path / "config.yaml") == []


def test_it_is_the_file_that_counts_and_not_the_link_to_it(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(SECRETS)
    path.chmod(0o600)
    (tmp_path / "link.yaml").symlink_to(path)
    assert exposed_secrets(load_text(SECRETS), tmp_path / "link.yaml") == []


@pytest.mark.parametrize(
    ("text", "value", "warning"),
    [
        (
            "strategy: {position_size_pct: '${X}'}",
            "0.7391",
            "the value of ${X} is more than risk.max_position_size 0.1",
        ),
        ("broker: {commission: '${X}'}", "0.7391", "the value of ${X} is more than 5% of each trade; 0.001 is 0.1%"),
        ("broker: {port: '${X}'}", "7496", "the value of ${X} is the live port of TWS, and mode is paper"),
        ("data: {update_interval: '${X}'}", "7391", "the value of ${X} is not below engine.heartbeat_timeout 30 s"),
    ],
)
def test_what_a_reference_stands_for_is_not_told(text, value, warning):
    found = warnings(load_text(text, environ={"X": value}))
    said = [str(problem) for problem in found]
    assert any(warning in each for each in said)
    assert value not in "".join(said)
    assert value not in repr(found)
