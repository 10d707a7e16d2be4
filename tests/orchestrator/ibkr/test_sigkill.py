"""Engine processes, as the daemon starts them, that are killed while they trade: a SIGKILL before a message of theirs
is handled, or before one for them is sent. Another process takes over, and the numbers agree."""

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from gateway import ack, fill, partial, reject

from orchestrator.config import to_dict
from orchestrator.engine.journal import Journal
from orchestrator.engine.link import ProcessLink
from orchestrator.events import EngineFailed, EngineReady, decode
from orchestrator.inbox import Inbox
from orchestrator.store import Store, orders

FATES = {"AAPL": fill(), "MSFT": partial(50, 60, None), "IBM": reject("no"), "GOOG": ack}
ENDS = {"AAPL": "Filled", "MSFT": "Filled", "IBM": "Error", "GOOG": "Submitted"}
PATIENCE = 30.0


class Run:
    """One engine process. It is told to make the decision as soon as it is ready."""

    def __init__(self, config, folder):
        self.inbox = Inbox()
        self.code = None
        self.failure = ""
        startup = {
            "config": to_dict(config),
            "base_dir": str(folder),
            "symbols": list(config.strategy.symbols),
            "beat_every": 1.0,
            "start_timeout": config.engine.start_timeout,
            "patience": 80.0,
            "log_level": "WARNING",
            "import_paths": [],
        }
        self.link = ProcessLink(self.inbox, self, startup)

    def receive(self, message, now):
        event = decode(message)
        if isinstance(event, EngineReady):
            self.link.send({"command": "rebalance", "decision": "1000"})
        elif isinstance(event, EngineFailed):
            self.failure = event.reason

    def ended(self, code, now):
        self.code = code

    def until(self, fact):
        end = time.monotonic() + PATIENCE
        while not fact():
            assert time.monotonic() < end, f"it never happened (exit code {self.code}, {self.failure})"
            self.inbox.wait(0.02)
            for message in self.inbox.drain():
                message.handle(datetime.now(UTC))

    def close(self):
        if self.code is None:
            self.link.kill()
            self.until(lambda: self.code is not None)
        self.link.close()
        self.inbox.close()


@pytest.fixture
def place(make_rig, tmp_path, gateway):
    """Config and folder of a new installation, at a market that never closes."""
    config = make_rig(tmp_path).config
    gateway.now = lambda: datetime.now(UTC)
    gateway.fates = dict(FATES)
    for symbol in FATES:
        if symbol not in gateway.brokerage.prices:
            gateway.brokerage.list_stock(symbol, 100.0)
        gateway.brokerage.bars[symbol] = [("20261120", 1.0, 1.0, 1.0, 1.0, 1.0)]
    config.strategy.symbols = list(FATES)
    config.schedule.calendar = "ALWAYS"
    config.broker.maintenance_windows = []
    config.data.update_interval, config.data.cache_enabled = 0.05, False
    config.state_dir = str(tmp_path)
    return config, tmp_path


def records(folder):
    with Store(f"sqlite:///{folder}/orchestrator.db") as store:
        return [Journal(store).find(row["order_ref"]) for row in store.rows(orders.select())]


def is_done(folder):
    """Read as any other program would."""
    path = folder / "orchestrator.db"
    if not path.exists():
        return False
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        try:
            return dict(connection.execute("SELECT symbol, status FROM orders")) == ENDS
        except sqlite3.OperationalError:  # it is just being made
            return False


def check(folder, gateway):
    found = records(folder)
    assert sorted(placed.order_ref for placed in gateway.placed) == sorted(record.order_ref for record in found)
    filled = {record.symbol: record.filled_quantity for record in found if record.filled_quantity}
    assert filled == {symbol: held for symbol, (held, _) in gateway.brokerage.positions["DU123456"].items()}
    fills = [each for record in found for each in record.fills]
    assert len(fills) == len(gateway.brokerage.executions) == 4


KILLS = [
    ("in", "7", 1, "before it has heard of executions"),
    ("in", "3", 1, "when its first order goes out"),
    ("in", "3", 3, "between two orders"),
    ("out", "11", 1, "before it hears of its first execution"),
    ("out", "59", 2, "between an execution and its commission"),
    ("out", "3", 6, "before the end of an order"),
]
"""Direction and kind of a message, which of its kind, and what that means for the engine."""


class Killer:
    """Kills before the n-th message of a kind."""

    def __init__(self, direction="", kind="", number=0):
        self.place, self.left, self.pid = (direction, kind), number, None

    def __call__(self, direction, fields):
        self.left -= (direction, fields[0]) == self.place
        if self.left == 0 and self.place[1]:
            self.place = ("", "")
            os.kill(self.pid, signal.SIGKILL)


def run_to_the_end(config, folder, gateway, killer):
    """Run an engine until it is done or killed; whether it was killed."""
    gateway.trap = killer
    run = Run(config, folder)
    killer.pid = run.link.pid
    try:
        run.until(lambda: run.code is not None or is_done(folder))
        return run.code is not None
    finally:
        run.close()
        gateway.trap = lambda *_: None


@pytest.mark.parametrize(("direction", "kind", "number", "meaning"), KILLS)
def test_an_engine_that_is_killed_while_it_trades(place, gateway, direction, kind, number, meaning):
    config, folder = place
    assert run_to_the_end(config, folder, gateway, Killer(direction, kind, number)), f"it was not killed {meaning}"
    assert not run_to_the_end(config, folder, gateway, Killer())
    check(folder, gateway)
