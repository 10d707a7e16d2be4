"""One attempt through Apprise: one request, no retry, no waiting.

The only module that imports Apprise, and that not before the first attempt: it costs 0.3 s and 50 MB.
"""

import functools
import json
import os
import threading
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from notifiers.base import Attempt, Notifier
from notifiers.deadline import Deadline
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.redaction import Redactor, describe
from notifiers.taps import tap
from notifiers.text import cut, shortened
from notifiers.transcript import Transcript, listen

__all__ = ["ONE_REQUEST", "Parcel", "RemoteNotifier", "deliver", "quoted"]

ONE_REQUEST: dict[str, Any] = {"cto": 10.0, "rto": 10.0, "redirect": False}
"""For a plugin: seconds to connect and to read. A redirected POST would arrive as a GET, if anywhere."""

DEADLINE = 30.0
"""Seconds for the whole attempt."""

NOTIFY_TYPES = {AlertLevel.INFO: "info", AlertLevel.WARNING: "warning", AlertLevel.CRITICAL: "failure"}
"""Apprise's word for each level; in some services it chooses a colour or a picture."""


@dataclass(frozen=True)
class Parcel:
    """What is handed to Apprise.

    :param service: an Apprise URL, or the dictionary it would be parsed into, which needs no quoting but for
        `user`, `password` and `host`: those Apprise unquotes in either.
    :param verbatim: title and body are not cut to what Apprise knows of the service's limits.
    :param template: what the service shall show, for a plugin that takes it from a template.
    :param letter: makes, for a recipient, the mail that is sent in place of title and body.
    """

    service: str | Mapping[str, Any] = field(repr=False)
    title: str
    body: str
    level: AlertLevel
    verbatim: bool = False
    template: Mapping[str, Any] | None = None
    letter: Callable[[str], bytes] | None = None


class RemoteNotifier(Notifier):
    """A notifier that delivers through Apprise.

    :param secrets: what must never be shown of its settings.
    """

    def __init__(self, secrets: Iterable[str | None], enabled: bool, min_level: AlertLevel | str) -> None:
        super().__init__(enabled, min_level)
        self._redact = Redactor(secret for secret in secrets if secret)

    @abstractmethod
    def parcel(self, message: NotificationMessage) -> Parcel:
        """The message as it is handed to Apprise."""

    def attempt(self, message: NotificationMessage) -> Attempt:
        """One request, of at most 10 s to connect, 10 s for each read, and 30 s in all."""
        try:
            parcel = self.parcel(message)
        except Exception as error:  # noqa: BLE001 - metadata may hold what cannot even be written down
            return Attempt(ok=False, detail=self._redact(describe(error)), permanent=True)
        return deliver(parcel, self._redact)

    def send(self, message: NotificationMessage) -> bool:
        return self.attempt(message).ok


def quoted(name: str | None) -> str | None:
    """A value of a service's dictionary that Apprise will unquote."""
    return quote(name, safe="") if name else None


def deliver(parcel: Parcel, redact: Redactor) -> Attempt:
    """Try once. Does not raise: whatever goes wrong is the attempt's detail, redacted."""
    transcript, sent = Transcript(redact, parcel.letter), False
    with listen(transcript, redact), Deadline(DEADLINE) as deadline:
        try:
            sent = _sent(parcel)
        except Exception as error:  # noqa: BLE001 - a service's plugin may raise anything
            transcript.failed(error)
    if deadline.expired:
        return Attempt(ok=False, detail=f"no complete answer within {DEADLINE:g} s")
    return transcript.outcome(sent)


def _sent(parcel: Parcel) -> bool:
    with _template(parcel.template) as template:
        plugin = _plugin(parcel.service, template)
        title, body = (parcel.title, parcel.body) if parcel.verbatim else _fitted(plugin, parcel)
        courier = _apprise().Apprise(plugin, asset=plugin.asset)
        kind = NOTIFY_TYPES[parcel.level]
        return bool(courier.notify(body=body, title=title, notify_type=kind, body_format="text"))


def _plugin(service: str | Mapping[str, Any], template: Mapping[str, str]) -> Any:
    # In this thread and without a deadline: there is one already, and threads started here would outlive it.
    asset = _apprise().AppriseAsset(app_id="trading-orchestrator", async_mode=False, service_timeout=0)
    given = service if isinstance(service, str) else {**service, **template}
    try:
        plugin = _apprise().Apprise.instantiate(given, asset=asset, suppress_exceptions=False)
    except Exception as error:  # noqa: BLE001 - whatever a plugin makes of settings it cannot use
        raise ValueError(str(error)) from None
    if plugin is None:
        raise ValueError(f"Apprise has no service for this {_schema(service)}:// URL, or cannot read it")
    plugin.request_rate_per_sec = 0
    plugin.retry = 0
    plugin.socket_connect_timeout = ONE_REQUEST["rto"]  # for mail
    if template:
        plugin.template[0].max_file_size = 0  # what is in it was cut to the service's own limits
    return plugin


def _fitted(plugin: Any, parcel: Parcel) -> tuple[str, str]:
    title = cut(parcel.title, plugin.title_maxlen or plugin.body_maxlen // 2)
    shared = plugin.overflow_amalgamate_title or not plugin.title_maxlen
    return title, shortened(parcel.body, plugin.body_maxlen - (len(title) + len("\r\n") if shared else 0))


def _schema(service: str | Mapping[str, Any]) -> str:
    return service.partition("://")[0] if isinstance(service, str) else service["schema"]


@contextmanager
def _template(document: Mapping[str, Any] | None) -> Iterator[dict[str, str]]:
    """The argument by which a plugin finds its template, a file, for as long as it needs it."""
    if document is None:
        yield {}
        return
    with _nameless_file() as number, open(number, "w", encoding="ascii", closefd=False) as file:
        # Apprise reads it in the locale's encoding, and would replace {{words}}, but knows no \u007b.
        file.write(json.dumps(document).replace("{{", "{\\u007b"))
        file.seek(0)
        yield {"template": Path(f"/dev/fd/{number}").as_uri()}


@contextmanager
def _nameless_file() -> Iterator[int]:
    """In memory where the system can: a full disk is one of the things that there is to tell."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("notification")
        try:
            yield number
        finally:
            os.close(number)
    else:
        from tempfile import TemporaryFile

        with TemporaryFile() as file:
            yield file.fileno()


def _apprise() -> Any:
    with _loading:
        return _loaded()


_loading = threading.Lock()


@functools.cache
def _loaded() -> Any:
    with warnings.catch_warnings():
        # Of the libraries of services that nobody asked for: the first look-up imports every plugin.
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise

        apprise.Apprise.instantiate("json://localhost")
    tap()
    return apprise
