"""The supervisor's end of an engine: a child process, or, in a simulation, the same host in this process."""

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from orchestrator.engine.host import DUMP, EngineHost
from orchestrator.events import EngineEvent, encode
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Child, Ended, Receiver, Said, module_environment, python_module
from orchestrator.processes.pids import open_files, rss_mb
from orchestrator.supervision.incidents import Autopsy

__all__ = ["EngineLink", "Launch", "LocalLink", "ProcessLink"]


class EngineLink(Protocol):
    pid: int | None
    beats: bool
    """Whether the engine must be heard; False where silence could not mean anything."""

    def send(self, command: Mapping[str, Any]) -> None:
        """Give the engine a command; never blocks."""

    def dump(self) -> None:
        """Have it write down where each of its threads is; :meth:`autopsy` reads that a little later."""

    def autopsy(self) -> Autopsy:
        """What can be seen of it from outside, alive or dead."""

    def terminate(self) -> None:
        """Ask once more, by signal."""

    def kill(self) -> None:
        """End it and all that it started."""

    def close(self) -> None:
        """Free what is held for :meth:`autopsy`; to be called when it is over."""

    def step(self, now: datetime) -> datetime | None:
        """Let an engine of this process do what is due; returns when to call again."""


LONGEST_DUMP = 200_000
"""Bytes of stacks that are read."""

Launch = Callable[[str, Receiver], EngineLink]
"""Starts an engine for a run of this name, whose messages go to the receiver; raises OSError if it can't."""


class ProcessLink:
    """An engine in a child process.

    :param startup: the first command: config, base_dir, symbols, beat_every, start_timeout, patience, log_level,
        import_paths.
    """

    beats = True

    def __init__(self, inbox: Inbox, receiver: Receiver, startup: Mapping[str, Any]) -> None:
        self._stacks = tempfile.TemporaryFile()  # noqa: SIM115 - nobody else can open it, and it is gone with this object
        stacks = self._stacks.fileno()
        command = python_module("orchestrator.engine.host", "{fd}", str(stacks))
        try:
            self._child = Child(inbox, receiver, command, env=module_environment(), lend=(stacks,))
        except BaseException:
            self._stacks.close()
            raise
        self.pid: int | None = self._child.pid
        self._child.send(startup)

    def send(self, command: Mapping[str, Any]) -> None:
        self._child.send(command)

    def dump(self) -> None:
        self._child.send_signal(DUMP)

    def autopsy(self) -> Autopsy:
        stacks = os.pread(self._stacks.fileno(), LONGEST_DUMP, 0).decode(errors="replace")
        memory, files = (None, None) if self.pid is None else (rss_mb(self.pid), open_files(self.pid))
        return Autopsy(stacks, memory, files)

    def terminate(self) -> None:
        self._child.terminate()

    def kill(self) -> None:
        self._child.kill()

    def close(self) -> None:
        self._child.close()
        self._stacks.close()

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
        self._seen = datetime.min.replace(tzinfo=UTC)

    def send(self, command: Mapping[str, Any]) -> None:
        self._commands.append(command)

    def dump(self) -> None:
        """It is stepped by this very process: there is nothing to see from outside."""

    def autopsy(self) -> Autopsy:
        return Autopsy()

    def terminate(self) -> None:
        self.send({"command": "stop"})

    def kill(self) -> None:
        self._end(-9)

    def close(self) -> None:
        """There is nothing to free."""

    def step(self, now: datetime) -> datetime | None:
        if self._over:
            return None
        if not self._started:
            self._started = True
            self._host.start(now)
        for command in self._commands:
            self._host.command(command, now)
        went_back, self._seen = now < self._seen, now  # then what was to come soon would come late
        if self._commands or self._next is None or now >= self._next or went_back:
            self._commands = []
            self._next = self._host.step(now)
        if self._host.exit_code is not None:
            self._end(self._host.exit_code)
        return None if self._over else self._next

    def _end(self, code: int) -> None:
        if not self._over:
            self._over = True
            self._inbox.put(Ended(self._receiver, code))
