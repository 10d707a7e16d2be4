"""The built-in engine on a real database file and a virtual clock, connected to a gateway on loopback."""

import sys
import time
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

sys.path.insert(0, str(Path(__file__).parent))

if find_spec("eventkit") is None:  # no client library for Interactive Brokers is installed
    collect_ignore_glob = ["test_*.py"]

from gateway import Gateway

from calendars import VirtualClock
from orchestrator.config import embedded_defaults
from orchestrator.config.rules import market_calendar
from orchestrator.engine.builtin import BuiltinEngine
from orchestrator.engine.journal import Journal
from orchestrator.events import AlertRaised, NewsTold, OrderFilled, OrderUpdated
from orchestrator.news import STRIKE_OFF
from orchestrator.store import Store

NEW_YORK = ZoneInfo("America/New_York")
PATIENCE = 20.0
"""Real seconds for what a test waits for; time on the virtual clock does not pass meanwhile."""


def pytest_collection_modifyitems(items):
    """ib_insync asks for the event loop in a way that Python 3.14 warns of."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore:.*event_loop_policy:DeprecationWarning"))


def at_new_york(text):
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


class Rig:
    """`engine` is the running one; `events` has what any engine here has emitted."""

    def __init__(self, folder, gateway, start="2026-11-24T09:35"):
        self.folder, self.gateway = folder, gateway
        self.clock = VirtualClock(at_new_york(start))
        gateway.now = self.clock.now
        config = self.config = embedded_defaults()
        config.broker.broker_type = "ibkr"
        config.broker.port, config.broker.client_id = gateway.port, 7
        config.broker.account_number = None
        config.strategy.symbols = ["AAPL", "MSFT"]
        config.strategy.position_size_pct = 0.10
        config.data.primary_source = None
        config.data.cache_dir = str(folder / "cache")
        config.engine.start_timeout = 20.0
        self.events = []
        self.store = self.engine = None
        self._engines = []

    # --- engines ---

    def build(self, strategy=None):
        """A new engine on the same file, as a new process would have. The connection of the old one is broken, as the
        kernel does it when a process is killed."""
        self.kill()
        self.store = Store(f"sqlite:///{self.folder}/orchestrator.db").open()
        self.engine = BuiltinEngine(
            self.config, self.store, market_calendar(self.config), self.folder, self.clock, self.hear
        )
        self._engines.append(self.engine)
        if strategy is not None:
            self.engine.add_strategy(strategy)
        return self.engine

    def hear(self, told):
        """As the daemon does: what has been taken is struck off."""
        self.events.append(told)
        if isinstance(told, NewsTold):
            with self.store.engine.begin() as connection:
                connection.execute(STRIKE_OFF, {"told": told.news})

    def start(self, strategy=None):
        self.build(strategy)
        assert self.engine.connect()
        assert self.engine.start(self.config.strategy.symbols)
        return self.engine

    def kill(self):
        """End the engine without its help."""
        if self.engine is None:
            return
        client, sessions = self.connection.client, len(self.gateway.sessions)
        if client is not None and client.client.conn.transport is not None:
            client.client.conn.transport.abort()
        self.connection.client = None
        self.connection.close()
        self.store.close()
        self.engine = None
        if sessions:
            self.wait_for(lambda: len(self.gateway.sessions) < sessions, "the gateway notices that it is gone")

    def stop(self):
        self.engine.stop()
        self.engine.disconnect()

    def cancel_purchases(self):
        """As the circuit breaker does."""
        handler, reason = self.engine._trader.handler, "the circuit breaker has tripped"
        handler.cancel(lambda record: record.action == "BUY", self.clock.now(), reason)

    # --- time and turns ---

    def step(self, times=1):
        for _ in range(times):
            self.engine.step(self.clock.now())

    def advance(self, seconds):
        self.clock.advance(timedelta(seconds=seconds))

    def pass_time(self, seconds):
        """Let so much time pass, a second in each step."""
        for _ in range(int(seconds)):
            self.advance(1)
            self.settle()

    def settle(self, rounds=3):
        """Step until gateway and engine have told each other all there is to tell, for now."""
        for _ in range(rounds):
            self.step()
            self.gateway.do(lambda: None)
            self.connection.pump.pause(0.002)
        self.step()

    def until(self, fact, what="it"):
        """Step, on a clock that stands still, until the fact is true."""
        end = time.monotonic() + PATIENCE
        while not (found := fact()):
            assert time.monotonic() < end, f"{what}: it never happened"
            self.step()
            self.connection.pump.pause(0.004)
        return found

    def wait_for(self, fact, what):
        end = time.monotonic() + PATIENCE
        while not fact():
            assert time.monotonic() < end, f"{what}: it never happened"
            self.gateway.do(lambda: None)

    def at(self, text):
        self.clock.advance(at_new_york(text).astimezone(UTC) - self.clock.now())

    # --- looking ---

    @property
    def broker(self):
        return self.engine._broker

    @property
    def connection(self):
        return self.engine._prices._connection

    @property
    def ready(self):
        return self.engine.is_connected()

    @property
    def journal(self):
        return Journal(self.store)

    def records(self):
        return {record.order_ref: record for record in self.journal.orders(f"{self.clock.now():%Y-%m-%d}")}

    def record(self, symbol):
        """The last order in this symbol."""
        return [record for record in self.records().values() if record.symbol == symbol][-1]

    def status(self, symbol):
        return self.record(symbol).status.value

    def statuses(self):
        return [(event.symbol, event.status) for event in self.events if isinstance(event, OrderUpdated)]

    def fills(self):
        return [event for event in self.events if isinstance(event, OrderFilled)]

    def alerts(self, *levels):
        found = [event for event in self.events if isinstance(event, AlertRaised)]
        return [event.title for event in found if not levels or event.level in levels]

    def sent_refs(self):
        """The orders that have reached the gateway, by their names."""
        return [placed.order_ref for placed in self.gateway.placed]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """For what a gateway on loopback has said long before, or never will."""
    monkeypatch.setattr("orchestrator.engine.ibkr.prices.FIRST_PRICES", 1.0)


@pytest.fixture
def gateway():
    with Gateway() as gateway:
        gateway.brokerage.list_stock("AAPL", 200.0)
        gateway.brokerage.list_stock("MSFT", 50.0)
        day = [f"202611{number:02d}" for number in (16, 17, 18, 19, 20, 23)]
        for symbol, price in list(gateway.brokerage.prices.items()):
            gateway.brokerage.bars[symbol] = [(each, price, price, price, price, 1000.0) for each in day]
        yield gateway


@pytest.fixture
def rig(tmp_path, gateway):
    rig = Rig(tmp_path, gateway)
    yield rig
    rig.kill()


@pytest.fixture
def make_rig(gateway):
    made = []

    def make(folder, start="2026-11-24T09:35"):
        made.append(Rig(folder, gateway, start))
        return made[-1]

    yield make
    for each in made:
        each.kill()
