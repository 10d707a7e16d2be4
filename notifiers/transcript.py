"""What happened in one attempt through Apprise.

Apprise answers True or False. Why it was False it tells its logger, mostly at DEBUG and with the secrets in it; the
service's headers it drops. So while an attempt runs, its records are collected here, redacted, and kept from the
application's log; and the libraries under Apprise report what they do (:mod:`notifiers.taps`).
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Self

from notifiers.base import Attempt
from notifiers.failure import Failure, of_answer, of_error
from notifiers.redaction import RedactingFilter, Redactor
from notifiers.text import cut, one_line

__all__ = ["Transcript", "current", "listen"]

APPRISE_LOG = "apprise"
LOGS_WITH_URLS = (
    APPRISE_LOG,
    "urllib3",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.poolmanager",
    "urllib3.response",
    "urllib3.util.retry",
)

LONGEST_DETAIL = 400
"""Characters."""


class Transcript(logging.Handler):
    """Collects what belongs to one attempt, and only that, whatever other threads do.

    :param letter: makes, for a recipient, the mail that is sent in place of the one that Apprise has composed.
    """

    def __init__(self, redact: Redactor, letter: Callable[[str], bytes] | None = None) -> None:
        super().__init__(logging.DEBUG)
        self.letter = letter
        self.answer: Any = None
        self.delivered: list[str] = []
        self.errors: list[BaseException] = []
        self._redact = redact
        self._complaints: list[str] = []
        self._outside = sys.exception()

    def emit(self, record: logging.LogRecord) -> None:
        if _current.get() is not self:
            return
        error = sys.exception()  # Apprise logs what it catches while it handles it
        if error is not None and error is not self._outside:
            self.failed(error)
        elif record.levelno >= logging.WARNING:
            self._complaints.append(record.getMessage())

    def failed(self, error: BaseException) -> None:
        if error not in self.errors:
            self.errors.append(error)

    def outcome(self, sent: bool) -> Attempt:
        """How it ended: the service's answer tells, else the errors, else Apprise's complaints."""
        if sent:
            return Attempt(ok=True)
        failure = self._failure()
        # Cut last: half a secret would not be recognised.
        detail = cut(one_line(self._redact(failure.detail)), LONGEST_DETAIL)
        if self.delivered and failure.permanent:
            return Attempt(ok=True, detail=detail)
        return Attempt(False, detail, failure.retry_after, failure.permanent)

    def _failure(self) -> Failure:
        if self.answer is not None and not (self.answer.ok and self.errors):
            return of_answer(self.answer)
        if self.errors:
            return _together([of_error(error) for error in _telling(self.errors)])
        return Failure("; ".join(dict.fromkeys(self._complaints)) or "Apprise gave no reason")


def _telling(errors: Sequence[BaseException]) -> list[BaseException]:
    """Refused recipients, and the first error that is about all of them: what comes after that is its echo."""
    refused = [hasattr(error, "recipients") for error in errors]
    return list(errors[: refused.index(False) + 1 if False in refused else None])


def _together(failures: Sequence[Failure]) -> Failure:
    detail = "; ".join(dict.fromkeys(failure.detail for failure in failures))
    return Failure(detail, permanent=all(failure.permanent for failure in failures))


_current: ContextVar[Transcript | None] = ContextVar("notifiers_transcript", default=None)


def current() -> Transcript | None:
    """That of the attempt which runs in this context."""
    return _current.get()


@contextmanager
def listen(transcript: Transcript, redact: Redactor) -> Iterator[None]:
    """Collect what is said while the block runs in this context; none of it reaches the application's log."""
    masking = RedactingFilter(redact)
    with ExitStack() as stack:
        stack.enter_context(_opened)
        for log in map(logging.getLogger, LOGS_WITH_URLS):
            log.addFilter(masking)
            stack.callback(log.removeFilter, masking)
        apprise_log = logging.getLogger(APPRISE_LOG)
        apprise_log.addHandler(transcript)
        stack.callback(apprise_log.removeHandler, transcript)
        token = _current.set(transcript)
        stack.callback(_current.reset, token)
        yield


class _OpenedLog:
    """Apprise's logger, at DEBUG and cut off from the root as long as any attempt runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempts = 0
        self._before = (logging.NOTSET, True)

    def __enter__(self) -> Self:
        log = logging.getLogger(APPRISE_LOG)
        with self._lock:
            if self._attempts == 0:
                self._before = (log.level, log.propagate)
                log.setLevel(logging.DEBUG)
                log.propagate = False
            self._attempts += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        log = logging.getLogger(APPRISE_LOG)
        with self._lock:
            self._attempts -= 1
            if self._attempts == 0:
                log.setLevel(self._before[0])
                log.propagate = self._before[1]


_opened = _OpenedLog()
