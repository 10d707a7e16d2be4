"""The limits: what they cut, what they leave, and what is said about it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import embedded_defaults
from orchestrator.engine import Account, Order, Position
from orchestrator.engine.limits import Limits, Situation
from orchestrator.engine.prices import Price
from orchestrator.engine.risk import plan_rebalance

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)
LOOSE = Limits(max_positions=10, max_position_size=1.0, min_cash_buffer=0.0, max_orders_per_minute=60, cost=0.0)


def account(cash, **held):
    return Account(float(cash), {symbol: Position(symbol, float(n), 1.0) for symbol, n in held.items()})


def prices(**values):
    return {symbol: Price(symbol, float(value), NOW) for symbol, value in values.items()}


def plan(weights, holding, market, limits=LOOSE, waiting=(), **more):
    return plan_rebalance(weights, Situation(holding, waiting, market, limits, **more))


def orders(planned):
    return [(order.action.value, order.quantity, order.symbol) for order in planned.orders]


def cuts(planned):
    return [(cut.limit, cut.symbol) for cut in planned.cuts]


def test_targets_become_whole_shares():
    planned = plan({"A": 0.5, "B": 0.3}, account(1000), prices(A=90, B=7))
    assert orders(planned) == [("BUY", 5, "A"), ("BUY", 42, "B")]
    assert planned.cuts == []


def test_sales_come_first():
    planned = plan({"A": 0.5, "B": 0.1}, account(0, B=100), prices(A=10, B=10))
    assert orders(planned) == [("SELL", 90, "B"), ("BUY", 50, "A")]


def test_what_is_held_and_not_wanted_is_sold_out():
    assert orders(plan({}, account(0, A=3), prices(A=10))) == [("SELL", 3, "A")]


def test_costs_are_taken_from_the_target():
    assert orders(plan({"A": 0.5}, account(1000), prices(A=10), replace(LOOSE, cost=0.01))) == [("BUY", 49, "A")]


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (100, []),
        (96, []),
        (105, []),
        (94, [("BUY", 6, "A")]),
        (106, [("SELL", 6, "A")]),
        (0, [("BUY", 100, "A")]),
    ],
)
def test_a_small_change_is_not_worth_an_order(held, expected):
    total = account(2000 - 10 * held, **({"A": held} if held else {}))
    assert orders(plan({"A": 0.5}, total, prices(A=10))) == expected


def test_less_than_one_share_is_no_order():
    assert orders(plan({"A": 0.05}, account(1000), prices(A=90))) == []


def test_a_position_is_not_larger_than_max_position_size():
    planned = plan({"A": 0.5}, account(1000), prices(A=10), replace(LOOSE, max_position_size=0.2))
    assert orders(planned) == [("BUY", 20, "A")]
    [cut] = planned.cuts
    assert (cut.limit, cut.symbol, cut.wanted, cut.allowed) == ("max_position_size", "A", 0.5, 0.2)
    assert cut.reason == "A: 50.00% of equity, max_position_size allows 20.00%"


def test_a_target_at_max_position_size_is_not_cut():
    planned = plan({"A": 0.2}, account(1000), prices(A=10), replace(LOOSE, max_position_size=0.2))
    assert planned.cuts == []


def test_no_more_than_max_positions_are_held():
    market = prices(A=10, B=10, C=10, D=10)
    weights = {"A": 0.1, "B": 0.3, "C": 0.1, "D": 0.2}
    planned = plan(weights, account(1000), market, replace(LOOSE, max_positions=3))
    assert orders(planned) == [("BUY", 10, "A"), ("BUY", 30, "B"), ("BUY", 20, "D")]
    assert cuts(planned) == [("max_positions", "C")]


def test_a_position_that_cannot_be_sold_takes_a_place():
    market = {"A": Price("A", 10.0, NOW, stale=True), **prices(B=10)}
    planned = plan({"B": 0.1}, account(1000, A=10), market, replace(LOOSE, max_positions=1))
    assert (orders(planned), cuts(planned)) == ([], [("max_positions", "B")])


def test_purchases_leave_the_cash_buffer():
    planned = plan({"A": 0.5, "B": 0.5}, account(1000), prices(A=10, B=10), replace(LOOSE, min_cash_buffer=0.2))
    assert orders(planned) == [("BUY", 40, "A"), ("BUY", 40, "B")]
    assert cuts(planned) == [("min_cash_buffer", None)]


def test_a_portfolio_that_leaves_the_buffer_is_not_cut():
    planned = plan({"A": 0.4, "B": 0.4}, account(1000), prices(A=10, B=10), replace(LOOSE, min_cash_buffer=0.2))
    assert orders(planned) == [("BUY", 40, "A"), ("BUY", 40, "B")]
    assert planned.cuts == []


def test_a_portfolio_that_grew_into_the_buffer_is_not_sold_for_it():
    planned = plan({"A": 0.9}, account(100, A=90), prices(A=10), replace(LOOSE, min_cash_buffer=0.2))
    assert orders(planned) == []


def test_scaled_down_purchases_are_not_repeated_in_crumbs():
    limits = replace(LOOSE, min_cash_buffer=0.2)
    planned = plan({"A": 0.5, "B": 0.5}, account(205, A=40, B=40), prices(A=10, B=10), limits)
    assert orders(planned) == []


def test_a_symbol_without_a_price_is_left_as_it_is():
    market = {"A": Price("A", 10.0, NOW, stale=True), **prices(B=10)}
    planned = plan({"A": 0.1, "B": 0.1, "C": 0.1}, account(600, A=40), market)
    assert orders(planned) == [("BUY", 10, "B")]
    assert cuts(planned) == [("price", "A"), ("price", "C")]


def test_short_positions_are_not_taken():
    planned = plan({"A": -0.5, "B": 0.5}, account(1000), prices(A=10, B=10))
    assert orders(planned) == [("BUY", 50, "B")]
    assert cuts(planned) == [("long_only", "A")]


def test_open_orders_count_as_done():
    waiting = [Order("A", "BUY", 30), Order("B", "SELL", 20)]
    planned = plan({"A": 0.5, "B": 0.0}, account(800, B=20), prices(A=10, B=10), waiting=waiting)
    assert orders(planned) == [("BUY", 20, "A")]


def test_the_circuit_breaker_lets_only_sales_through():
    planned = plan({"A": 0.5}, account(500, B=50), prices(A=10, B=10), halted="the circuit breaker has tripped")
    assert orders(planned) == [("SELL", 50, "B")]
    [cut] = planned.cuts
    assert (cut.limit, cut.reason) == ("halted", "A is not bought: the circuit breaker has tripped")


def test_a_barred_symbol_is_not_bought_and_may_be_sold():
    barred = {"A": "it was sold at a loss", "B": "it was sold at a loss"}
    planned = plan({"A": 0.5}, account(500, B=50), prices(A=10, B=10), barred=barred)
    assert orders(planned) == [("SELL", 50, "B")]
    [cut] = planned.cuts
    assert (cut.limit, cut.symbol, cut.reason) == ("barred", "A", "A: it was sold at a loss")


# --- correlation ---

DAYS = [date(2012, 10, 1) + timedelta(days=number) for number in range(20)]
UP_DOWN, OTHER = (0.01, -0.01, 0.02, 0.0), (0.01, 0.01, -0.02, -0.01)
ALIKE = {
    "A": dict(zip(DAYS, UP_DOWN * 5, strict=True)),
    "B": dict(zip(DAYS, (value * 2 for value in UP_DOWN * 5), strict=True)),
    "C": dict(zip(DAYS, OTHER * 5, strict=True)),
    "D": dict(zip(DAYS, (-value for value in UP_DOWN * 5), strict=True)),
}
"""A and B move as one, C on its own, D against them; of E nothing is known."""

UNLIKE = replace(LOOSE, max_correlation=0.8)
FIVE = prices(A=10, B=10, C=10, D=10, E=10)


def alike(weights, holding, limits=UNLIKE, market=FIVE, **more):
    return plan(weights, holding, market, limits, returns=lambda symbol: ALIKE.get(symbol, {}), **more)


def test_of_two_new_positions_that_move_as_one_the_larger_is_opened():
    planned = alike({"A": 0.1, "B": 0.3, "C": 0.1, "D": 0.1}, account(1000))
    assert orders(planned) == [("BUY", 30, "B"), ("BUY", 10, "C"), ("BUY", 10, "D")]
    [cut] = planned.cuts
    assert (cut.limit, cut.symbol, cut.allowed) == ("max_correlation", "A", 0.8)
    assert cut.wanted == pytest.approx(1.0)
    assert cut.reason == "A is not bought: its correlation with B is 1.00, max_correlation 0.80"


def test_nothing_is_opened_that_moves_like_what_is_held():
    planned = alike({"A": 0.1, "B": 0.3}, account(900, A=10))
    assert (orders(planned), cuts(planned)) == ([], [("max_correlation", "B")])


def test_what_is_held_stays_and_may_grow():
    assert orders(alike({"A": 0.2, "B": 0.1}, account(800, A=10, B=10))) == [("BUY", 10, "A")]


def test_what_is_sold_makes_room_for_what_moves_like_it():
    assert orders(alike({"B": 0.1}, account(900, A=10))) == [("SELL", 10, "A"), ("BUY", 10, "B")]


def test_what_can_not_be_sold_now_still_counts():
    market = {**FIVE, "A": Price("A", 10.0, NOW, stale=True)}
    assert cuts(alike({"B": 0.1}, account(900, A=10), market=market)) == [("max_correlation", "B")]


def test_an_order_on_its_way_counts_as_chosen():
    planned = alike({"A": 0.1, "B": 0.2}, account(1000), waiting=[Order("A", "BUY", 10)])
    assert (orders(planned), cuts(planned)) == ([], [("max_correlation", "B")])


def test_the_place_of_what_is_not_opened_is_free_for_another():
    planned = alike({"A": 0.3, "B": 0.2, "C": 0.1}, account(1000), replace(UNLIKE, max_positions=2))
    assert orders(planned) == [("BUY", 30, "A"), ("BUY", 10, "C")]


def test_too_little_history_allows_and_says_so():
    planned = alike({"A": 0.1, "E": 0.1}, account(1000))
    assert orders(planned) == [("BUY", 10, "A"), ("BUY", 10, "E")]
    assert planned.remarks == [
        "E and A share fewer than 20 daily returns, or one of them does not move, so max_correlation is not looked at"
    ]


def test_a_correlation_at_the_limit_is_allowed():
    assert cuts(alike({"A": 0.1, "B": 0.1}, account(1000), replace(LOOSE, max_correlation=1.0))) == []


# --- all of it ---

weight = st.floats(-0.2, 0.6)
price = st.floats(0.5, 900)
shares = st.integers(0, 300)


@settings(max_examples=200, deadline=None)
@given(
    wanted=st.dictionaries(st.sampled_from("ABCDEF"), weight),
    market=st.fixed_dictionaries(dict.fromkeys("ABCDEF", price)),
    held=st.dictionaries(st.sampled_from("ABCDEF"), shares.filter(bool), max_size=3),
    cash=st.floats(0, 50_000),
)
def test_no_portfolio_gets_beyond_its_limits(wanted, market, held, cash):
    limits = Limits(3, 0.25, 0.2, 60, cost=0.0015)
    before = account(cash, **held)
    quotes = prices(**market)
    planned = plan(wanted, before, quotes, limits)
    after, spent = dict(held), 0.0
    for order in planned.orders:
        value = order.quantity * market[order.symbol]
        sign = 1 if order.action == "BUY" else -1
        after[order.symbol] = after.get(order.symbol, 0) + sign * order.quantity
        spent += sign * value * (1 + sign * limits.cost)
    equity = before.equity(quotes)
    assert all(quantity >= 0 and quantity == int(quantity) for quantity in after.values())
    assert sum(1 for quantity in after.values() if quantity) <= 3
    bought = {order.symbol for order in planned.orders if order.action == "BUY"}
    assert all(after[symbol] * market[symbol] <= 0.25 * equity + 1e-6 for symbol in bought)
    if bought:
        assert cash - spent >= 0.2 * equity - 1e-6


def test_limits_come_from_the_config():
    config = embedded_defaults()
    config.risk.max_position_size, config.strategy.max_positions = 0.07, 4
    limits = Limits.of(config)
    assert (limits.max_position_size, limits.max_positions) == (0.07, 4)
    assert limits.cost == pytest.approx(0.0015005)
