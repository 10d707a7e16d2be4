"""A child's side of the two pipes: commands in, messages out, and death with the parent."""

import json
import logging
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

from orchestrator.inbox import Inbox

__all__ = ["Parent", "ParentLogHandler"]


class Parent:
    """The process that started this one.

    Commands arrive in `inbox` as mappings. When the parent is gone, this process and all it started are killed at
    once, whatever the main thread is doing: nobody would watch them, and a new parent starts its own.

    :param fd: the descriptor that messages are written to.
    """

    def __init__(self, inbox: Inbox, fd: int) -> None:
        self.inbox = inbox
        self._lock = threading.Lock()
        self._out = os.fdopen(fd, "w", encoding="utf-8", buffering=1)
        os.set_inheritable(fd, False)
        # What this process starts must not read our commands: from here on standard input is empty.
        self._in = os.fdopen(os.dup(0), "rb")
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)

    def first_command(self) -> dict[str, Any]:
        """Wait for the first command, and from then on read the others in a thread."""
        command: dict[str, Any] = json.loads(self._in.readline() or b"{}")
        if not command:
            raise EOFError("the parent went away before it said anything")
        threading.Thread(target=self._read_commands, name="commands", daemon=True).start()
        return command

    def send(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            self._out.write(json.dumps(message, default=str) + "\n")

    def _read_commands(self) -> None:
        try:
            for line in self._in:
                self.inbox.put(json.loads(line))
        finally:  # the end of the stream, or half a line of a parent that died while it wrote
            if os.getpgrp() == os.getpid():
                os.killpg(0, signal.SIGKILL)
            os._exit(1)


class ParentLogHandler(logging.Handler):
    """Hands log records to the parent, whose log has one order and one rotation."""

    def __init__(self, parent: Parent) -> None:
        super().__init__()
        self._parent = parent

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
            self._parent.send({"event": "EngineLogged", "level": record.levelno, "logger": record.name, "text": text})
        except (OSError, ValueError):
            self.handleError(record)
