"""What the operator has ordered, over restarts too: the halt, and whether the engine is to run in this session.

The circuit breaker halts like an operator. What a halt is to sell is sold in the hours of the market: should daemon or
engine not live to see the end of it, an engine is started that does this and nothing else.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from calendars import MarketCalendar, MarketState
from orchestrator.alerts.alarms import Alarms
from orchestrator.breaker import RESUMED, read_trip
from orchestrator.control import RequestRefused
from orchestrator.engine.journal import resting_orders
from orchestrator.events import BreakerTripped
from orchestrator.history import History
from orchestrator.states import EngineState, Policy
from orchestrator.store import WRITE_META, Store
from orchestrator.supervision.supervisor import EngineSupervisor

__all__ = ["Operator"]

logger = logging.getLogger("orchestrator")

HALT = {"command": "halt", "flatten": False}
FLATTEN = {"command": "halt", "flatten": True}
STOP = {"command": "stop"}

POSITIONS_STAY = "positions stay as they are (risk.flatten_on_breaker is off)"


class Operator:
    """Takes the operator's orders. Each holds at once, whether it can be written down now or only later.

    :param session: names the session of now.
    :param calendar: the calendar of now.
    :param policy: what config and operator say of the engine's hours.
    :param changed: called when the status is another.
    """

    def __init__(
        self,
        store: Store,
        history: History,
        alarms: Alarms,
        supervisor: EngineSupervisor,
        session: Callable[[], str],
        calendar: Callable[[], MarketCalendar],
        policy: Callable[[], Policy],
        changed: Callable[[], None],
    ) -> None:
        self._store, self._history, self._alarms = store, history, alarms
        self._supervisor, self._changed = supervisor, changed
        self._session, self._calendar, self._policy = session, calendar, policy
        self.halted: dict[str, Any] | None = store.read_meta("halt")
        """``{reason, at, flatten, sold, breaker}``; None if trading is not halted. `breaker` names the trip, if it was
        one."""
        self._resumed: str | None = store.read_meta(RESUMED)
        self._wish: dict[str, str] = store.read_meta("engine_wish") or {}

    def begin(self, now: datetime) -> None:
        """Say what an earlier daemon was told to do and may not have done."""
        if self.is_selling():
            self._supervisor.farewell = FLATTEN
            self._alarms.perhaps_not_sold("the daemon ended before the engine had sold everything", now)
        self._look_for_trip(now)
        self._look_for_orders(now)

    def engine_ended(self, failure: str, now: datetime) -> None:
        """The engine is over; `failure` is empty if it stopped as it was told to."""
        if self.is_selling() and self.halted is not None:
            failure = failure or self._too_late(now)
            if failure:
                self._alarms.perhaps_not_sold(failure, now)
            else:
                self.halted = {**self.halted, "sold": True}
                self._remember("halt", self.halted)
                self._alarms.sold(now)
        self._look_for_trip(now)
        self._look_for_orders(now)

    def is_selling(self) -> bool:
        """Whether it is halted, and what is held is still to be sold."""
        return self.halted is not None and bool(self.halted.get("flatten")) and not self.halted.get("sold")

    def _too_late(self, now: datetime) -> str:
        """An engine does not wait for the next session to sell."""
        market = self._calendar().get_market_state(now)
        return "" if market is MarketState.TRADING else "the market closed before that was certain"

    def _look_for_orders(self, now: datetime) -> None:
        """A halt cancels what rests at the broker; without an engine nobody does."""
        if self.halted is None or self.is_selling():  # an engine that is started to sell cancels first
            return
        try:
            resting = resting_orders(self._store, self._session())
        except SQLAlchemyError as error:
            logger.warning("whether orders rest at the broker can't be read: %s", getattr(error, "orig", error))
            return
        if resting:
            self._alarms.perhaps_not_cancelled(resting, now)

    # --- the circuit breaker ---

    def breaker_tripped(self, trip: BreakerTripped, now: datetime) -> None:
        """Halt, once for each trip, however often and by whom it is told of."""
        before = self.halted or {}
        if trip.at in {self._resumed, before.get("breaker")}:
            return
        flatten = trip.flatten or bool(before.get("flatten"))
        reason = f"{before['reason']}; {trip.reason}" if before else trip.reason
        at = before.get("at") or now.astimezone(self._calendar().timezone).isoformat()
        besides = self._besides(flatten, now) or POSITIONS_STAY
        self.halted = {"reason": reason, "at": at, "flatten": flatten, "breaker": trip.at}
        self._supervisor.farewell = FLATTEN if flatten else HALT
        self._remember("halt", self.halted)
        self._alarms.breaker_tripped(trip, besides, now)

    def _look_for_trip(self, now: datetime) -> None:
        """The engine may have been killed before it told of one, or the daemon before it had heard of it."""
        try:
            trip = read_trip(self._store)
        except SQLAlchemyError as error:  # the next engine tells of it again
            logger.warning("whether the circuit breaker has tripped can't be read: %s", getattr(error, "orig", error))
            return
        if trip is not None:
            self.breaker_tripped(trip, now)

    # --- orders ---

    def wish(self) -> str:
        """``start`` or ``stop``, as ordered for this session; empty if neither was."""
        return self._wish.get("wish", "") if self._wish and self._wish.get("session") == self._session() else ""

    def halt(self, reason: str, flatten: bool, now: datetime) -> str:
        """Stop trading until somebody resumes it; what rests at the broker is cancelled first.

        :param flatten: sell all positions as well.
        """
        besides = self._besides(flatten, now)
        if self.halted is not None and (not flatten or self.is_selling()):
            return f"it is halted already: {self.halted['reason']}"
        if self.halted is None:
            at = now.astimezone(self._calendar().timezone).isoformat()
            self.halted = {"reason": reason, "at": at, "flatten": flatten}
        else:
            both = dict.fromkeys([self.halted["reason"], reason])  # an order to sell often has one of its own
            self.halted = {**self.halted, "reason": "; ".join(both), "flatten": True, "sold": False}
        self._supervisor.farewell = FLATTEN if flatten else HALT
        self._remember("halt", self.halted)
        told = f"{self.halted['reason']}{f'; {besides}' if besides else ''}"
        self._alarms.halted(told, now)
        if self._supervisor.link is None:
            self._look_for_orders(now)
        return f"halted: {told}"

    def resume(self, reason: str, now: datetime) -> str:
        """Lift the halt. After a trip of the circuit breaker the peak, from which losses are counted, begins anew with
        the equity at the first look of the next engine.

        :param reason: that of the halt, which whoever lifts it must have seen.
        :raises RequestRefused: it is another one.
        """
        if self.halted is None:
            return "it was not halted"
        if reason != self.halted["reason"]:
            raise RequestRefused(f"it is halted for another reason: {self.halted['reason']}")
        trip, self.halted = self.halted.get("breaker"), None
        self._supervisor.farewell = STOP
        if trip is not None:
            self._resumed = trip
            self._remember(RESUMED, trip)
            self._supervisor.bounce(now)  # an engine that knows the trip and not yet its end
        self._remember("halt", None)
        self._history.flush(force=True)  # before an engine is started, which looks there
        self._supervisor.forgive(now)
        self._alarms.resumed(f"The halt was lifted; its reason was: {reason}", now)
        anew = "" if trip is None else "; losses are counted anew, from the equity that is left"
        stopped = "; the engine stays stopped until: orchestrator engine start" if self.wish() == "stop" else ""
        return f"resumed{anew}{stopped}"

    def start_engine(self, now: datetime) -> str:
        """Have the engine run in this session, whatever ``auto_start`` says; one that was given up is tried again.

        :raises RequestRefused: it is halted.
        :raises ValueError: these are not its hours.
        """
        self._check_start(now)
        self._wish_for("start")
        self._supervisor.forgive(now)
        state = self._supervisor.state
        return f"the engine is {state}" if state is EngineState.RUNNING else "the engine is started"

    def stop_engine(self, now: datetime) -> str:
        """Stop the engine for the rest of this session; positions and resting orders stay as they are."""
        self._wish_for("stop")
        day = f"{now.astimezone(self._calendar().exchange_timezone):%a %d %b}"
        return f"the engine is stopped for {day}; it is started again by: orchestrator engine start"

    def restart_engine(self, now: datetime) -> str:
        """Stop the engine in an orderly way and start it again; it costs no restart of the budget.

        :raises RequestRefused, ValueError: as of :meth:`start_engine`.
        """
        if self._supervisor.state in {EngineState.STOPPED, EngineState.FATAL, EngineState.BACKOFF}:
            return self.start_engine(now)
        self._check_start(now)
        self._wish_for("start")
        self._supervisor.bounce(now)
        return "the engine is stopped and started again"

    def _check_start(self, now: datetime) -> None:
        if self.halted is not None:
            raise RequestRefused(f"trading is halted: {self.halted['reason']}; lift that with: orchestrator resume")
        calendar = self._calendar()
        if not self._policy().hours(calendar.get_market_state(now)):
            opens = calendar.get_next_market_open(now)
            raise ValueError(f"the market is closed: {calendar.why(now)}; it opens {opens:%a %d %b %H:%M %Z}")

    def _besides(self, flatten: bool, now: datetime) -> str:
        if not flatten:
            return ""
        if self._supervisor.state is EngineState.RUNNING:
            return "all positions are being sold"
        calendar = self._calendar()
        if calendar.get_market_state(now) is MarketState.TRADING:
            return "an engine is started to sell all positions"
        return f"all positions are sold when the market opens, {calendar.get_next_market_open(now):%a %d %b %H:%M %Z}"

    def _wish_for(self, wish: str) -> None:
        self._wish = {"session": self._session(), "wish": wish}
        self._remember("engine_wish", self._wish)

    def _remember(self, key: str, value: Any) -> None:
        self._history.add(WRITE_META, {"key": key, "value": value})
        self._changed()
