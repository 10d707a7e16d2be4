"""What is told to a human, and how urgent it is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from enum import Enum
from functools import total_ordering
from typing import Any, Self

__all__ = ["AlertLevel", "NotificationMessage"]


@total_ordering
class AlertLevel(Enum):
    """How urgent a message is: INFO < WARNING < CRITICAL.

    ``AlertLevel("warning")`` reads a level from its name in any case; an unknown name raises ValueError.
    """

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, AlertLevel):
            return NotImplemented
        return _RANK[self] < _RANK[other]

    @classmethod
    def _missing_(cls, value: object) -> "AlertLevel":
        for level in cls:
            if str(value).strip().lower() == level.value:
                return level
        raise ValueError(f"no alert level {value!r}: use one of {', '.join(level.value for level in cls)}")


_RANK = {level: rank for rank, level in enumerate(AlertLevel)}


def _now() -> datetime:
    # The documented default of a public value; the daemon always passes the time of its own clock.
    return datetime.now(UTC)  # noqa: TID251


DELIVERY = "delivery"
"""The key under which a message's metadata carries the id of its delivery."""


@dataclass(frozen=True)
class NotificationMessage:
    """One message, the same for every channel.

    Blanks around the title and at the end of the text are taken off, and what no store and no service can hold (NUL,
    half of a surrogate pair) is replaced by U+FFFD: an alert must never be lost for its spelling.

    :param level: an AlertLevel or its name.
    :param timestamp: aware, when it happened; default now. A naive one raises ValueError.
    :param metadata: facts shown with the text. One named ``delivery`` is not shown as a fact: it is an id, by which
        a receiver can tell that the same message came twice.
    """

    title: str
    message: str
    level: AlertLevel = AlertLevel.INFO
    timestamp: datetime = field(default_factory=_now)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "title", _text(self.title).strip())
        put(self, "message", _text(self.message).rstrip())
        put(self, "level", AlertLevel(self.level))
        put(self, "timestamp", _now() if self.timestamp is None else self.timestamp)
        put(self, "metadata", dict(self.metadata or {}))
        if self.timestamp.utcoffset() is None:
            raise ValueError(f"a notification's timestamp must be aware, not {self.timestamp!r}")

    @property
    def delivery(self) -> str | None:
        """The id of the delivery, if it has one."""
        return _text(self.metadata.get(DELIVERY)) or None

    @property
    def facts(self) -> dict[str, Any]:
        """The metadata that is to be read: without the delivery, and without what is None."""
        return {str(key): value for key, value in self.metadata.items() if key != DELIVERY and value is not None}

    def redacted(self, redact: Callable[[str], str]) -> Self:
        """The same with title, text, and facts that are text as `redact` leaves them."""
        facts = {key: redact(value) if isinstance(value, str) else value for key, value in self.metadata.items()}
        return replace(self, title=redact(self.title), message=redact(self.message), metadata=facts)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: the level by its name, the timestamp in ISO 8601 with offset."""
        return {
            "title": self.title,
            "message": self.message,
            "level": self.level.value,
            "timestamp": self.timestamp.isoformat(),
            "metadata": _plain(self.metadata),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], zone: tzinfo | None = None) -> Self:
        """The inverse of to_dict(). Level, timestamp, metadata may be absent.

        :param zone: where the timestamp is to be shown; ISO 8601 tells an offset, but no zone.
        :raises KeyError: without a title or a message.
        :raises ValueError: for an unknown level, and for a timestamp that is not ISO 8601 or not aware.
        """
        given = {key: data[key] for key in ("level", "metadata") if key in data}
        if "timestamp" in data:
            at = datetime.fromisoformat(data["timestamp"])
            given["timestamp"] = at.astimezone(zone) if zone and at.tzinfo else at
        return cls(title=data["title"], message=data["message"], **given)


NO_JSON_NUMBERS = ("nan", "inf", "-inf")


def _plain(value: Any) -> Any:
    """What JSON can say of `value`; everything unknown as its text, so that a Decimal keeps its digits."""
    match value:
        case Enum():
            return _plain(value.value)
        case str():
            return _text(value)
        case None | bool() | int() | float() if str(value) not in NO_JSON_NUMBERS:
            return value
        case date():
            return value.isoformat()
        case Mapping():
            return {_text(_plain(key)): _plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
        case _:
            return _text(value)


_UNHOLDABLE = re.compile("[\0\ud800-\udfff]")


def _text(value: object) -> str:
    return "" if value is None else _UNHOLDABLE.sub("\ufffd", str(value))
