"""The limits in the running engine: what they hold back, what is said, and that an edit holds at once."""

import random
from dataclasses import replace

import pytest

from orchestrator.engine import Order
from orchestrator.engine.limits import Limits

DAY = "2012-11-19"


@pytest.fixture
def market(rig):
    """A and B move as one, C on its own: sixty days of some two percent a day, then today."""
    rng = random.Random(5)
    together, alone = ([rng.choice((0.98, 1.02)) for _ in range(70)] for _ in range(2))
    a, c = [100.0], [50.0]
    for one, other in zip(together, alone, strict=True):
        a.append(round(a[-1] * one, 2))
        c.append(round(c[-1] * other, 2))
    rig.closes(DAY, A=a, B=[price * 2 for price in a], C=c)
    rig.config.strategy.rebalance_frequency = "intraday"
    rig.config.risk = replace(rig.config.risk, enable_volatility_targeting=False, max_position_size=0.5)
    return rig


def bought(rig):
    return [fill.symbol for fill in rig.fills()]


def titles(rig):
    return [(told.level, told.title) for told in rig.alerts("risk")]


def test_limits_come_from_the_config(market):
    market.config.risk = replace(market.config.risk, max_cash_buffer=0.7, max_correlation=0.6)
    limits = Limits.of(market.config)
    assert (limits.max_cash_buffer, limits.max_correlation, limits.target_volatility) == (0.7, 0.6, None)
    market.config.risk.enable_volatility_targeting = True
    assert Limits.of(market.config).target_volatility == 0.15
    assert limits.sessions_a_year == 252
    market.config.schedule.calendar = "ALWAYS"
    assert Limits.of(market.config).sessions_a_year == 365


def test_what_moves_like_a_position_is_not_opened_and_that_is_told_once_in_a_session(market, weights):
    for label in ("0930", "0931"):
        market.start(weights(A=0.2, B=0.1, C=0.1)).rebalance(label)
    assert bought(market) == ["A", "C"]
    [told] = market.alerts("risk")
    assert (told.level, told.title) == ("warning", "Not bought, too much alike: B")
    assert told.message == "B is not bought: its correlation with A is 1.00, max_correlation 0.80."
    assert told.metadata["limit_type"] == "max_correlation"


def test_a_strategy_s_own_order_is_held_to_it_as_well(market, scripted):
    market.start(scripted(_0930=[Order("A", "BUY", 5)], _0931=[Order("B", "BUY", 5), Order("C", "BUY", 5)]))
    market.run(f"{DAY}T09:33")
    assert bought(market) == ["A", "C"]
    assert titles(market) == [("warning", "Not bought, too much alike: B")]


def test_a_looser_limit_lets_it_be_opened_at_once(market, weights):
    engine = market.start(weights(A=0.2, B=0.1))
    engine.rebalance("0930")
    engine.apply_risk(replace(market.config.risk, max_correlation=1.0))
    engine.rebalance("0931")
    assert bought(market) == ["A", "B"]


def test_positions_are_scaled_to_the_target_volatility_and_that_is_told(market, weights):
    engine = market.start(weights(A=0.5, C=0.3))
    engine.rebalance("0930")
    invested = 1 - market.account().cash / 100_000
    engine.apply_risk(replace(market.config.risk, enable_volatility_targeting=True))
    assert engine.rebalance("0931") == "decision 0931: 2 orders"
    scaled = 1 - market.account().cash / 100_000
    assert invested == pytest.approx(0.8, abs=0.01)
    assert 0.5 < scaled / invested < 0.8
    [told] = market.alerts("risk")
    assert (told.level, told.title) == ("info", "Positions scaled down to the target volatility")
    assert "target_portfolio_volatility is 15.0%: positions are scaled to" in told.message
    engine.apply_risk(replace(market.config.risk, enable_volatility_targeting=False))
    engine.rebalance("0932")
    assert 1 - market.account().cash / 100_000 == pytest.approx(0.8, abs=0.01)


def test_max_cash_buffer_ends_the_scaling_and_that_is_a_warning(market, weights):
    market.config.risk = replace(
        market.config.risk, enable_volatility_targeting=True, target_portfolio_volatility=0.01, max_cash_buffer=0.6
    )
    market.start(weights(A=0.5, C=0.3)).rebalance("0930")
    assert market.account().cash / 100_000 == pytest.approx(0.6, abs=0.01)
    assert titles(market) == [("warning", "More volatile than the target")]


def test_too_little_history_is_said_once_in_a_session_and_allowed(rig, weights, flat, caplog):
    rig.bars(A=[flat(DAY, 10)], B=[flat(DAY, 10)])
    rig.config.strategy.rebalance_frequency = "intraday"
    engine = rig.start(weights(A=0.1, B=0.1))
    engine.rebalance("0930")
    engine.rebalance("0931")
    assert bought(rig) == ["A", "B"]
    assert caplog.text.count("so max_correlation is not looked at") == 1
    assert caplog.text.count("so the expected volatility of the portfolio is reckoned without them") == 1


def test_a_position_that_is_wanted_too_large_is_told_once_in_a_session(market, weights):
    for label in ("0930", "0931"):
        market.start(weights(A=0.7)).rebalance(label)
    [told] = market.alerts("risk")
    assert (told.level, told.title, told.metadata["symbol"]) == ("warning", "Position limited: A", "A")
    assert told.message == "A: 70.00% of equity, max_position_size allows 50.00%."


def test_more_positions_than_allowed_are_told(market, weights):
    market.config.strategy.max_positions = 1
    market.start(weights(A=0.1, C=0.2)).rebalance()
    assert bought(market) == ["C"]
    assert titles(market) == [("warning", "Too many positions wanted: A")]


def test_purchases_that_are_cut_for_the_buffer_are_told(market, weights):
    market.start(weights(A=0.5, C=0.5)).rebalance()
    assert titles(market) == [("info", "Purchases cut to keep the cash buffer")]


def test_new_limits_hold_from_the_next_order_on(market, weights):
    engine = market.start(weights(A=0.1))
    engine.apply_risk(replace(market.config.risk, max_position_size=0.05))
    engine.rebalance()
    assert market.account().held("A") * market.fills()[0].price == pytest.approx(5000, abs=120)


def test_a_limit_that_is_lowered_holds_for_orders_that_wait(market, weights):
    market.config.risk.max_orders_per_minute = 1
    engine = market.start(weights(A=0.2, C=0.2))
    engine.rebalance("0930")
    engine.apply_risk(replace(market.config.risk, max_position_size=0.1))
    market.run(f"{DAY}T09:33")
    assert bought(market) == ["A", "C"]
    assert market.account().held("C") * market.fills()[1].price == pytest.approx(10_000, abs=60)
    assert "max_position_size allows" in market.journal.orders(DAY)[1].error_message


def test_orders_beyond_the_limit_of_a_minute_wait_and_none_is_lost_or_doubled(market, scripted):
    market.config.risk.max_orders_per_minute = 2
    orders = [Order(symbol, "BUY", number) for number in (1, 2, 3) for symbol in ("A", "C")]
    market.start(scripted(_0930=orders))
    market.run(f"{DAY}T09:34")
    assert [(fill.at[11:16], fill.symbol, fill.quantity) for fill in market.fills()] == [
        ("09:30", "A", 1),
        ("09:30", "C", 1),
        ("09:31", "A", 2),
        ("09:31", "C", 2),
        ("09:32", "A", 3),
        ("09:32", "C", 3),
    ]


def test_sales_go_before_purchases_that_wait(market, scripted):
    market.config.risk.max_orders_per_minute = 1
    script = {"_0930": [Order("A", "BUY", 5)], "_0931": [Order("C", "BUY", 1), Order("A", "SELL", 5)]}
    market.start(scripted(**script))
    market.run(f"{DAY}T09:34")
    assert [(fill.action, fill.symbol) for fill in market.fills()] == [("BUY", "A"), ("SELL", "A"), ("BUY", "C")]


def test_a_raised_pace_sends_what_waits(market, scripted):
    market.config.risk.max_orders_per_minute = 1
    engine = market.start(scripted(_0930=[Order("A", "BUY", 1), Order("C", "BUY", 1)]))
    market.step()
    assert len(market.fills()) == 1
    engine.apply_risk(replace(market.config.risk, max_orders_per_minute=60))
    market.step()
    assert len(market.fills()) == 2
