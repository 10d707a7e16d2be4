"""What the engine does about losses: stop loss, drawdown, circuit breaker; between decisions, and over restarts."""

from dataclasses import fields, replace
from datetime import timedelta

import pytest

from orchestrator.breaker import RESUMED, read_trip
from orchestrator.config import RiskConfig
from orchestrator.engine import Order, OrderStatus
from orchestrator.events import BreakerTripped

SESSION, DAY = "2012-11-20", "20121120"


@pytest.fixture
def desk(rig):
    """Trades on two days; every loss may be as large as it likes."""
    rig.config.risk = replace(
        rig.config.risk,
        max_position_size=0.8,
        position_stop_loss=1.0,
        max_portfolio_drawdown=1.0,
        enable_circuit_breaker=False,
    )
    rig.config.strategy.rebalance_frequency = "intraday"
    return rig


def trades(rig):
    return [(fill.action, fill.symbol, fill.quantity) for fill in rig.fills()]


# --- stop loss ---


@pytest.fixture
def falling(desk, weights, flat):
    """A was bought at 100 and falls to 90 in the second session; B stands."""
    desk.bars(
        A=[flat("2012-11-19", 100), "2012-11-20,100,100,90,95,", flat("2012-11-21", 95)],
        B=[flat(f"2012-11-{day}", 10) for day in (19, 20, 21)],
    )
    desk.config.risk.position_stop_loss = 0.05
    desk.start(weights(A=0.1, B=0.1)).rebalance()
    desk.at("2012-11-20T09:30")
    return desk


def test_a_position_that_has_lost_its_limit_is_sold_at_once(falling):
    falling.run("2012-11-20T16:00")
    assert trades(falling)[2:] == [("SELL", "A", 99)]
    sale = falling.fills()[2]
    assert sale.order_ref == f"{DAY}-equal_weight-A-stop_loss"
    assert sale.price == pytest.approx(95, abs=0.1)


def test_a_stop_loss_is_told_in_words(falling):
    falling.run("2012-11-20T16:00")
    [told] = falling.alerts("risk")
    assert (told.level, told.title) == ("warning", "Stop loss: A")
    assert told.message == (
        "A is at 95.00, 5.0% below its average entry 100.05; position_stop_loss is 5.0%. All 99 shares are sold at the "
        "market, and none is bought in the rest of session 2012-11-20."
    )
    assert told.metadata["symbol"] == "A"


def test_a_smaller_loss_is_left_alone(falling):
    falling.engine.apply_risk(replace(falling.config.risk, position_stop_loss=0.12))
    falling.run("2012-11-20T16:00")
    assert len(falling.fills()) == 2


def test_what_was_stopped_out_is_not_bought_back_in_the_session_and_over_restarts(falling, weights):
    falling.run("2012-11-20T15:00")
    falling.start(weights(A=0.1, B=0.1))
    assert falling.engine.rebalance("1500") == "decision 1500: 0 orders"
    falling.at("2012-11-21T09:30")
    falling.start(weights(A=0.1, B=0.1)).rebalance("0930")
    assert trades(falling)[3:] == [("BUY", "A", 104)]
    assert len(falling.alerts("risk")) == 1


def test_a_stop_loss_ends_the_other_orders_of_the_symbol(falling, scripted):
    script = {"_0930": [Order("A", "SELL", 60, "LIMIT", 120.0), Order("A", "BUY", 10, "LIMIT", 80.0)]}
    falling.start(scripted(**script))
    falling.run("2012-11-20T16:00")
    assert trades(falling)[2:] == [("SELL", "A", 99)]
    ended = [each for each in falling.journal.orders(SESSION) if each.decision != "stop_loss"]
    assert {(each.status, each.error_message) for each in ended} == {
        (OrderStatus.CANCELLED, "stop_loss sells the position")
    }


def test_a_stop_loss_waits_for_nothing_but_the_pace_of_orders(falling):
    """A tripped breaker, no cash and full positions do not hold back an exit."""
    risk = replace(falling.config.risk, enable_circuit_breaker=True, circuit_breaker_threshold=0.001)
    falling.engine.apply_risk(replace(risk, min_cash_buffer=1.0, max_position_size=0.01, max_orders_per_minute=1))
    falling.run("2012-11-20T16:00")
    assert trades(falling)[2:] == [("SELL", "A", 99)]


def test_a_thin_market_takes_the_position_bit_by_bit(desk, weights, flat):
    desk.bars(A=[flat("2012-11-19", 100, 10**9), "2012-11-20,100,100,90,90,39000", flat("2012-11-21", 90, 10**9)])
    desk.config.risk.position_stop_loss = 0.05
    desk.start(weights(A=0.1)).rebalance()
    desk.at("2012-11-20T09:30")
    desk.run("2012-11-20T16:00")
    sales = desk.fills()[1:]
    assert {fill.order_ref for fill in sales} == {f"{DAY}-equal_weight-A-stop_loss"}
    assert [fill.quantity for fill in sales] == [10] * 9 + [9]


def test_what_the_close_has_left_is_sold_in_the_next_session(desk, weights, flat):
    desk.bars(
        A=[flat("2012-11-19", 100, 10**9), "2012-11-20,100,100,90,90,39000", "2012-11-21,90,90,90,90,1000000000"],
        B=[flat(f"2012-11-{day}", 10) for day in (19, 20, 21)],
    )
    desk.config.risk.position_stop_loss = 0.0999
    desk.start(weights(A=0.1)).rebalance()
    desk.at("2012-11-20T15:58")
    desk.run("2012-11-20T16:00")
    desk.engine.stop()
    assert desk.account().held("A") == 79
    desk.at("2012-11-21T09:30")
    desk.start(weights(B=0.1))
    desk.step()
    assert desk.account().held("A") == 0
    assert desk.fills()[-1].order_ref == "20121121-equal_weight-A-stop_loss"


def test_a_price_of_yesterday_stops_nothing_out(desk, weights, flat):
    desk.bars(A=[flat("2012-11-19", 100), flat("2012-11-21", 80)], B=[flat("2012-11-20", 10)])
    desk.config.risk.position_stop_loss = 0.05
    desk.start(weights(A=0.1)).rebalance()
    desk.at("2012-11-20T09:30")
    desk.run("2012-11-20T09:40")
    assert len(desk.fills()) == 1
    desk.at("2012-11-21T09:30")
    desk.step()
    assert trades(desk)[1:] == [("SELL", "A", 99)]


# --- circuit breaker ---


@pytest.fixture
def crash(desk, weights, flat):
    """A holds half of the equity and loses more than half of its value on the second day."""
    desk.bars(
        A=[flat("2012-11-19", 100), "2012-11-20,100,100,40,90,", flat("2012-11-21", 100)],
        B=[flat("2012-11-19", 10), flat("2012-11-20", 10), flat("2012-11-21", 10)],
    )
    desk.config.risk.enable_circuit_breaker = True
    desk.start(weights(A=0.5)).rebalance()
    desk.at("2012-11-20T09:30")
    return desk


def crash_day(day):
    return f"{day},100,100,100,100,1000000000"


def test_a_crash_trips_the_breaker_once(crash):
    crash.run("2012-11-20T16:00")
    [trip] = crash.events_of(BreakerTripped)
    assert "below its peak 100,000.00, and the threshold is 10.00%" in trip.reason


def test_a_tripped_breaker_outlives_the_engine_and_lets_only_sales_through(crash, weights):
    crash.run("2012-11-20T14:00")
    crash.start(weights(A=0.1, B=0.2))
    assert crash.engine.rebalance("1400") == "decision 1400: 1 orders"
    assert [(fill.action, fill.symbol) for fill in crash.fills()] == [("BUY", "A"), ("SELL", "A")]
    assert len(set(crash.events_of(BreakerTripped))) == 1


@pytest.mark.parametrize(("resumed", "bought"), [(False, ["A"]), (True, ["A", "B"])])
def test_after_a_recovery_it_buys_again_only_if_trading_was_resumed(crash, weights, resumed, bought):
    crash.run("2012-11-20T16:00")
    crash.at("2012-11-21T09:30")
    if resumed:
        crash.store.write_meta(RESUMED, read_trip(crash.store).at)
    crash.start(weights(A=0.5, B=0.2)).rebalance()
    assert [fill.symbol for fill in crash.fills() if fill.action == "BUY"] == bought


def test_a_tripping_breaker_ends_resting_purchases(desk, scripted, flat):
    desk.bars(A=["2012-11-19,100,100,40,40,"], B=[flat("2012-11-19", 10)])
    desk.config.risk.enable_circuit_breaker = True
    desk.start(scripted(_0930=[Order("A", "BUY", 500), Order("B", "BUY", 5, "LIMIT", 9.0)]))
    desk.run("2012-11-19T15:59")
    limit = desk.journal.find("20121119-equal_weight-B-0930")
    assert (limit.status, limit.error_message) == (OrderStatus.CANCELLED, "the circuit breaker has tripped")
    assert desk.statuses()[-1] == ("20121119-equal_weight-B-0930", "Cancelled")


def test_a_small_loss_trips_nothing(desk, weights):
    desk.bars(A=["2012-11-19,100,100,90,90,"])
    desk.config.risk.enable_circuit_breaker = True
    desk.start(weights(A=0.5)).rebalance()
    desk.run("2012-11-19T16:00")
    assert desk.alerts("risk") == []


def test_a_breaker_keeps_positions(crash):
    crash.run("2012-11-20T16:00")
    assert crash.account().held("A") == 499


def test_a_breaker_sells_everything_if_it_is_to(crash, weights):
    crash.config.risk.flatten_on_breaker = True
    crash.start(weights(A=0.5))
    crash.run("2012-11-20T16:00")
    assert trades(crash)[1:] == [("SELL", "A", 499)]
    assert crash.fills()[1].order_ref == f"{DAY}-equal_weight-A-circuit_breaker"
    [trip] = crash.events_of(BreakerTripped)
    assert trip.flatten


def test_the_halt_that_follows_goes_on_with_the_sales_of_the_breaker(crash, weights):
    """The market takes them bit by bit, and the daemon's command comes in the middle."""
    crash.bars(A=[crash_day("2012-11-19"), "2012-11-20,100,100,40,90,39000", crash_day("2012-11-21")])
    crash.config.risk.flatten_on_breaker = True
    crash.start(weights(A=0.5))
    while not crash.events_of(BreakerTripped):
        crash.step()
        crash.clock.advance(timedelta(minutes=1))
    while not crash.engine.halt(True):
        crash.clock.advance(timedelta(minutes=1))
    assert crash.account().positions == {}
    assert {fill.order_ref for fill in crash.fills()[1:]} == {f"{DAY}-equal_weight-A-circuit_breaker"}


def test_a_breaker_sells_once_however_often_the_engine_is_started(crash, weights):
    crash.run("2012-11-20T13:50")
    crash.config.risk.flatten_on_breaker = True
    for _ in range(3):
        crash.start(weights(A=0.5))
        crash.step()
    assert trades(crash)[1:] == [("SELL", "A", 499)]


def test_a_breaker_that_is_switched_off_allows_purchases_at_once(crash, weights):
    crash.run("2012-11-20T14:00")
    engine = crash.start(weights(A=0.5, B=0.2))
    assert engine.rebalance("1400") == "decision 1400: 0 orders"
    engine.apply_risk(replace(crash.config.risk, enable_circuit_breaker=False))
    assert engine.rebalance("1401") == "decision 1401: 2 orders"
    engine.apply_risk(crash.config.risk)
    assert engine.rebalance("1402") == "decision 1402: 0 orders"


# --- drawdown ---


def test_beyond_max_portfolio_drawdown_nothing_is_bought_even_without_a_breaker(crash, weights):
    crash.config.risk = replace(crash.config.risk, enable_circuit_breaker=False, max_portfolio_drawdown=0.2)
    engine = crash.start(weights(A=0.1, B=0.2))
    crash.run("2012-11-20T13:30")
    assert engine.rebalance("1330") == "decision 1330: 1 orders"
    assert trades(crash)[1][:2] == ("SELL", "A")
    [told] = crash.alerts("risk")
    assert told.title.startswith("Portfolio drawdown 20")


def test_a_drawdown_below_its_limit_forbids_nothing(crash, weights):
    crash.config.risk = replace(crash.config.risk, enable_circuit_breaker=False, max_portfolio_drawdown=0.35)
    engine = crash.start(weights(A=0.1, B=0.2))
    crash.run("2012-11-20T13:30")
    assert engine.rebalance("1330") == "decision 1330: 2 orders"


def test_a_limit_that_is_lowered_ends_resting_purchases_at_the_next_look(crash, scripted):
    crash.config.risk.enable_circuit_breaker = False
    engine = crash.start(scripted(_1330=[Order("B", "BUY", 5, "LIMIT", 9.0)]))
    crash.run("2012-11-20T13:32")
    engine.apply_risk(replace(crash.config.risk, enable_circuit_breaker=False, max_portfolio_drawdown=0.2))
    crash.step()
    [order] = crash.journal.orders(SESSION)
    assert (order.status, order.error_message) == (
        OrderStatus.CANCELLED,
        "the loss has reached max_portfolio_drawdown",
    )


# --- halted by the operator ---


def test_halt_cancels_all_orders_and_keeps_the_positions(crash, scripted):
    engine = crash.start(scripted(_0930=[Order("B", "BUY", 5, "LIMIT", 9.0), Order("A", "SELL", 5, "LIMIT", 200.0)]))
    crash.run("2012-11-20T09:31")
    held = trades(crash)
    assert engine.halt(False)
    assert trades(crash) == held
    assert crash.journal.open_orders() == []


def test_halt_that_flattens_sells_all_positions_once(crash, scripted):
    engine = crash.start(scripted(_0930=[Order("B", "BUY", 5, "LIMIT", 9.0), Order("A", "SELL", 5, "LIMIT", 200.0)]))
    crash.run("2012-11-20T09:31")
    assert [engine.halt(True), engine.halt(True)][-1]
    assert trades(crash)[1:] == [("SELL", "A", 499)]
    assert crash.fills()[1].order_ref == f"{DAY}-equal_weight-A-halt_0931"
    assert crash.journal.open_orders() == []
    assert engine.halt(True)
    assert len(crash.fills()) == 2


def test_halt_while_the_market_is_closed_can_do_nothing(crash):
    crash.at("2012-11-20T17:00")
    assert crash.engine.halt(True)


def test_every_key_of_risk_is_enforced():
    """Each is tripped in this folder: the first here, the others in test_risk, test_clearing and test_volatility."""
    here = {
        "max_portfolio_drawdown",
        "position_stop_loss",
        "enable_circuit_breaker",
        "circuit_breaker_threshold",
        "flatten_on_breaker",
    }
    elsewhere = {
        "max_position_size",
        "min_cash_buffer",
        "max_cash_buffer",
        "max_correlation",
        "enable_volatility_targeting",
        "target_portfolio_volatility",
        "max_orders_per_minute",
    }
    assert here | elsewhere == {each.name for each in fields(RiskConfig)}
