"""Child processes that talk in JSON lines: the engine, the courier, user jobs.

Every child leads a process group of its own, so that whatever it starts goes with it. One of our own reads commands
from its standard input, where the end of file means that the parent is gone, and writes its messages to a pipe that it
is given; of a user's program the output is captured. Nothing here blocks the parent: pipes are read when they have
something, writes that would block wait in memory.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from orchestrator.inbox import Inbox

__all__ = ["Child", "Ended", "Receiver", "Said", "module_environment", "python_module"]

LONGEST_LINE = 4 * 1024 * 1024
HALF_A_LETTER = b"\\ud"
PORTION = 64 * 1024
KEPT = 16 * 1024
"""Of a portion of captured output."""

LAST_PORTIONS = 64
"""What is read of the last words of a child that has ended: as much as a pipe can hold, and more."""


class Receiver(Protocol):
    """Who a child's messages are for; both methods are called in the main loop only."""

    def receive(self, message: Any, now: datetime) -> None:
        """A JSON value from the child, or text: a line that is no JSON, or captured output."""

    def ended(self, code: int, now: datetime) -> None:
        """The child has ended and its group is gone; `code` as in subprocess: minus the signal that ended it."""


@dataclass(frozen=True, slots=True)
class Said:
    receiver: Receiver
    message: Any

    def handle(self, now: datetime) -> None:
        self.receiver.receive(self.message, now)


@dataclass(frozen=True, slots=True)
class Ended:
    receiver: Receiver
    code: int

    def handle(self, now: datetime) -> None:
        self.receiver.ended(self.code, now)


def python_module(module: str, *arguments: str) -> list[str]:
    """The command line of one of our own modules, run by this very interpreter.

    ``-P``: a file in the working directory that is named like one of ours must not take its place. ``-u``: what a
    user's function prints is there when it is killed.
    """
    return [sys.executable, "-P", "-u", "-m", module, *arguments]


def module_environment() -> dict[str, str]:
    """The environment in which :func:`python_module` finds what this process finds, ours before anybody else's."""
    root, installed = str(Path(__file__).parents[2]), (sys.prefix, sys.base_prefix)
    ours = [] if root.startswith(installed) else [root]
    others = [path for path in sys.path if path and path != root and not path.startswith(installed)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([*ours, *others])}


class Child:
    """One running child process.

    :param command: the words of its command line; ``{fd}`` in a word becomes the number of the descriptor for its
        messages.
    :param lend: more descriptors that it inherits.
    :param capture: take its output (standard output and error) as messages of raw text, in place of JSON lines; of a
        flood only the last part of each portion.
    :raises OSError, ValueError: it can't be started.
    """

    def __init__(
        self,
        inbox: Inbox,
        receiver: Receiver,
        command: Sequence[str],
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        capture: bool = False,
        lend: tuple[int, ...] = (),
    ) -> None:
        self.inbox, self.receiver, self.capture = inbox, receiver, capture
        self._read, write = os.pipe()
        os.set_blocking(self._read, False)
        try:
            self._process = subprocess.Popen(
                list(command) if capture else [word.replace("{fd}", str(write)) for word in command],
                stdin=subprocess.DEVNULL if capture else subprocess.PIPE,
                stdout=write if capture else None,
                stderr=subprocess.STDOUT if capture else None,
                pass_fds=() if capture else (write, *lend),
                process_group=0,
                cwd=cwd,
                env=None if env is None else dict(env),
            )
        except (OSError, ValueError):
            os.close(self._read)
            raise
        finally:
            os.close(write)
        self.pid = self._process.pid
        self._partial = b""
        self._unsent = bytearray()
        self._open = True
        self._writing = False
        self._stdin_fd = -1 if self._process.stdin is None else self._process.stdin.fileno()
        if self._stdin_fd != -1:
            os.set_blocking(self._stdin_fd, False)
        self._pidfd = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else -1
        inbox.watch(self._read, self._readable)
        if self._pidfd != -1:
            inbox.watch(self._pidfd, self._ended)

    def send(self, command: Mapping[str, Any]) -> None:
        """Give it a command; what does not fit into its pipe now follows when there is room."""
        if self._process.stdin is not None and self._open:
            self._unsent += json.dumps(command).encode() + b"\n"
            self._write()

    def _write(self) -> None:
        fd = self._stdin_fd
        try:
            while self._unsent:
                written = os.write(fd, self._unsent)
                del self._unsent[:written]
        except BlockingIOError:
            pass  # it is not reading just now
        except BrokenPipeError:
            self._unsent.clear()  # it is dying; its end will be noticed
        if bool(self._unsent) is not self._writing:
            self._writing = not self._writing
            if self._writing:
                self.inbox.watch(fd, self._write, writing=True)
            else:
                self.inbox.unwatch(fd)

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process itself, and not to what it started."""
        if self._open:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Kill it and everything it started, and wait for its end, which SIGKILL makes short."""
        if self._open:
            self.kill()
            self._finish()

    def _signal(self, number: signal.Signals) -> None:
        # Until it has been waited for, its process id, and so its group's, can't be anybody else's.
        if self._open:
            with contextlib.suppress(ProcessLookupError):  # already gone; its end is on the way
                os.killpg(self.pid, number)

    def _readable(self) -> None:
        if self._read == -1:
            return  # its end was noticed in this very turn
        if not self._receive() and self._pidfd == -1:
            # No other sign of its end on this system; a child that closed its pipe is of no use anyway.
            self.kill()
            self._ended()

    def _receive(self, portions: int = 1) -> bool:
        """Read what is there, in so many portions at most: a flood waits in its pipe. False at the end."""
        for _ in range(portions):
            try:
                data = os.read(self._read, PORTION)
            except BlockingIOError:
                return True
            if not data:
                if self._pidfd != -1 and self._open:
                    self._stop_reading()
                return False
            self._split(data)
        return True

    def _split(self, data: bytes) -> None:
        if self.capture:
            self.inbox.put(Said(self.receiver, data[-KEPT:].decode(errors="replace")))
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            self.inbox.put(Said(self.receiver, _parse(line)))
        if len(self._partial) > LONGEST_LINE:
            self._partial = b""
            self.kill()

    def _stop_reading(self) -> None:
        if self._read != -1:
            self.inbox.unwatch(self._read)
            os.close(self._read)
            self._read = -1

    def _ended(self) -> None:
        if self._open:
            code = self._finish()
            self.inbox.put(Ended(self.receiver, code))

    def _finish(self) -> int:
        if self._read != -1:
            self._receive(LAST_PORTIONS)
        self._signal(signal.SIGKILL)  # what it started and left behind
        self._open = False
        code = self._process.wait()
        self._stop_reading()
        if self._writing:
            self._writing = False
            self.inbox.unwatch(self._stdin_fd)
        if self._pidfd != -1:
            self.inbox.unwatch(self._pidfd)
            os.close(self._pidfd)
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # nobody is left to read the rest
                self._process.stdin.close()
        return code


def _parse(line: bytes) -> Any:
    try:
        value = json.loads(line)
    except ValueError:
        return line.decode(errors="replace")
    if HALF_A_LETTER in line.lower():  # such as stands for a byte of a file name; no log and no store could take it
        return json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace"))
    return value
