"""The notifier everything else is: filter by level, try to send, never raise."""

import logging
import sys
import textwrap
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TextIO

from notifiers.message import AlertLevel, NotificationMessage
from notifiers.plain import compose, headline
from notifiers.redaction import describe

__all__ = ["Attempt", "ConsoleNotifier", "MemoryNotifier", "Notifier"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempt:
    """How one try to deliver ended.

    :param detail: why it failed, in the service's own words and without secrets; empty when ok.
    :param retry_after: seconds the service asked to be left alone; None when it did not say.
    :param permanent: True for a failure that no retry will mend, such as a webhook that was deleted or a wrong
        password: somebody has to do something about it.
    """

    ok: bool
    detail: str = ""
    retry_after: float | None = None
    permanent: bool = False


class Notifier(ABC):
    """Tells a human. Subclass it and write :meth:`send`.

    :param enabled: False turns the notifier off: :meth:`notify` then sends nothing.
    :param min_level: messages below it are not sent; an AlertLevel or its name.
    """

    # Here as well, for subclasses whose own constructor does not call this one.
    enabled: bool = True
    min_level: AlertLevel = AlertLevel.INFO

    def __init__(self, enabled: bool = True, min_level: AlertLevel | str = AlertLevel.INFO) -> None:
        self.enabled = enabled
        self.min_level = AlertLevel(min_level)

    @abstractmethod
    def send(self, message: NotificationMessage) -> bool:
        """Deliver, whatever the level, and say whether it worked. May raise."""

    def accepts(self, message: NotificationMessage) -> bool:
        """Whether :meth:`notify` would send it."""
        return self.enabled and message.level >= self.min_level

    def attempt(self, message: NotificationMessage) -> Attempt:
        """Like :meth:`send`, but does not raise and tells why it failed."""
        try:
            if self.send(message):
                return Attempt(ok=True)
        except Exception as error:  # noqa: BLE001 - a subclass may raise anything; it becomes the detail
            return Attempt(ok=False, detail=describe(error))
        return Attempt(ok=False, detail=f"{type(self).__name__} gave no reason")

    def notify(self, message: NotificationMessage) -> bool:
        """Send the message if it is wanted here. False if it was not, or was not delivered; never raises."""
        try:
            if not self.accepts(message):
                return False
            attempt = self.attempt(message)
        except Exception as error:  # noqa: BLE001 - whoever notifies must not be hurt by it
            attempt = Attempt(ok=False, detail=describe(error))
        if not attempt.ok:
            logger.warning("%s did not deliver %r: %s", self, getattr(message, "title", message), attempt.detail)
        return attempt.ok

    def __repr__(self) -> str:
        state = "" if self.enabled else ", enabled=False"
        return f"{type(self).__name__}(min_level={self.min_level.value}{state})"


class ConsoleNotifier(Notifier):
    """Prints messages.

    :param stream: where to; default whatever sys.stdout is at the time.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        super().__init__(enabled, min_level)
        self.stream = stream

    def send(self, message: NotificationMessage) -> bool:
        stream = self.stream or sys.stdout
        text = f"{headline(message)}\n{textwrap.indent(compose(message), '    ')}"
        print(_writable(text, stream), file=stream, flush=True)
        return True


def _writable(text: str, stream: TextIO) -> str:
    """`text` with escapes for what the stream's encoding lacks."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


class MemoryNotifier(Notifier):
    """Keeps messages, for tests and simulation; the oldest comes first in :attr:`messages`."""

    def __init__(self, enabled: bool = True, min_level: AlertLevel | str = AlertLevel.INFO) -> None:
        super().__init__(enabled, min_level)
        self.messages: list[NotificationMessage] = []

    def send(self, message: NotificationMessage) -> bool:
        self.messages.append(message)
        return True
