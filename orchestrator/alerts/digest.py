"""Many alerts in one message."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, tzinfo

from notifiers import NotificationMessage
from orchestrator.alerts.delivery import Delivery
from orchestrator.alerts.words import masked, span

__all__ = ["compose", "topic_of"]

LONGEST_TEXT = 1_500
"""Characters, so that no service cuts off the newest lines, which come last; Discord takes 2 000 in all."""

LONGEST_LINE = 160
NAMED = 3
"""Kinds of alerts that the title names."""


def compose(deliveries: Sequence[Delivery], now: datetime, zone: tzinfo) -> NotificationMessage:
    """A digest: what and how many in the title, then a line for each, newest last.

    If they are too many, those that matter less go first, and then the older ones.
    """
    said = [delivery.message(zone) for delivery in deliveries]
    number = sum(delivery.said for delivery in deliveries)
    times = [(delivery.since or delivery.alert.message.timestamp) for delivery in deliveries]
    length = (max(message.timestamp for message in said) - min(times)).total_seconds()
    title = f"{number} alerts in {span(max(1.0, length))}: {_kinds(deliveries)}"
    level = max(message.level for message in said)
    return NotificationMessage(title, _lines(said, now, zone), level, now)


def topic_of(deliveries: Sequence[Delivery]) -> str:
    """The topic that most of them have."""
    return Counter(delivery.alert.topic for delivery in deliveries).most_common(1)[0][0]


def _kinds(deliveries: Sequence[Delivery]) -> str:
    """``30 x Order filled, 7 x Job scan failed``; what comes after a colon tells them apart, and is left out."""
    kinds: Counter[str] = Counter()
    newest: dict[str, str] = {}
    for delivery in deliveries:
        kind = delivery.alert.message.title.partition(":")[0]
        kinds[masked(kind)] += delivery.said
        newest[masked(kind)] = kind
    named = kinds.most_common(NAMED)
    others = kinds.total() - sum(number for _, number in named)
    said = [f"{number} x {newest[kind]}" for kind, number in named]
    return ", ".join([*said, f"{others} others"] if others else said)


def _lines(said: Sequence[NotificationMessage], now: datetime, zone: tzinfo) -> str:
    lines = [_line(message, now.astimezone(zone)) for message in said]
    room, chosen = LONGEST_TEXT, []
    for index in sorted(range(len(said)), key=lambda index: (said[index].level, index), reverse=True):
        room -= len(lines[index]) + 1
        if room < 0:
            break
        chosen.append(index)
    left_out = len(lines) - len(chosen)
    note = [f"... and {left_out} more before or between these: orchestrator alerts list"] if left_out else []
    return "\n".join([*note, *(lines[index] for index in sorted(chosen))])


def _line(message: NotificationMessage, now: datetime) -> str:
    at = message.timestamp.astimezone(now.tzinfo)
    time = f"{at:%H:%M:%S}" if at.date() == now.date() else f"{at:%d %b %H:%M:%S}"
    text = " ".join(f"{time} {message.level.value.upper()} {message.title}: {message.message}".split())
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"
