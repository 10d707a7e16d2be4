"""Slack, through an incoming webhook."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from notifiers.delivery import ONE_REQUEST, Parcel, RemoteNotifier, quoted
from notifiers.facts import Fact, facts
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.plain import compose, footer, headline
from notifiers.redaction import matched
from notifiers.text import clean, cut, fitted, one_line, shortened

__all__ = ["SlackNotifier"]

URL = re.compile(
    r"https://hooks\.slack(?P<gov>-gov)?\.com/services"
    r"/(?P<token_a>[A-Za-z0-9]+)/(?P<token_b>[A-Za-z0-9]+)/(?P<token_c>[A-Za-z0-9]+)/?"
)
CHANNEL = re.compile(r"[#@+]?[A-Za-z0-9_-]{1,32}")
CHANNEL_ID = re.compile(r"[CDGUW][A-Z0-9]{8,}")

COLOURS = {AlertLevel.INFO: "#3aa3e3", AlertLevel.WARNING: "#f2952b", AlertLevel.CRITICAL: "#d7263d"}
HEADER_LIMIT, TEXT_LIMIT, VALUE_LIMIT, FALLBACK_LIMIT = 150, 3_000, 2_000, 300
ROWS = 5
"""In a section there are at most ten fields, drawn in two columns."""


class SlackNotifier(RemoteNotifier):
    """Posts to a Slack incoming webhook: a header, the text, the facts in a table, the time, beside the level's colour.

    All of it is shown as it is written: nothing in it formats, links or mentions.

    :param channel: ``#name``, ``@user`` or an id. Only the webhooks of legacy integrations follow it and
        `username`; those of Slack apps post where, and as whom, they were installed.
    """

    def __init__(
        self,
        webhook_url: str,
        channel: str | None = None,
        username: str | None = "Trading Bot",
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        match = matched(URL, webhook_url, "a Slack webhook URL", "https://hooks.slack.com/services/T000/B000/XXXX")
        if channel and not CHANNEL.fullmatch(channel):
            raise ValueError(f"not a Slack channel: {channel!r}; use #name, @user or an id, at most 32 characters")
        self._mode = "gov-hook" if match["gov"] else "hook"
        self._tokens = {key: match[key] for key in ("token_a", "token_b", "token_c")}
        self.webhook_url, self.channel, self.username = match[0], channel, username
        path = "/".join(self._tokens.values())
        super().__init__([match[0], path, *self._tokens.values()], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        service = {
            "schema": "slack",
            "mode": self._mode,
            **self._tokens,
            "targets": [_target(self.channel)] if self.channel else [],
            "user": quoted(self.username),
            **ONE_REQUEST,
        }
        return Parcel(service, headline(message), compose(message), message.level, template=_attachment(message))


def _target(channel: str) -> str:
    # Apprise puts a # before everything that has no sign, and takes + for an id.
    return f"+{channel}" if CHANNEL_ID.fullmatch(channel) else channel


def _attachment(message: NotificationMessage) -> dict[str, Any]:
    return {
        "color": COLOURS[message.level],
        "fallback": fitted(_summary(message), FALLBACK_LIMIT, _escaped, cut),  # on the lock screen of a telephone
        "blocks": [
            {"type": "header", "text": _plain(headline(message), HEADER_LIMIT, cut)},
            *_text(message),
            *_told(facts(message)),
            {"type": "context", "elements": [_plain(footer(message), HEADER_LIMIT, cut)]},
        ],
    }


def _summary(message: NotificationMessage) -> str:
    return ": ".join(filter(None, (headline(message), one_line(message.message))))


def _text(message: NotificationMessage) -> Iterator[dict[str, Any]]:
    if text := clean(message.message).strip("\n"):
        yield {"type": "section", "text": _plain(text, TEXT_LIMIT)}


def _told(known: Sequence[Fact]) -> Iterator[dict[str, Any]]:
    """The short ones as tables, the long ones one by one."""
    short = [fact for fact in known if fact.is_short]
    for start in range(0, len(short), ROWS):
        yield {"type": "section", "fields": [cell for fact in short[start : start + ROWS] for cell in _row(fact)]}
    for fact in known:
        if not fact.is_short:
            yield {"type": "section", "text": _plain(f"{fact.name}: {fact.value}", VALUE_LIMIT)}


def _row(fact: Fact) -> tuple[dict[str, Any], dict[str, Any]]:
    name = re.sub(r"[*_~`]", "", fact.name)
    return {"type": "mrkdwn", "text": f"*{_escaped(name)}*"}, _plain(fact.value, VALUE_LIMIT)


def _plain(text: str, limit: int, shorten: Any = shortened) -> dict[str, Any]:
    return {"type": "plain_text", "text": fitted(text, limit, _escaped, shorten), "emoji": False}


def _escaped(text: str) -> str:
    """Slack wants these three characters escaped everywhere, and no other."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
