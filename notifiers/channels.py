"""Slack, Discord, a webhook of one's own, and whatever else Apprise knows."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlsplit

from notifiers.delivery import ONE_REQUEST, Parcel, RemoteNotifier
from notifiers.message import AlertLevel, NotificationMessage
from notifiers.redaction import shown
from notifiers.text import compose, cut, headline

__all__ = ["AppriseNotifier", "DiscordNotifier", "SlackNotifier", "WebhookNotifier"]

BOT = "Trading Bot"

SLACK_URL = re.compile(
    r"https://hooks\.slack(?P<gov>-gov)?\.com/services"
    r"/(?P<token_a>[A-Za-z0-9]+)/(?P<token_b>[A-Za-z0-9]+)/(?P<token_c>[A-Za-z0-9]+)/?"
)
SLACK_CHANNEL = re.compile(r"[#@+]?[A-Za-z0-9_-]{1,32}")
SLACK_ID = re.compile(r"[CDGUW][A-Z0-9]{8,}")
SLACK_LIMIT = 4_000
"""Characters. Slack takes more, but advises against it, and folds long text away."""


class SlackNotifier(RemoteNotifier):
    """Posts to a Slack incoming webhook, as an attachment with the level's colour.

    :param channel: ``#name``, ``@user`` or an id. Only the webhooks of legacy integrations follow it and
        `username`; those of Slack apps post where, and as whom, they were installed.
    """

    def __init__(
        self,
        webhook_url: str,
        channel: str | None = None,
        username: str | None = BOT,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        match = _match(SLACK_URL, webhook_url, "a Slack webhook", "https://hooks.slack.com/services/T000/B000/XXXX")
        if channel and not SLACK_CHANNEL.fullmatch(channel):
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
            "targets": [_slack_target(self.channel)] if self.channel else [],
            "user": _quoted(self.username),
            "include_image": False,
            "include_footer": False,
            **ONE_REQUEST,
        }
        return Parcel(service, headline(message), compose(message, SLACK_LIMIT), message.level)


def _slack_target(channel: str) -> str:
    # Apprise puts a # before everything that has no sign, and takes + for an id.
    return f"+{channel}" if SLACK_ID.fullmatch(channel) else channel


DISCORD_URL = re.compile(
    r"https://(?:ptb\.|canary\.)?discord(?:app)?\.com/api/(?:v\d+/)?webhooks"
    r"/(?P<webhook_id>[A-Za-z0-9]+)/(?P<webhook_token>[A-Za-z0-9_-]+)/?(?:\?thread_id=(?P<thread>\d+))?"
)
DISCORD_LIMIT, DISCORD_TITLE_LIMIT = 2_000, 256
DISCORD_MARKDOWN = re.compile(r"(?P<link>https?://[^\s<>]+)|[\\*_~`|]|<(?=\S)|\](?=\()|^[>#]", re.MULTILINE)


class DiscordNotifier(RemoteNotifier):
    """Posts to a Discord webhook, as an embed with the level's colour; it pings nobody, whatever it says."""

    # Apprise's own embed pings whomever the text names, and carries an author of its own.
    template = Path(__file__).with_name("discord.template")

    def __init__(
        self,
        webhook_url: str,
        username: str | None = BOT,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        match = _match(DISCORD_URL, webhook_url, "a Discord webhook", "https://discord.com/api/webhooks/0000/XXXX")
        self._target = match.groupdict()
        self.webhook_url, self.username = match[0], username
        token = match["webhook_token"]
        super().__init__([match[0], f"{match['webhook_id']}/{token}", token], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        service = {
            "schema": "discord",
            **self._target,
            "user": _quoted(self.username),
            "avatar": False,
            "template": self.template.as_uri(),
            **ONE_REQUEST,
        }
        title = cut(_literal(headline(message)), DISCORD_TITLE_LIMIT)
        body = compose(message, DISCORD_LIMIT - len(title) - len("\r\n"), _literal)
        return Parcel(service, title, body, message.level)


def _literal(text: str) -> str:
    """Discord draws every text as Markdown: escape what has a meaning there, outside of links."""
    return DISCORD_MARKDOWN.sub(lambda match: match["link"] or f"\\{match[0]}", text)


class WebhookNotifier(RemoteNotifier):
    """Posts the message, as :meth:`NotificationMessage.to_dict` has it, as JSON to an HTTP(S) URL.

    Any answer but 2xx is a failure; redirects are not followed.
    """

    def __init__(
        self,
        webhook_url: str,
        headers: Mapping[str, str] | None = None,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        self._url = _split(webhook_url)
        self.webhook_url, self.headers = webhook_url, {str(key): str(text) for key, text in (headers or {}).items()}
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


APPRISE_URL = re.compile(r"(?P<schema>[A-Za-z][A-Za-z0-9+.-]*)://.+", re.DOTALL)
HOST_NAME = re.compile(r"localhost|\d+(?:\.\d+){3}|(?:[a-z0-9-]+\.)+[a-z]{2,6}", re.IGNORECASE)


class AppriseNotifier(RemoteNotifier):
    """Sends to any service that Apprise knows, by its URL, in one request as far as the service allows it.

    Throttling and retries asked for in the URL are ignored: whoever calls decides when to try again.
    """

    def __init__(
        self,
        url: str,
        enabled: bool = True,
        min_level: AlertLevel | str = AlertLevel.INFO,
    ) -> None:
        if not APPRISE_URL.fullmatch(str(url)):
            raise ValueError(f"not an Apprise URL: {shown(url)}; one looks like service://...")
        self.url = url
        super().__init__([url, *_apprise_secrets(url)], enabled, min_level)

    def parcel(self, message: NotificationMessage) -> Parcel:
        return Parcel(self.url, headline(message), compose(message), message.level)


def _match(pattern: re.Pattern[str], url: object, what: str, example: str) -> re.Match[str]:
    match = pattern.fullmatch(str(url).strip())
    if not match:
        raise ValueError(f"not {what} URL: {shown(url)}; one looks like {example}")
    return match


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(str(url))
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # its text would repeat the URL
        usable = False
    if not usable:
        raise ValueError(f"not a webhook URL: {shown(url)}; one looks like https://host/path")
    return parts


def _quoted(name: str | None) -> str | None:
    return quote(name, safe="") if name else None


def _path_and_query(url: SplitResult) -> str:
    return f"{url.path}?{url.query}" if url.query else url.path


def _url_secrets(url: SplitResult) -> Iterator[str]:
    """Everything in a webhook's URL but the host."""
    yield from filter(None, (url.password, url.query, url.path.strip("/"), _path_and_query(url)))
    yield from (value for _, value in parse_qsl(url.query))


def _words(headers: Mapping[str, str]) -> Iterator[str]:
    """The values, and in ``Bearer XXXX`` the token alone."""
    for value in headers.values():
        yield value
        yield value.split()[-1] if value.split() else ""


def _apprise_secrets(url: str) -> Iterator[str]:
    """In an Apprise URL a token may stand anywhere, even where the host would be."""
    address, _, query = url.partition("://")[2].partition("?")
    parts = re.split(r"[/:@]+", address) + [value for _, value in parse_qsl(query)]
    yield from (part for part in parts if len(part) > 3 and not HOST_NAME.fullmatch(part))
