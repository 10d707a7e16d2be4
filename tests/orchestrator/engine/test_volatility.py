"""Volatility targeting against figures reckoned by hand.

The returns of A and B go up and down by 1 % and 2 %: with 20 of them the sample variances are 20/19 times 0.0001 and
0.0004. They move together (AB), against each other (A and C), or independently of each other (A and D).
"""

import math
from datetime import UTC, date, datetime, timedelta

import pytest

from orchestrator.engine import Account, Order, Position
from orchestrator.engine.clearing import check_orders
from orchestrator.engine.limits import Limits, Situation
from orchestrator.engine.prices import Price
from orchestrator.engine.risk import plan_rebalance
from orchestrator.engine.volatility import scale_to_target

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)
DAYS = [date(2012, 10, 1) + timedelta(days=number) for number in range(20)]


def swing(size, pattern):
    return {day: size * pattern[number % len(pattern)] for number, day in enumerate(DAYS)}


RETURNS = {
    "A": swing(0.01, (1, -1, 1, -1)),
    "B": swing(0.02, (1, -1, 1, -1)),
    "C": swing(0.01, (-1, 1, -1, 1)),
    "D": swing(0.01, (1, 1, -1, -1)),
    "Y": dict(list(swing(0.01, (1, -1)).items())[:19]),
}
A_YEAR = 0.01 * math.sqrt(252 * 20 / 19)
"""The volatility of A, 16.29 %."""


def situation(target, *, max_cash=1.0, cash=1000.0, held=(), stale=(), returns=RETURNS, **more):
    limits = Limits(10, 1.0, 0.0, 60, 0.0, max_cash_buffer=max_cash, target_volatility=target, **more)
    prices = {symbol: Price(symbol, 10.0, NOW, stale=symbol in stale) for symbol in "ABCDXY"}
    positions = {symbol: Position(symbol, float(shares), 10.0) for symbol, shares in dict(held).items()}
    return Situation(Account(cash, positions), (), prices, limits, returns=lambda symbol: returns.get(symbol, {}))


def test_the_volatility_of_one_position_is_scaled_to_the_target():
    scaling = scale_to_target({"A": 1.0}, {}, situation(0.15))
    assert scaling.share == pytest.approx(0.15 / A_YEAR)
    assert (scaling.cut.limit, scaling.cut.allowed) == ("target_portfolio_volatility", 0.15)
    assert scaling.cut.wanted == pytest.approx(A_YEAR)
    assert scaling.cut.reason == (
        "the expected volatility is 16.3% a year, target_portfolio_volatility is 15.0%: positions are scaled to 92%"
    )


@pytest.mark.parametrize(
    ("weights", "daily"),
    [
        ({"A": 0.5, "B": 0.5}, 0.5 * 0.01 + 0.5 * 0.02),  # together: they add up
        ({"A": 0.5, "D": 0.5}, math.sqrt(0.005**2 + 0.005**2)),  # independent
        ({"A": 0.2, "B": 0.5, "D": 0.3}, math.sqrt((0.002 + 0.01) ** 2 + 0.003**2)),
        ({"B": 0.6, "C": 0.4}, 0.012 - 0.004),  # against each other
    ],
)
def test_covariances_count(weights, daily):
    yearly = daily * math.sqrt(252 * 20 / 19)
    scaling = scale_to_target(weights, {}, situation(0.05))
    assert scaling.share == pytest.approx(0.05 / yearly)
    assert scaling.cut.wanted == pytest.approx(yearly)


def test_a_calm_portfolio_is_not_scaled_and_never_up():
    scaling = scale_to_target({"A": 0.5}, {}, situation(0.15))
    assert (scaling.share, scaling.cut, scaling.remark) == (1.0, None, "")
    assert scale_to_target({"B": 0.5, "C": 1.0}, {}, situation(0.15)).share == 1.0  # a perfect hedge


def test_what_can_not_be_sold_counts_and_the_rest_gives_way():
    # 0.3 of B is fixed: 0.6 % a day; together with x of A the target of 1 % a day is met at x = 0.4.
    target = 0.01 * math.sqrt(252 * 20 / 19)
    assert scale_to_target({"A": 0.8}, {"B": 0.3}, situation(target)).share == pytest.approx(0.5)


def test_nothing_new_is_held_beside_too_much_that_can_not_be_sold():
    assert scale_to_target({"A": 0.5}, {"B": 0.5}, situation(0.10)).share == 0.0


def test_cash_does_not_grow_beyond_max_cash_buffer():
    scaling = scale_to_target({"A": 0.6, "B": 0.4}, {}, situation(0.04, max_cash=0.8))
    assert scaling.share == pytest.approx(0.2)
    assert scaling.cut.limit == "max_cash_buffer"
    assert scaling.cut.wanted == pytest.approx(0.2 * 1.4 * A_YEAR)
    assert "positions are scaled to 20% only, as max_cash_buffer lets no more than 80% be cash" in scaling.cut.reason


def test_a_strategy_that_holds_more_cash_by_itself_is_not_scaled_at_all():
    assert scale_to_target({"B": 0.15}, {}, situation(0.01, max_cash=0.8)).share == 1.0


def test_symbols_with_little_history_are_left_out_and_named():
    scaling = scale_to_target({"A": 1.0, "X": 0.5, "Y": 0.1}, {}, situation(0.15))
    assert scaling.share == pytest.approx(0.15 / A_YEAR)
    assert scaling.remark.startswith("X, Y: fewer than 20 daily returns are known, so the expected volatility")
    nothing = scale_to_target({"X": 1.0}, {}, situation(0.15))
    assert (nothing.share, nothing.cut) == (1.0, None)
    assert nothing.remark


def test_without_a_target_nothing_is_scaled():
    assert scale_to_target({"B": 1.0}, {}, situation(None)).share == 1.0


def test_a_year_without_closed_days_is_longer():
    scaling = scale_to_target({"A": 1.0}, {}, situation(0.15, sessions_a_year=365))
    assert scaling.share == pytest.approx(0.15 / (A_YEAR * math.sqrt(365 / 252)))


# --- where it is applied ---


def test_a_rebalance_orders_the_scaled_weights():
    plan = plan_rebalance({"A": 0.5, "B": 0.5}, situation(0.15, cash=10_000.0))
    # 1.5 % a day is 24.43 % a year: scaled to 61.39 %, of 500 shares 306.
    assert [(order.symbol, order.quantity) for order in plan.orders] == [("A", 306), ("B", 306)]
    assert [cut.limit for cut in plan.cuts] == ["target_portfolio_volatility"]


def test_a_rebalance_sells_what_has_become_too_volatile():
    plan = plan_rebalance({"B": 1.0}, situation(0.15, cash=0.0, held={"B": 1000}))
    [order] = plan.orders
    assert (order.action, order.quantity) == ("SELL", 1000 - math.floor(1000 * 0.15 / (2 * A_YEAR)))


def test_a_rebalance_counts_what_has_no_price_now():
    held = situation(2 * 0.3 * A_YEAR, cash=7000.0, held={"B": 300}, stale="B")
    assert plan_rebalance({"A": 0.5}, held).orders == []
    assert plan_rebalance({"C": 0.5}, held).orders != []


def test_a_purchase_of_a_strategy_is_cut_to_the_target():
    checked = check_orders([Order("A", "BUY", 1000)], situation(0.15, cash=10_000.0))
    [order] = checked.orders
    assert order.quantity == math.floor(1000 * 0.15 / A_YEAR)
    [cut] = checked.cuts
    assert (cut.limit, cut.symbol) == ("target_portfolio_volatility", "A")


def test_a_purchase_counts_what_is_held_and_what_was_ordered_before_it():
    there = situation(0.15, cash=5000.0, held={"A": 500})
    checked = check_orders([Order("A", "BUY", 200), Order("A", "BUY", 500)], there)
    assert [order.quantity for order in checked.orders] == [200, math.floor(1000 * 0.15 / A_YEAR) - 700]


def test_a_purchase_that_calms_the_portfolio_is_not_cut():
    there = situation(0.15, cash=5000.0, held={"B": 500})
    assert [order.quantity for order in check_orders([Order("C", "BUY", 400)], there).orders] == [400]


def test_a_sale_is_never_cut():
    there = situation(0.01, cash=0.0, held={"B": 1000})
    assert [order.quantity for order in check_orders([Order("B", "SELL", 10)], there).orders] == [10]
