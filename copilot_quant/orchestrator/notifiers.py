"""Messages and the channels they go through."""

from notifiers import (
    AlertLevel,
    AppriseNotifier,
    ConsoleNotifier,
    DiscordNotifier,
    EmailNotifier,
    MemoryNotifier,
    NotificationMessage,
    Notifier,
    SlackNotifier,
    WebhookNotifier,
)

__all__ = [
    "AlertLevel",
    "AppriseNotifier",
    "ConsoleNotifier",
    "DiscordNotifier",
    "EmailNotifier",
    "MemoryNotifier",
    "NotificationMessage",
    "Notifier",
    "SlackNotifier",
    "WebhookNotifier",
]
