"""A machine that exists in memory only: what a rehearsal of the daemon stands on."""

import random
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calendars import Clock, VirtualClock
from jobs.scheduler import VolatileJobStore
from jobs.store import SpecReader
from notifiers import MemoryNotifier
from orchestrator.alerts.courier import Courier, MemoryCourier
from orchestrator.config import TradingConfig
from orchestrator.config.source import Adapt, ConfigSource
from orchestrator.engine.build import build_engine
from orchestrator.engine.host import EngineHost
from orchestrator.engine.link import EngineLink, LocalLink
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Ended, Receiver, Said
from orchestrator.store import Store
from orchestrator.world import EngineSetup

__all__ = ["PACE", "InstantProcess", "SimulatedWorld"]

PACE = 300.0
"""Seconds between two looks of the engine at its prices: a rehearsal needs no ticks."""


class SimulatedWorld:
    """A machine that exists in memory only.

    :param start: aware; the clock's first reading.
    :param seed: of everything random.
    """

    shared = False
    unfailing = True
    earliest = datetime.min.replace(tzinfo=UTC)

    def __init__(self, start: datetime, seed: int) -> None:
        self.clock: Clock = VirtualClock(start)
        self.seed, self.rng = seed, random.Random(seed)
        self.notifier = MemoryNotifier()

    def config_source(self, path: Path | None, adapt: Adapt) -> ConfigSource:
        return ConfigSource(path, adapt)

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

    def find_store(self, config: TradingConfig, base_dir: Path) -> Store | None:
        return None

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
