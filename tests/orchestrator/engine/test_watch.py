"""The watch on the account's value: the peak, the warning, the circuit breaker, and what of it outlives a restart."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, select

from notifiers import AlertLevel, MemoryNotifier, RiskNotificationAdapter
from orchestrator.breaker import RESUMED, read_trip
from orchestrator.config import RiskConfig
from orchestrator.engine.notices import Notices
from orchestrator.engine.watch import EquityWatch, drawdown
from orchestrator.store import equity

NOW = datetime(2012, 11, 23, 14, 35, tzinfo=UTC)
FRIDAY, MONDAY = "2012-11-23", "2012-11-26"


class Tower:
    def __init__(self, store):
        self.store, self.told, self.trips = store, MemoryNotifier(), []
        self.risk = RiskConfig()
        self.now = NOW
        self.restart()

    def restart(self, starting_cash=1000.0):
        notices = Notices(self.store)
        notices.load()
        adapter = RiskNotificationAdapter([self.told], now=lambda: self.now)
        self.watch = EquityWatch(self.store, self.risk, adapter, self.trips.append, notices, starting_cash)
        self.watch.load()

    def look(self, value, session=FRIDAY):
        self.now += timedelta(minutes=1)
        return self.watch.look(self.now, session, value, value)

    def resume(self):
        """As the daemon does it."""
        self.store.write_meta(RESUMED, read_trip(self.store).at)

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
    assert (tower.watch.tripped, tower.trips) == (False, [])


def test_at_its_threshold_the_breaker_trips_and_says_so_once(tower):
    tower.look(900.0)
    tower.look(899.0)
    assert tower.watch.tripped
    [trip] = tower.trips
    assert trip.reason == (
        "circuit breaker: equity 900.00 is 10.00% below its peak 1,000.00, and the threshold is 10.00%"
    )
    assert (trip.drawdown, trip.threshold, trip.flatten) == (0.1, 0.1, False)


def test_a_trip_is_committed_before_it_is_told(tower):
    def killed(trip):
        raise KeyboardInterrupt

    tower.watch._emit = killed
    with pytest.raises(KeyboardInterrupt):
        tower.look(900.0)
    committed = read_trip(tower.store)
    tower.restart()
    assert tower.watch.tripped
    assert tower.trips == [committed]


@pytest.mark.parametrize("session", [FRIDAY, MONDAY])
def test_neither_a_recovery_nor_a_restart_nor_another_session_ends_it(tower, session):
    tower.look(900.0)
    tower.look(1200.0, session)
    assert tower.watch.tripped
    tower.restart()
    tower.look(1200.0, session)
    assert tower.watch.tripped
    assert len({trip.at for trip in tower.trips}) == 1


def test_after_a_resume_losses_are_counted_from_the_equity_of_the_next_look(tower):
    tower.look(900.0)
    tower.resume()
    tower.restart()
    assert tower.look(850.0).drawdown == 0.0
    assert not tower.watch.tripped
    assert tower.look(765.01).drawdown == pytest.approx(0.1, abs=1e-4)
    assert not tower.watch.tripped
    tower.look(765.0)
    assert tower.watch.tripped


def test_a_resume_that_was_killed_before_the_next_look_holds_and_one_after_it_is_not_doubled(tower):
    tower.look(900.0)
    tower.resume()
    for _ in range(3):
        tower.restart()
    assert tower.look(880.0).drawdown == 0.0
    tower.restart()
    assert tower.look(836.0).drawdown == 0.05


def test_a_kill_within_the_new_beginning_leaves_the_resume_to_the_next_run(tower):
    tower.look(900.0)
    tower.resume()
    tower.restart()

    def kill(connection):
        if not connection.get_execution_options().get("read_only"):
            raise KeyboardInterrupt

    event.listen(tower.store.engine, "commit", kill)
    with pytest.raises(KeyboardInterrupt):
        tower.look(880.0)
    event.remove(tower.store.engine, "commit", kill)
    tower.restart()
    assert not tower.watch.tripped
    assert tower.look(870.0).drawdown == 0.0


def test_a_breaker_that_is_off_does_not_trip(tower):
    tower.risk.enable_circuit_breaker = False
    tower.look(895.0)
    assert not tower.watch.tripped
    assert (tower.levels(), tower.trips) == ([], [])


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
