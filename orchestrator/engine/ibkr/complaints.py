"""What goes wrong inside the client library, which only logs it: told to a human, once in a run of the engine."""

import logging

from calendars import Clock
from notifiers import AlertLevel, NotificationMessage, Notifier

__all__ = ["Complaints"]

LOGGERS = ("eventkit.event", "ib_async.Decoder", "ib_insync.Decoder")
"""Where it logs the exceptions that it has caught."""


class Complaints(logging.Handler):
    """Listens from :meth:`begin` to :meth:`end`."""

    def __init__(self, notifier: Notifier, clock: Clock) -> None:
        super().__init__(logging.ERROR)
        self._notifier, self._clock = notifier, clock
        self._told = False

    def begin(self) -> None:
        for name in LOGGERS:
            logging.getLogger(name).addHandler(self)

    def end(self) -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if self._told:
            return
        self._told = True
        reason = record.exc_info[1] if record.exc_info else None
        text = f"{record.name}: {record.getMessage()} ({type(reason).__name__}: {reason}). The log has what follows."
        title = "The client library could not make out a message"
        self._notifier.notify(NotificationMessage(title, text, AlertLevel.WARNING, self._clock.now()))
