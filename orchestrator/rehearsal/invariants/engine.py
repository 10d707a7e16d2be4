"""Rules on state and engine."""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from calendars import MarketState
from orchestrator.config import EngineConfig
from orchestrator.events import DaemonMoved, EngineMoved, FaultEnded, FaultInjected, OrderUpdated, Traded
from orchestrator.rehearsal.invariants.rule import Hearing, Rule, Turn
from orchestrator.states import ACTIVE, EngineState, OrchestratorState, derive

__all__ = ["EngineInHours", "HaltHolds", "StateIsDerived", "TradesAgain"]

SELL_TIME = 60.0
"""Seconds at least for an engine that is to sell all it holds before it stops."""


class StateIsDerived(Rule):
    """The state is what follows from market, engine and what is wanted."""

    name = "state_is_derived"

    def turn(self, turn: Turn) -> str:
        right = derive(turn.market, turn.engine, turn.policy, failing=turn.failing)
        if turn.state is right:
            return ""
        return (
            f"the state is {turn.state}, and with market {turn.market} and engine {turn.engine} it ought to be {right}"
        )


class EngineInHours(Rule):
    """An engine lives only while it is wanted, and as long after that as it may take to stop.

    Elapsed time counts: a machine that slept over the close could not have stopped it.
    """

    name = "engine_in_hours"
    LIVING: ClassVar = ACTIVE | {EngineState.STOPPING}

    def __init__(self, config: Callable[[], EngineConfig]) -> None:
        self._config = config
        self._unwanted_since: float | None = None

    def turn(self, turn: Turn) -> str:
        if turn.wanted or turn.engine not in self.LIVING:
            self._unwanted_since = None
            return ""
        if self._unwanted_since is None:
            self._unwanted_since = turn.monotonic
        allowed = max(self._config().stop_timeout, SELL_TIME if turn.halted_at else 0.0) * 1.5
        over = turn.monotonic - self._unwanted_since
        if over <= allowed:
            return ""
        return f"the engine is {turn.engine} {over:.0f} s after it was wanted no more (market {turn.market})"


class HaltHolds(Rule):
    """While an operator has halted trading, no order to buy is sent."""

    name = "halt_holds"

    def __init__(self) -> None:
        self._halted_at: datetime | None = None

    def hearing(self) -> Hearing:
        return {Traded: self._traded}

    def turn(self, turn: Turn) -> str:
        self._halted_at = datetime.fromisoformat(turn.halted_at) if turn.halted_at else None
        return ""

    def _traded(self, event: Traded) -> str:
        order = event.event
        if self._halted_at is None or not isinstance(order, OrderUpdated):
            return ""
        if order.action != "BUY" or order.status != "Submitted" or datetime.fromisoformat(order.at) <= self._halted_at:
            return ""
        return f"{order.order_ref} was sent at {order.at}, and trading was halted at {self._halted_at.isoformat()}"


class TradesAgain(Rule):
    """Some time after the last fault has ended there is trading again, if it is wanted.

    An engine that was given up in this session is left alone until the next one: that is what the restart budget says.

    :param config: of the engine, in force now.
    """

    name = "trades_again"
    GRACE = 300.0
    """Seconds, beside what the engine may take to stop, to wait and to start."""

    def __init__(self, config: Callable[[], EngineConfig]) -> None:
        self._config = config
        self._active: Counter[str] = Counter()
        self._disturbed = True
        self._since: float | None = None
        self._given_up_in = ""
        self._session = ""

    def hearing(self) -> Hearing:
        return {
            EngineMoved: self._moved,
            DaemonMoved: self._disturb,
            FaultInjected: self._begun,
            FaultEnded: self._over,
        }

    def _disturb(self, event: DaemonMoved) -> str:
        self._disturbed = True
        return ""

    def _begun(self, event: FaultInjected) -> str:
        self._disturbed = True
        self._active[event.fault] += event.lasts is not None
        return ""

    def _over(self, event: FaultEnded) -> str:
        self._disturbed = True
        self._active[event.fault] -= 1
        return ""

    def _moved(self, event: EngineMoved) -> str:
        if event.action == "fatal":
            self._given_up_in = self._session
        return ""

    def turn(self, turn: Turn) -> str:
        self._session = turn.session
        if self._excused(turn):
            self._disturbed, self._since = False, None
            return ""
        if self._since is None:
            self._since = turn.monotonic
        waited, config = turn.monotonic - self._since, self._config()
        if waited <= config.stop_timeout + config.backoff_max + config.start_timeout + self.GRACE:
            return ""
        return (
            f"the state is {turn.state} (engine {turn.engine}), {waited:.0f} s after nothing stood in the way any more"
        )

    def _excused(self, turn: Turn) -> bool:
        given_up = turn.engine is EngineState.FATAL and self._given_up_in in {turn.session, ""}
        at_work = turn.state is OrchestratorState.TRADING or turn.market is not MarketState.TRADING
        return at_work or not turn.wanted or self._active.total() > 0 or self._disturbed or given_up
