"""What is told to a human, and how urgent it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
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


@dataclass(frozen=True)
class NotificationMessage:
    """One message, the same for every channel.

    :param level: an AlertLevel or its name.
    :param timestamp: aware, when it happened; default now. A naive one raises ValueError.
    :param metadata: facts shown below the text, one `key: value` line each.
    """

    title: str
    message: str
    level: AlertLevel = AlertLevel.INFO
    timestamp: datetime = field(default_factory=_now)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise ValueError("a notification needs a title")
        put = object.__setattr__
        put(self, "level", AlertLevel(self.level))
        put(self, "timestamp", _now() if self.timestamp is None else self.timestamp)
        put(self, "metadata", dict(self.metadata or {}))
        if self.timestamp.utcoffset() is None:
            raise ValueError(f"a notification's timestamp must be aware, not {self.timestamp!r}")

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
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of to_dict(). Level, timestamp, metadata may be absent. Raises KeyError, ValueError."""
        given = {key: data[key] for key in ("level", "metadata") if key in data}
        if "timestamp" in data:
            given["timestamp"] = datetime.fromisoformat(data["timestamp"])
        return cls(title=data["title"], message=data["message"], **given)


NO_JSON_NUMBERS = ("nan", "inf", "-inf")


def _plain(value: Any) -> Any:
    """What JSON can say of `value`; everything unknown as its text, so that a Decimal keeps its digits."""
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | float() | str() if str(value) not in NO_JSON_NUMBERS:
            return value
        case date():
            return value.isoformat()
        case Mapping():
            return {str(_plain(key)): _plain(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
        case _:
            return str(value)
