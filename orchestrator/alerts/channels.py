"""The notification channels that the config names, as plain settings for the notifiers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.config.model import NotificationConfig

__all__ = ["Channel", "channels"]


@dataclass(frozen=True, slots=True)
class Channel:
    """What `notifiers.build_notifier` needs; JSON-ready, and full of secrets."""

    name: str
    kind: str
    settings: Mapping[str, Any]

    @property
    def local(self) -> bool:
        """Whether it is the daemon's own log, which every alert is in anyway."""
        return self.kind == "console"

    def __repr__(self) -> str:
        return f"Channel({self.name!r}, {self.kind!r})"


def channels(config: NotificationConfig) -> dict[str, Channel]:
    """The configured channels by name, in order; none if notifications are off."""
    if not config.enabled:
        return {}
    return {name: _channel(name, config) for name in config.channels}


def _channel(name: str, config: NotificationConfig) -> Channel:
    if name in config.apprise:
        return Channel(name, "apprise", {"url": config.apprise[name]})
    settings: dict[str, dict[str, Any]] = {
        "console": {},
        "slack": {"webhook_url": config.slack_webhook_url, "channel": config.slack_channel},
        "discord": {"webhook_url": config.discord_webhook_url},
        "email": {
            "smtp_host": config.smtp_host,
            "smtp_port": config.smtp_port,
            "username": config.smtp_username,
            "password": config.smtp_password,
            "from_email": config.email_from,
            "to_emails": list(config.email_to),
        },
        "webhook": {"webhook_url": config.webhook_url, "headers": dict(config.webhook_headers)},
    }
    return Channel(name, name, settings[name])
