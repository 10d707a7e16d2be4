"""Prices: live, delayed, stale, and more of them than there are lines."""

import pytest

from orchestrator.engine.ibkr import prices as module


def value(rig, symbol):
    found = rig.engine._prices.snapshot([symbol], rig.clock.now()).get(symbol)
    return None if found is None else (found.value, found.stale)


def test_prices_are_there_at_the_first_look(rig):
    rig.start()
    assert value(rig, "AAPL") == (200.0, False)


def test_prices_follow_the_market(rig, gateway):
    rig.start()
    gateway.quote("AAPL", 201.5)
    rig.until(lambda: value(rig, "AAPL") == (201.5, False))
    rig.step()
    assert rig.engine.progress()["last_data_at"] == "2026-11-24T09:35:00-05:00"


def test_a_last_trade_that_nobody_agrees_with_any_more_is_no_price(rig, gateway):
    rig.start()

    def spread():
        for session in gateway.sessions:
            for request in session.streams:
                for tick, price in ((4, 150.0), (1, 199.0), (2, 201.0)):
                    session.send(1, 6, request, tick, price, 100, 0)

    gateway.do(spread)
    rig.until(lambda: value(rig, "AAPL") == (200.0, False))


def test_a_price_of_which_nothing_is_heard_any_more_is_stale_and_not_traded_on(rig, gateway):
    rig.start()
    rig.advance(61)
    rig.settle()
    assert value(rig, "AAPL") == (200.0, False)  # a market may be silent for so long
    rig.advance(60)
    rig.settle()
    assert value(rig, "AAPL") == (200.0, True)
    assert rig.engine.rebalance("0937") == "decision 0937 is not made: no symbol has a price now"
    gateway.quote("AAPL", 200.0)
    rig.until(lambda: value(rig, "AAPL") == (200.0, False))


def test_without_a_connection_prices_are_stale(rig, gateway):
    rig.start()
    gateway.refuse()
    gateway.drop()
    rig.until(lambda: not rig.ready)
    assert value(rig, "AAPL") == (200.0, True)


@pytest.mark.parametrize("both", [False, True])
def test_where_no_subscription_is_delayed_prices_are_taken_and_that_is_said_once(rig, gateway, both):
    gateway.no_subscription = {"AAPL", "MSFT"} if both else {"AAPL"}
    rig.start()
    rig.until(lambda: value(rig, "AAPL") == (200.0, False) and value(rig, "MSFT") == (50.0, False))
    assert rig.alerts("warning") == ["Prices are delayed"]
    gateway.drop()
    rig.until(lambda: not rig.ready)
    rig.advance(1)
    rig.until(lambda: rig.ready)
    gateway.quote("AAPL", 202.0)
    rig.until(lambda: value(rig, "AAPL") == (202.0, False))
    assert rig.alerts("warning").count("Prices are delayed") == 1


def test_the_same_user_elsewhere_is_said_and_what_there_is_not_trusted(rig, gateway):
    rig.start()
    rig.step()

    def compete():
        session = gateway.sessions[0]
        for request in session.streams:
            session.error(request, 10197, "No market data during competing live session")

    gateway.do(compete)
    rig.until(lambda: "No market data: the same user is logged in elsewhere" in rig.alerts("warning"))
    assert value(rig, "AAPL") == (200.0, True)  # the last close
    gateway.quote("AAPL", 203.0)
    rig.until(lambda: value(rig, "AAPL") == (203.0, False))
    assert len(rig.alerts("warning")) == 1


def test_symbols_without_a_line_are_asked_for_in_turn(rig, gateway, monkeypatch):
    monkeypatch.setattr(module, "LINES", 2)
    names = [f"S{number}" for number in range(8)]
    for number, name in enumerate(names):
        gateway.brokerage.list_stock(name, 10.0 + number)
        gateway.brokerage.bars[name] = gateway.brokerage.bars["AAPL"]
    rig.config.strategy.symbols = names
    rig.start()
    rig.until(lambda: all(value(rig, name) == (10.0 + number, False) for number, name in enumerate(names)))
    assert gateway.do(lambda: len(gateway.sessions[0].streams)) == 2
    rig.settle()  # what was asked has been answered to its end
    gateway.brokerage.prices["S7"] = 99.0
    rig.advance(31)
    rig.until(lambda: value(rig, "S7") == (99.0, False))


def test_prices_alone_can_come_from_here(rig, gateway):
    """With the paper broker: nothing is asked of orders or the account, and nothing is sent."""
    rig.config.broker.broker_type, rig.config.data.primary_source = "paper", "ibkr"
    rig.start().rebalance("0935")
    rig.settle()
    assert rig.status("AAPL") == "Filled"
    assert {fields[0] for fields in gateway.requests} <= {"71", "8", "9", "1", "59", "20", "49"}
    assert {symbol: each.quantity for symbol, each in rig.broker.positions().items()} == {"AAPL": 49, "MSFT": 199}
