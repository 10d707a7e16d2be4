"""The documented class: an orchestrator that is constructed, started and stopped."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from notifiers import Notifier
from orchestrator.config import TradingConfig
from orchestrator.control import WAKE
from orchestrator.correlation import about
from orchestrator.engine.interface import EngineRefused
from orchestrator.events import Event, StateChanged
from orchestrator.loop import Loop
from orchestrator.processes.signals import captured_signals
from orchestrator.states import OrchestratorState
from orchestrator.status.outlook import next_step
from orchestrator.status.systemd import ServiceManager
from orchestrator.subscribers import Subscribers
from orchestrator.world import RealWorld, World

__all__ = ["TradingOrchestrator"]

logger = logging.getLogger("orchestrator")

StateCallback = Callable[[OrchestratorState, OrchestratorState], None]

CRASH_LIMIT = 10
"""Turns that may fail one after the other before the daemon ends, for its service manager to start it anew."""


@dataclass(frozen=True, slots=True)
class Do:
    """A message for the loop: something to do in its next turn."""

    action: Callable[[datetime], None]

    def handle(self, now: datetime) -> None:
        self.action(now)


class TradingOrchestrator:
    """Runs the trading day by the exchange's clock. Constructing one touches nothing outside.

    :param config_path: a YAML, TOML or JSON file; None for the embedded defaults.
    :param heartbeat_interval: seconds; overrides the config's ``schedule.jobs.heartbeat``.
    :param health_check_interval: seconds; overrides ``schedule.jobs.health_check``.
    :param max_restart_attempts: overrides ``engine.max_restart_attempts``.
    :param restart_cooldown: seconds; overrides ``engine.restart_cooldown``.
    :param world: what it stands on; the machine by default.
    """

    def __init__(
        self,
        config_path: str | Path | None = None,
        heartbeat_interval: float | None = None,
        health_check_interval: float | None = None,
        max_restart_attempts: int | None = None,
        restart_cooldown: float | None = None,
        *,
        world: World | None = None,
    ) -> None:
        self.world = world or RealWorld()
        self._intervals = {"heartbeat": heartbeat_interval, "health_check": health_check_interval}
        self._engine = {"max_restart_attempts": max_restart_attempts, "restart_cooldown": restart_cooldown}
        self._path = None if config_path is None else Path(config_path)
        self._subscribers = Subscribers()
        self._callbacks: list[StateCallback] = []
        self._listeners: list[Callable[[Event], None]] = []
        self._loop: Loop | None = None
        self._failures = 0
        self._stop_asked = threading.Event()

    # --- the documented life ---

    def start(self) -> None:
        """Run until :meth:`stop`, SIGTERM or SIGINT; blocks.

        :raises ConfigError, FileNotFoundError: the config can't be used.
        :raises StoreOwned, StoreError: the store can't be used.
        :raises EngineRefused: a guard rail has refused the first engine, and nothing has been traded.
        """
        self._stop_asked.clear()
        with captured_signals(self._signals()):
            try:
                self.open()
                self._run()
            except BaseException:
                if self._loop is not None:
                    self._loop.orderly = False
                raise
            finally:
                self.close()

    def stop(self) -> None:
        """Have :meth:`start` come to an orderly end; from any thread, at any time, more than once if you like."""
        self._stop_for("stop() was called")

    def is_running(self) -> bool:
        return self._loop is not None

    def get_state(self) -> OrchestratorState:
        """The state at the last turn; STOPPED before the start and after the end."""
        loop = self._loop
        return OrchestratorState.STOPPED if loop is None else loop.state

    def add_notifier(self, notifier: Notifier) -> None:
        """Have this notifier hear every alert, besides the channels of the config; it is called in its own thread."""
        self._subscribers.add(notifier)

    def register_state_change_callback(self, callback: StateCallback) -> None:
        """Have `callback(old, new)` called at every change of state, in the loop: it must be quick."""
        self._callbacks.append(callback)

    def subscribe(self, listener: Callable[[Event], None]) -> None:
        """Have `listener(event)` hear all that happens, in the loop: it must be quick."""
        self._listeners.append(listener)

    # --- turn by turn ---

    @property
    def loop(self) -> Loop:
        """What is alive; RuntimeError if nothing is."""
        if self._loop is None:
            raise RuntimeError("the orchestrator has not been started")
        return self._loop

    def open(self) -> None:
        """Load the config and take the store; what :meth:`start` begins with."""
        if self._loop is not None:
            raise RuntimeError("the orchestrator is already running")
        source = self.world.config_source(self._path, self._adapt)
        self._failures = 0
        self._loop = Loop(source, self.world, self._publish, self._subscribers.tell)

    def step(self, now: datetime) -> datetime:
        """One turn; returns when the next must be at the latest."""
        loop = self.loop
        runner = loop.runner
        with about(session=loop.session, engine_run=loop.engine_run, job=runner.job, job_run=runner.job_run):
            return loop.step(now)

    @property
    def failures(self) -> int:
        """How many turns have failed, one after the other until now."""
        return self._failures

    def try_step(self, now: datetime) -> datetime:
        """A turn that may fail: the next is a second later. What keeps failing is raised."""
        try:
            until, self._failures = self.step(now), 0
        except Exception:
            self._failures += 1
            logger.exception("a turn of the loop failed (%d in a row)", self._failures)
            if self._failures >= CRASH_LIMIT:
                raise
            until = now + timedelta(seconds=1)
        return until

    def wake(self) -> None:
        """Somebody has put a request into the store: look at it in the next turn."""
        self._ask(lambda _: self.loop.requests.look_now())

    def close(self) -> None:
        """Give everything back; what :meth:`start` ends with."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()
        self._subscribers.close(timeout=5.0)

    # --- inside ---

    def _run(self) -> None:
        loop, clock = self.loop, self.world.clock
        manager = ServiceManager(os.environ)
        if self._stop_asked.is_set():
            loop.stop("it was asked to before it was up")
        manager.ready()
        while not loop.finished():
            now = clock.now()
            until = self.try_step(now)
            if not self._failures:
                manager.alive(f"{loop.state}, engine {loop.supervisor.state}, {next_step(loop.calendar, now)}")
            if loop.stopping:
                manager.stopping()
            if not loop.finished():
                clock.wait(loop.inbox, manager.before(until, now))
        logger.info("stopped")
        if loop.refused:
            raise EngineRefused(loop.refused)

    def _signals(self) -> dict[signal.Signals, Callable[[], None]]:
        return {
            signal.SIGTERM: lambda: self._stop_for("SIGTERM"),
            signal.SIGINT: lambda: self._stop_for("SIGINT"),
            signal.SIGHUP: lambda: self._ask(self._reload),
            signal.SIGUSR1: lambda: self._ask(self._say_status),
            WAKE: self.wake,
        }

    def _stop_for(self, reason: str) -> None:
        self._stop_asked.set()
        self._ask(lambda _: self.loop.stop(reason))

    def _ask(self, action: Callable[[datetime], None]) -> None:
        loop = self._loop
        if loop is not None:
            loop.inbox.put(Do(action))

    def _reload(self, now: datetime) -> None:
        logger.info("SIGHUP: %s", self.loop.adoption.look(now, asked=True))

    def _say_status(self, now: datetime) -> None:
        loop = self.loop
        logger.info("status: state %s, engine %s, %s", loop.state, loop.supervisor.state, next_step(loop.calendar, now))

    def _adapt(self, config: TradingConfig) -> TradingConfig:
        """The config with the constructor's overrides; the file's own stays as it is."""
        config = deepcopy(config)
        for name, seconds in self._intervals.items():
            if seconds is not None:
                own = config.schedule.jobs.get(name)
                base = own if isinstance(own, dict) else {}
                base = {key: value for key, value in base.items() if key not in ("cron", "session")}
                config.schedule.jobs[name] = {**base, "interval": seconds}
        for name, value in self._engine.items():
            if value is not None:
                setattr(config.engine, name, value)
        return self.world.adapt(config)

    def _publish(self, event: Event) -> None:
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                logger.exception("a listener failed on %s", type(event).__name__)
        if isinstance(event, StateChanged):
            self._tell_change(event)

    def _tell_change(self, event: StateChanged) -> None:
        for callback in self._callbacks:
            try:
                callback(event.old, event.new)
            except Exception:
                logger.exception("a callback failed on %s -> %s", event.old, event.new)
