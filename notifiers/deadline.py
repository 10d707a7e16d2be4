"""An end for what may never end.

A socket's timeout starts anew with each byte, so a service that drips its answer holds an attempt for as long as it
likes. When the time is up, the attempt's connections are shut down, and whoever reads from them finds the end.
"""

import socket
import threading
from contextlib import suppress
from contextvars import ContextVar, Token
from typing import Self

__all__ = ["Deadline", "watched"]


class Deadline:
    """Within its block every connection that this context opens lives for `seconds` at most."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._timer.start()
        self._token: Token[Deadline | None] = _current.set(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _current.reset(self._token)
        self._timer.cancel()
        self._timer.join()
        while self._lines:
            self._lines.pop().close()

    def hold(self, line: socket.socket) -> None:
        """Keep a handle of one's own: TLS takes the socket's over, and its number may soon be another's."""
        if self.expired:
            raise TimeoutError("the time for the attempt is over")
        handle = socket.socket(fileno=socket.dup(line.fileno()))
        with self._lock:
            self._lines.append(handle)

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            for line in self._lines:
                with suppress(OSError):  # it was never connected, or is closed on the other side
                    line.shutdown(socket.SHUT_RDWR)


_current: ContextVar[Deadline | None] = ContextVar("notifiers_deadline", default=None)


def watched(line: socket.socket) -> None:
    """To be told of a socket before it connects."""
    deadline = _current.get()
    if deadline is not None:
        deadline.hold(line)
