"""Which channel gets which alert, and which of them can wait until the morning."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo

from calendars.windows import DailyWindow
from notifiers import AlertLevel
from orchestrator.alerts.channels import Channel
from orchestrator.config import NotificationConfig, RouteConfig

__all__ = ["DailyWindow", "Routes"]


@dataclass(frozen=True, slots=True)
class Route:
    levels: frozenset[AlertLevel]
    topics: frozenset[str]
    quiet: DailyWindow | None
    channels: frozenset[str]

    @classmethod
    def read(cls, config: RouteConfig, zone: tzinfo) -> "Route":
        return cls(
            frozenset(map(AlertLevel, config.levels)),
            frozenset(config.topics),
            None if config.quiet_hours is None else DailyWindow.parse(config.quiet_hours, zone),
            frozenset(config.channels),
        )

    def takes(self, level: AlertLevel, topic: str) -> bool:
        return (not self.levels or level in self.levels) and (not self.topics or topic in self.topics)


class Routes:
    """The routes of a config.

    :param channels: the configured channels; routes to others lead nowhere.
    :param zone: in which quiet hours are meant.
    """

    def __init__(self, config: NotificationConfig, channels: Mapping[str, Channel], zone: tzinfo) -> None:
        self._levels = frozenset(map(AlertLevel, config.alert_levels))
        self._channels = channels
        routes = [Route.read(route, zone) for route in config.routes]
        self._routes = {name: [route for route in routes if name in route.channels] for name in channels}

    def targets(self, level: AlertLevel, topic: str) -> list[str]:
        """The channels that get an alert.

        A channel that a route names gets what one of its routes takes, any other gets everything. What is critical
        goes to all of them rather than to nobody; and the console, which is the daemon's own log, is nobody.
        """
        if level not in self._levels:
            return []
        taking = [name for name in self._channels if self._takes(name, level, topic)]
        if level is AlertLevel.CRITICAL and all(self._channels[name].local for name in taking):
            return list(self._channels)
        return taking

    def _takes(self, channel: str, level: AlertLevel, topic: str) -> bool:
        routes = self._routes[channel]
        return not routes or any(route.takes(level, topic) for route in routes)

    def quiet_until(self, channel: str, urgency: AlertLevel, topic: str, now: datetime) -> datetime | None:
        """Until when an alert is held back on a channel; None: it goes at once.

        It does if it is critical, or if any of the routes by which it comes is not in its quiet hours.
        """
        if urgency is AlertLevel.CRITICAL:
            return None
        routes = [route for route in self._routes.get(channel, ()) if route.takes(urgency, topic)]
        ends = [None if route.quiet is None else route.quiet.until(now) for route in routes]
        open_ends = [end for end in ends if end is not None]
        return min(open_ends) if open_ends and len(open_ends) == len(ends) else None
