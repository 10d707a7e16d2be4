"""The account's values, and what becomes of them."""

from types import SimpleNamespace

import pytest
from sqlalchemy import select

from orchestrator.engine import EngineError
from orchestrator.engine.ibkr.account import AccountBook
from orchestrator.events import BreakerTripped, EquityMarked
from orchestrator.store import equity


@pytest.fixture
def book():
    return AccountBook(lambda: "DU1")


def tell(book, **values):
    for name, value in values.items():
        tag, _, currency = name.rpartition("_")
        book.hear_value(tag, str(value), currency, "DU1")


def test_a_dollar_account_is_told_as_it_is(book):
    tell(book, NetLiquidation_USD=1000.5, TotalCashBalance_USD=400, TotalCashBalance_BASE=400, UnrealizedPnL_USD=7)
    assert (book.net_liquidation(), book.cash()) == (1000.5, 400)
    assert book.figures()["unrealized_pnl"] == 7


def test_an_account_in_another_currency_is_exchanged_at_ibs_rate(book):
    tell(book, NetLiquidation_EUR=900, TotalCashBalance_USD=100, ExchangeRate_USD=0.9, UnrealizedPnL_EUR=9)
    assert (book.net_liquidation(), book.cash()) == (1000, 100)
    assert book.figures()["unrealized_pnl"] == 10


def test_an_account_without_any_dollars_has_its_cash_exchanged(book):
    tell(book, TotalCashValue_EUR=90, ExchangeRate_USD=0.9)
    assert book.cash() == 100


def test_what_is_not_told_is_not_known(book):
    assert (book.net_liquidation(), book.cash()) == (None, None)
    tell(book, NetLiquidation_EUR=900)
    assert book.net_liquidation() is None


@pytest.mark.parametrize("glitch", ["0.00", "-1", "", "nan"])
def test_a_net_liquidation_of_nothing_is_no_loss_of_everything(book, glitch):
    tell(book, NetLiquidation_USD=1000, TotalCashBalance_USD=400)
    tell(book, NetLiquidation_USD=glitch)
    assert book.net_liquidation() == 1000
    tell(book, TotalCashBalance_USD="nan")
    assert book.cash() is None


def test_other_accounts_of_the_login_do_not_count(book):
    book.hear_value("NetLiquidation", "5", "USD", "DU2")
    book.hear_position("DU2", SimpleNamespace(secType="STK", conId=1, symbol="AAPL"), 5, 1.0)
    assert book.net_liquidation() is None
    assert book.symbols() == set()


def test_options_and_the_like_are_no_shares(book):
    book.hear_position("DU1", SimpleNamespace(secType="OPT", conId=1, symbol="AAPL"), 5, 1.0)
    assert book.held("AAPL") == 0


def test_the_equity_is_what_ib_says_it_is(rig, gateway):
    """Also where the account holds what the strategy does not know of."""
    gateway.brokerage.list_stock("OLD", 30.0)
    gateway.brokerage.positions["DU123456"]["OLD"] = (1000.0, 10.0)
    rig.start()
    rig.settle()
    mark = [event for event in rig.events if isinstance(event, EquityMarked)][-1]
    assert (mark.equity, mark.cash, mark.positions) == (130_000, 100_000, [])
    with rig.store.reader.connect() as connection:
        assert connection.execute(select(equity.c.equity)).scalars().first() == 130_000
    broker = rig.engine.progress()["broker"]
    assert (broker["account"], broker["net_liquidation"], broker["cash"]) == ("DU123456", 130_000, 100_000)


def test_an_account_without_dollars_or_a_rate_can_not_be_traded(rig, gateway):
    gateway.brokerage.values = [("NetLiquidation", "900.00", "EUR"), ("TotalCashBalance", "900.00", "EUR")]
    gateway.brokerage.net_liquidation = lambda account: 900.0
    rig.build()
    with pytest.raises(EngineError, match="DU123456 has no cash in USD, and IB tells no rate for it"):
        rig.engine.connect()


def test_the_first_look_is_the_first_peak(rig, gateway):
    """Of a small account, that is: nothing is known of what it began with."""
    for currency in ("USD", "BASE"):
        gateway.brokerage.set_value("TotalCashBalance", 5000.0, currency)
    rig.start()
    rig.settle()
    mark = [event for event in rig.events if isinstance(event, EquityMarked)][-1]
    assert (mark.equity, mark.drawdown) == (5000, 0)
    rig.engine.rebalance("0935")
    rig.until(lambda: len(gateway.placed) == 2)
    assert {placed.symbol: placed.quantity for placed in gateway.placed} == {"AAPL": 2, "MSFT": 9}


def test_what_was_taken_out_is_no_loss_if_it_is_said(rig, gateway):
    rig.start()
    rig.settle()
    rig.stop()
    rig.config.broker.starting_cash -= 30_000
    gateway.brokerage.add_cash(-30_000)
    rig.start()
    rig.settle()
    mark = [event for event in rig.events if isinstance(event, EquityMarked)][-1]
    assert (mark.equity, mark.drawdown) == (70_000, 0)
    assert rig.alerts("critical") == []


def test_a_loss_by_ibs_reckoning_trips_the_breaker(rig, gateway):
    rig.start().rebalance("0935")
    rig.until(lambda: rig.status("MSFT") == "Filled" and rig.status("AAPL") == "Filled")
    gateway.brokerage.net_liquidation = lambda account: 80_000.0
    gateway.do(gateway.tell_account, "DU123456")
    rig.until(lambda: any(isinstance(event, BreakerTripped) for event in rig.events))
