"""Matters that are open: somebody was told that something is wrong, and nobody yet that it is over."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from notifiers import AlertLevel
from orchestrator.alerts.delivery import is_matter

__all__ = ["Matter", "Matters"]


@dataclass(slots=True)
class Matter:
    """Something that goes on.

    :param opened: monotonic time; None if an earlier process opened it.
    :param channels: those that were told, or will be.
    :param said: how often.
    """

    since: datetime
    opened: float | None
    level: AlertLevel
    said: int = 1
    channels: set[str] = field(default_factory=set)

    def lasted(self, at: datetime, monotonic: float) -> float:
        """Seconds until `at`, by the monotonic clock where it can tell."""
        if self.opened is not None:
            return monotonic - self.opened
        return max(0.0, (at - self.since).total_seconds())

    def join(self, other: "Matter") -> "Matter":
        """Both of them as one, from the beginning of the earlier on."""
        first = min(self, other, key=lambda matter: matter.since)
        return Matter(
            first.since,
            first.opened,
            max(self.level, other.level),
            self.said + other.said,
            self.channels | other.channels,
        )


class Matters:
    """The open matters by key."""

    def __init__(self) -> None:
        self._open: dict[str, Matter] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._open

    def say(self, key: str, level: AlertLevel, at: datetime, monotonic: float | None) -> None:
        """An alert of this key was raised."""
        if not is_matter(key):
            return
        matter = self._open.setdefault(key, Matter(at, monotonic, level, said=0))
        matter.said += 1
        matter.level = max(matter.level, level)

    def reaches(self, key: str, channel: str) -> None:
        """An alert of this key has a delivery to that channel."""
        if key in self._open:
            self._open[key].channels.add(channel)

    def close(self, keys: Iterable[str]) -> Matter | None:
        """These matters are over; returns what they were, as one, or None if none of them was open."""
        closed = None
        for key in keys:
            matter = self._open.pop(key, None)
            if matter is not None:
                closed = matter if closed is None else closed.join(matter)
        return closed

    def replay(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, AlertLevel]:
        """Take up what earlier processes left open.

        :param rows: alerts (id, at, level, key, closes), oldest first.
        :returns: for each alert that closed a matter, by its id, the level of that matter.
        """
        levels = {}
        earlier = Matters()
        for row in rows:
            level = AlertLevel(row["level"])
            if row["closes"] is None:
                earlier.say(row["key"], level, row["at"], None)
            elif (closed := earlier.close(row["closes"].split())) is not None:
                levels[row["id"]] = max(level, closed.level)
        for key, matter in earlier._open.items():
            self._open[key] = matter.join(self._open[key]) if key in self._open else matter
        return levels

    def since(self) -> dict[str, datetime]:
        """When each open matter began."""
        return {key: matter.since for key, matter in self._open.items()}
