"""The jobs that every daemon has: when they run, and what each does.

A body asks the daemon for one thing through :class:`JobContext` and says in words what came of it. None of them is
needed for correctness: state is computed at every turn of the loop, and these wake the loop at the right moment.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = ["BODIES", "TABLE", "Errand", "JobContext", "JobFailed", "JobSkipped"]


@dataclass(frozen=True, slots=True)
class Errand:
    """What a built-in job has done by a process of its own, because it takes too long for the daemon's loop.

    :param module: one of ours, run as ``python -m``; the last line that it prints says what it did.
    """

    module: str
    arguments: tuple[str, ...] = ()


class JobFailed(Exception):
    """A job that says, in its text, why it could not do its work."""


class JobSkipped(Exception):
    """A job that says, in its text, why there is nothing for it to do now."""


class JobContext(Protocol):
    """What the daemon does for its built-in jobs. Each method answers with what it did, in words."""

    def announce_session(self, scheduled_at: datetime) -> str:
        """Say what the exchange's day looks like from here on."""

    def heartbeat(self) -> str:
        """Show that the loop turns."""

    def check_health(self) -> str:
        """Look at engine, disk and clock; raises JobFailed naming what is wrong."""

    def reload_config(self) -> str:
        """Look whether the config file has changed and take it up; raises JobFailed if it is bad."""

    def rebalance(self, scheduled_at: datetime) -> str:
        """Have the engine decide on its positions; raises JobSkipped outside the session."""

    def report_session(self, scheduled_at: datetime) -> str:
        """Tell what the session brought; raises JobSkipped on a later day, JobFailed if it can't be read."""

    def keep_house(self, scheduled_at: datetime) -> Errand | str:
        """Have old history removed, and a backup made."""


TABLE: Mapping[str, Mapping[str, Any]] = {
    "pre_market": {"session": "pre_open", "misfire": "run_if_same_session", "notify": "never"},
    "market_open": {"session": "open", "misfire": "run_if_same_session", "notify": "never"},
    "rebalance": {"session": "open + 5m", "misfire": "run_if_same_session"},
    "market_close": {"session": "close", "misfire": "run_if_same_session", "notify": "never"},
    "daily_report": {"session": "close + 15m", "misfire": "run"},
    "post_market_end": {"session": "post_close", "misfire": "skip", "notify": "never"},
    "heartbeat": {"interval": "5m", "misfire": "skip", "notify": "never"},
    "health_check": {"interval": "60s", "misfire": "skip"},
    "config_reload": {"interval": "60s", "misfire": "run", "notify": "never"},
    "housekeeping": {"cron": "15 3 * * *", "misfire": "run"},
}

BODIES: Mapping[str, Callable[[JobContext, datetime], str | Errand]] = {
    "pre_market": lambda context, at: context.announce_session(at),
    "market_open": lambda context, at: context.announce_session(at),
    "rebalance": lambda context, at: context.rebalance(at),
    "market_close": lambda context, at: context.announce_session(at),
    "daily_report": lambda context, at: context.report_session(at),
    "post_market_end": lambda context, at: context.announce_session(at),
    "heartbeat": lambda context, _: context.heartbeat(),
    "health_check": lambda context, _: context.check_health(),
    "config_reload": lambda context, _: context.reload_config(),
    "housekeeping": lambda context, at: context.keep_house(at),
}
