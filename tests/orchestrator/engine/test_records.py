"""Orders that make no sense are refused where they are made; fills add up in their record and in the account."""

from datetime import UTC, datetime

import pytest

from orchestrator.engine import Account, Action, Fill, Order, OrderRecord, OrderStatus, OrderType, Position
from orchestrator.engine.prices import Price

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
        (("AAPL", "BUY", 1, "stop"), "'stop' is none of MARKET, LIMIT"),
        (("", "BUY", 1), "needs a symbol"),
        (("AAPL", "BUY", 0), "a positive number, not 0"),
        (("AAPL", "BUY", float("nan")), "a positive number, not nan"),
        (("AAPL", "SELL", -5), "a positive number, not -5"),
        (("AAPL", "BUY", 1, "LIMIT"), "positive limit_price, not None"),
        (("AAPL", "BUY", 1, "MARKET", 10.0), "a market order has no limit_price"),
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
