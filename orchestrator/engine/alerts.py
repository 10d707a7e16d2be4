"""Alerts of the engine, on their way to the daemon."""

from collections.abc import Callable

from notifiers import NotificationMessage, Notifier
from orchestrator.events import AlertRaised, EngineEvent

__all__ = ["AlertEmitter"]


class AlertEmitter(Notifier):
    """Hands each message to the daemon, which delivers it."""

    def __init__(self, topic: str, emit: Callable[[EngineEvent], None]) -> None:
        super().__init__()
        self._topic, self._emit = topic, emit

    def send(self, message: NotificationMessage) -> bool:
        told = message.to_dict()
        self._emit(AlertRaised(told["level"], self._topic, told["title"], told["message"], told["metadata"]))
        return True
