"""One attempt through Apprise: one request, no retry, no waiting.

The only module that imports Apprise, and that not before the first attempt: it costs 0.3 s and 50 MB.
"""

import functools
import threading
import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from notifiers.base import Attempt, Notifier
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.redaction import Redactor
from notifiers.text import cut
from notifiers.transcript import listen, tap_requests

__all__ = ["ONE_REQUEST", "Parcel", "RemoteNotifier", "deliver"]

ONE_REQUEST: Mapping[str, Any] = {"cto": 10, "rto": 10, "redirect": False}
"""For a plugin: seconds to connect and to read. A redirected POST would arrive as a GET, if anywhere."""

NOTIFY_TYPES = {AlertLevel.INFO: "info", AlertLevel.WARNING: "warning", AlertLevel.CRITICAL: "failure"}
"""Apprise's word for each level; it chooses the colour."""


@dataclass(frozen=True)
class Parcel:
    """What is handed to Apprise.

    :param service: an Apprise URL, or the dictionary it would be parsed into, which needs no quoting but for
        `user`, `password` and `host`: those Apprise unquotes in either.
    :param verbatim: title and body are not cut to what Apprise knows of the service's limits.
    """

    service: str | Mapping[str, Any] = field(repr=False)
    title: str
    body: str
    level: AlertLevel
    verbatim: bool = False


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
        """One request, of at most 10 s to connect and 10 s for each read."""
        return deliver(self.parcel(message), self._redact)

    def send(self, message: NotificationMessage) -> bool:
        return self.attempt(message).ok


def deliver(parcel: Parcel, redact: Redactor) -> Attempt:
    """Try once. Does not raise: whatever goes wrong is the attempt's detail, redacted."""
    with listen(redact) as transcript:
        try:
            if _sent(parcel):
                return Attempt(ok=True)
        except Exception as error:  # noqa: BLE001 - a service's plugin may raise anything
            transcript.error = error
        return transcript.failure()


def _sent(parcel: Parcel) -> bool:
    apprise = _apprise()
    plugin = _plugin(parcel.service)
    title, body = (parcel.title, parcel.body) if parcel.verbatim else _fitted(plugin, parcel)
    courier = apprise.Apprise(plugin, asset=plugin.asset)
    return bool(courier.notify(body=body, title=title, notify_type=NOTIFY_TYPES[parcel.level], body_format="text"))


def _plugin(service: str | Mapping[str, Any]) -> Any:
    # In this thread and without a deadline: the caller has one, and threads started here would outlive it.
    asset = _apprise().AppriseAsset(app_id="trading-orchestrator", async_mode=False, service_timeout=0)
    given = service if isinstance(service, str) else dict(service)
    plugin = _apprise().Apprise.instantiate(given, asset=asset, suppress_exceptions=False)
    if plugin is None:
        raise ValueError(f"Apprise has no service for this {_scheme(service)}:// URL, or cannot read it")
    plugin.request_rate_per_sec = 0
    plugin.retry = 0
    return plugin


def _fitted(plugin: Any, parcel: Parcel) -> tuple[str, str]:
    title = cut(parcel.title, plugin.title_maxlen or plugin.body_maxlen // 2)
    shared = plugin.overflow_amalgamate_title or not plugin.title_maxlen
    return title, cut(parcel.body, plugin.body_maxlen - (len(title) + len("\r\n") if shared else 0))


def _scheme(service: str | Mapping[str, Any]) -> str:
    return service.partition("://")[0] if isinstance(service, str) else service["schema"]


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
    tap_requests()
    return apprise
