"""The engine that the config names is made, and those who follow orders are connected to it."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from calendars import MarketCalendar, VirtualClock
from orchestrator.breaker import read_trip
from orchestrator.config import EngineConfig, TradingConfig
from orchestrator.engine.build import build_engine
from orchestrator.events import AlertRaised, BreakerTripped, EngineEvent
from orchestrator.store import Store

FOREIGN = """
class Quiet:
    def connect(self): return True
    def start(self, symbols): return True
    def stop(self): pass
    def disconnect(self): pass
    def is_connected(self): return True

class Guarded(Quiet):
    def register_circuit_breaker_callback(self, callback): self.tripped = callback

class Talkative(Quiet):
    def register_fill_callback(self, callback): self.filled = callback
    def register_error_callback(self, callback): self.failed = callback
"""


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes an engine of a module that is not ours; what it tells is noted."""
    (tmp_path / "desk_engines.py").write_text(FOREIGN)
    monkeypatch.syspath_prepend(tmp_path)
    told: list[EngineEvent] = []

    def make(name: str, store: Store | None = None):
        config = TradingConfig(engine=EngineConfig(target=f"desk_engines:{name}"))
        config.risk.flatten_on_breaker = True
        clock = VirtualClock(datetime(2026, 11, 24, 15, 0, tzinfo=UTC))
        return build_engine(config, store or Store("sqlite://"), MarketCalendar(), tmp_path, clock, told.append), told

    return make


def test_fills_and_errors_of_a_foreign_engine_become_alerts(foreign) -> None:
    engine, told = foreign("Talkative")
    order = SimpleNamespace(symbol="AAPL", action="BUY", total_quantity=100, order_id=7, status="Filled")
    engine.filled(SimpleNamespace(**vars(order), filled_quantity=100, avg_fill_price=150.0, fills=[]))
    engine.failed(order, "margin is short")
    assert [(each.topic, each.level) for each in told if isinstance(each, AlertRaised)] == [
        ("order", "info"),
        ("order", "warning"),
    ]
    assert "BUY 100 AAPL" in told[0].message
    assert "margin is short" in told[1].message


def test_foreign_engine_that_lets_nobody_follow_is_taken_as_it_is(foreign) -> None:
    engine, told = foreign("Quiet")
    assert engine.is_connected()
    assert told == []


def test_breaker_of_a_foreign_engine_that_has_one_is_committed_and_told(foreign) -> None:
    with Store("sqlite://") as store:
        engine, told = foreign("Guarded", store)
        engine.tripped("the desk has lost 12 % today", drawdown=0.12)
        reason = "circuit breaker: the desk has lost 12 % today"
        trip = BreakerTripped("2026-11-24T15:00:00+00:00", reason, 0.12, None, flatten=True)
        assert told == [trip]
        assert read_trip(store) == trip
