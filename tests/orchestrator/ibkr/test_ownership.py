"""One journal, one account."""

import pytest

from orchestrator.engine import EngineError
from orchestrator.engine.interface import EngineRefused


def on_paper(rig):
    rig.config.broker.broker_type = "paper"
    rig.config.data.primary_source = "ibkr"
    return rig


def at_ibkr(rig):
    rig.config.broker.broker_type, rig.config.data.primary_source = "ibkr", None
    return rig


@pytest.fixture
def single(rig):
    rig.config.strategy.symbols = ["AAPL"]
    rig.config.strategy.name = "equal_weight"
    return rig


def why_refused(rig):
    with pytest.raises(EngineRefused) as raised:
        rig.build().connect()
    return str(raised.value)


def buy(rig):
    rig.start().rebalance("0935")
    rig.until(lambda: rig.status("AAPL") == "Filled")


def sell(rig):
    rig.engine._trader.sell_all("sold", rig.engine._enter(rig.clock.now()), rig.clock.now())
    rig.until(lambda: rig.status("AAPL") == "Filled" and not rig.broker.positions())


def test_what_was_bought_on_paper_is_not_sold_at_the_broker(single, gateway):
    gateway.brokerage.positions["DU123456"]["AAPL"] = (100.0, 150.0)  # the user's own
    buy(on_paper(single))
    assert "the journal is that of account paper and has 49 AAPL" in why_refused(at_ibkr(single))
    assert gateway.placed == []


def test_what_was_bought_at_the_broker_is_not_sold_on_paper(single, gateway):
    buy(single)
    assert "it can't be that of account paper" in why_refused(on_paper(single))


def test_another_account_does_not_take_over_what_one_has_bought(single, gateway):
    buy(single)
    gateway.brokerage.accounts = ["DU999999"]
    assert "the journal is that of account DU123456" in why_refused(single)
    assert len(gateway.placed) == 1


def test_an_empty_journal_changes_hands_and_the_peak_does_not(single, gateway):
    """Else the smaller account would seem to have lost the difference."""
    single.config.broker.starting_cash = 1_000_000.0
    buy(on_paper(single))
    sell(single)
    single.stop()
    single.at("2026-11-25T09:35")
    at_ibkr(single).start()
    single.settle()
    assert single.engine._portfolio.loss() == 0
    single.stop()
    on_paper(single).start()
    single.settle()
    assert 0 < single.engine._portfolio.loss() < 0.01
    assert single.alerts("critical") == []


def test_a_login_that_changes_under_way_begins_everything_anew(single, gateway):
    single.start()
    gateway.brokerage.accounts = ["DU999999"]
    gateway.drop()
    single.until(lambda: not single.ready)
    single.advance(1)
    with pytest.raises(EngineError, match="the login has changed to account DU999999"):
        single.until(lambda: single.ready)
    single.start()
    assert single.connection.account == "DU999999"


def test_prices_alone_may_come_from_any_account(single, gateway):
    gateway.brokerage.accounts = ["U123456"]
    buy(on_paper(single))
    assert gateway.placed == []
