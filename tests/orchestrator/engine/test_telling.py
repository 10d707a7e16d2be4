"""What was committed is told, whatever comes between the commit and the daemon's ear."""

import pytest
from sqlalchemy import event

from orchestrator.engine import Action, OrderRecord
from orchestrator.engine.broker import BrokerError
from orchestrator.engine.clearing import Clearance
from orchestrator.engine.orders import OrderHandler
from orchestrator.events import AlertRaised, NewsTold, OrderFilled, OrderUpdated

DAY, OPEN = "2012-11-23", "2012-11-23T09:35"


class Killed(BaseException):
    """The end of the process: nothing below catches it."""


@pytest.fixture
def friday(rig):
    rig.replay()
    rig.at(OPEN)
    return rig


def deaf(rig, kind):
    """The process is killed as it is about to tell the first event of this kind."""

    class Pipe(list):
        def append(self, told):
            if isinstance(told, kind):
                raise Killed
            super().append(told)

    rig.events = Pipe(rig.events)


def hearing(rig):
    rig.events = list(rig.events)


def filled(rig):
    return [told.fill_id for told in rig.fills()]


def titles(rig):
    return [told.title for told in rig.alerts("order")]


REFS = [f"20121123-equal_weight-{symbol}-0935" for symbol in ("AAPL", "IBM", "MSFT")]


@pytest.mark.parametrize("kind", [OrderFilled, AlertRaised])
def test_a_fill_that_was_committed_and_not_told_is_told_after_the_restart(friday, kind):
    deaf(friday, kind)
    friday.start()
    with pytest.raises(Killed):
        friday.engine.rebalance("0935")
    assert [fill.fill_id for fill in friday.journal.fills()] == [f"{REFS[0]}-1"]
    assert titles(friday) == []
    hearing(friday)
    before = filled(friday)
    friday.start()
    assert filled(friday)[len(before) :] == [f"{REFS[0]}-1"]
    assert titles(friday) == ["Order filled: AAPL"]
    assert (REFS[0], "Filled") in friday.statuses()
    friday.step()
    assert filled(friday)[len(before) :] == [f"{ref}-1" for ref in REFS]
    assert titles(friday) == ["Order filled: AAPL", "Order filled: IBM", "Order filled: MSFT"]


def test_what_has_been_told_is_not_told_again(friday):
    friday.start().rebalance("0935")
    for _ in range(3):
        friday.start()
        friday.step()
    assert filled(friday) == [f"{ref}-1" for ref in REFS]
    assert len(titles(friday)) == 3


def test_a_kill_right_after_the_commit_loses_no_news(friday):
    """Here the commit has happened, and the process is killed before the engine hears of it."""
    friday.start()
    commits = []

    def kill(connection):
        if not connection.get_execution_options().get("read_only"):
            commits.append(1)
            if len(commits) == 5:  # one for the decision, three for what was sent, and the first fill
                connection.connection.dbapi_connection.commit()
                raise Killed

    event.listen(friday.store.engine, "commit", kill)
    with pytest.raises(Killed):
        friday.engine.rebalance("0935")
    assert friday.fills() == []
    friday.start()
    friday.step()
    assert filled(friday) == [f"{ref}-1" for ref in REFS]


class Refusing:
    """A broker that wants nothing."""

    def orders(self):
        return {}

    def executions(self):
        return []

    def step(self, now):
        return []

    def submit(self, record, now):
        raise BrokerError("no such symbol")


def test_a_refused_order_whose_alert_was_lost_is_told_after_the_restart(friday):
    friday.build()
    now, told = friday.clock.now(), []

    def handler(callback):
        handler = OrderHandler(friday.journal, Refusing(), lambda order, *_: Clearance(order.quantity))
        handler.register_error_callback(callback)
        handler.register_news_callback(lambda news: friday.hear(NewsTold(news)))
        handler.reconcile(DAY, now)
        return handler

    def killed(record, reason):
        raise Killed

    record = OrderRecord(REFS[0], DAY, "equal_weight", "0935", "AAPL", Action.BUY, 5.0, now, now)
    first = handler(killed)
    first.intend([record], DAY)
    with pytest.raises(Killed):
        first.turn(now)
    for _ in range(2):
        handler(lambda record, reason: told.append((record.order_ref, reason))).turn(now)
    assert told == [(REFS[0], "no such symbol")]


def test_with_the_daemon_gone_nothing_counts_as_told(friday):
    class Broken(list):
        def append(self, told):
            if isinstance(told, OrderFilled | OrderUpdated | NewsTold):
                raise BrokenPipeError
            super().append(told)

    friday.events = Broken()
    friday.start().rebalance("0935")
    hearing(friday)
    friday.start()
    assert filled(friday) == [f"{ref}-1" for ref in REFS]
