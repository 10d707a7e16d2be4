"""A webhook of one's own."""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import SplitResult, parse_qsl, urlsplit

from notifiers.delivery import ONE_REQUEST, Parcel, RemoteNotifier
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.redaction import shown

__all__ = ["WebhookNotifier"]

SHORTEST_TOKEN = 8

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HEADER_VALUE = re.compile(r"(?![ \t])[\t\x20-\x7e\x80-\xff]*")


class WebhookNotifier(RemoteNotifier):
    """Posts the message, as :meth:`NotificationMessage.to_dict` has it, as JSON to an HTTP(S) URL.

    Any answer but 2xx is a failure; redirects are not followed.

    :param headers: sent with each request, in place of our own of the same name.
    """

    def __init__(
        self,
        webhook_url: str,
        headers: Mapping[str, str] | None = None,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        self._url = _split(webhook_url)
        self.webhook_url, self.headers = webhook_url, _headers(headers or {})
        super().__init__([webhook_url, *_url_secrets(self._url), *_words(self.headers)], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        url, data = self._url, message.to_dict()
        title, text = data.pop("title"), data.pop("message")
        service = {
            "schema": "jsons" if url.scheme == "https" else "json",
            "host": f"[{url.hostname}]" if ":" in str(url.hostname) else url.hostname,
            "port": url.port,
            "user": url.username,
            "password": url.password or "",
            "fullpath": _path_and_query(url),
            "headers": self.headers,
            # Apprise drops those of its own fields that are mapped to nothing.
            "payload": {"version": "", "attachments": "", "type": "", **data},
            **ONE_REQUEST,
        }
        # It refuses an empty text before it strips the blanks from it.
        return Parcel(service, title, text or " ", message.level, verbatim=True)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(str(url))
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # its text would repeat the URL
        usable = False
    if not usable:
        raise ValueError(f"not a webhook URL: {shown(url)}; one looks like https://host/path")
    return parts


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    headers = {str(name): str(value) for name, value in given.items()}
    for name, value in headers.items():
        if not HEADER_NAME.fullmatch(name):
            raise ValueError(f"not the name of an HTTP header: {name!r}; use letters, digits and '-'")
        if not HEADER_VALUE.fullmatch(value):
            raise ValueError(f"the value of the HTTP header {name} can't be sent: it must be one line of Latin-1 text")
    return headers


def _path_and_query(url: SplitResult) -> str:
    return f"{url.path}?{url.query}" if url.query else url.path


def _url_secrets(url: SplitResult) -> Iterator[str]:
    """Everything in a webhook's URL but the host; of the path each part that is long enough for a token as well."""
    login = f"{url.username}:{url.password}" if url.password else None
    yield from filter(None, (login, url.password, url.query, url.path.strip("/"), _path_and_query(url)))
    yield from (value for _, value in parse_qsl(url.query))
    yield from (part for part in url.path.split("/") if len(part) >= SHORTEST_TOKEN)


def _words(headers: Mapping[str, str]) -> Iterator[str]:
    """The values, and in ``Bearer XXXX`` the token alone."""
    for value in headers.values():
        yield value
        yield value.split()[-1] if value.split() else ""
