"""The look at the gateway for people."""

import pytest

from orchestrator.engine.ibkr import probe


@pytest.fixture
def look(rig, gateway):
    """Looks; returns what was found by what was looked at."""

    def looking(patience=10.0):
        findings = probe(rig.config, rig.clock, patience)
        return {finding.check: finding for finding in findings}

    return looking


def test_a_good_gateway(look, gateway):
    found = look()
    assert {check: finding.result for check, finding in found.items()} == {
        "broker connection": "ok",
        "account": "ok",
        "permissions": "ok",
        "account value": "ok",
        "clock": "ok",
        "data farm secdefnj": "ok",
        "data farm usfarm": "ok",
        "data farm ushmds": "ok",
        "prices of AAPL": "ok",
        "prices of MSFT": "ok",
    }
    assert f"127.0.0.1:{gateway.port} answers, server version 17" in found["broker connection"].detail
    assert found["account"].detail == "DU123456, a paper account, mode paper"
    assert found["account value"].detail == "100,000.00 USD, of that 100,000.00 in cash; 0 positions in shares"
    assert found["clock"].detail == "IB's time is +0 s from ours"


def test_it_never_places_anything_and_does_not_disturb_the_engine(look, gateway, rig):
    rig.start()
    look()
    rig.settle()
    assert rig.ready
    assert gateway.placed == []
    assert {session.client_id for session in gateway.sessions} == {7}


def test_nobody_there(look, gateway):
    gateway.refuse()
    found = look(patience=0.5)
    assert found["broker connection"].result == "fail"
    assert "is TWS or Gateway running on" in found["broker connection"].detail


def test_no_library(look, gateway, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.support.find_spec", lambda name: None)
    found = look()
    assert list(found) == ["client library"]
    assert found["client library"].remedy == "pip install 'trading-orchestrator[ibkr]'"
    assert gateway.requests == []


def test_an_api_that_is_read_only(look, gateway):
    def read_only(direction, fields):
        if direction == "in" and fields[0] == "16":
            text = "Error validating request.-'bO' : cause - The API interface is currently in Read-Only mode."
            gateway.sessions[0].error(-1, 321, text)

    gateway.trap, gateway.mute = read_only, {16}
    found = look()
    assert (found["permissions"].result, found["permissions"].remedy) == (
        "fail",
        "untick Read-Only API in Configure, API, Settings",
    )


def test_for_prices_alone_any_account_will_do(look, gateway, rig):
    gateway.brokerage.accounts = ["U123456"]
    rig.config.broker.broker_type, rig.config.data.primary_source = "paper", "ibkr"
    assert look()["account"].result == "ok"


def test_the_wrong_account(look, gateway):
    gateway.brokerage.accounts = ["U123456"]
    found = look()
    assert found["account"].result == "fail"
    assert "U123456" in found["account"].detail
    assert found["account"].remedy.startswith("Paper accounts begin with D. Log in to the paper account")
    assert found["broker connection"].result == "ok"


@pytest.mark.parametrize(("skew", "result"), [(2, "ok"), (10, "warn"), (-100, "fail")])
def test_a_clock_that_is_off(look, gateway, skew, result):
    gateway.skew = skew
    found = look()["clock"]
    assert (found.result, found.detail) == (result, f"IB's time is {skew:+d} s from ours")


def test_a_farm_that_is_broken(look, gateway):
    gateway.greeting = [(2103, "Market data farm connection is broken:usfarm")]
    assert look()["data farm usfarm"].result == "warn"


def test_prices_that_are_not_subscribed_to(look, gateway):
    gateway.no_subscription = {"AAPL"}
    found = look()
    assert (found["prices of AAPL"].result, found["prices of MSFT"].result) == ("warn", "ok")


def test_a_symbol_that_is_not_there(look, gateway, rig):
    rig.config.strategy.symbols = ["NOSUCH", "AAPL"]
    found = look()
    assert found["symbol NOSUCH"].result == "fail"
    assert found["prices of AAPL"].result == "ok"


def test_a_gateway_that_does_not_answer(look, gateway, monkeypatch):
    monkeypatch.setattr("orchestrator.engine.ibkr.connection.ANSWER", 0.2)
    gateway.mute = {61}
    found = look(patience=0.9)
    assert "did not tell the positions within 0.2 s" in found["broker connection"].detail
