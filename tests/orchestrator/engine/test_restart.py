"""Killed anywhere and built anew on the same file, the engine goes on: nothing is lost and nothing is done twice."""

import sqlite3

import pytest
from sqlalchemy import event

from orchestrator.engine import Action, Fill, OrderRecord, OrderStatus, OrderType
from orchestrator.engine.clearing import Clearance
from orchestrator.engine.journal import order_ref
from orchestrator.engine.orders import OrderHandler
from orchestrator.events import EquityMarked

DAY, OPEN = "2012-11-23", "2012-11-23T09:35"


@pytest.fixture
def friday(rig):
    rig.replay()
    rig.at(OPEN)
    return rig


def intent(rig, symbol="AAPL", action="BUY", quantity=5.0, session=DAY, decision="0935", **more):
    now = rig.clock.now()
    ref = order_ref(session, "equal_weight", symbol, decision)
    return OrderRecord(ref, session, "equal_weight", decision, symbol, Action(action), quantity, now, now, **more)


def check_books(rig):
    """Fills, orders and the account of a new engine agree."""
    journal, account = rig.journal, rig.account()
    for record in journal.orders(DAY):
        assert record.filled_quantity == sum(fill.quantity for fill in record.fills) <= record.total_quantity
    rig.start()
    assert rig.engine.progress()["positions"] == len(account.positions)
    rig.step()
    told = rig.events_of(EquityMarked)[-1]
    assert told.cash == pytest.approx(account.cash)
    assert {each["symbol"]: each["quantity"] for each in told.positions} == {
        symbol: position.quantity for symbol, position in account.positions.items()
    }


def test_an_intent_that_was_not_sent_is_sent_once(friday):
    friday.build()
    friday.journal.intend([intent(friday)], DAY, "0935")
    friday.start()
    assert friday.statuses() == []
    friday.step()
    friday.step()
    assert friday.statuses() == [
        ("20121123-equal_weight-AAPL-0935", "Submitted"),
        ("20121123-equal_weight-AAPL-0935", "Filled"),
    ]
    assert friday.journal.find("20121123-equal_weight-AAPL-0935").retry_count == 1
    check_books(friday)


def test_a_half_executed_decision_is_completed_and_not_made_again(friday):
    friday.build()
    friday.journal.intend([intent(friday), intent(friday, "IBM")], DAY, "0935")
    engine = friday.start()
    assert engine.rebalance("0935") == f"decision 0935 of {DAY} is made already"
    assert sorted(fill.symbol for fill in friday.fills()) == ["AAPL", "IBM"]
    check_books(friday)


def test_an_order_that_was_sent_and_not_filled_fills_once(friday):
    friday.build()
    sent = intent(friday)
    friday.journal.intend([sent], DAY, "0935")
    sent.status = OrderStatus.SUBMITTED
    friday.journal.save(sent)
    friday.start()
    friday.step()
    assert friday.statuses() == [("20121123-equal_weight-AAPL-0935", "Filled")]
    check_books(friday)


def test_a_recorded_fill_is_not_filled_again(friday):
    friday.start().rebalance("0935")
    before = friday.account()
    friday.start()
    friday.run("2012-11-23T10:00")
    assert friday.account() == before
    check_books(friday)


def test_purchases_still_wait_for_the_sales_after_a_restart(friday):
    friday.start().rebalance("0935")
    friday.journal.intend(
        [intent(friday, "GOOG", decision="0936"), intent(friday, "IBM", "SELL", 52.0, decision="0936")]
    )
    friday.config.strategy.symbols.append("GOOG")
    friday.events.clear()
    friday.start()
    friday.step()
    assert [fill.symbol for fill in friday.fills()] == ["IBM", "GOOG"]


def test_intents_of_an_earlier_session_are_not_sent(friday):
    friday.build()
    friday.journal.intend([intent(friday, session="2012-11-21")], "2012-11-21", "0935")
    friday.start()
    friday.step()
    record = friday.journal.find("20121121-equal_weight-AAPL-0935")
    assert (record.status, record.error_message) == (OrderStatus.CANCELLED, "not sent in session 2012-11-21")
    assert friday.fills() == []


def test_orders_end_with_their_session(friday):
    friday.build()
    market = intent(friday, session="2012-11-21")
    limit = intent(friday, "IBM", session="2012-11-21", order_type=OrderType.LIMIT, limit_price=50.0)
    friday.journal.intend([market, limit])
    for record in (market, limit):
        record.status = OrderStatus.SUBMITTED
        friday.journal.save(record)
    friday.start()
    friday.step()
    assert friday.journal.open_orders() == []
    ended = friday.journal.find(limit.order_ref)
    assert (ended.status, ended.error_message) == (OrderStatus.CANCELLED, "not filled in session 2012-11-21")


def test_an_engine_that_runs_on_ends_them_at_the_change_of_session(friday):
    friday.config.risk.max_orders_per_minute = 1
    friday.start().rebalance("0935")
    friday.at("2012-11-26T09:30")
    friday.step()
    statuses = [record.status.value for record in friday.journal.orders(DAY)]
    assert statuses == ["Filled", "Cancelled", "Cancelled"]


def test_the_limit_of_a_minute_counts_what_was_sent_before_the_restart(friday):
    friday.config.risk.max_orders_per_minute = 2
    friday.start().rebalance("0935")
    friday.start()
    friday.step()
    assert len(friday.fills()) == 2


class Killed(BaseException):
    """The end of the process: nothing below catches it."""


class Killer:
    """Kills at the given commit, which is then lost; `commits` counts them all."""

    def __init__(self, store, number=None):
        self.commits = 0
        self.number = number
        event.listen(store.engine, "commit", self.commit)

    def commit(self, connection):
        if not connection.get_execution_options().get("read_only"):
            self.commits += 1
            if self.commits == self.number:
                raise Killed


COMMITS = 13
"""Of an undisturbed :func:`trade`."""


def trade(rig):
    """The end of the morning: sell what is too much, buy what is missing."""
    rig.engine.rebalance("0940")
    rig.run("2012-11-23T09:45")


def morning(rig):
    """Two positions, one of which is to be sold for two others."""
    rig.config.strategy.rebalance_frequency = "intraday"
    rig.config.strategy.symbols = ["AAPL", "IBM"]
    rig.config.strategy.max_positions = 3
    rig.start().rebalance("0935")
    rig.config.strategy.symbols = ["IBM", "MSFT", "GOOG"]
    rig.config.risk.max_orders_per_minute = 2
    rig.at("2012-11-23T09:40")
    rig.start()


def test_an_undisturbed_morning_commits_so_often(friday):
    morning(friday)
    killer = Killer(friday.store)
    trade(friday)
    assert killer.commits == COMMITS
    assert set(friday.account().positions) == {"IBM", "MSFT", "GOOG"}


@pytest.mark.parametrize("number", range(1, COMMITS + 1))
def test_a_kill_at_any_commit_changes_nothing_in_the_end(friday, number):
    morning(friday)
    killer = Killer(friday.store, number)
    with pytest.raises(Killed):
        trade(friday)
    assert killer.commits == number
    friday.start()
    trade(friday)
    orders = friday.journal.orders(DAY)
    assert [(record.symbol, record.action.value, record.decision, record.status.value) for record in orders] == [
        ("AAPL", "BUY", "0935", "Filled"),
        ("IBM", "BUY", "0935", "Filled"),
        ("AAPL", "SELL", "0940", "Filled"),
        ("MSFT", "BUY", "0940", "Filled"),
        ("GOOG", "BUY", "0940", "Filled"),
    ]
    assert [fill.fill_id for fill in friday.journal.fills()] == [f"{record.order_ref}-1" for record in orders]
    check_books(friday)


@pytest.mark.parametrize("number", range(1, COMMITS + 1, 3))
def test_a_full_disk_ends_the_engine_and_nothing_is_lost_or_done_twice(friday, number):
    morning(friday)

    def fail(connection):
        if not connection.get_execution_options().get("read_only") and killer.commits >= number:
            raise sqlite3.OperationalError("database or disk is full")

    killer = Killer(friday.store)
    event.listen(friday.store.engine, "commit", fail)
    with pytest.raises(sqlite3.OperationalError, match="disk is full"):
        trade(friday)
    friday.start()
    trade(friday)
    orders = friday.journal.orders(DAY)
    assert [record.status for record in orders] == [OrderStatus.FILLED] * 5
    assert [fill.fill_id for fill in friday.journal.fills()] == [f"{record.order_ref}-1" for record in orders]
    check_books(friday)


class FarBroker:
    """A broker with a memory of its own, as a real one has. `executed` are fills that nobody has asked for yet."""

    def __init__(self, known=(), executed=()):
        self.known = dict.fromkeys(known, OrderStatus.SUBMITTED) if not isinstance(known, dict) else known
        self.executed, self.submitted, self.cancelled = list(executed), [], []

    def orders(self):
        return dict(self.known)

    def executions(self):
        return list(self.executed)

    def submit(self, record, now):
        self.submitted.append(record.order_ref)
        self.known[record.order_ref] = OrderStatus.SUBMITTED

    def cancel(self, order_ref, now):
        self.cancelled.append(order_ref)

    def step(self, now):
        return []


@pytest.fixture
def far(friday):
    """Reconciles a journal that has one intent with what a broker knows."""
    friday.build()
    record = intent(friday)
    friday.journal.intend([record], DAY, "0935")

    def reconcile(status=OrderStatus.PENDING, **memory):
        record.status = status
        friday.journal.save(record)
        broker = FarBroker(**memory)
        handler = OrderHandler(friday.journal, broker, lambda order, *_: Clearance(order.quantity))
        missed = handler.reconcile(DAY, friday.clock.now())
        handler.turn(friday.clock.now())
        return broker, missed, friday.journal.find(record.order_ref)

    reconcile.ref = record.order_ref
    reconcile.fill = Fill("e1", record.order_ref, "AAPL", Action.BUY, 5.0, 567.0, 1.0, friday.clock.now())
    return reconcile


def test_an_intent_that_the_broker_has_is_not_sent_again(far):
    broker, _, record = far(known=[far.ref])
    assert broker.submitted == []
    assert record.status is OrderStatus.SUBMITTED


def test_an_intent_that_the_broker_has_filled_is_not_sent_again(far):
    broker, missed, record = far(executed=[far.fill])
    assert (broker.submitted, missed) == ([], [far.fill])
    assert (record.status, record.avg_fill_price) == (OrderStatus.FILLED, 567.0)


def test_an_intent_that_the_broker_does_not_know_is_sent(far):
    broker, _, record = far()
    assert broker.submitted == [far.ref]
    assert (record.status, record.retry_count) == (OrderStatus.SUBMITTED, 1)


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.ERROR])
def test_an_intent_that_the_broker_has_ended_is_not_sent_again(far, status):
    broker, _, record = far(known={far.ref: status})
    assert broker.submitted == []
    assert (record.status, record.error_message) == (status, "the broker has ended it")


def test_an_order_that_nobody_here_gave_is_logged(far, caplog):
    far(known=["by-hand"])
    assert "the broker has an open order by-hand, which is not one of this journal" in caplog.text


def test_a_sent_order_that_the_broker_no_longer_has_is_over(far):
    broker, _, record = far(status=OrderStatus.SUBMITTED)
    assert broker.submitted == []
    assert (record.status, record.error_message) == (OrderStatus.CANCELLED, "the broker no longer has it")


def test_a_fill_of_a_foreign_order_is_left_out(far, caplog):
    foreign = Fill("e2", "by-hand", "AAPL", Action.BUY, 5.0, 567.0, 1.0, far.fill.at)
    _, missed, _ = far(executed=[foreign])
    assert missed == []
    assert "a fill of by-hand, which is no order of this journal, is left out" in caplog.text
