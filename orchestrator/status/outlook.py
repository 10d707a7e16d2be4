"""What the daemon does next, in words."""

from datetime import datetime, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING

from calendars import MarketCalendar
from orchestrator.states import EngineState, wanted

if TYPE_CHECKING:
    from orchestrator.loop import Loop

__all__ = ["next_step", "outlook"]


def next_step(calendar: MarketCalendar, now: datetime) -> str:
    """Until when the market is what it is."""
    change = calendar.next_change(now)
    if change is None:
        return "the market never closes"
    return f"market {calendar.get_market_state(now)} until {_named(change, change.tzinfo)}"


@lru_cache(maxsize=8)
def _named(at: datetime, zone: tzinfo | None) -> str:
    """Every heartbeat says it, hundreds of times for one change. The same time in another zone is another word."""
    return f"{at:%a %d %b %H:%M %Z}"


def outlook(loop: "Loop") -> str:
    """What a daemon that has just begun does."""
    now = loop.started_at
    if loop.operator.halted is not None:
        does = f"Trading is halted: {loop.operator.halted['reason']}"
    elif wanted(loop.calendar.get_market_state(now), EngineState.STOPPED, loop.policy()):
        does = "An engine is started, and goes on where the last one was"
    else:
        does = "No engine is to run now"
    return f"{does}; {next_step(loop.calendar, now)}."
