"""Keeps the engine in the state that is wanted: starts it, listens for its beat, stops it, restarts it.

Every move that depends on time or on what is wanted is made in :meth:`EngineSupervisor.step`, every move that the
engine itself causes in the methods of its run. Elapsed time is measured on the monotonic clock.
"""

import logging
import random
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from signal import Signals
from typing import Any, NamedTuple

from orchestrator.config import EngineConfig
from orchestrator.correlation import about
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
from orchestrator.states import ACTIVE, FAILED, WAITING, EngineState
from orchestrator.supervision.incidents import Incident
from orchestrator.supervision.pulse import Complaint, Pulse

__all__ = ["EngineSupervisor"]

logger = logging.getLogger("orchestrator.supervisor")


LAST_GRACE = 2.0
"""Seconds that an engine which has failed has after SIGTERM."""

DUMP_TIME = 0.5
"""Seconds for the engine to write down its stacks, which it does in a signal handler."""

ASK_AGAIN = 5.0
"""Seconds until a start that was refused is asked for again."""

SELL_TIME = 60.0
"""Seconds at least for an engine that is to sell all it holds before it stops."""

UNREACHABLE, REFUSED = "unreachable", "refused"
"""Kinds of failure that are not counted as crashes: the first is tried again however often, the second is not."""

ABSENCE = 10.0
"""Seconds between two turns, after which this process must have been stopped: the loop turns every five."""


class Turn(NamedTuple):
    """What a turn of the loop knows; `monotonic` in seconds."""

    now: datetime
    monotonic: float
    wanted: bool


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
    :param on_incident: takes what was found when an engine failed.
    :param rng: for the jitter of the backoff.
    """

    def __init__(
        self,
        launch: Launch,
        config: EngineConfig,
        monotonic: Callable[[], float],
        publish: Callable[[EngineMoved], None],
        on_event: Callable[[EngineEvent, datetime], None],
        on_incident: Callable[[Incident], None],
        rng: random.Random,
    ) -> None:
        self.config = config
        self._launch, self._monotonic, self._publish, self._on_event = launch, monotonic, publish, on_event
        self._on_incident, self._rng = on_incident, rng
        self.state = EngineState.STOPPED
        self.since: datetime | None = None
        self.run: EngineRun | None = None
        self.link: EngineLink | None = None
        self.restarts = 0
        """Restarts since the session began or the engine was last healthy for ``restart_cooldown``."""
        self.reason = ""
        """Why it failed; empty once it runs again, or is not wanted any more."""
        self.farewell: Mapping[str, Any] = {"command": "stop"}
        """The command by which an engine is ended. One that begins while this sells is there to sell, and only for
        that."""
        self.refused = ""
        """Why an engine that is wanted may not be started yet; empty if it may."""
        self.stirred = False
        """Whether somebody has told it something since its last step."""
        self.pulse = Pulse(monotonic())
        self._entered_at = 0.0
        self._deadline: float | None = None
        self._failure = self._fault = self._kind = self._unfinished = ""
        self._absences = 0
        """Starts in a row that found nobody to trade with."""
        self._dumping = self._terminated = self._reported = False
        self._log_tail: deque[str] = deque(maxlen=200)
        self._told: deque[Mapping[str, Any]] = deque(maxlen=50)
        self._session = ""
        self._turned_at = monotonic()
        self._patience = config.heartbeat_timeout

    # --- what time and wish bring ---

    def step(self, now: datetime, wanted: bool, session: str, *, busy: bool = True, refused: str = "") -> float | None:
        """Make the moves that are due; returns the seconds until the next one may be, None if nothing is pending.

        :param session: the exchange date; a new one forgives failures of the last.
        :param busy: whether the engine ought to be connected and at work; otherwise it need only live.
        :param refused: why no engine may be started now; empty if one may.
        """
        turn = Turn(now, self._monotonic(), wanted)
        self.stirred = False
        self.refused = refused if wanted else ""
        self._excuse_own_absence(turn.monotonic)
        if not busy:
            self.pulse.look_away(turn.monotonic)
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
        if self.refused and turn.wanted and state in WAITING:
            return False
        if state is EngineState.STOPPED and turn.wanted:  # STOPPED -> STARTING
            self._start(turn.now)
        elif state in FAILED and not turn.wanted:  # BACKOFF, FATAL -> STOPPED
            self._enter(EngineState.STOPPED, turn.now)
        elif state is EngineState.BACKOFF and due:  # BACKOFF -> STARTING
            self._start(turn.now)
        elif state in ACTIVE and not turn.wanted:  # STARTING, RUNNING -> STOPPING
            self._stop(turn.now)
        elif state is EngineState.STARTING and due:  # STARTING -> STOPPING, and then BACKOFF
            self._give_up(f"it was not ready within {self.config.start_timeout:g} s", "start", turn.now)
        elif state is EngineState.RUNNING and (complaint := self._complaint(turn.monotonic)):
            self._give_up(*complaint, turn.now)  # RUNNING -> STOPPING, and then BACKOFF
        elif state is EngineState.STOPPING and due:  # STOPPING: ask louder
            self._press(turn)
        else:
            self._reward_health(turn.monotonic)
            return False
        return True

    def command(self, command: Mapping[str, Any]) -> bool:
        """Give a running engine a command; False if none runs."""
        if self.state is not EngineState.RUNNING or self.link is None:
            return False
        self.link.send(command)
        self.stirred = True
        return True

    def forgive(self, now: datetime) -> None:
        """Something was mended: an engine that was given up, or waits, is tried again at once."""
        self.restarts, self.stirred = 0, True
        if self.state in FAILED:  # FATAL, BACKOFF -> STOPPED
            self._enter(EngineState.STOPPED, now)

    def bounce(self, now: datetime) -> None:
        """Stop a running engine; as it is wanted, it is started again."""
        self.stirred = True
        if self.state in ACTIVE:  # STARTING, RUNNING -> STOPPING
            self._stop(now)

    def close(self) -> None:
        """End whatever still runs, at once."""
        if self.link is not None:
            self.link.kill()
            self.link.close()

    def waits_to_start(self) -> bool:
        """Whether the next move of one that is wanted is a start."""
        return self.state in WAITING

    def outlook(self) -> str:
        """What follows on the failure of an engine that waits for its next start, in words."""
        if self._kind == UNREACHABLE:
            return "it is tried again until somebody is there"
        return f"restart {self.restarts} of {self.config.max_restart_attempts} follows"

    def beat_age(self) -> float | None:
        """Seconds since the running engine was last heard; None if none runs."""
        return self._monotonic() - self.pulse.heard_at if self.state is EngineState.RUNNING else None

    @property
    def beat(self) -> EngineBeat | None:
        """The last beat of this run; None before the first."""
        return self.pulse.beat

    # --- what the engine brings ---

    def heard(self, message: Any, now: datetime) -> None:
        """A message of the current run."""
        try:
            event = decode(message)
        except (ValueError, AttributeError) as error:
            logger.warning("engine %s said something that is no event: %.200r (%s)", self._name(), message, error)
            return
        if isinstance(event, EngineLogged):
            self._log_tail.append(event.text)
        else:
            self._told.append({"at": now.isoformat(timespec="milliseconds"), **message})
        if isinstance(event, EngineReady):
            self._ready(event, now)
        elif isinstance(event, EngineBeat):  # nothing else is a sign of life: a helper thread may go on talking
            self.pulse.take(event, self._monotonic(), now)
        elif isinstance(event, EngineFailed):
            self._failure, self._kind = event.reason, event.kind
        elif isinstance(event, EngineLogged):
            logging.getLogger(event.logger).log(event.level, "%s", event.text)
        elif isinstance(event, EngineStopped):
            self._unfinished = event.unfinished
        else:
            self._on_event(event, now)

    def ended(self, code: int, now: datetime) -> None:
        """The current run is over."""
        left = "" if code == 0 and not self._unfinished else self._unfinished or _exit_text(code)
        if self.state is EngineState.STOPPING and not self._failure and not (left and self._sells):
            self._let_go()  # STOPPING -> STOPPED
            self._tell("stop", now, left)
            self._enter(EngineState.STOPPED, now)
            return
        failure = self._failure or self._unfinished or _exit_text(code)
        if self._kind not in {UNREACHABLE, REFUSED}:  # of those nothing could be found in the engine
            self._report(self._fault or "crash", failure, now)
        self._let_go()
        if self._kind == REFUSED:  # STARTING, RUNNING, STOPPING -> FATAL
            self.reason = failure
            self._enter(EngineState.FATAL, now)
            self._tell("refused", now, failure)
            return
        if not self._fault:  # otherwise it has been told
            self._tell("crash", now, failure)
        self._failed(failure, now)  # STARTING, RUNNING, STOPPING -> BACKOFF, FATAL

    def _let_go(self) -> None:
        if self.link is not None:
            self.link.close()
            self.link = None

    def _report(self, kind: str, cause: str, now: datetime) -> None:
        """Report the incident of this run, once."""
        if self.link is None or self._reported:
            return
        self._reported = True
        try:
            found = self.link.autopsy()
            self._on_incident(Incident(now, kind, cause, self._name(), found, tuple(self._log_tail), tuple(self._told)))
        except Exception:  # whatever is wrong with the report, the engine must be ended and started again
            logger.exception("the incident of engine %s can't be reported", self._name())

    def _ready(self, event: EngineReady, now: datetime) -> None:
        if self.state is EngineState.STARTING:  # STARTING -> RUNNING
            self._enter(EngineState.RUNNING, now)
            self.reason, self._absences = "", 0
            self._tell("ready", now, event.detail)
            if self._sells:  # RUNNING -> STOPPING
                self._stop(now)

    # --- moves ---

    def _start(self, now: datetime) -> None:
        action = "restart" if self.state is EngineState.BACKOFF else "start"
        self.run = EngineRun(self, f"{now:%Y%m%d-%H%M%S}")
        self.pulse, self._failure, self._fault = Pulse(self._monotonic()), "", ""
        self._kind = self._unfinished = ""
        self._dumping = self._terminated = self._reported = False
        self._log_tail.clear()
        self._told.clear()
        self._patience = self.config.heartbeat_timeout  # by which this run times its beats
        self._enter(EngineState.STARTING, now, self.config.start_timeout)
        self._tell(action, now)
        try:
            self.link = self._launch(self.run.name, self.run)
        except (OSError, ValueError) as error:
            self._tell("crash", now, str(error))
            self._failed(f"it can't be started: {error}", now)  # STARTING -> BACKOFF, FATAL
            return
        if self._sells:
            self.link.send(self.farewell)

    def _stop(self, now: datetime) -> None:
        if self.link is not None:
            self.link.send(self.farewell)
        # Three fifths of the time for an orderly stop, one for SIGTERM, and SIGKILL well before a service manager's.
        seconds = self.config.stop_timeout * 0.6
        self._enter(EngineState.STOPPING, now, max(seconds, SELL_TIME) if self._sells else seconds)

    @property
    def _sells(self) -> bool:
        return bool(self.farewell.get("flatten"))

    def _press(self, turn: Turn) -> None:
        """What was asked of it has had its time: look at it, ask by SIGTERM, then kill."""
        grace = self.config.stop_timeout * 0.2
        self._deadline = turn.monotonic + (min(grace, LAST_GRACE) if self._failure else grace)
        if self.link is None:
            return
        if self._dumping:
            self._dumping = False
            self._report(self._fault, self._failure, turn.now)
        if self._terminated:
            self._report("stop", f"it did not stop within {self.config.stop_timeout * 0.8:g} s", turn.now)
            self.link.kill()
        else:
            self._terminated = True
            self.link.dump()
            self.link.terminate()

    def _give_up(self, reason: str, fault: str, now: datetime) -> None:
        """It has failed, and is ended. First it is to say where it hangs: that is worth a moment."""
        self._failure, self._fault, self.reason = reason, fault, reason
        self._tell("kill" if fault == "start" else "hang", now, reason)
        self._dumping = True
        self._enter(EngineState.STOPPING, now, DUMP_TIME)
        if self.link is not None:
            self.link.dump()

    def _failed(self, reason: str, now: datetime) -> None:
        self.reason = reason
        if self._kind == UNREACHABLE:
            self._absences += 1
            self._enter(EngineState.BACKOFF, now, self._delay(self._absences - 1))
            return
        if self.restarts >= self.config.max_restart_attempts:
            self._enter(EngineState.FATAL, now)
            self._tell("fatal", now, f"{reason}; given up after {self.restarts} restarts in this session")
            return
        self.restarts += 1
        self._enter(EngineState.BACKOFF, now, self._delay(self.restarts - 1))

    def _delay(self, failures: int) -> float:
        delay = min(self.config.backoff_max, self.config.backoff_initial * 2.0 ** min(failures, 30))
        return delay * self._rng.uniform(0.9, 1.1)

    def _excuse_own_absence(self, monotonic: float) -> None:
        """What the engine said while this process itself stood still has not been read yet."""
        gap, self._turned_at = monotonic - self._turned_at, monotonic
        if gap > ABSENCE:
            self.pulse.excuse(gap, monotonic)

    def _reward_health(self, monotonic: float) -> None:
        if not self.restarts or self.state is not EngineState.RUNNING:
            return
        if monotonic - self._entered_at >= self.config.restart_cooldown:
            self.restarts = 0

    def _enter(self, state: EngineState, now: datetime, seconds: float | None = None) -> None:
        self.state, self.since = state, now
        self._entered_at = self._monotonic()
        self._deadline = None if seconds is None else self._entered_at + seconds
        if state is EngineState.RUNNING:
            self.pulse = Pulse(self._entered_at)
        if state is EngineState.STOPPED:
            self.run, self.reason, self._failure = None, "", ""

    # --- looking ---

    def _complaint(self, monotonic: float) -> Complaint | None:
        """What is wrong with a running engine."""
        return self.pulse.complaint(monotonic, self._patience) if self.link is not None and self.link.beats else None

    def _wait(self, now: datetime, engine_at: datetime | None) -> float | None:
        if self.refused and self.waits_to_start():
            return ASK_AGAIN
        deadline = self._deadline
        if self.state is EngineState.RUNNING and self.link is not None and self.link.beats:
            deadline = self.pulse.heard_at + self._patience
        waits = [] if deadline is None else [deadline - self._monotonic()]
        if engine_at is not None:
            waits.append((engine_at - now).total_seconds())
        return max(0.0, min(waits)) if waits else None

    def _name(self) -> str:
        return self.run.name if self.run is not None else "?"

    def _tell(self, action: str, now: datetime, detail: str = "") -> None:
        with about(engine_run=self._name()):
            self._publish(EngineMoved(now, action, self._name(), detail))


def _exit_text(code: int) -> str:
    if code < 0:
        known = {each.value for each in Signals}  # real-time signals have no names
        return f"it was ended by {Signals(-code).name if -code in known else f'signal {-code}'}"
    return f"it ended by itself with exit code {code}"
