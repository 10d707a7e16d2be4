"""How a message reads where there is nothing but text: a headline, the text, the facts, the time."""

from notifiers.facts import Fact, facts, moment
from notifiers.message import NotificationMessage
from notifiers.text import clean, cut, one_line, shortened, size

__all__ = ["compose", "footer", "headline"]

LONGEST = 30_000


def headline(message: NotificationMessage) -> str:
    """``[CRITICAL] Engine crashed``, on one line."""
    return f"[{message.level.value.upper()}] {one_line(message.title)}".rstrip()


def compose(message: NotificationMessage, limit: int = LONGEST) -> str:
    """Text, facts and time, of at most `limit`: the time is never cut, the facts to half of the rest."""
    when = moment(message.timestamp)
    room = limit - len(when) - len("\n\n\n\n")
    told = cut("\n".join(map(_line, facts(message))), room // 2)
    text = shortened(clean(message.message).strip("\n"), room - size(told))
    return "\n\n".join(part for part in (text, told, when) if part)


def footer(message: NotificationMessage) -> str:
    """``2026-11-27 10:05:03 EST · 3f2a91c7``: for small print, the time and the beginning of the delivery's id."""
    return " · ".join(filter(None, (moment(message.timestamp), one_line(message.delivery or "")[:8])))


def _line(fact: Fact) -> str:
    value = fact.value.replace("\n", "\n  ")
    return f"{fact.name}:\n  {value}" if "\n" in value else f"{fact.name}: {value}"
