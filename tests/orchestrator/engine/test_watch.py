"""The watch on the account's value: the peak, the warning, the circuit breaker, and what of it outlives a restart."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from notifiers import AlertLevel, MemoryNotifier, RiskNotificationAdapter
from orchestrator.config import RiskConfig
from orchestrator.engine.notices import Notices
from orchestrator.engine.watch import EquityWatch, drawdown
from orchestrator.store import equity

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)
FRIDAY, MONDAY = "2012-11-23", "2012-11-26"


class Tower:
    def __init__(self, store):
        self.store, self.told = store, MemoryNotifier()
        self.risk = RiskConfig()
        self.now = NOW
        self.restart()

    def restart(self, starting_cash=1000.0):
        notices = Notices(self.store)
        notices.load()
        self.watch = EquityWatch(
            self.store, self.risk, RiskNotificationAdapter([self.told], now=lambda: self.now), notices, starting_cash
        )
        self.watch.load()

    def look(self, value, session=FRIDAY):
        self.now += timedelta(minutes=1)
        return self.watch.look(self.now, session, value, value)

    def levels(self):
        return [message.level for message in self.told.messages]

    def rows(self):
        return [row["equity"] for row in self.store.rows(select(equity).order_by(equity.c.at))]


@pytest.fixture
def tower(store):
    return Tower(store)


def test_drawdown_is_the_loss_from_the_peak():
    assert drawdown(200.0, 150.0) == 0.25
    assert drawdown(200.0, 200.0) == drawdown(200.0, 250.0) == 0.0


def test_the_peak_begins_with_the_starting_cash(tower):
    assert tower.look(990.0).drawdown == 0.01
    assert tower.look(1100.0).drawdown == 0.0
    assert tower.look(1045.0).drawdown == 0.05


def test_below_its_threshold_the_breaker_does_not_trip(tower):
    tower.look(900.01)
    assert not tower.watch.tripped(FRIDAY)
    assert tower.levels() == []


def test_at_its_threshold_the_breaker_trips_and_says_so_once(tower):
    tower.look(900.0)
    tower.look(899.0)
    assert tower.watch.tripped(FRIDAY)
    [message] = tower.told.messages
    assert message.level is AlertLevel.CRITICAL
    assert "900.00 is 10.00% below its peak 1000.00" in message.message
    assert (message.metadata["drawdown"], message.metadata["threshold"]) == (0.1, 0.1)


def test_a_recovery_does_not_end_it_in_the_session(tower):
    tower.look(900.0)
    tower.look(1200.0)
    assert tower.watch.tripped(FRIDAY)


def test_a_restart_does_not_forget_it(tower):
    tower.look(900.0)
    tower.restart()
    assert tower.watch.tripped(FRIDAY)
    tower.look(890.0)
    assert tower.levels() == [AlertLevel.CRITICAL]
    assert tower.store.read_meta("circuit_breaker")["session"] == FRIDAY


def test_the_next_session_trips_it_again_if_the_loss_is_still_there(tower):
    tower.look(900.0)
    assert not tower.watch.tripped(MONDAY)
    tower.look(895.0, MONDAY)
    assert tower.watch.tripped(MONDAY)
    assert tower.levels() == [AlertLevel.CRITICAL, AlertLevel.CRITICAL]


def test_the_next_session_is_free_if_the_equity_has_recovered(tower):
    tower.look(900.0)
    tower.look(950.0, MONDAY)
    assert not tower.watch.tripped(MONDAY)


def test_a_breaker_that_is_off_does_not_trip(tower):
    tower.risk.enable_circuit_breaker = False
    tower.look(895.0)
    assert not tower.watch.tripped(FRIDAY)
    assert tower.levels() == []


def test_max_portfolio_drawdown_warns_once_in_a_session(tower):
    tower.risk.enable_circuit_breaker = False
    tower.look(880.0)
    tower.look(870.0)
    tower.restart()
    tower.look(860.0)
    assert tower.levels() == [AlertLevel.WARNING]
    tower.look(860.0, MONDAY)
    assert tower.levels() == [AlertLevel.WARNING, AlertLevel.WARNING]


def test_the_peak_outlives_a_restart(tower):
    tower.look(2000.0)
    tower.restart()
    assert tower.look(1900.0).drawdown == 0.05


def test_a_kill_forgets_no_more_of_the_peak_than_a_thousandth(tower):
    for value in (1000.5, 1001.2, 1001.9):
        tower.look(value)
    tower.restart()
    assert tower.look(1000.0).drawdown == pytest.approx(1 - 1000 / 1001.2, abs=1e-6)


def test_another_starting_cash_is_no_profit_and_no_loss(tower):
    tower.look(1100.0)
    tower.restart(starting_cash=500.0)
    assert tower.look(600.0).drawdown == 0.0
    tower.restart(starting_cash=1500.0)
    assert tower.look(1440.0).drawdown == 0.1


def test_a_row_is_kept_every_quarter_of_an_hour(tower):
    for minute in range(31):
        tower.look(1000.0 - minute)
    assert tower.rows() == [1000.0, 985.0, 970.0]


def test_a_row_can_be_kept_at_once(tower):
    tower.look(1000.0)
    tower.watch.keep(tower.look(999.0))
    assert tower.rows() == [1000.0, 999.0]
