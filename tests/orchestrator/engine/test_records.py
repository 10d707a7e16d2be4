"""Orders that make no sense are refused where they are made; fills add up in their record and in the account."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.engine import Account, Action, Fill, Order, OrderRecord, OrderStatus, OrderType, Position
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Split

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)


def fill(number, action, quantity, price, commission=0.0):
    return Fill(f"f{number}", "ref", "AAPL", Action(action), quantity, price, commission, NOW)


def test_an_order_takes_words_in_any_case():
    order = Order("AAPL", "buy", 3, "limit", 99.5)
    assert (order.action, order.order_type) == (Action.BUY, OrderType.LIMIT)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("AAPL", "hold", 1), "'hold' is none of BUY, SELL"),
        (("AAPL", "BUY", 1, "trailing"), "'trailing' is none of MARKET, LIMIT, STOP"),
        (("", "BUY", 1), "needs a symbol"),
        (("AAPL", "BUY", 0), "a positive number, not 0"),
        (("AAPL", "BUY", float("nan")), "a positive number, not nan"),
        (("AAPL", "SELL", -5), "a positive number, not -5"),
        (("AAPL", "BUY", 1, "LIMIT"), "positive limit_price, not None"),
        (("AAPL", "BUY", 1, "MARKET", 10.0), "a market order has no limit_price; say order_type=LIMIT"),
        (("AAPL", "BUY", 1, "STOP"), "a stop order needs a positive stop_price, not None"),
        (("AAPL", "BUY", 1, "STOP", 10.0, 11.0), "a stop order has no limit_price"),
        (("AAPL", "BUY", 1, "LIMIT", 10.0, 11.0), "a limit order has no stop_price; say order_type=STOP"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        Order(*arguments)


def test_a_record_counts_its_fills():
    record = OrderRecord("ref", "2012-11-23", "s", "0935", "AAPL", Action.BUY, 10.0, NOW, NOW)
    record.apply(fill(1, "BUY", 4.0, 100.0))
    assert (record.status, record.remaining_quantity) == (OrderStatus.PARTIALLY_FILLED, 6.0)
    record.apply(fill(2, "BUY", 6.0, 110.0))
    assert (record.status, record.remaining_quantity, record.avg_fill_price) == (OrderStatus.FILLED, 0.0, 106.0)
    assert [each.fill_id for each in record.fills] == ["f1", "f2"]


@pytest.mark.parametrize(
    ("kind", "named", "expected"),
    [
        ("MARKET", None, Order("AAPL", "BUY", 6.0)),
        ("LIMIT", 99.0, Order("AAPL", "BUY", 6.0, "LIMIT", limit_price=99.0)),
        ("STOP", 99.0, Order("AAPL", "BUY", 6.0, "STOP", stop_price=99.0)),
    ],
)
def test_what_is_left_of_an_order_is_an_order(kind, named, expected):
    record = OrderRecord("ref", "2012-11-23", "s", "0935", "AAPL", Action.BUY, 10.0, NOW, NOW, OrderType(kind), named)
    record.apply(fill(1, "BUY", 4.0, 100.0))
    assert record.rest() == expected
    assert record.rest().price == named


def test_a_split_changes_shares_and_price_and_pays_for_fractions():
    account = Account.of(1000.0, [fill(1, "BUY", 7.0, 90.0)])
    account.split(Split("AAPL", NOW, 1.5, 60.5))
    assert account.positions == {"AAPL": Position("AAPL", 10.0, 60.0)}
    assert account.cash == 1000 - 630 + 0.5 * 60.5


def test_a_reverse_split_can_end_a_position():
    account = Account.of(1000.0, [fill(1, "BUY", 7.0, 90.0)])
    account.split(Split("AAPL", NOW, 0.1, 900.0))
    assert (account.positions, account.cash) == ({}, 1000.0)


def test_a_split_comes_between_the_fills_before_and_after_it():
    early, late = fill(1, "BUY", 10.0, 70.0), replace(fill(2, "SELL", 35.0, 10.0), at=NOW + timedelta(days=1))
    split = Split("AAPL", NOW + timedelta(days=1), 7.0, 10.0)
    account = Account.of(1000.0, [early, late], [split])
    assert account.positions == {"AAPL": Position("AAPL", 35.0, 10.0)}
    assert Account.of(1000.0, [early], [split]).held("AAPL") == 70
    account.split(Split("IBM", NOW, 2.0, 10.0))
    assert set(account.positions) == {"AAPL"}


def test_an_account_is_what_its_fills_add_up_to():
    account = Account.of(
        1000.0,
        [fill(1, "BUY", 4.0, 100.0, 0.4), fill(2, "BUY", 4.0, 110.0, 0.44), fill(3, "SELL", 6.0, 120.0, 0.72)],
    )
    assert account.cash == pytest.approx(1000 - 400.4 - 440.44 + 719.28)
    assert account.positions == {"AAPL": Position("AAPL", 2.0, 105.0)}


def test_a_position_that_is_sold_out_is_gone():
    account = Account.of(1000.0, [fill(1, "BUY", 4.0, 100.0), fill(2, "SELL", 4.0, 101.0)])
    assert account.positions == {}
    assert account.cash == 1004.0


def test_equity_takes_stale_prices_and_at_last_what_was_paid():
    account = Account.of(1000.0, [fill(1, "BUY", 4.0, 100.0)])
    assert account.equity({"AAPL": Price("AAPL", 90.0, NOW, stale=True)}) == 960.0
    assert account.equity({}) == 1000.0
