"""The machine of a rehearsal in which things go wrong.

Faults come through what the daemon really stands on: its clock, its database, its config file, its engine's process
and what that is connected to, its courier. Nothing sets the daemon's own state.
"""

import shutil
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from jobs.memory import Row, RowStore
from jobs.store import SpecReader
from orchestrator.alerts.courier import Courier
from orchestrator.config import TradingConfig
from orchestrator.config.source import Adapt, ConfigSource
from orchestrator.engine.build import build_engine
from orchestrator.engine.builtin import BuiltinEngine
from orchestrator.engine.host import BUSY_TIMEOUT as ENGINE_PATIENCE
from orchestrator.engine.host import EngineHost
from orchestrator.engine.interface import TradingEngine
from orchestrator.engine.link import EngineLink
from orchestrator.engine.strategy import load_strategy
from orchestrator.events import EngineEvent
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Receiver
from orchestrator.rehearsal.scenario.clock import MachineClock
from orchestrator.rehearsal.scenario.config_file import ConfigFile
from orchestrator.rehearsal.scenario.courier import FaultyCourier
from orchestrator.rehearsal.scenario.database import FaultyDatabase
from orchestrator.rehearsal.scenario.engine import SHARE_OF_START, FaultyLink, trapped
from orchestrator.rehearsal.scenario.market import FaultyLine
from orchestrator.rehearsal.scenario.troubles import Troubles
from orchestrator.rehearsal.simulated import PACE, SimulatedWorld
from orchestrator.store import Store, StoreError
from orchestrator.world import BUSY_TIMEOUT, OPEN_TIMEOUT, EngineSetup, RealWorld

__all__ = ["FaultyWorld"]


BEAT = 10.0
"""Seconds between two beats at most: after a longer pause of its loop the daemon believes that itself was away."""


class FaultyWorld(SimulatedWorld):
    """A machine with a disk: what is in the database and in the config file outlives the daemons. Close it at the end.

    :param start: aware; the clock's first reading.
    :param seed: of everything random.
    :param config_path: of the user's config file, which is only read.
    """

    unfailing = False

    def __init__(self, start: datetime, seed: int, config_path: Path | None) -> None:
        super().__init__(start, seed)
        self.clock: MachineClock = MachineClock(start)
        self.earliest = min(RealWorld.earliest, self.clock.now() - timedelta(days=1))
        self.config_file = ConfigFile(config_path)
        self.troubles = Troubles(self.clock.true)
        self.line = FaultyLine(self.troubles, self.clock.now)
        self.link: FaultyLink | None = None
        """The engine that lives now."""
        self.springs: list[str] = []
        """Texts of exceptions that the strategy is to raise, one at each call."""
        self._database = FaultyDatabase(self.troubles, self.clock.advance)
        self._stores: dict[str, Store] = {}
        self._has_disk = False
        self._job_rows: dict[str, Row] = {}
        self._patience = BUSY_TIMEOUT
        self._claimed: dict[tuple[str, datetime], None] = {}

    @cached_property
    def database(self) -> Path:
        """In a folder of its own, which is made with the first look at it."""
        return Path(tempfile.mkdtemp(prefix="rehearsal-")) / "orchestrator.db"

    # --- what the daemon stands on ---

    def config_source(self, path: Path | None, adapt: Adapt) -> ConfigSource:
        return self.config_file.source(adapt)

    def adapt(self, config: TradingConfig) -> TradingConfig:
        """Looks at prices must be frequent enough to be missed when there are none."""
        wanted = max(config.data.update_interval, min(PACE, config.health.max_data_age / 2))
        config = super().adapt(config)
        config.data.update_interval = min(wanted, 2 * config.engine.heartbeat_timeout)
        return config

    def free_disk_mb(self, folder: Path) -> float:
        full = self.troubles.find("disk_full")
        return super().free_disk_mb(folder) if full is None else float(full.parameters["free_disk_mb"])

    def find_store(self, config: TradingConfig, base_dir: Path) -> Store | None:
        return Store(f"sqlite:///{self.database}", read_only=True).open() if self.database.exists() else None

    def open_store(self, config: TradingConfig, base_dir: Path) -> Store:
        self._patience = OPEN_TIMEOUT
        try:
            store = self._store("daemon", lambda: self._patience).open()
        finally:
            self._patience = BUSY_TIMEOUT
        self._has_disk = True
        return store

    def job_store(self, store: Store, read_spec: SpecReader) -> Any:
        """Beside the database, as a rehearsal fires thousands of jobs a day; the database's troubles are its own."""
        return RowStore(
            self._job_rows, self._claimed, read_spec, lambda writes: self._database.touch(writes, BUSY_TIMEOUT)
        )

    def courier(self, inbox: Inbox, receiver: Receiver) -> Courier:
        return FaultyCourier(inbox, receiver, self.notifier, self.troubles)

    def launch(self, inbox: Inbox, receiver: Receiver, setup: EngineSetup) -> EngineLink:
        engine = setup.config.engine
        store = self._store("engine", lambda: ENGINE_PATIENCE)

        def make_host(emit: Callable[[EngineEvent], None]) -> EngineHost:
            return EngineHost(
                lambda: self._build(setup, store.open(), emit),
                list(setup.config.strategy.symbols),
                emit,
                timedelta(seconds=min(BEAT, engine.heartbeat_timeout / 3)),
            )

        self.link = FaultyLink(
            inbox,
            receiver,
            make_host,
            self.troubles,
            engine.start_timeout * SHARE_OF_START,
            self.clock.monotonic,
            lambda: self._engine_over(store),
        )
        return self.link

    def _build(self, setup: EngineSetup, store: Store, emit: Callable[[EngineEvent], None]) -> TradingEngine:
        if self.troubles.find("engine_refused") is not None:
            raise ConnectionError("the engine could not connect: connection refused")
        engine = build_engine(
            setup.config, store, setup.calendar, setup.base_dir, self.clock, emit, self.seed, self.line
        )
        if isinstance(engine, BuiltinEngine):
            engine.add_strategy(trapped(load_strategy(setup.config.strategy), self._spring))
        return engine

    def _spring(self) -> None:
        """Raise what the strategy is to raise."""
        lasting = self.troubles.find("strategy_exception")
        if lasting is not None:
            raise RuntimeError(lasting.parameters["text"])
        if self.springs:
            raise RuntimeError(self.springs.pop(0))

    def _engine_over(self, store: Store) -> None:
        self.link = None
        self.close_store(store)

    def _store(self, user: str, patience: Callable[[], float]) -> Store:
        """One for each kind of program, opened and closed by whoever runs it: to make one anew costs more than a start.

        It waits for locks on the clock of the rehearsal, never in earnest.
        """
        if user not in self._stores:
            store = Store(f"sqlite:///{self.database}", busy_timeout=0)
            self._stores[user] = self._database.watch(store, patience)
        return self._stores[user]

    # --- what the scenario needs ---

    def outside_store(self) -> Store:
        """The database for another program, which does not wait for locks."""
        return self._store("outside", lambda: 0.0)

    def refuse_loss(self) -> None:
        """What happens to the folder of temporary files is nothing that daemons could help: they would begin anew, and
        be blamed for all that is missing.

        :raises StoreError: somebody has removed the database.
        """
        if self._has_disk and not self.database.exists():
            raise StoreError(
                f"{self.database} is gone: something has removed it while the rehearsal went on; "
                "rehearse again, with TMPDIR set to a folder that nobody tidies up"
            )

    def crash(self) -> None:
        """All processes are gone: what they had not committed is lost."""
        self.link = None
        for store in self._stores.values():
            store.close()

    def close(self) -> None:
        """Free what the rehearsal has used."""
        self.crash()
        if "database" in self.__dict__:
            shutil.rmtree(self.database.parent, ignore_errors=True)
