"""Makes the engine that the config names."""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

from calendars import Clock, MarketCalendar
from notifiers import OrderNotificationAdapter
from orchestrator.breaker import record_trip
from orchestrator.config import TradingConfig
from orchestrator.engine.alerts import AlertEmitter
from orchestrator.engine.interface import TradingEngine
from orchestrator.events import BreakerTripped, EngineEvent
from orchestrator.store import Store

if TYPE_CHECKING:
    from orchestrator.engine.venue import Line

__all__ = ["build_engine"]


def build_engine(
    config: TradingConfig,
    store: Store,
    calendar: MarketCalendar,
    base_dir: Path,
    clock: Clock,
    emit: Callable[[EngineEvent], None],
    seed: int = 0,
    line: "Line | None" = None,
) -> TradingEngine:
    """The built-in engine, or an instance of the class that ``engine.target`` names.

    :param seed: of synthetic prices.
    :param line: what the built-in engine reaches a paper broker and its prices through, if anything.

    A foreign class is called without arguments, or with the config if its constructor has a parameter ``config``.

    :raises ValueError: there is no such class, or it lacks a method of the engine interface.
    """
    if config.engine.target == "builtin":
        from orchestrator.engine.builtin import BuiltinEngine

        return BuiltinEngine(config, store, calendar, base_dir, clock, emit, seed, line)
    engine = _foreign(config)
    _tell_of_orders(engine, clock, emit)
    _listen_to_breaker(engine, config, store, clock, emit)
    return engine


def _tell_of_orders(engine: TradingEngine, clock: Clock, emit: Callable[[EngineEvent], None]) -> None:
    """Alerts of the fills and troubles of a foreign engine, as far as it lets anybody follow them; from any thread."""
    adapter = OrderNotificationAdapter([AlertEmitter("order", emit)], now=clock.now)
    callbacks = {
        "register_fill_callback": adapter.on_order_filled,
        "register_status_callback": adapter.on_order_status_changed,
        "register_error_callback": adapter.on_order_error,
    }
    for name, callback in callbacks.items():
        register = getattr(engine, name, None)
        if callable(register):
            register(callback)


def _listen_to_breaker(
    engine: TradingEngine, config: TradingConfig, store: Store, clock: Clock, emit: Callable[[EngineEvent], None]
) -> None:
    """Losses are a foreign engine's own business; but if it says that its breaker has tripped, that is a halt."""

    def tripped(reason: str, drawdown: float | None = None, threshold: float | None = None) -> None:
        flatten = config.risk.flatten_on_breaker
        trip = BreakerTripped(clock.now().isoformat(), f"circuit breaker: {reason}", drawdown, threshold, flatten)
        record_trip(store, trip)
        emit(trip)

    register = getattr(engine, "register_circuit_breaker_callback", None)
    if callable(register):
        register(tripped)


def _foreign(config: TradingConfig) -> TradingEngine:
    target = config.engine.target
    module, _, name = target.partition(":")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"engine.target {target!r} can't be imported: {error}") from error
    takes_config = "config" in inspect.signature(cls).parameters
    engine = cls(config=config) if takes_config else cls()
    methods = ("connect", "start", "stop", "disconnect", "is_connected")
    missing = [method for method in methods if not callable(getattr(engine, method, None))]
    if missing:
        raise ValueError(f"engine.target {target!r} is no trading engine: it has no {', '.join(missing)}()")
    return cast(TradingEngine, engine)
