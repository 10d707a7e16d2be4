"""What the operator has ordered, over restarts too: the halt, and whether the engine is to run in this session."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from calendars import MarketCalendar
from orchestrator.alerts.alarms import Alarms
from orchestrator.control import RequestRefused
from orchestrator.history import History
from orchestrator.states import EngineState, Policy
from orchestrator.store import WRITE_META, Store
from orchestrator.supervisor import EngineSupervisor

__all__ = ["Operator"]


HALT = {"command": "halt", "flatten": False}
FLATTEN = {"command": "halt", "flatten": True}


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
        self._history, self._alarms, self._supervisor, self._changed = history, alarms, supervisor, changed
        self._session, self._calendar, self._policy = session, calendar, policy
        self.halted: dict[str, Any] | None = store.read_meta("halt")
        """``{reason, at, flatten, sold}``; None if trading is not halted."""
        self._wish: dict[str, str] = store.read_meta("engine_wish") or {}

    def begin(self, now: datetime) -> None:
        """Say what an earlier daemon was told to do and may not have done."""
        if self._is_to_sell():
            self._alarms.perhaps_not_sold("the daemon ended before the engine had sold everything", now)

    def engine_ended(self, failure: str, now: datetime) -> None:
        """The engine is over; `failure` is empty if it stopped as it was told to."""
        if not self._is_to_sell() or self.halted is None:
            return
        if failure:
            self._alarms.perhaps_not_sold(failure, now)
        else:
            self.halted = {**self.halted, "sold": True}
            self._remember("halt", self.halted)

    def _is_to_sell(self) -> bool:
        return self.halted is not None and bool(self.halted.get("flatten")) and not self.halted.get("sold")

    def wish(self) -> str:
        """``start`` or ``stop``, as ordered for this session; empty if neither was."""
        return self._wish.get("wish", "") if self._wish and self._wish.get("session") == self._session() else ""

    def halt(self, reason: str, flatten: bool, now: datetime) -> str:
        """Stop trading until somebody resumes it; what rests at the broker is cancelled first.

        :param flatten: sell all positions as well.
        """
        running = self._supervisor.state is EngineState.RUNNING
        if self.halted is not None and (not flatten or self._is_to_sell()):
            return f"it is halted already: {self.halted['reason']}"
        if self.halted is None:
            at = now.astimezone(self._calendar().timezone).isoformat()
            self.halted = {"reason": reason, "at": at, "flatten": flatten}
        else:
            self.halted = {**self.halted, "flatten": True}
        self._supervisor.farewell = FLATTEN if flatten else HALT
        self._remember("halt", self.halted)
        told = f"{self.halted['reason']}{_besides(flatten, running)}"
        self._alarms.halted(told, now)
        return f"halted: {told}"

    def resume(self, reason: str, now: datetime) -> str:
        """Lift the halt.

        :param reason: that of the halt, which whoever lifts it must have seen.
        :raises RequestRefused: it is another one.
        """
        if self.halted is None:
            return "it was not halted"
        if reason != self.halted["reason"]:
            raise RequestRefused(f"it is halted for another reason: {self.halted['reason']}")
        self.halted = None
        self._supervisor.farewell = STOP
        self._remember("halt", None)
        self._supervisor.forgive(now)
        self._alarms.resumed(f"The halt was lifted; its reason was: {reason}", now)
        stopped = "; the engine stays stopped until: orchestrator engine start" if self.wish() == "stop" else ""
        return f"resumed{stopped}"

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

    def _wish_for(self, wish: str) -> None:
        self._wish = {"session": self._session(), "wish": wish}
        self._remember("engine_wish", self._wish)

    def _remember(self, key: str, value: Any) -> None:
        self._history.add(WRITE_META, {"key": key, "value": value})
        self._changed()


STOP = {"command": "stop"}


def _besides(flatten: bool, running: bool) -> str:
    if not flatten:
        return ""
    return "; all positions are being sold" if running else "; nothing can be sold now, as no engine runs"
