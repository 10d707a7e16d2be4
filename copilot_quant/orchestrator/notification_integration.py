"""From trading events to notifications."""

from notifiers import OrderNotificationAdapter, RiskNotificationAdapter

__all__ = ["OrderNotificationAdapter", "RiskNotificationAdapter"]
