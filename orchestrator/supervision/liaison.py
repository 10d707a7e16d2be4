"""What follows for the daemon when its engine moves, or tells something."""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from calendars import MarketState
from orchestrator.config import TradingConfig
from orchestrator.engine.link import EngineLink
from orchestrator.events import (
    AlertRaised,
    BreakerTripped,
    EngineEvent,
    EngineMoved,
    EquityMarked,
    Event,
    NewsTold,
    OrderFilled,
    OrderUpdated,
    Traded,
)
from orchestrator.news import News
from orchestrator.processes.child import Receiver
from orchestrator.schedule.duties import decision_label
from orchestrator.world import EngineSetup

if TYPE_CHECKING:
    from orchestrator.loop import Loop

__all__ = ["Liaison", "limits"]

logger = logging.getLogger("orchestrator")


class Liaison:
    """Stands between the loop and the engine of now.

    :param publish: hears every event.
    """

    def __init__(self, loop: "Loop", publish: Callable[[Event], None]) -> None:
        self._loop, self._publish = loop, publish
        self._news = News(loop.history)
        self._has_traded = False

    def launch(self, run: str, receiver: Receiver) -> EngineLink:
        """Start an engine with the config in force; raises OSError."""
        loop = self._loop
        loop.adoption.launched()
        setup = EngineSetup(loop.config, loop.source.base_dir, loop.calendar, loop.store)
        return loop.world.launch(loop.inbox, receiver, setup)

    def moved(self, event: EngineMoved) -> None:
        """The supervisor has moved it, or it has moved by itself."""
        loop = self._loop
        logger.info("engine %s: %s%s", event.run, event.action, f" ({event.detail})" if event.detail else "")
        loop.mark_changed()
        self._publish(event)
        if event.action in {"stop", "crash", "fatal", "refused"}:
            loop.operator.engine_ended(event.detail, event.at)
        if event.action in {"fatal", "refused"} and loop.adoption.engine_given_up(event.detail, event.at):
            loop.supervisor.forgive(event.at)  # it is tried again, with the last config that worked
            return
        loop.alarms.engine_moved(event)
        if event.action == "refused" and not self._has_traded:
            loop.refused = event.detail
            loop.stop("a guard rail refuses to trade")
        if event.action == "ready":
            self._came_up(event.at)

    def _came_up(self, now: datetime) -> None:
        loop = self._loop
        self._has_traded = True
        loop.adoption.engine_came_up(now)
        loop.supervisor.command(limits(loop.config))  # they may have been edited while it was starting
        if loop.operator.halted is None:
            self._decide_what_is_due(now)

    def _decide_what_is_due(self, now: datetime) -> None:
        """An engine that comes up late in a session makes the decision that was due, if nobody has made it."""
        loop = self._loop
        if loop.calendar.get_market_state(now) is not MarketState.TRADING or loop.decisions.remind(loop.session()):
            return
        at = loop.schedule.due_decision(now)
        if at is not None:
            loop.decide(decision_label(at, loop.calendar))

    def told(self, event: EngineEvent, now: datetime) -> None:
        """It tells what is not about its own life."""
        loop = self._loop
        if isinstance(event, AlertRaised):
            if self._news.is_new(event.news, event.title):
                loop.alarms.from_engine(event, now)
        elif isinstance(event, NewsTold):
            self._news.told(event.news)
        elif isinstance(event, BreakerTripped):
            loop.operator.breaker_tripped(event, now)
        elif isinstance(event, OrderUpdated | OrderFilled | EquityMarked):
            if isinstance(event, EquityMarked):
                loop.account = event
            loop.mark_changed()
            self._publish(Traded(now, event))


def limits(config: TradingConfig) -> dict[str, Any]:
    """The command that tells an engine the limits of its risk."""
    return {"command": "risk", "risk": asdict(config.risk)}
