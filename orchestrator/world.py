"""What the daemon stands on: clock, store, processes. One is real; the simulation's is another."""

import random
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from calendars import Clock, MarketCalendar, SystemClock
from jobs.store import JSONJobStore, SpecReader
from orchestrator.alerts.courier import Courier, CourierProcess
from orchestrator.config import TradingConfig, store_url, to_dict
from orchestrator.config.source import Adapt, ConfigSource
from orchestrator.engine.link import EngineLink, ProcessLink
from orchestrator.fallback import existing_store
from orchestrator.inbox import Inbox
from orchestrator.lock import StoreLock
from orchestrator.processes.child import Child, Receiver
from orchestrator.schedule.runner import Process
from orchestrator.store import Store, record_claim

__all__ = ["EngineSetup", "RealWorld", "World"]

BUSY_TIMEOUT = 2.0
"""Seconds that the loop waits for another writer of the database; what can't be written then goes with a later turn."""


OPEN_TIMEOUT = 30.0
"""The same, before the loop begins."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """What an engine is started with."""

    config: TradingConfig
    base_dir: Path
    calendar: MarketCalendar
    store: Store


class World(Protocol):
    """Everything outside that the daemon touches."""

    clock: Clock
    rng: random.Random
    shared: bool
    """Whether others look at the store: then it is locked, answers requests, and is written at every turn."""
    unfailing: bool
    """Whether nothing outside can go wrong: then history is written in large portions, and nothing is looked at before
    an engine is started."""
    earliest: datetime
    """What only a clock that is wrong says an earlier time than."""

    def config_source(self, path: Path | None, adapt: Adapt) -> ConfigSource:
        """Where the config comes from; `path` is None for the embedded defaults."""

    def adapt(self, config: TradingConfig) -> TradingConfig:
        """The config as this world can run it."""

    def free_disk_mb(self, folder: Path) -> float:
        """Free space where `folder` is, in MB (10^6 bytes)."""

    def find_store(self, config: TradingConfig, base_dir: Path) -> Store | None:
        """The store for reading only, before it is ours; None if there is none yet. Raises StoreError."""

    def open_store(self, config: TradingConfig, base_dir: Path) -> Store:
        """The store, opened and ours; raises StoreOwned or StoreError."""

    def close_store(self, store: Store) -> None:
        """Let it go."""

    def job_store(self, store: Store, read_spec: SpecReader) -> Any:
        """Where the scheduler keeps its jobs."""

    def courier(self, inbox: Inbox, receiver: Receiver) -> Courier:
        """Who delivers alerts."""

    def launch(self, inbox: Inbox, receiver: Receiver, setup: EngineSetup) -> EngineLink:
        """Start an engine; raises OSError."""

    def spawn(
        self, inbox: Inbox, receiver: Receiver, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> Process:
        """Start a user's command; raises OSError."""


class RealWorld:
    """The machine that the daemon runs on."""

    shared = True
    unfailing = False
    earliest = datetime(2026, 1, 1, tzinfo=UTC)

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.rng = random.Random()
        self._lock: StoreLock | None = None

    def config_source(self, path: Path | None, adapt: Adapt) -> ConfigSource:
        return ConfigSource(path, adapt)

    def adapt(self, config: TradingConfig) -> TradingConfig:
        return config

    def free_disk_mb(self, folder: Path) -> float:
        return shutil.disk_usage(folder).free / 1e6

    def find_store(self, config: TradingConfig, base_dir: Path) -> Store | None:
        return existing_store(config, base_dir)

    def open_store(self, config: TradingConfig, base_dir: Path) -> Store:
        url = store_url(config, base_dir)
        store = Store(url, busy_timeout=BUSY_TIMEOUT)
        if store.path is not None:
            self._lock = StoreLock(store.path)
            self._lock.acquire(self.clock.now())
        try:
            Store(url, busy_timeout=OPEN_TIMEOUT).open().close()  # at the start there is time to wait for a lock
            return store.open(thorough=False)
        except BaseException:
            self._release()
            raise

    def close_store(self, store: Store) -> None:
        store.close()
        self._release()

    def _release(self) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def job_store(self, store: Store, read_spec: SpecReader) -> JSONJobStore:
        return JSONJobStore(store.engine, read_spec, record_claim)

    def courier(self, inbox: Inbox, receiver: Receiver) -> Courier:
        return CourierProcess(inbox, receiver)

    def launch(self, inbox: Inbox, receiver: Receiver, setup: EngineSetup) -> EngineLink:
        return ProcessLink(inbox, receiver, _startup(setup))

    def spawn(
        self, inbox: Inbox, receiver: Receiver, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> Process:
        return Child(inbox, receiver, command, cwd=folder, env=environment, capture=True)


def _startup(setup: EngineSetup) -> Mapping[str, Any]:
    engine = setup.config.engine
    return {
        "config": to_dict(setup.config),
        "base_dir": str(setup.base_dir),
        "symbols": list(setup.config.strategy.symbols),
        "beat_every": min(5.0, engine.heartbeat_timeout / 3),
        "start_timeout": engine.start_timeout,
        "patience": 2 * engine.heartbeat_timeout + 20,
        "log_level": setup.config.logging.level,
        "import_paths": [str(setup.base_dir), *(path for path in sys.path if path)],
    }
