"""Telling a human: messages, the channels they go through, and adapters for what happens to orders and risk.

Importing this does not import Apprise; the first attempt to send does.
"""

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
