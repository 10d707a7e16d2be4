"""Discord, through a webhook."""

import re
from collections.abc import Iterable
from typing import Any

from notifiers.delivery import ONE_REQUEST, Parcel, RemoteNotifier, quoted
from notifiers.facts import Fact, facts
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.plain import compose, footer, headline
from notifiers.redaction import matched
from notifiers.text import clean, cut, fitted, size

__all__ = ["DiscordNotifier"]

URL = re.compile(
    r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks"
    r"/(?P<webhook_id>[A-Za-z0-9]+)/(?P<webhook_token>[A-Za-z0-9_-]+)/?(?:\?thread_id=(?P<thread>\d+))?"
)
COLOURS = {AlertLevel.INFO: 0x3AA3E3, AlertLevel.WARNING: 0xF2952B, AlertLevel.CRITICAL: 0xD7263D}

TITLE_LIMIT, TEXT_LIMIT, NAME_LIMIT, VALUE_LIMIT, TOTAL_LIMIT = 256, 4_096, 256, 1_024, 6_000
FACTS_ROOM = 2_500
"""Of the total: however many facts there are, the text keeps its place."""

MARKDOWN = re.compile(
    r"(?P<link>https?://[^\s<>]+)"
    r"|[\\*_~`|]"
    r"|<(?=\S)"  # mentions, channels, times, emojis
    r"|\](?=\()"  # [text](address)
    r"|:(?=[\w+-]*[a-z][\w+-]*:|[+-]1:|100:|1234:)"  # :emoji:, but not 10:05:03
    r"|^[>#-]",  # quotations, headings, lists
    re.MULTILINE,
)


class DiscordNotifier(RemoteNotifier):
    """Posts to a Discord webhook, as an embed with the level's colour.

    All of it is shown as it is written, and it pings nobody, whatever it says.
    """

    def __init__(
        self,
        webhook_url: str,
        username: str | None = "Trading Bot",
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        match = matched(URL, webhook_url, "a Discord webhook URL", "https://discord.com/api/webhooks/0000/XXXX")
        self._target = match.groupdict()
        self.webhook_url, self.username = match[0], username
        token = match["webhook_token"]
        super().__init__([match[0], f"{match['webhook_id']}/{token}", token], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        service = {"schema": "discord", **self._target, "user": quoted(self.username), "avatar": False, **ONE_REQUEST}
        template = {"embeds": [_embed(message)], "allowed_mentions": {"parse": []}}
        return Parcel(service, headline(message), compose(message), message.level, template=template)


def _embed(message: NotificationMessage) -> dict[str, Any]:
    embed: dict[str, Any] = {
        "title": fitted(headline(message), TITLE_LIMIT, _escaped, cut),
        "color": COLOURS[message.level],
        "fields": _fields(facts(message)),
        "footer": {"text": footer(message)},
    }
    taken = size(embed["title"] + embed["footer"]["text"]) + sum(map(_cost, embed["fields"]))
    text = fitted(clean(message.message).strip("\n"), min(TEXT_LIMIT, TOTAL_LIMIT - taken), _escaped)
    return embed | ({"description": text} if text else {})


def _fields(known: Iterable[Fact]) -> list[dict[str, Any]]:
    """As many as there is room for."""
    fields: list[dict[str, Any]] = []
    room = FACTS_ROOM
    for fact in known:
        name, value = fitted(fact.name, NAME_LIMIT, _escaped, cut), fitted(fact.value, VALUE_LIMIT, _escaped)
        fields.append({"name": name, "value": value, "inline": fact.is_short})
        room -= _cost(fields[-1])
        if room < 0:
            return [*fields[:-1], {"name": "And", "value": "more facts than there is room for", "inline": False}]
    return fields


def _cost(field: dict[str, Any]) -> int:
    return size(field["name"] + field["value"])


def _escaped(text: str) -> str:
    """Discord draws every text as Markdown: escape what has a meaning there, outside of links."""
    return MARKDOWN.sub(lambda match: match["link"] or f"\\{match[0]}", text)
