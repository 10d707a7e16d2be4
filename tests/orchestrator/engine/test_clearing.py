"""The last looks at an order: a strategy's own ones, and before it is sent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from orchestrator.engine import Account, Order, Position
from orchestrator.engine.clearing import WAIT, check_orders, clear_order, orders_left
from orchestrator.engine.limits import Limits, Situation
from orchestrator.engine.prices import Price

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)
LIMITS = Limits(max_positions=2, max_position_size=0.5, min_cash_buffer=0.2, max_orders_per_minute=3, cost=0.0)
CASH_ONLY = replace(LIMITS, max_position_size=1.0)
MARKET = {symbol: Price(symbol, 10.0, NOW) for symbol in "ABC"}


def account(cash=1000.0, **held):
    return Account(cash, {symbol: Position(symbol, float(n), 1.0) for symbol, n in held.items()})


def checked(*orders, holding=None, waiting=(), prices=MARKET, **more):
    plan = check_orders(orders, Situation(holding or account(), waiting, prices, LIMITS, **more))
    return [(each.action.value, each.quantity, each.symbol) for each in plan.orders], [cut.limit for cut in plan.cuts]


def cleared(order, *, live=(), sent=(), holding=None, prices=MARKET, limits=CASH_ONLY, **more):
    return clear_order(order, live, sent, NOW, Situation(holding or account(), (), prices, limits, **more))


def test_an_order_within_the_limits_passes():
    assert checked(Order("A", "BUY", 50)) == ([("BUY", 50, "A")], [])


def test_sales_go_before_purchases():
    passed, _ = checked(Order("A", "BUY", 5), Order("B", "SELL", 5), holding=account(B=5))
    assert passed == [("SELL", 5, "B"), ("BUY", 5, "A")]


def test_a_purchase_is_cut_to_max_position_size():
    assert checked(Order("A", "BUY", 51)) == ([("BUY", 50, "A")], ["max_position_size"])


def test_what_is_held_and_ordered_counts():
    result = checked(Order("A", "BUY", 50), holding=account(800.0, A=20), waiting=[Order("A", "BUY", 10)])
    assert result == ([("BUY", 20, "A")], ["max_position_size"])


def test_the_orders_before_it_count():
    assert checked(Order("A", "BUY", 40), Order("A", "BUY", 40)) == (
        [("BUY", 40, "A"), ("BUY", 10, "A")],
        ["max_position_size"],
    )


def test_a_further_symbol_is_refused_at_max_positions():
    result = checked(Order("B", "BUY", 1), Order("C", "BUY", 1), holding=account(A=1))
    assert result == ([("BUY", 1, "B")], ["max_positions"])


def test_more_than_is_there_is_not_sold():
    result = checked(Order("A", "SELL", 9), holding=account(A=10), waiting=[Order("A", "SELL", 4)])
    assert result == ([("SELL", 6, "A")], ["long_only"])
    assert checked(Order("B", "SELL", 1)) == ([], ["long_only"])


@pytest.mark.parametrize("prices", [{}, {"A": Price("A", 10.0, NOW, stale=True)}])
def test_nothing_is_bought_without_a_price(prices):
    assert checked(Order("A", "BUY", 1), prices=prices) == ([], ["price"])


def test_nothing_is_bought_when_the_breaker_has_tripped():
    result = checked(Order("A", "BUY", 1), Order("B", "SELL", 1), holding=account(B=1), halted="no")
    assert result == ([("SELL", 1, "B")], ["halted"])


def test_a_barred_symbol_is_not_bought():
    barred = {"A": "position_stop_loss has sold it in this session"}
    result = checked(Order("A", "BUY", 1), Order("B", "BUY", 1), barred=barred)
    assert result == ([("BUY", 1, "B")], ["barred"])
    ended = cleared(Order("A", "BUY", 1), barred=barred)
    assert (ended.quantity, ended.reason) == (0, "A: position_stop_loss has sold it in this session")


def test_nothing_is_opened_that_moves_like_what_is_there():
    returns = {date(2012, 10, 1 + number): 0.01 * (-1) ** number for number in range(20)}
    limits = replace(LIMITS, max_correlation=0.8)

    def plan(*orders, holding):
        return check_orders(orders, Situation(holding, (), MARKET, limits, returns=lambda symbol: returns))

    assert [cut.limit for cut in plan(Order("A", "BUY", 1), holding=account(B=1)).cuts] == ["max_correlation"]
    assert len(plan(Order("B", "BUY", 1), holding=account(B=1)).orders) == 1
    both = plan(Order("A", "BUY", 1), Order("B", "BUY", 1), holding=account())
    assert ([order.symbol for order in both.orders], len(both.cuts)) == (["A"], 1)


@pytest.mark.parametrize(
    ("order", "allowed"),
    [
        (Order("A", "BUY", 99), 50),
        (Order("A", "BUY", 99, "LIMIT", limit_price=5.0), 99),
        (Order("A", "BUY", 99, "STOP", stop_price=20.0), 25),
        (Order("A", "BUY", 99, "STOP", stop_price=5.0), 50),
    ],
)
def test_a_purchase_is_reckoned_at_the_price_that_it_can_cost(order, allowed):
    assert checked(order)[0] == [("BUY", allowed, "A")]


def test_fractions_of_shares_are_dropped():
    assert checked(Order("A", "BUY", 1.9), Order("B", "BUY", 0.9)) == ([("BUY", 1, "A")], [])


def test_a_purchase_that_can_be_paid_is_sent_whole():
    assert cleared(Order("A", "BUY", 80)).quantity == 80


def test_a_purchase_is_cut_to_what_leaves_the_buffer():
    clearance = cleared(Order("A", "BUY", 81))
    assert (clearance.quantity, clearance.reason) == (80, "min_cash_buffer leaves money for 80 of 81")


def test_a_purchase_that_cannot_be_paid_is_ended():
    assert cleared(Order("A", "BUY", 5), holding=account(10.0, B=100)).quantity == 0


def test_the_price_of_costs_is_reckoned_with():
    assert cleared(Order("A", "BUY", 80), limits=replace(CASH_ONLY, cost=0.01)).quantity == 79


def test_purchases_on_their_way_reserve_their_money():
    live = [Order("B", "BUY", 30), Order("C", "BUY", 20, "LIMIT", 5.0), Order("A", "SELL", 9)]
    assert cleared(Order("A", "BUY", 80), live=live).quantity == 40


def test_a_limit_purchase_is_reckoned_at_its_limit():
    assert cleared(Order("A", "BUY", 200, "LIMIT", 8.0)).quantity == 100


def test_a_limit_that_was_lowered_holds_for_what_is_not_sent_yet():
    cut = cleared(Order("A", "BUY", 80), limits=LIMITS)
    assert (cut.quantity, cut.reason) == (50, "max_position_size allows 50 of 80")
    assert cleared(Order("A", "BUY", 50), limits=LIMITS, holding=account(600.0, A=40)).quantity == 10


def test_what_trading_has_cost_cuts_no_order_that_was_within_its_limit():
    assert cleared(Order("A", "BUY", 50), limits=LIMITS, holding=account(980.0)).quantity == 50


def test_no_more_is_sold_than_is_there():
    live = [Order("A", "SELL", 4)]
    cut = cleared(Order("A", "SELL", 7), live=live, holding=account(A=9))
    assert (cut.quantity, cut.reason) == (5, "5 of 7 are there")
    assert cleared(Order("A", "SELL", 7)).quantity == 0


def test_a_sale_needs_no_cash():
    assert cleared(Order("A", "SELL", 7), holding=account(0.0, A=7)).quantity == 7


def test_without_a_price_an_order_waits():
    assert cleared(Order("Z", "SELL", 1)) == WAIT
    assert cleared(Order("A", "BUY", 1), prices={"A": Price("A", 10.0, NOW, stale=True)}) == WAIT


def test_the_breaker_ends_purchases_only():
    ended = cleared(Order("A", "BUY", 1), halted="the circuit breaker has tripped")
    assert (ended.quantity, ended.reason) == (0, "A is not bought: the circuit breaker has tripped")
    assert cleared(Order("A", "SELL", 1), holding=account(A=1), halted="no").quantity == 1


def test_too_many_orders_in_a_minute_wait():
    sent = [NOW - timedelta(seconds=seconds) for seconds in (60, 59, 30)]
    assert orders_left(sent, NOW, LIMITS) == 1
    assert cleared(Order("A", "BUY", 1), sent=sent).quantity == 1
    assert cleared(Order("A", "BUY", 1), sent=[*sent, NOW]) == WAIT
