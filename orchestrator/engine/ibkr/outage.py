"""The watch on times without a connection: quiet in maintenance windows, and loud when one is outlived."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from calendars.windows import DailyWindow
from notifiers import AlertLevel, NotificationMessage, Notifier

__all__ = ["GRACE", "Outage"]

logger = logging.getLogger(__name__)

GRACE = timedelta(seconds=15)
"""Shorter absences are logged and not told: they happen, and end by themselves."""


class Outage:
    """:param windows: when the gateway may be away.
    :param where: the gateway, for texts.
    """

    def __init__(self, windows: Sequence[DailyWindow], where: str, notifier: Notifier) -> None:
        self._windows, self._where, self._notifier = windows, where, notifier
        self._since: datetime | None = None
        self._excused = False
        """Whether nothing has been said because of a window."""
        self._told = False

    def resting(self, now: datetime) -> bool:
        """Whether the gateway may be away now."""
        return any(window.holds(now) for window in self._windows)

    def gone(self, now: datetime, why: str) -> None:
        """It is away, or still is."""
        first = self._since is None
        self._since = self._since or now
        if self.resting(now):
            if first:
                logger.info("%s is away in its maintenance window: %s", self._where, why)
            self._excused = self._excused or not self._told
            return
        if self._excused:
            self._excused = False
            self._tell(AlertLevel.CRITICAL, "The gateway has not come back", now, self._outlived(why))
        elif not self._told and now - self._since >= GRACE:
            self._tell(AlertLevel.WARNING, "The connection to the broker is lost", now, f"{why}. It is tried again.")

    def back(self, now: datetime) -> None:
        """It is there again, and everything has been compared."""
        if self._since is not None:
            away = now - self._since
            logger.info("%s is back after %s", self._where, away)
            if self._told:
                text = f"{self._where} was away for {away}. Orders, positions and executions have been compared."
                self._tell(AlertLevel.INFO, "The connection to the broker is back", now, text)
        self._since, self._excused, self._told = None, False, False

    def _outlived(self, why: str) -> str:
        return (
            f"Its maintenance window is over, and {why}. After the weekly restart TWS and Gateway may wait for a login "
            "by hand. Nothing is traded until it is back."
        )

    def _tell(self, level: AlertLevel, title: str, now: datetime, text: str) -> None:
        self._told = level is not AlertLevel.INFO
        logger.log(logging.INFO if level is AlertLevel.INFO else logging.WARNING, "%s: %s", title, text)
        self._notifier.notify(NotificationMessage(title, text, level, now))
