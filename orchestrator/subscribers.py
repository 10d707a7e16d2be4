"""Notifiers that a program adds to its own orchestrator: called in a thread of their own, never in the loop."""

import queue
import threading

from notifiers import NotificationMessage, Notifier

__all__ = ["Subscribers"]


class Subscribers:
    """Hands every alert to every added notifier, in order."""

    def __init__(self) -> None:
        self._notifiers: list[Notifier] = []
        self._queue: queue.SimpleQueue[NotificationMessage | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, notifier: Notifier) -> None:
        self._notifiers.append(notifier)

    def tell(self, message: NotificationMessage) -> None:
        if not self._notifiers:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._deliver, name="subscribers", daemon=True)
            self._thread.start()
        self._queue.put(message)

    def close(self, timeout: float) -> None:
        """Give them `timeout` seconds for what is still waiting."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout)
            self._thread = None

    def _deliver(self) -> None:
        while (message := self._queue.get()) is not None:
            for notifier in list(self._notifiers):
                notifier.notify(message)
