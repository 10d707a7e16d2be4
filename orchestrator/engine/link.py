"""The supervisor's end of an engine: a child process, or, in a simulation, the same host in this process."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from orchestrator.child import Child, Ended, Receiver, Said, module_environment, python_module
from orchestrator.engine.host import EngineHost
from orchestrator.events import EngineEvent, encode
from orchestrator.inbox import Inbox

__all__ = ["EngineLink", "Launch", "LocalLink", "ProcessLink"]


class EngineLink(Protocol):
    pid: int | None
    beats: bool
    """Whether the engine must be heard; False where silence could not mean anything."""

    def send(self, command: Mapping[str, Any]) -> None:
        """Give the engine a command; never blocks."""

    def terminate(self) -> None:
        """Ask once more, by signal."""

    def kill(self) -> None:
        """End it and all that it started."""

    def step(self, now: datetime) -> datetime | None:
        """Let an engine of this process do what is due; returns when to call again."""


Launch = Callable[[str, Receiver], EngineLink]
"""Starts an engine for a run of this name, whose messages go to the receiver; raises OSError if it can't."""


class ProcessLink:
    """An engine in a child process.

    :param startup: the first command: config, base_dir, symbols, beat_every, start_timeout, patience, log_level,
        import_paths.
    """

    beats = True

    def __init__(self, inbox: Inbox, receiver: Receiver, startup: Mapping[str, Any]) -> None:
        self._child = Child(
            inbox, receiver, python_module("orchestrator.engine.host", "{fd}"), env=module_environment()
        )
        self.pid: int | None = self._child.pid
        self._child.send(startup)

    def send(self, command: Mapping[str, Any]) -> None:
        self._child.send(command)

    def terminate(self) -> None:
        self._child.terminate()

    def kill(self) -> None:
        self._child.kill()

    def step(self, now: datetime) -> datetime | None:
        return None


class LocalLink:
    """An engine hosted in this process, stepped by whoever steps the supervisor."""

    beats = False
    pid: int | None = None

    def __init__(
        self,
        inbox: Inbox,
        receiver: Receiver,
        make_host: Callable[[Callable[[EngineEvent], None]], EngineHost],
    ) -> None:
        self._inbox, self._receiver = inbox, receiver
        self._host = make_host(lambda event: inbox.put(Said(receiver, encode(event))))
        self._commands: list[Mapping[str, Any]] = []
        self._started = self._over = False
        self._next: datetime | None = None

    def send(self, command: Mapping[str, Any]) -> None:
        self._commands.append(command)

    def terminate(self) -> None:
        self.send({"command": "stop"})

    def kill(self) -> None:
        self._end(-9)

    def step(self, now: datetime) -> datetime | None:
        if self._over:
            return None
        if not self._started:
            self._started = True
            self._host.start(now)
        for command in self._commands:
            self._host.command(command, now)
        if self._commands or self._next is None or now >= self._next:
            self._commands = []
            self._next = self._host.step(now)
        if self._host.exit_code is not None:
            self._end(self._host.exit_code)
        return None if self._over else self._next

    def _end(self, code: int) -> None:
        if not self._over:
            self._over = True
            self._inbox.put(Ended(self._receiver, code))
