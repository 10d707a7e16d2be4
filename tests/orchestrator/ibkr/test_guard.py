"""Which account may be traded."""

import pytest

from orchestrator.config import embedded_defaults
from orchestrator.engine.ibkr.guard import choose_account
from orchestrator.engine.interface import EngineRefused


def config(mode, account):
    made = embedded_defaults()
    made.mode, made.broker.account_number = mode, account
    made.broker.paper_trading = mode == "paper"
    return made


@pytest.mark.parametrize(
    ("mode", "wanted", "accounts", "chosen"),
    [
        ("paper", None, ["DU123456"], "DU123456"),
        ("paper", "DU123456", ["DU123456"], "DU123456"),
        ("paper", "DU2", ["DU1", "DU2"], "DU2"),
        ("paper", None, ["DF123456"], "DF123456"),
        ("live", "U123456", ["U123456"], "U123456"),
        ("live", "U2", ["U1", "U2", "DU3"], "U2"),
    ],
)
def test_the_account_that_is_traded(mode, wanted, accounts, chosen):
    assert choose_account(config(mode, wanted), accounts) == chosen


@pytest.mark.parametrize(
    ("mode", "wanted", "accounts", "why"),
    [
        ("paper", None, ["U123456"], "mode is paper, and U123456 at 127.0.0.1:7497 is no paper account"),
        ("paper", None, [], "mode is paper, and the login at 127.0.0.1:7497 is no paper account"),
        ("paper", "U1", ["U1", "DU2"], "mode is paper, and U1 at 127.0.0.1:7497 is no paper account"),
        ("paper", None, ["DU1", "DU2"], "has several accounts (DU1, DU2), and broker.account_number names none"),
        ("paper", "DU9", ["DU1"], "broker.account_number is DU9, and the login at 127.0.0.1:7497 has DU1"),
        ("live", "U1", ["U2"], "broker.account_number is U1, and the login at 127.0.0.1:7497 has U2"),
        ("live", "U1", [], "broker.account_number is U1, and the login at 127.0.0.1:7497 has none"),
        ("live", None, ["U1"], "mode is live, and broker.account_number names no account"),
        ("live", "DU1", ["DU1"], "mode is live, and DU1 at 127.0.0.1:7497 is a paper account"),
    ],
)
def test_an_account_that_must_not_be_traded(mode, wanted, accounts, why):
    with pytest.raises(EngineRefused) as refused:
        choose_account(config(mode, wanted), accounts)
    assert why in str(refused.value)
    assert "nothing is traded" in str(refused.value)


def test_an_engine_in_paper_mode_refuses_a_live_account_before_it_asks_anything(rig, gateway):
    gateway.brokerage.accounts = ["U123456"]
    rig.build()
    with pytest.raises(EngineRefused, match=r"U123456 .* is no paper account"):
        rig.engine.connect()
    rig.wait_for(lambda: gateway.sessions == [], "it has left")
    assert [fields[0] for fields in gateway.requests] == ["71"]


def test_the_account_is_looked_at_on_every_connection(rig, gateway):
    rig.start()
    gateway.brokerage.accounts = ["U123456"]
    gateway.drop()
    rig.until(lambda: not rig.ready)
    rig.advance(1)
    with pytest.raises(EngineRefused, match=r"U123456 .* is no paper account"):
        rig.until(lambda: rig.ready)
    assert gateway.placed == []


def test_only_the_chosen_account_counts(rig, gateway):
    """One login, two accounts: orders, positions and values of the other are not ours."""
    gateway.brokerage.accounts = ["DU1", "DU2"]
    gateway.brokerage.positions["DU1"]["AAPL"] = (1000.0, 1.0)
    rig.config.broker.account_number = "DU2"
    rig.start().rebalance("0935")
    rig.until(lambda: len(gateway.placed) == 2)
    assert {placed.account for placed in gateway.placed} == {"DU2"}
    rig.settle()
    assert rig.broker.net_liquidation() == 100_000 - 2
