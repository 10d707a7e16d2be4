"""What to do about a channel that does not deliver, by what its service said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.alerts.channels import Channel

__all__ = ["remedy"]

SETTING = {
    "slack": "notifications.slack_webhook_url",
    "discord": "notifications.discord_webhook_url",
    "webhook": "notifications.webhook_url",
    "email": "notifications.smtp_host and smtp_port",
    "apprise": "notifications.apprise.{name}",
}
"""Where a channel's address stands in the config."""

HOOKS, MAIL = frozenset({"slack", "discord"}), frozenset({"email"})
ANY = frozenset(SETTING)


@dataclass(frozen=True, slots=True)
class Remedy:
    """`text` may name the setting in which the channel's address stands."""

    kinds: frozenset[str]
    pattern: re.Pattern[str]
    text: str


def _remedy(kinds: frozenset[str], pattern: str, text: str) -> Remedy:
    return Remedy(kinds, re.compile(pattern, re.IGNORECASE), text)


REMEDIES: Sequence[Remedy] = (
    _remedy(
        HOOKS,
        r"HTTP (401|403|404|410)\b",
        "there is no such webhook (any more): make a new one there, and write it into {setting}",
    ),
    _remedy(ANY, r"HTTP (401|403)\b", "the service wants other credentials: check {setting} and its headers"),
    _remedy(ANY, r"HTTP (404|410)\b", "nothing is at that address: check {setting}"),
    _remedy(ANY, r"HTTP 3\d\d\b", "redirects are not followed: write the address that it leads to into {setting}"),
    _remedy(ANY, r"HTTP 429\b", "too many messages in a short time: wait a minute, and try again"),
    _remedy(ANY, r"HTTP 5\d\d\b", "the service has trouble of its own: try again later"),
    _remedy(ANY, r"connection refused", "nothing listens there: check {setting}, and that the service runs"),
    _remedy(
        ANY,
        r"name resolution|name or service not known|nodename nor servname|failed to resolve|no address associated",
        "there is no such host: check {setting}, and that this machine can look up names",
    ),
    _remedy(ANY, r"network is unreachable|no route to host", "this machine has no way there: check its network"),
    _remedy(
        ANY,
        r"certificate",
        "its TLS certificate is not trusted here: check the host in {setting}; that of an authority of your own goes "
        "into REQUESTS_CA_BUNDLE, for mail into SSL_CERT_FILE",
    ),
    _remedy(
        MAIL,
        r"STARTTLS|wrong.version.number|connection unexpectedly closed|record layer",
        "the server speaks TLS in another way on that port: 587 is usual with STARTTLS, 465 with TLS from the start",
    ),
    _remedy(ANY, r"wrong.version.number|record layer", "no TLS is spoken there: check http or https in {setting}"),
    _remedy(
        MAIL,
        r"\b53[0458]\b|authentication",
        "the server refuses the login: check notifications.smtp_username and smtp_password; many providers want a "
        "password made for this program",
    ),
    _remedy(
        MAIL,
        r"\b55\d\b|relay",
        "the server refuses an address: check notifications.email_from and email_to",
    ),
    _remedy(
        ANY,
        r"timed out|no answer within",
        "nothing answered in time: check {setting}, and that no firewall is in between",
    ),
)
"""The first that fits holds."""


def remedy(channel: Channel, detail: str) -> str:
    """What to try after such a failure; empty if nothing is known."""
    setting = SETTING.get(channel.kind, "").format(name=channel.name)
    fitting = (each for each in REMEDIES if channel.kind in each.kinds and each.pattern.search(detail))
    return next((each.text.format(setting=setting) for each in fitting), "")
