"""The process that an engine lives in, and the loop that hosts it there.

The loop that calls the engine is the one that beats: an engine that is stuck stops beating, whatever its other
threads do. The same host, without a process, runs the built-in engine in a simulation.
"""

import faulthandler
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from calendars import Clock, SystemClock
from orchestrator.config import RiskConfig, from_dict, store_url
from orchestrator.config.rules import market_calendar
from orchestrator.engine.build import build_engine
from orchestrator.engine.interface import EngineError, EngineRefused, EngineUnreachable, TradingEngine
from orchestrator.events import AlertRaised, EngineBeat, EngineEvent, EngineFailed, EngineReady, EngineStopped, encode
from orchestrator.inbox import Inbox
from orchestrator.processes.parent import Parent, ParentLogHandler
from orchestrator.store import Store

__all__ = ["EngineHost", "main"]

logger = logging.getLogger("orchestrator.engine")

BUSY_TIMEOUT = 20.0
"""Seconds to wait for another writer of the database; an order that can't be written down is not sent."""

DUMP = signal.SIGUSR2
"""At which the process writes down where each of its threads is."""

HALT_EVERY = timedelta(seconds=0.5)
"""Between two looks at whether everything is cancelled and sold."""

KINDS: Mapping[type[EngineError], str] = {EngineRefused: "refused", EngineUnreachable: "unreachable"}
"""What EngineFailed calls them."""

Emit = Callable[[EngineEvent], None]


class EngineHost:
    """Runs one engine: start, commands, steps, stop.

    :param build: makes the engine; what it raises is a failed start.
    :param emit: takes the engine's events.
    :param beat_every: None for no beats, where nobody could miss them.
    """

    def __init__(
        self,
        build: Callable[[], TradingEngine],
        symbols: list[str],
        emit: Emit,
        beat_every: timedelta | None,
    ) -> None:
        self._build, self._symbols, self._emit, self._beat_every = build, symbols, emit, beat_every
        self._engine: TradingEngine | None = None
        self._step: Callable[[datetime], datetime] | None = None
        self._next_step: datetime | None = None
        self._next_beat: datetime | None = None
        self._next_halt: datetime | None = None
        self._flatten = False
        self._last_turn = datetime.min.replace(tzinfo=UTC)
        self.exit_code: int | None = None
        """Set once the engine is over: 0 stopped as told, 1 failed."""

    def start(self, now: datetime) -> None:
        """Build, connect and start the engine; a failure ends the host."""
        self._guard(lambda: self._start(now))

    def command(self, command: Mapping[str, Any], now: datetime) -> None:
        """Do what the daemon asks.

        ``stop``; ``halt``, with or without ``flatten``; ``rebalance`` with a decision's label; ``risk`` with limits.
        """
        self._guard(lambda: self._obey(command, now))

    def step(self, now: datetime) -> datetime | None:
        """Do what is due; returns when to call again, None if the engine only waits for commands."""
        self._guard(lambda: self._turn(now))
        return min((t for t in (self._next_step, self._next_beat, self._next_halt) if t is not None), default=None)

    def beat_soon(self) -> None:
        """Beat in the next step, be it due or not."""
        if self._next_beat is not None:
            self._next_beat = self._last_turn

    def _guard(self, action: Callable[[], None]) -> None:
        if self.exit_code is not None:
            return
        try:
            action()
        except (EngineRefused, EngineUnreachable) as error:
            logger.error("%s", error)
            self._end(EngineFailed(str(error), KINDS[type(error)]), 1)
        except Exception as error:  # noqa: BLE001 - an engine may raise anything; its supervisor restarts it
            logger.error("engine failed\n%s", traceback.format_exc())
            self._end(EngineFailed(_describe(error)), 1)

    def _start(self, now: datetime) -> None:
        engine = self._engine = self._build()
        if engine.connect() is False:
            raise ConnectionError("the engine could not connect: its connect() returned False")
        if engine.start(self._symbols) is False:
            raise RuntimeError("the engine connected but did not start: its start() returned False")
        self._step = getattr(engine, "step", None)
        self._next_step = now if self._step is not None else None
        self._next_beat = now if self._beat_every is not None else None
        self._emit(EngineReady())

    def _obey(self, command: Mapping[str, Any], now: datetime) -> None:
        engine = self._running()
        name = command.get("command")
        if name == "stop":
            self._stop()
        elif name == "halt":
            self._flatten, self._next_halt = bool(command.get("flatten")), now
        elif name == "rebalance":
            rebalance = getattr(engine, "rebalance", None)
            if rebalance is None:
                logger.info("the engine decides itself when to rebalance")
            elif self._step is not None:
                rebalance(command.get("decision"))
                self._next_step = now
            else:
                rebalance()
        elif name == "risk":
            apply_risk = getattr(engine, "apply_risk", None)
            if apply_risk is not None:
                apply_risk(RiskConfig(**command["risk"]))
        elif name == "log":
            logging.getLogger().setLevel(command["level"])
        else:
            logger.warning("unknown command %r", name)

    def _turn(self, now: datetime) -> None:
        if now < self._last_turn:  # the wall clock went back: what was to come soon would come late
            self._next_step = None if self._next_step is None else now
            self._next_beat = None if self._next_beat is None else now
            self._next_halt = None if self._next_halt is None else now
        self._last_turn = now
        if self._next_halt is not None and now >= self._next_halt:
            self._halt(now)
            return
        if self._step is not None and self._next_step is not None and now >= self._next_step:
            self._next_step = self._step(now)
        self._beat_if_due(now)

    def _beat_if_due(self, now: datetime) -> None:
        if self._beat_every is not None and self._next_beat is not None and now >= self._next_beat:
            engine = self._running()
            progress = getattr(engine, "progress", None)
            self._emit(EngineBeat(engine.is_connected(), dict(progress() or {}) if progress else {}))
            self._next_beat = now + self._beat_every

    def _halt(self, now: datetime) -> None:
        """Cancel what rests, and sell what is held if that was asked for; then stop."""
        halt = getattr(self._running(), "halt", None)
        if halt is None:
            text = "This engine has no halt(): what rests at the broker, and what is held, stays as it is."
            self._emit(AlertRaised("warning", "engine", "Nothing cancelled", text))
            self._stop()
        elif halt(self._flatten):
            self._next_halt = None
            self._stop()
        else:
            self._next_halt = now + HALT_EVERY
            self._beat_if_due(now)

    def _stop(self) -> None:
        engine = self._running()
        engine.stop()
        engine.disconnect()
        todo = "sold everything" if self._flatten else "cancelled all orders"
        self._end(EngineStopped(f"it was stopped before it had {todo}" if self._next_halt is not None else ""), 0)

    def _running(self) -> TradingEngine:
        if self._engine is None:
            raise RuntimeError("the engine has not been started")
        return self._engine

    def _end(self, event: EngineEvent, code: int) -> None:
        self._next_step = self._next_beat = self._next_halt = None
        self.exit_code = code
        self._emit(event)


def _describe(error: Exception) -> str:
    if isinstance(error, SQLAlchemyError):  # its own text is of several lines, and shows the statement
        return f"the store: {getattr(error, 'orig', None) or type(error).__name__}"
    text = str(error) or "no reason given"
    told = isinstance(error, EngineError | ValueError) or type(error) in {ConnectionError, RuntimeError}
    return text if told else f"{type(error).__name__}: {text}"


def main(arguments: list[str]) -> int:
    """Host the engine that the first command describes, until it is over.

    :param arguments: the descriptor for messages, and that for stacks.
    """
    _print_beside_the_log()
    stacks = int(arguments[1])
    os.set_inheritable(stacks, False)
    faulthandler.enable(file=stacks)
    faulthandler.register(DUMP, file=stacks)  # in C: it needs no turn of the interpreter
    inbox, clock = Inbox(), SystemClock()
    parent = Parent(inbox, int(arguments[0]))
    startup = parent.first_command()
    _log_to(parent, startup["log_level"])
    signal.signal(signal.SIGTERM, lambda *_: inbox.put({"command": "stop"}))
    # Behind our own, so that a user's folder named like a package of ours hides nothing.
    sys.path.extend(folder for folder in startup["import_paths"] if folder not in sys.path)

    def emit(event: EngineEvent) -> None:
        parent.send(encode(event))

    def build() -> TradingEngine:
        config, base_dir = from_dict(startup["config"]), Path(startup["base_dir"])
        store = Store(store_url(config, base_dir), busy_timeout=BUSY_TIMEOUT, durable=True).open(thorough=False)
        return build_engine(config, store, market_calendar(config), base_dir, clock, emit)

    host = EngineHost(build, startup["symbols"], emit, timedelta(seconds=startup["beat_every"]))
    patience: float = startup["patience"]
    faulthandler.dump_traceback_later(patience + startup["start_timeout"], exit=True, file=stacks)
    host.start(clock.now())
    return _serve(host, inbox, clock, patience, stacks)


def _print_beside_the_log() -> None:
    """Have what a strategy prints, or a program that it starts, go to the standard error: it is no line of the log."""
    sys.stdout = sys.stderr
    with suppress(OSError):  # where the daemon has no standard error, there is nowhere to print to
        os.dup2(2, 1)


def _serve(host: EngineHost, inbox: Inbox, clock: Clock, patience: float, stacks: int) -> int:
    """The loop. Should it be stuck where not even a signal is handled, and nobody is left to kill it, it ends itself.

    :param patience: seconds for one turn; more than the supervisor has.
    :param stacks: the descriptor that its last words go to.
    """
    while host.exit_code is None:
        faulthandler.dump_traceback_later(patience, exit=True, file=stacks)
        now = clock.now()
        for command in inbox.drain():
            host.command(command, now)
        until = host.step(now)
        if host.exit_code is None:
            clock.wait(inbox, until or now + timedelta(seconds=10))
    return host.exit_code


def _log_to(parent: Parent, level: str) -> None:
    handler = ParentLogHandler(parent)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
