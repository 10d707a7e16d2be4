"""Whatever else Apprise knows."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from notifiers.delivery import Parcel, RemoteNotifier
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.plain import compose, headline
from notifiers.redaction import matched

__all__ = ["AppriseNotifier"]

URL = re.compile(r"(?P<schema>[A-Za-z][A-Za-z0-9+.-]*)://.+", re.DOTALL)
HOST_NAME = re.compile(r"localhost|\d+(?:\.\d+){3}|(?:[a-z0-9-]+\.)+[a-z]{2,6}", re.IGNORECASE)

MENTION = re.compile(r"@(?=(?:everyone|here|channel|all)\b)|(?<=<)[@#!]", re.IGNORECASE)
WORD_JOINER = "\u2060"
"""Is not seen, and parts a mention's sign from its name."""

FOR_MACHINES = {"json", "jsons", "xml", "xmls", "form", "forms"}


class AppriseNotifier(RemoteNotifier):
    """Sends to any service that Apprise knows, by its URL, in one request as far as the service allows it.

    Throttling and retries asked for in the URL are ignored: whoever calls decides when to try again. Nobody is
    mentioned, whatever the message says; what else a service makes of plain text is its own affair.
    """

    def __init__(
        self,
        url: str,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        match = matched(URL, url, "an Apprise URL", "service://...")
        self.url, self._schema = match[0], match["schema"].lower()
        super().__init__([self.url, *_secrets(self.url)], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        title, body = headline(message), compose(message)
        if self._schema not in FOR_MACHINES:
            title, body = _defused(title), _defused(body)
        return Parcel(self.url, title, body, message.level)


def _defused(text: str) -> str:
    return MENTION.sub(lambda match: match[0] + WORD_JOINER, text)


def _secrets(url: str) -> Iterator[str]:
    """In an Apprise URL a token may stand anywhere, even where the host would be."""
    address, _, query = url.partition("://")[2].partition("?")
    parts = re.split(r"[/:@]+", address) + [value for _, value in parse_qsl(query)]
    yield from (part for part in parts if len(part) > 3 and not HOST_NAME.fullmatch(part))
