"""The whole engine over real days and made-up ones."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, select

from calendars import MarketCalendar, VirtualClock
from orchestrator.config import load_file, warnings
from orchestrator.engine import EngineError, Order, OrderStatus, Strategy, check_supported
from orchestrator.engine.builtin import BuiltinEngine
from orchestrator.engine.runner import StrategyError
from orchestrator.events import EquityMarked, decode, encode
from orchestrator.store import equity

HISTORY = Path(__file__).parents[3] / "config" / "config.history.yaml"


# --- a day ---


def test_a_rebalance_buys_equal_weights_and_tells_of_it(rig):
    rig.replay()
    rig.at("2012-11-23T09:35")
    engine = rig.start()
    assert engine.rebalance("0935") == "decision 0935: 3 orders"
    assert rig.statuses() == [
        ("20121123-equal_weight-AAPL-0935", "Submitted"),
        ("20121123-equal_weight-IBM-0935", "Submitted"),
        ("20121123-equal_weight-MSFT-0935", "Submitted"),
        ("20121123-equal_weight-AAPL-0935", "Filled"),
        ("20121123-equal_weight-IBM-0935", "Filled"),
        ("20121123-equal_weight-MSFT-0935", "Filled"),
    ]
    assert [(fill.symbol, fill.quantity) for fill in rig.fills()] == [("AAPL", 17), ("IBM", 52), ("MSFT", 366)]
    aapl = rig.fills()[0]
    assert aapl.price == pytest.approx(566.8436 * 1.0005, abs=0.0001)
    assert aapl.commission == pytest.approx(17 * aapl.price * 0.001, abs=0.0001)
    assert aapl.at == "2012-11-23T09:35:00-05:00"


def test_the_account_is_marked_after_fills_with_its_positions(rig):
    rig.replay()
    rig.at("2012-11-23T09:35")
    rig.start().rebalance("0935")
    mark = rig.events_of(EquityMarked)[-1]
    account = rig.account()
    assert mark.cash == pytest.approx(account.cash)
    assert [each["symbol"] for each in mark.positions] == ["AAPL", "IBM", "MSFT"]
    value = sum(each["quantity"] * each["price"] for each in mark.positions)
    assert mark.equity == pytest.approx(mark.cash + value)
    assert 0 < mark.drawdown < 0.001


def test_every_event_survives_the_way_to_the_daemon(rig):
    rig.replay()
    rig.at("2012-11-23T09:35")
    rig.start().rebalance("0935")
    assert [decode(encode(each)) for each in rig.events] == rig.events


def test_fills_are_told_to_people(rig):
    rig.replay()
    rig.at("2012-11-23T09:35")
    rig.start().rebalance("0935")
    told = rig.alerts("order")
    assert [each.title for each in told] == ["Order filled: AAPL", "Order filled: IBM", "Order filled: MSFT"]
    assert {each.level for each in told} == {"info"}


def test_a_rebalance_sells_before_it_buys_and_uses_the_money(rig, weights, flat):
    rig.bars(A=[flat("2012-11-19", 10)], B=[flat("2012-11-19", 10)])
    rig.config.risk.max_position_size = 0.8
    rig.config.strategy.rebalance_frequency = "intraday"
    strategy = weights(A=0.8)
    rig.at("2012-11-19T09:30")
    engine = rig.start(strategy)
    engine.rebalance("0930")
    strategy.weights = {"B": 0.8}
    engine.rebalance("0931")
    assert [(fill.action, fill.symbol) for fill in rig.fills()] == [("BUY", "A"), ("SELL", "A"), ("BUY", "B")]
    assert set(rig.account().positions) == {"B"}
    assert rig.fills()[2].quantity > 7900


def test_the_cash_buffer_is_never_spent(rig, weights, flat):
    rig.bars(A=[flat("2012-11-19", 10)], B=[flat("2012-11-19", 7)])
    rig.config.risk.max_position_size = 0.5
    rig.at("2012-11-19T09:30")
    rig.start(weights(A=0.5, B=0.5)).rebalance()
    mark = rig.events_of(EquityMarked)[-1]
    assert mark.cash >= 0.2 * mark.equity
    assert mark.cash < 0.202 * mark.equity


def test_a_step_says_when_it_wants_the_next(rig):
    rig.config.data.update_interval = 2.5
    assert rig.start().step(rig.clock.now()) == rig.clock.now() + timedelta(seconds=2.5)


def test_the_equity_is_marked_once_a_minute_and_kept_every_quarter_of_an_hour(rig):
    rig.config.data.update_interval = 20.0
    rig.start()
    rig.run("2012-11-19T10:00")
    assert len(rig.events_of(EquityMarked)) == 30
    assert len(rig.store.rows(select(equity))) == 2


def test_a_step_without_news_does_not_touch_the_database(rig):
    rig.start().rebalance()
    rig.run("2012-11-19T09:31")
    statements = []
    event.listen(rig.store.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    rig.run("2012-11-19T09:44")
    assert statements == []


def test_progress_counts_what_is_done(rig):
    rig.replay()
    rig.at("2012-11-23T09:35")
    engine = rig.start()
    before = engine.progress()
    assert (before["steps"], before["last_data_at"], before["data_age"]) == (0, None, None)
    engine.rebalance("0935")
    rig.step()
    assert engine.progress() == {
        "steps": 1,
        "orders": 3,
        "fills": 3,
        "last_data_at": "2012-11-23T09:35:00-05:00",
        "data_age": 0.0,
        "stale": 0,
        "positions": 3,
    }


def test_the_age_of_the_data_is_seen_when_prices_stop(rig, flat):
    rig.bars(A=[flat("2012-11-16", 10)], B=[flat("2012-11-16", 10), flat("2012-11-19", 10)])
    engine = rig.start()
    rig.step()
    assert engine.progress()["stale"] == 1
    rig.bars(A=[flat("2012-11-16", 10)])
    engine = rig.start()
    rig.at("2012-11-19T09:40")
    rig.step()
    told = engine.progress()
    assert (told["last_data_at"], told["stale"]) == ("2012-11-16T16:00:00-05:00", 1)
    assert told["data_age"] == 236_400  # from Friday 16:00 to Monday 09:40


def test_a_session_is_the_same_each_time(tmp_path, rig):
    def day(folder):
        folder.mkdir()
        again = type(rig)(folder)
        again.at("2012-11-23T09:30")
        again.start()
        again.run("2012-11-23T10:00")
        again.engine.rebalance("1000")
        again.run("2012-11-23T13:10")
        again.engine.stop()
        again.store.close()
        return again.events

    first = day(tmp_path / "one")
    assert first == day(tmp_path / "two")
    assert len(first) > 200


# --- hours ---


def test_outside_its_hours_the_engine_does_nothing(rig):
    rig.replay()
    rig.at("2012-11-23T09:29")
    engine = rig.start()
    assert engine.rebalance() == "nothing is decided while the market is closed"
    rig.step()
    rig.at("2012-11-23T13:00")
    assert engine.rebalance() == "nothing is decided while the market is closed"
    rig.at("2012-11-24T11:00")
    assert engine.rebalance() == "nothing is decided while the market is closed"
    assert rig.events == []


@pytest.mark.parametrize("hours", [{"enable_pre_market": True}, {"enable_post_market": True}])
def test_extended_hours_are_traded_if_wanted(rig, hours):
    rig.config.schedule = replace(rig.config.schedule, **hours)
    rig.at("2012-11-23T08:00" if "enable_pre_market" in hours else "2012-11-23T16:59")
    assert rig.start().rebalance().endswith("3 orders")


def test_a_market_that_never_closes_has_a_session_each_day(rig):
    rig.calendar = MarketCalendar("ALWAYS")
    rig.clock = VirtualClock(datetime(2012, 11, 24, 23, 59, tzinfo=UTC))
    engine = rig.start()
    assert engine.rebalance("2359").endswith("3 orders")
    assert "made already" in engine.rebalance("2359")
    rig.clock.advance(timedelta(minutes=2))
    rig.step()
    engine.rebalance("0001")
    assert rig.journal.decisions("2012-11-25") == ["0001"]


def test_days_without_a_bar_are_told_once_and_nothing_is_traded(rig, flat):
    rig.bars(A=[flat("2001-09-10", 10)], B=[flat("2001-09-10", 10), flat("2001-09-17", 10)])
    rig.clock = VirtualClock(datetime(2001, 9, 17, 8, tzinfo=UTC))
    rig.at("2001-09-17T09:30")
    rig.start()
    rig.run("2001-09-17T09:35")
    rig.engine.rebalance("0935")
    rig.start()
    rig.run("2001-09-17T09:40")
    [told] = rig.alerts("engine")
    assert (told.level, told.topic, told.metadata["symbols"]) == ("warning", "engine", ["A"])
    assert "No price in session 2001-09-17: A." in told.message
    assert {fill.symbol for fill in rig.fills()} == {"B"}


def test_the_real_week_without_sessions(rig):
    rig.replay()
    rig.clock = VirtualClock(datetime(2001, 9, 10, 8, tzinfo=UTC))
    for day in range(10, 18):
        rig.at(f"2001-09-{day}T09:40")
        rig.start().rebalance()
        rig.run(f"2001-09-{day}T16:00")
        rig.engine.stop()
    assert {fill.at[:10] for fill in rig.fills()} == {"2001-09-10", "2001-09-17"}
    assert rig.alerts("engine") == []
    assert rig.account().cash == pytest.approx(rig.events_of(EquityMarked)[-1].cash)


def test_the_shipped_history_can_be_replayed(rig):
    rig.config = load_file(HISTORY)
    rig.config.data.path = str(HISTORY.parent / rig.config.data.path)
    assert warnings(rig.config) == []
    for day in ("2012-11-21", "2012-11-23"):
        rig.at(f"{day}T09:35")
        rig.start().rebalance("0935")
    held = rig.account()
    assert set(held.positions) == {"AAPL", "IBM", "MSFT"}
    mark = rig.events_of(EquityMarked)[-1]
    assert 0.2 <= held.cash / mark.equity < 0.3


def test_without_any_price_the_decision_stays_open(rig, flat):
    rig.bars(A=[flat("2012-11-16", 10)])
    engine = rig.start()
    assert engine.rebalance("0930") == "decision 0930 is not made: no symbol has a price now"
    assert rig.journal.decisions("2012-11-19") == []


# --- frequency ---


def test_a_decision_is_made_once(rig):
    rig.config.strategy.rebalance_frequency = "intraday"
    engine = rig.start()
    engine.rebalance("0930")
    assert engine.rebalance("0930") == "decision 0930 of 2012-11-19 is made already"


def test_daily_decides_once_in_a_session(rig):
    engine = rig.start()
    engine.rebalance("0930")
    assert engine.rebalance("1200") == "rebalance_frequency is daily, and decision 0930 of 2012-11-19 is made already"
    rig.at("2012-11-20T09:30")
    assert engine.rebalance("0930").startswith("decision 0930: ")


def test_weekly_decides_in_the_first_session_of_the_week(rig):
    rig.config.strategy.rebalance_frequency = "weekly"
    answers = {}
    for day in ("2012-12-24", "2012-12-26", "2012-12-31", "2013-01-02", "2013-01-22"):
        rig.at(f"{day}T10:00")
        answers[day] = rig.start().rebalance("1000").startswith("decision 1000: ")
    assert answers == {
        "2012-12-24": True,
        "2012-12-26": False,
        "2012-12-31": True,
        "2013-01-02": False,
        "2013-01-22": True,  # a Tuesday: Monday was Martin Luther King Day
    }


def test_intraday_decides_at_each_call(rig):
    rig.config.strategy.rebalance_frequency = "intraday"
    engine = rig.start()
    engine.rebalance()
    rig.clock.advance(timedelta(seconds=61))
    engine.rebalance()
    rig.clock.advance(timedelta(seconds=0.5))
    engine.rebalance()
    assert rig.journal.decisions("2012-11-19") == ["0930", "093101", "093101.500000"]


# --- a strategy's own orders ---


def test_orders_of_a_strategy_are_sent_and_filled(rig, scripted, flat):
    rig.bars(A=[flat("2012-11-19", 10)])
    strategy = scripted(_0931=[Order("A", "BUY", 5)], _0933=[Order("A", "SELL", 2)])
    rig.start(strategy)
    rig.run("2012-11-19T09:35")
    assert [(fill.action, fill.quantity) for fill in strategy.fills] == [("BUY", 5), ("SELL", 2)]
    assert [fill.order_ref for fill in strategy.fills] == [
        "20121119-equal_weight-A-0931",
        "20121119-equal_weight-A-0933",
    ]


def test_two_orders_in_a_symbol_have_names_of_their_own(rig, scripted, flat):
    rig.bars(A=[flat("2012-11-19", 10)])
    rig.start(scripted(_0931=[Order("A", "BUY", 5), Order("A", "BUY", 3, "LIMIT", 9.0)]))
    rig.run("2012-11-19T09:32")
    assert [record.order_ref for record in rig.journal.orders("2012-11-19")] == [
        "20121119-equal_weight-A-0931",
        "20121119-equal_weight-A-0931-2",
    ]


def test_a_limit_order_rests_until_its_price_comes(rig, scripted):
    rig.bars(A=["2012-11-19,10,10,7,7,"])
    rig.start(scripted(_0931=[Order("A", "BUY", 5, "LIMIT", 9.0)]))
    rig.run("2012-11-19T12:20")
    assert rig.fills() == []
    rig.run("2012-11-19T12:25")
    [fill] = rig.fills()
    assert (fill.order_ref, fill.price) == ("20121119-equal_weight-A-0931", 9.0)


def test_a_stop_order_of_a_strategy_sells_when_its_price_comes(rig, scripted):
    rig.bars(A=["2012-11-19,100,100,80,99,"])
    rig.config.risk.position_stop_loss = 1.0
    script = {"_0931": [Order("A", "BUY", 5)], "_0932": [Order("A", "SELL", 5, "STOP", stop_price=90.0)]}
    rig.start(scripted(**script))
    rig.run("2012-11-19T16:00")
    assert [(fill.action, fill.order_ref[-4:]) for fill in rig.fills()] == [("BUY", "0931"), ("SELL", "0932")]
    assert rig.fills()[1].price == pytest.approx(90 * 0.9995)
    assert rig.journal.orders("2012-11-19")[1].limit_price == 90.0


def test_orders_end_with_the_session_when_the_engine_is_stopped(rig, scripted, flat):
    rig.bars(A=[flat("2012-11-19", 10)])
    rig.start(scripted(_0931=[Order("A", "BUY", 5, "LIMIT", 9.0)]))
    rig.run("2012-11-19T16:00")
    assert rig.statuses()[-1] == ("20121119-equal_weight-A-0931", "Submitted")
    rig.engine.stop()
    assert rig.statuses()[-1] == ("20121119-equal_weight-A-0931", "Cancelled")
    record = rig.journal.find("20121119-equal_weight-A-0931")
    assert record.error_message == "not filled in session 2012-11-19"


def test_orders_end_with_the_session_when_the_engine_runs_on(rig, scripted, flat):
    rig.bars(A=[flat("2012-11-19", 10)])
    rig.start(scripted(_0931=[Order("A", "BUY", 5, "LIMIT", 9.0)]))
    rig.run("2012-11-19T16:02")
    assert rig.statuses()[-1] == ("20121119-equal_weight-A-0931", "Cancelled")


def test_an_engine_that_is_stopped_in_mid_session_leaves_its_orders(rig, scripted, flat):
    rig.bars(A=[flat("2012-11-19", 10)])
    rig.start(scripted(_0931=[Order("A", "BUY", 5, "LIMIT", 9.0)]))
    rig.run("2012-11-19T11:00")
    rig.engine.stop()
    assert [record.status for record in rig.journal.open_orders()] == [OrderStatus.SUBMITTED]


def test_a_thin_market_fills_an_order_bit_by_bit(rig, scripted, flat):
    rig.bars(A=[flat("2012-11-19", 10, 39_000)])  # a hundred a minute, of which ten are ours
    rig.start(scripted(_0931=[Order("A", "BUY", 25)]))
    rig.run("2012-11-19T09:40")
    assert [(fill.quantity, fill.fill_id[-6:], fill.at[11:16]) for fill in rig.fills()] == [
        (10, "0931-1", "09:31"),
        (10, "0931-2", "09:32"),
        (5, "0931-3", "09:33"),
    ]
    assert [status for _, status in rig.statuses()] == ["Submitted", "PartiallyFilled", "PartiallyFilled", "Filled"]
    assert rig.account().held("A") == 25


def test_a_strategy_lives_from_initialize_to_finalize(rig, scripted):
    strategy = scripted()
    rig.start(strategy)
    rig.engine.stop()
    rig.engine.disconnect()
    assert strategy.life == ["initialized", "finalized"]
    assert not rig.engine.is_connected()


def test_a_strategy_that_fails_stops_the_engine_with_its_reason(rig):
    class Fails(Strategy):
        def on_data(self, timestamp, data):
            return data["AAPL"] / 0

    rig.start(Fails())
    with pytest.raises(
        StrategyError, match=r"strategy equal_weight failed in on_data: TypeError: .* \(test_builtin.py line \d+\)"
    ):
        rig.step()


def test_what_a_failing_on_fill_has_seen_is_written_down(rig, scripted):
    class Fails(scripted):
        def on_fill(self, fill):
            raise RuntimeError("no")

    rig.start(Fails(_0930=[Order("AAPL", "BUY", 1)]))
    with pytest.raises(StrategyError, match="strategy equal_weight failed in on_fill: RuntimeError: no"):
        rig.step()
    assert rig.account().held("AAPL") == 1


def test_a_callback_that_fails_harms_nothing(rig, caplog):
    engine = rig.start()
    seen = []

    def fails(record):
        raise RuntimeError("bad callback")

    engine.register_status_callback(fails)
    engine.register_status_callback(lambda record: seen.append(record.status))
    engine.register_fill_callback(lambda record, fill: seen.append(fill.symbol))
    assert engine.rebalance().endswith("3 orders")
    assert seen[:2] == [OrderStatus.SUBMITTED, OrderStatus.SUBMITTED]
    assert seen.count("AAPL") == 1
    assert "a callback failed on order 20121119-equal_weight-AAPL-0930" in caplog.text


# --- what can't be ---


def test_bad_rows_are_told_with_file_and_line(rig, caplog, flat):
    rig.bars(A=["2012-11-16,10,10,10,ten,", flat("2012-11-19", 10)])
    rig.start()
    rig.start()
    [told] = rig.alerts("engine")
    assert told.message == "A.csv:2: close is 'ten', not a number; the row is left out"
    assert told.message in caplog.text


def test_without_its_data_the_engine_does_not_connect(rig):
    rig.config.data.primary_source, rig.config.data.path = "csv", "nowhere"
    with pytest.raises(EngineError, match=r"nowhere: no such folder; set data.path"):
        rig.build().connect()


def test_a_position_without_a_file_is_valued_at_what_was_paid(rig, flat):
    rig.bars(A=[flat("2012-11-19", 10), flat("2012-11-20", 10)], B=[flat("2012-11-19", 10)])
    rig.start().rebalance()
    (rig.folder / "B.csv").unlink()
    rig.config.strategy.symbols = ["A"]
    rig.at("2012-11-20T09:30")
    rig.start().rebalance()
    assert rig.alerts("engine")[-1].metadata["symbols"] == ["B"]
    positions = {each["symbol"]: each["price"] for each in rig.events_of(EquityMarked)[-1].positions}
    assert positions == {"A": 10.0, "B": None}


def test_what_is_no_longer_traded_is_sold(rig, flat):
    rig.bars(A=[flat("2012-11-19", 10), flat("2012-11-20", 10)], B=[flat("2012-11-19", 10), flat("2012-11-20", 10)])
    rig.start().rebalance()
    rig.config.strategy.symbols = ["A"]
    rig.at("2012-11-20T09:30")
    rig.start().rebalance()
    assert set(rig.account().positions) == {"A"}


def test_a_strategy_that_is_not_there_is_an_error_at_connect(rig):
    rig.config.strategy.name = "equal_wait"
    with pytest.raises(ValueError, match="'equal_wait' is not built in"):
        rig.build().connect()


@pytest.mark.parametrize(
    ("section", "key", "value", "reason"),
    [
        ("broker", "broker_type", "my.module:Broker", "broker my.module:Broker is not part of this version"),
        ("data", "primary_source", "csv", "data.primary_source csv needs data.path"),
    ],
)
def test_what_this_version_can_not_do_is_said_before_anything_starts(rig, section, key, value, reason):
    assert check_supported(rig.config) is None
    setattr(getattr(rig.config, section), key, value)
    assert check_supported(rig.config).startswith(reason)
    with pytest.raises(EngineError, match=reason):
        rig.build()


def test_real_shares_are_not_traded_on_made_up_prices(rig):
    rig.config.broker.broker_type, rig.config.data.primary_source = "ibkr", "synthetic"
    assert check_supported(rig.config) == (
        "orders for real shares can't be priced by synthetic; set data.primary_source: ibkr"
    )
    rig.config.data.primary_source = None
    assert check_supported(rig.config) is None


def test_an_engine_that_is_not_started_says_so(rig):
    engine: BuiltinEngine = rig.build()
    with pytest.raises(EngineError, match="started before it is connected"):
        engine.start(["AAPL"])
    with pytest.raises(EngineError, match="has not been started"):
        engine.stop()
