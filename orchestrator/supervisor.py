"""Keeps the engine in the state that is wanted: starts it, listens for its beat, stops it, restarts it.

Every move that depends on time or on what is wanted is made in :meth:`EngineSupervisor.step`, every move that the
engine itself causes in the methods of its run. Elapsed time is measured on the monotonic clock.
"""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from signal import Signals
from typing import Any

from orchestrator.config import EngineConfig
from orchestrator.engine.link import EngineLink, Launch
from orchestrator.events import (
    EngineBeat,
    EngineEvent,
    EngineFailed,
    EngineLogged,
    EngineMoved,
    EngineReady,
    EngineStopped,
    decode,
)
from orchestrator.states import ACTIVE, EngineState

__all__ = ["EngineSupervisor"]

logger = logging.getLogger("orchestrator.supervisor")


ABSENCE = 10.0
"""Seconds between two turns, after which this process must have been stopped: the loop turns every five."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn of the loop knows; `monotonic` in seconds."""

    now: datetime
    monotonic: float
    wanted: bool
    session: str


class EngineRun:
    """One life of the engine; what a run that is over still says is heard no more."""

    def __init__(self, supervisor: "EngineSupervisor", name: str) -> None:
        self.supervisor, self.name = supervisor, name

    def receive(self, message: Any, now: datetime) -> None:
        if self.supervisor.run is self:
            self.supervisor.heard(message, now)

    def ended(self, code: int, now: datetime) -> None:
        if self.supervisor.run is self:
            self.supervisor.ended(code, now)


class EngineSupervisor:
    """The engine's state machine.

    :param launch: starts an engine.
    :param monotonic: reads the monotonic clock.
    :param publish: takes each move.
    :param on_event: takes the engine's events that are not about its life.
    :param rng: for the jitter of the backoff.
    """

    def __init__(
        self,
        launch: Launch,
        config: EngineConfig,
        monotonic: Callable[[], float],
        publish: Callable[[EngineMoved], None],
        on_event: Callable[[EngineEvent, datetime], None],
        rng: random.Random,
    ) -> None:
        self.config = config
        self._launch, self._monotonic, self._publish, self._on_event = launch, monotonic, publish, on_event
        self._rng = rng
        self.state = EngineState.STOPPED
        self.since: datetime | None = None
        self.run: EngineRun | None = None
        self.link: EngineLink | None = None
        self.restarts = 0
        """Restarts since the session began or the engine was last healthy for ``restart_cooldown``."""
        self.reason = ""
        """Why it failed; empty once it runs again, or is not wanted any more."""
        self.beat: EngineBeat | None = None
        self._beat_at = 0.0
        self._entered_at = 0.0
        self._deadline: float | None = None
        self._failure = ""
        self._terminated = False
        self._session = ""
        self._turned_at = monotonic()
        self._patience = config.heartbeat_timeout

    # --- what time and wish bring ---

    def step(self, now: datetime, wanted: bool, session: str) -> float | None:
        """Make the moves that are due; returns the seconds until the next one may be, None if nothing is pending.

        :param session: the exchange date; a new one forgives failures of the last.
        """
        turn = Turn(now, self._monotonic(), wanted, session)
        self._excuse_own_absence(turn.monotonic)
        if session != self._session:
            self._session, self.restarts = session, 0
            if self.state is EngineState.FATAL:  # FATAL -> STOPPED: another day, another try
                self._enter(EngineState.STOPPED, now)
        for _ in range(3):  # STOPPED -> STARTING may follow at once on BACKOFF -> STOPPED
            if not self._move(turn):
                break
        engine_at = None if self.link is None else self.link.step(now)
        return self._wait(now, engine_at)

    def _move(self, turn: Turn) -> bool:
        state, due = self.state, self._deadline is not None and turn.monotonic >= self._deadline
        if state is EngineState.STOPPED and turn.wanted:  # STOPPED -> STARTING
            self._start(turn.now)
        elif state in {EngineState.BACKOFF, EngineState.FATAL} and not turn.wanted:  # BACKOFF, FATAL -> STOPPED
            self._enter(EngineState.STOPPED, turn.now)
        elif state is EngineState.BACKOFF and due:  # BACKOFF -> STARTING
            self._start(turn.now)
        elif state in ACTIVE and not turn.wanted:  # STARTING, RUNNING -> STOPPING
            self._stop(turn.now)
        elif state is EngineState.STARTING and due:  # STARTING -> STOPPING, and then BACKOFF
            self._give_up(f"it was not ready within {self.config.start_timeout:g} s", "kill", turn.now)
        elif state is EngineState.RUNNING and self._silent(turn.monotonic):  # RUNNING -> STOPPING, and then BACKOFF
            self._give_up(f"no beat for {self._patience:g} s", "hang", turn.now)
        elif state is EngineState.STOPPING and due:  # STOPPING: ask louder
            self._press(turn.monotonic)
        else:
            self._reward_health(turn.monotonic)
            return False
        return True

    def command(self, command: Mapping[str, Any]) -> bool:
        """Give a running engine a command; False if none runs."""
        if self.state is not EngineState.RUNNING or self.link is None:
            return False
        self.link.send(command)
        return True

    def forgive(self, now: datetime) -> None:
        """Something was mended: an engine that was given up, or waits, is tried again at once."""
        self.restarts = 0
        if self.state in {EngineState.FATAL, EngineState.BACKOFF}:  # FATAL, BACKOFF -> STOPPED
            self._enter(EngineState.STOPPED, now)

    def close(self) -> None:
        """End whatever still runs, at once."""
        if self.link is not None:
            self.link.kill()

    def beat_age(self) -> float | None:
        """Seconds since the running engine was last heard; None if none runs."""
        return self._monotonic() - self._beat_at if self.state is EngineState.RUNNING else None

    # --- what the engine brings ---

    def heard(self, message: Any, now: datetime) -> None:
        """A message of the current run."""
        try:
            event = decode(message)
        except (ValueError, AttributeError) as error:
            logger.warning("engine %s said something that is no event: %.200r (%s)", self._name(), message, error)
            return
        if isinstance(event, EngineReady):
            self._ready(event, now)
        elif isinstance(event, EngineBeat):  # nothing else is a sign of life: a helper thread may go on talking
            self.beat, self._beat_at = event, self._monotonic()
        elif isinstance(event, EngineFailed):
            self._failure = event.reason
        elif isinstance(event, EngineLogged):
            logging.getLogger(event.logger).log(event.level, "%s", event.text)
        elif not isinstance(event, EngineStopped):
            self._on_event(event, now)

    def ended(self, code: int, now: datetime) -> None:
        """The current run is over."""
        self.link = None
        if self.state is EngineState.STOPPING and not self._failure:  # STOPPING -> STOPPED
            self._tell("stop", now, "" if code == 0 else _exit_text(code))
            self._enter(EngineState.STOPPED, now)
            return
        failure = self._failure or _exit_text(code)
        if self.state is not EngineState.STOPPING:
            self._tell("crash", now, failure)
        self._failed(failure, now)  # STARTING, RUNNING, STOPPING -> BACKOFF, FATAL

    def _ready(self, event: EngineReady, now: datetime) -> None:
        if self.state is EngineState.STARTING:  # STARTING -> RUNNING
            self._enter(EngineState.RUNNING, now)
            self.reason = ""
            self._tell("ready", now, event.detail)

    # --- moves ---

    def _start(self, now: datetime) -> None:
        action = "restart" if self.state is EngineState.BACKOFF else "start"
        self.run = EngineRun(self, f"{now:%Y%m%d-%H%M%S}")
        self.beat, self._failure, self._terminated = None, "", False
        self._patience = self.config.heartbeat_timeout  # by which this run times its beats
        self._enter(EngineState.STARTING, now, self.config.start_timeout)
        self._tell(action, now)
        try:
            self.link = self._launch(self.run.name, self.run)
        except (OSError, ValueError) as error:
            self._tell("crash", now, str(error))
            self._failed(f"it can't be started: {error}", now)  # STARTING -> BACKOFF, FATAL

    def _stop(self, now: datetime) -> None:
        if self.link is not None:
            self.link.send({"command": "stop"})
        # Three fifths of the time for an orderly stop, one for SIGTERM, and SIGKILL well before a service manager's.
        self._enter(EngineState.STOPPING, now, self.config.stop_timeout * 0.6)

    def _press(self, monotonic: float) -> None:
        self._deadline = monotonic + self.config.stop_timeout * 0.2
        if self.link is None:
            return
        if self._terminated:
            self.link.kill()
        else:
            self._terminated = True
            self.link.terminate()

    def _give_up(self, reason: str, action: str, now: datetime) -> None:
        self._failure = self.reason = reason
        self._tell(action, now, reason)
        self._terminated = True
        self._enter(EngineState.STOPPING, now, self.config.stop_timeout * 0.2)
        if self.link is not None:
            self.link.kill()

    def _failed(self, reason: str, now: datetime) -> None:
        self.reason = reason
        if self.restarts >= self.config.max_restart_attempts:
            self._enter(EngineState.FATAL, now)
            self._tell("fatal", now, f"{reason}; given up after {self.restarts} restarts in this session")
            return
        delay = min(self.config.backoff_max, self.config.backoff_initial * 2**self.restarts)
        self.restarts += 1
        self._enter(EngineState.BACKOFF, now, delay * self._rng.uniform(0.9, 1.1))

    def _excuse_own_absence(self, monotonic: float) -> None:
        """What the engine said while this process itself stood still has not been read yet."""
        gap, self._turned_at = monotonic - self._turned_at, monotonic
        if gap > ABSENCE:
            self._beat_at = min(monotonic, self._beat_at + gap)

    def _reward_health(self, monotonic: float) -> None:
        healthy = self.state is EngineState.RUNNING and monotonic - self._entered_at >= self.config.restart_cooldown
        if healthy and self.restarts:
            self.restarts = 0

    def _enter(self, state: EngineState, now: datetime, seconds: float | None = None) -> None:
        self.state, self.since = state, now
        self._entered_at = self._monotonic()
        self._deadline = None if seconds is None else self._entered_at + seconds
        if state is EngineState.RUNNING:
            self._beat_at = self._entered_at
        if state is EngineState.STOPPED:
            self.run, self.reason, self._failure = None, "", ""

    # --- looking ---

    def _silent(self, monotonic: float) -> bool:
        listens = self.link is not None and self.link.beats
        return listens and monotonic - self._beat_at >= self._patience

    def _wait(self, now: datetime, engine_at: datetime | None) -> float | None:
        deadline = self._deadline
        if self.state is EngineState.RUNNING and self.link is not None and self.link.beats:
            deadline = self._beat_at + self._patience
        waits = [] if deadline is None else [deadline - self._monotonic()]
        if engine_at is not None:
            waits.append((engine_at - now).total_seconds())
        return max(0.0, min(waits)) if waits else None

    def _name(self) -> str:
        return self.run.name if self.run is not None else "?"

    def _tell(self, action: str, now: datetime, detail: str = "") -> None:
        self._publish(EngineMoved(now, action, self._name(), detail))


def _exit_text(code: int) -> str:
    if code < 0:
        return f"it was ended by {Signals(-code).name}"
    return f"it ended by itself with exit code {code}"
