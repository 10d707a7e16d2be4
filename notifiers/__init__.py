"""Telling a human: messages, the channels they go through, and adapters for what happens to orders and risk.

Importing this is light: each name brings in its module when it is asked for, and the first attempt to send Apprise.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from notifiers.adapters import OrderNotificationAdapter, RiskNotificationAdapter
    from notifiers.base import Attempt, ConsoleNotifier, MemoryNotifier, Notifier
    from notifiers.discord import DiscordNotifier
    from notifiers.mail import EmailNotifier
    from notifiers.message import AlertLevel, NotificationMessage
    from notifiers.registry import KINDS, build_notifier
    from notifiers.service import AppriseNotifier
    from notifiers.slack import SlackNotifier
    from notifiers.webhook import WebhookNotifier

__all__ = [
    "AlertLevel",
    "NotificationMessage",
    "Notifier",
    "Attempt",
    "ConsoleNotifier",
    "MemoryNotifier",
    "SlackNotifier",
    "DiscordNotifier",
    "EmailNotifier",
    "WebhookNotifier",
    "AppriseNotifier",
    "KINDS",
    "build_notifier",
    "OrderNotificationAdapter",
    "RiskNotificationAdapter",
]

HOMES = {
    "OrderNotificationAdapter": "adapters",
    "RiskNotificationAdapter": "adapters",
    "Attempt": "base",
    "ConsoleNotifier": "base",
    "MemoryNotifier": "base",
    "Notifier": "base",
    "DiscordNotifier": "discord",
    "EmailNotifier": "mail",
    "AlertLevel": "message",
    "NotificationMessage": "message",
    "KINDS": "registry",
    "build_notifier": "registry",
    "AppriseNotifier": "service",
    "SlackNotifier": "slack",
    "WebhookNotifier": "webhook",
}
"""The module of each name."""


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    return found
