"""The one place where messages for the main loop arrive.

Threads and signal handlers put messages in; pipes and other descriptors are watched and read when they have
something. Only the loop takes messages out, so only the loop changes anything.
"""

import os
import select
import selectors
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["Inbox"]

SELECTABLE = 1024
"""select() takes no descriptor from this number on; that of the selector is among the first a process has."""


class Inbox:
    """Messages, and the descriptors that bring them. Close it to free its own two."""

    def __init__(self) -> None:
        self._messages: deque[Any] = deque()
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self.watch(self._wake_read, self._drain_wake_pipe)

    def put(self, message: object) -> None:
        """Add a message; safe in any thread and in a signal handler."""
        self._messages.append(message)
        try:
            os.write(self._wake_write, b"\0")
        except BlockingIOError:
            pass  # the pipe is full, so the loop is being woken already
        except OSError:
            if self._wake_write != -1:
                raise

    def drain(self) -> list[Any]:
        """Take all messages out, oldest first."""
        taken = []
        while self._messages:
            taken.append(self._messages.popleft())
        return taken

    def pending(self) -> bool:
        return bool(self._messages)

    def watch(self, fd: int, ready: Callable[[], None], *, writing: bool = False) -> None:
        """Call `ready` from :meth:`wait` whenever `fd` has something, or takes something; it must not block."""
        self._selector.register(fd, selectors.EVENT_WRITE if writing else selectors.EVENT_READ, ready)

    def unwatch(self, fd: int) -> None:
        self._selector.unregister(fd)

    def wait(self, timeout: float) -> None:
        """Read what the watched descriptors have; wait for the first of them if nothing is there."""
        if not self._messages:
            self._sleep(timeout)
        for key, _ in self._selector.select(0):
            key.data()

    def _sleep(self, timeout: float) -> None:
        """Until a descriptor is ready. epoll rounds its timeout up to a millisecond, select() on it does not."""
        fileno = getattr(self._selector, "fileno", None)
        if fileno is not None and fileno() < SELECTABLE:
            select.select([fileno()], [], [], timeout)
        else:
            self._selector.select(timeout)

    def close(self) -> None:
        self._selector.close()
        write, self._wake_write = self._wake_write, -1
        os.close(write)
        os.close(self._wake_read)

    def _drain_wake_pipe(self) -> None:
        while True:
            try:
                if not os.read(self._wake_read, 4096):
                    return
            except BlockingIOError:
                return
