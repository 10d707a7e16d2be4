"""Notifiers from plain data, as it stands in a config file or travels over a pipe."""

import inspect
from collections.abc import Mapping
from typing import Any

from notifiers.base import ConsoleNotifier, Notifier
from notifiers.discord import DiscordNotifier
from notifiers.mail import EmailNotifier
from notifiers.service import AppriseNotifier
from notifiers.slack import SlackNotifier
from notifiers.webhook import WebhookNotifier

__all__ = ["KINDS", "build_notifier"]

KINDS: Mapping[str, type[Notifier]] = {
    "console": ConsoleNotifier,
    "slack": SlackNotifier,
    "discord": DiscordNotifier,
    "email": EmailNotifier,
    "webhook": WebhookNotifier,
    "apprise": AppriseNotifier,
}


def build_notifier(kind: str, settings: Mapping[str, Any]) -> Notifier:
    """The notifier of a kind.

    :param settings: the keyword arguments of its constructor; a level may be given by its name.
    :raises ValueError: for a kind that is not in KINDS, and for settings it does not take.
    """
    if kind not in KINDS:
        raise ValueError(f"no notifier of kind {kind!r}: use one of {', '.join(KINDS)}")
    cls = KINDS[kind]
    signature = inspect.signature(cls)
    try:
        signature.bind(**settings)
    except TypeError as error:
        raise ValueError(f"{kind}: {error}; it takes {', '.join(signature.parameters)}") from None
    return cls(**settings)
