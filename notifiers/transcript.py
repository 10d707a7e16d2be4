"""What an attempt through Apprise said: its log, and the answer that came over the wire.

Apprise answers True or False. Why it was False it tells its logger, mostly at DEBUG and with the secrets in
it; the service's headers it drops. So while an attempt runs, its records are collected here, redacted, and
kept from the application's log; and requests, with which Apprise speaks HTTP, reports each answer and error.
"""

import functools
import importlib
import logging
import math
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, Self

from notifiers.base import Attempt
from notifiers.redaction import RedactingFilter, Redactor
from notifiers.text import cut

__all__ = ["Transcript", "listen", "tap_requests"]

APPRISE_LOG = "apprise"
LOGS_WITH_URLS = (APPRISE_LOG, "urllib3.connectionpool", "urllib3.util.retry")

_SMTP_ANSWER = re.compile(r"\((\d{3}), b(['\"])(.*?)\2(?:, '[^']*')?\)")
"""As smtplib writes it: ``(535, b'5.7.8 Authentication failed')``."""

LONGEST_DETAIL = 400
"""Characters."""


class Transcript(logging.Handler):
    """Collects what belongs to one attempt, and only that, whatever other threads do."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__(logging.DEBUG)
        self._redact = redact
        self._complaints: list[str] = []
        self.answer: Any = None
        self.error: Exception | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if _current.get() is not self:
            return
        text = record.getMessage()
        if record.levelno >= logging.WARNING or "Exception: " in text:
            said = _SMTP_ANSWER.sub(r"\1 \3", text.removeprefix("Socket Exception: "))
            self._complaints.append(said.replace("\\n", " "))

    def failure(self) -> Attempt:
        """Why it failed: the service's answer if there is one, else the error, else Apprise's complaints."""
        if self.answer is not None:
            detail = _answer(self.answer)
        elif self.error is not None:
            detail = str(_root(self.error)) or type(self.error).__name__
        else:
            detail = "; ".join(dict.fromkeys(self._complaints)) or "Apprise gave no reason"
        # Cut last: half a secret would not be recognised.
        detail = cut(" ".join(self._redact(detail).split()), LONGEST_DETAIL)
        return Attempt(ok=False, detail=detail, retry_after=_retry_after(self.answer))


_current: ContextVar[Transcript | None] = ContextVar("notifiers_transcript", default=None)


@contextmanager
def listen(redact: Redactor) -> Iterator[Transcript]:
    """Collect what is said while the block runs in this context; none of it reaches the application's log."""
    transcript = Transcript(redact)
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
        yield transcript


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


@functools.cache
def tap_requests() -> None:
    """Let requests report to the transcript of the context it is called in; elsewhere it works as ever.

    It has no hook for all sessions, and Apprise opens a new one for each request.
    """
    requests = importlib.import_module("requests")
    send = requests.Session.send

    @functools.wraps(send)
    def reporting(session: Any, request: Any, **kwargs: Any) -> Any:
        transcript = _current.get()
        if transcript is None:
            return send(session, request, **kwargs)
        transcript.answer = transcript.error = None
        try:
            transcript.answer = send(session, request, **kwargs)
        except requests.RequestException as error:
            transcript.error = error
            raise
        if transcript.answer.status_code == requests.codes.too_many_requests:
            # Apprise's Discord would sleep and post again; an error ends the attempt in every service.
            raise requests.RequestException("too many requests")
        return transcript.answer

    requests.Session.send = reporting


def _answer(answer: Any) -> str:
    line = f"HTTP {answer.status_code} {answer.reason}".rstrip()
    is_page = "html" in answer.headers.get("Content-Type", "")
    text = "" if is_page else answer.content.decode("utf-8", "replace").strip()
    return f"{line}: {text}" if text else line


def _retry_after(answer: Any) -> float | None:
    """Seconds, from either form of the header; a date counts from the service's own clock."""
    value = None if answer is None else answer.headers.get("Retry-After")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        return _until(value, answer.headers.get("Date"))
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _until(date: str, now: str | None) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, (parsedate_to_datetime(date) - parsedate_to_datetime(now or "")).total_seconds())
    except (TypeError, ValueError):
        return None


def _root(error: BaseException) -> BaseException:
    """The error at the bottom: requests wraps urllib3's, which wraps the socket's."""
    for inner in (getattr(error, "reason", None), *reversed(error.args)):
        if isinstance(inner, BaseException):
            return _root(inner)
    return error
