"""The whole daemon on a virtual clock.

The same loop, scheduler, triggers, states, supervisor and engine; what differs is what they stand on: time that passes
at once, a store in memory, an engine in this process, and notifications that are only recorded.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from calendars import Clock, VirtualClock
from jobs import RunResult
from jobs.scheduler import VolatileJobStore
from jobs.store import SpecReader
from notifiers import MemoryNotifier
from orchestrator.alerts.courier import Courier, MemoryCourier
from orchestrator.child import Ended, Receiver, Said
from orchestrator.config import TradingConfig
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource
from orchestrator.daemon import TradingOrchestrator
from orchestrator.engine.build import build_engine
from orchestrator.engine.host import EngineHost
from orchestrator.engine.link import EngineLink, LocalLink
from orchestrator.events import (
    Alerted,
    EngineMoved,
    EquityMarked,
    Event,
    JobRan,
    OrderFilled,
    OrderUpdated,
    Traded,
)
from orchestrator.inbox import Inbox
from orchestrator.store import Store
from orchestrator.world import EngineSetup

__all__ = ["SimulatedWorld", "Simulation", "Summary"]

PACE = 300.0
"""Seconds between two looks of the engine at its prices: a rehearsal needs no ticks."""


class SimulatedWorld:
    """A machine that exists in memory only.

    :param start: aware; the clock's first reading.
    :param seed: of everything random.
    """

    shared = False

    def __init__(self, start: datetime, seed: int) -> None:
        self.clock: Clock = VirtualClock(start)
        self.seed, self.rng = seed, random.Random(seed)
        self.notifier = MemoryNotifier()

    def adapt(self, config: TradingConfig) -> TradingConfig:
        """A foreign engine has threads and a clock of its own, so the built-in one stands in for it. Nothing reaches a
        real broker: the paper one stands in for it, and invented prices for its own."""
        config = deepcopy(config)
        config.engine.target, config.broker.broker_type = "builtin", "paper"
        if config.data.primary_source == "ibkr":
            config.data.primary_source = "synthetic"
        config.data.update_interval = max(PACE, config.data.update_interval)
        return config

    def free_disk_mb(self, folder: Path) -> float:
        return 1e6

    def open_store(self, config: TradingConfig, base_dir: Path) -> Store:
        return Store("sqlite://").open()

    def close_store(self, store: Store) -> None:
        store.close()

    def job_store(self, store: Store, read_spec: SpecReader) -> VolatileJobStore:
        return VolatileJobStore()

    def courier(self, inbox: Inbox, receiver: Receiver) -> Courier:
        return MemoryCourier(inbox, receiver, self.notifier)

    def launch(self, inbox: Inbox, receiver: Receiver, setup: EngineSetup) -> EngineLink:
        def make_host(emit: Callable[[Any], None]) -> EngineHost:
            return EngineHost(
                lambda: build_engine(
                    setup.config, setup.store, setup.calendar, setup.base_dir, self.clock, emit, self.seed
                ),
                list(setup.config.strategy.symbols),
                emit,
                beat_every=None,
            )

        return LocalLink(inbox, receiver, make_host)

    def spawn(
        self, inbox: Inbox, receiver: Receiver, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> "InstantProcess":
        return InstantProcess(inbox, receiver)


class InstantProcess:
    """Stands in for a user's process, which a rehearsal must not run: it succeeds at once."""

    def __init__(self, inbox: Inbox, receiver: Receiver) -> None:
        inbox.put(Said(receiver, "not run in a simulation"))
        inbox.put(Ended(receiver, 0))

    pid = 0

    def terminate(self) -> None:
        """It has ended already."""

    def kill(self) -> None:
        """It has ended already."""

    def close(self) -> None:
        """It has ended already."""


@dataclass
class Summary:
    """What came of it; money in the account's currency."""

    start: date
    end: date
    sessions: int = 0
    fires: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    engine_starts: int = 0
    restarts: int = 0
    orders: int = 0
    fills: int = 0
    commission: float = 0.0
    alerts: Counter[str] = field(default_factory=Counter)
    starting_equity: float | None = None
    equity: float | None = None
    cash: float | None = None
    worst_drawdown: float = 0.0
    _orders: set[str] = field(default_factory=set)

    def count(self, event: Event) -> None:
        match event:
            case JobRan(run=run):
                self.fires[run.job] += 1
                self.missed += run.result is RunResult.MISSED
            case EngineMoved(action=action):
                self.engine_starts += action in {"start", "restart"}
                self.restarts += action == "restart"
            case Alerted(level=level):
                self.alerts[level.value] += 1
            case Traded(event=OrderUpdated(order_ref=ref)):
                self._orders.add(ref)
                self.orders = len(self._orders)
            case Traded(event=OrderFilled(commission=commission)):
                self.fills += 1
                self.commission += commission
            case Traded(event=EquityMarked() as mark):
                self._mark(mark)

    def _mark(self, mark: EquityMarked) -> None:
        self.equity, self.cash = mark.equity, mark.cash
        self.worst_drawdown = max(self.worst_drawdown, mark.drawdown)

    def to_dict(self) -> dict[str, Any]:
        profit = None if self.equity is None or self.starting_equity is None else self.equity - self.starting_equity
        return {
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "sessions": self.sessions,
            "fires": dict(sorted(self.fires.items())),
            "missed": self.missed,
            "engine_starts": self.engine_starts,
            "restarts": self.restarts,
            "orders": self.orders,
            "fills": self.fills,
            "commission": round(self.commission, 2),
            "alerts": dict(sorted(self.alerts.items())),
            "equity": None if self.equity is None else round(self.equity, 2),
            "cash": None if self.cash is None else round(self.cash, 2),
            "profit": None if profit is None else round(profit, 2),
            "worst_drawdown": round(self.worst_drawdown, 6),
        }


class Simulation:
    """One run of the daemon from one exchange date to another, both included.

    :param config_path: None for the embedded defaults.
    :param listener: hears every event as it happens.
    :raises ConfigError, FileNotFoundError: the config can't be used.
    :raises ValueError: `end` is before `start`, or the calendar does not know these years.
    """

    def __init__(
        self, config_path: Path | None, start: date, end: date, seed: int, listener: Callable[[Event], None]
    ) -> None:
        if end < start:
            raise ValueError(f"the end {end} is before the start {start}")
        config = ConfigSource(config_path).load().config
        self.calendar = market_calendar(config)
        zone = self.calendar.exchange_timezone
        self._end = datetime.combine(end + timedelta(days=1), time(0), zone)
        self.world = SimulatedWorld(datetime.combine(start, time(0), zone), seed)
        self.summary = Summary(start, end, len(self.calendar.sessions(start, end)))
        self.summary.starting_equity = config.broker.starting_cash
        self._orchestrator = TradingOrchestrator(config_path, world=self.world)
        self._orchestrator.subscribe(self.summary.count)
        self._orchestrator.subscribe(listener)

    def run(self) -> Summary:
        """Let the whole range pass."""
        orchestrator, clock = self._orchestrator, self.world.clock
        orchestrator.open()
        try:
            while (now := clock.now()) < self._end:
                until = orchestrator.step(now)
                clock.wait(orchestrator.loop.inbox, min(until, self._end))
        finally:
            orchestrator.close()
        return self.summary
