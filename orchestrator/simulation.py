"""The whole daemon on a virtual clock.

The same loop, scheduler, triggers, states, supervisor and engine; what differs is what they stand on: time that passes
at once, a store in memory, an engine in this process, and notifications that are only recorded.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from jobs import RunResult
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import (
    Alerted,
    EngineMoved,
    EquityMarked,
    Event,
    JobRan,
    OrderFilled,
    OrderUpdated,
    Traded,
)
from orchestrator.scenario import Fault, Scenario, plan, without_occasion
from orchestrator.scenario.stage import Stage
from orchestrator.scenario.world import FaultyWorld
from orchestrator.simulated import SimulatedWorld

__all__ = ["SimulatedWorld", "Simulation", "Summary"]


@dataclass
class Summary:
    """What came of it; money in the account's currency."""

    start: date
    end: date
    sessions: int = 0
    fires: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    engine_starts: int = 0
    restarts: int = 0
    orders: int = 0
    fills: int = 0
    commission: float = 0.0
    alerts: Counter[str] = field(default_factory=Counter)
    starting_equity: float | None = None
    equity: float | None = None
    cash: float | None = None
    worst_drawdown: float = 0.0
    halted: str | None = None
    """Why trading is halted at the end."""
    _orders: set[str] = field(default_factory=set)

    def count(self, event: Event) -> None:
        match event:
            case JobRan(run=run):
                self.fires[run.job] += 1
                self.missed += run.result is RunResult.MISSED
            case EngineMoved(action=action):
                self.engine_starts += action in {"start", "restart"}
                self.restarts += action == "restart"
            case Alerted(level=level):
                self.alerts[level.value] += 1
            case Traded(event=OrderUpdated(order_ref=ref)):
                self._orders.add(ref)
                self.orders = len(self._orders)
            case Traded(event=OrderFilled(commission=commission)):
                self.fills += 1
                self.commission += commission
            case Traded(event=EquityMarked() as mark):
                self._mark(mark)

    def _mark(self, mark: EquityMarked) -> None:
        self.equity, self.cash = mark.equity, mark.cash
        self.worst_drawdown = max(self.worst_drawdown, mark.drawdown)

    def to_dict(self) -> dict[str, Any]:
        profit = None if self.equity is None or self.starting_equity is None else self.equity - self.starting_equity
        return {
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "sessions": self.sessions,
            "fires": dict(sorted(self.fires.items())),
            "missed": self.missed,
            "engine_starts": self.engine_starts,
            "restarts": self.restarts,
            "orders": self.orders,
            "fills": self.fills,
            "commission": round(self.commission, 2),
            "alerts": dict(sorted(self.alerts.items())),
            "equity": None if self.equity is None else round(self.equity, 2),
            "cash": None if self.cash is None else round(self.cash, 2),
            "profit": None if profit is None else round(profit, 2),
            "worst_drawdown": round(self.worst_drawdown, 6),
            "halted": self.halted,
        }


class Simulation:
    """One run of the daemon from one exchange date to another, both included.

    :param config_path: None for the embedded defaults. The file is only read.
    :param seed: of everything random; None takes the scenario's, or 0.
    :param listener: hears every event as it happens.
    :param scenario: what goes wrong; None for an undisturbed run.
    :param inspect: called with this simulation after each turn.
    :raises ConfigError, FileNotFoundError: the config can't be used.
    :raises ValueError: `end` is before `start`, or the calendar does not know these years.
    """

    def __init__(
        self,
        config_path: Path | None,
        start: date,
        end: date,
        seed: int | None,
        listener: Callable[[Event], None],
        scenario: Scenario | None = None,
        inspect: Callable[["Simulation"], None] | None = None,
    ) -> None:
        if end < start:
            raise ValueError(f"the end {end} is before the start {start}")
        config = ConfigSource(config_path).load().config
        self.calendar = market_calendar(config)
        self.seed = _seed(seed, scenario)
        zone = self.calendar.exchange_timezone
        self._start = datetime.combine(start, time(0), zone)
        self._end = datetime.combine(end + timedelta(days=1), time(0), zone)
        self._path, self._listener, self._inspect = config_path, listener, inspect
        self.summary = Summary(start, end, len(self.calendar.sessions(start, end)))
        self.summary.starting_equity = config.broker.starting_cash
        self.unused: list[Fault] = []
        """Those of the scenario for which there is no occasion in the range."""
        self._stage = None if scenario is None else self._make_stage(scenario)
        self.world = SimulatedWorld(self._start, self.seed) if self._stage is None else self._stage.world
        self._undisturbed = None if self._stage is not None else self._make_daemon(self.world)

    @property
    def orchestrator(self) -> TradingOrchestrator | None:
        """The daemon that lives now; None while none does."""
        return self._undisturbed if self._stage is None else self._stage.service.orchestrator

    def run(self) -> Summary:
        """Let the whole range pass."""
        if self._stage is not None:
            with self._stage as stage:
                stage.run(self._end)
        elif self._undisturbed is not None:
            self._run_undisturbed(self._undisturbed)
        return self.summary

    def _run_undisturbed(self, orchestrator: TradingOrchestrator) -> None:
        clock, inspect = self.world.clock, self._inspect
        orchestrator.open()
        try:
            while (now := clock.now()) < self._end:
                until = orchestrator.step(now)
                if inspect is not None:
                    inspect(self)
                clock.wait(orchestrator.loop.inbox, min(until, self._end))
            halted = orchestrator.loop.operator.halted
            self.summary.halted = None if halted is None else halted["reason"]
        finally:
            orchestrator.close()

    def _make_daemon(self, world: SimulatedWorld) -> TradingOrchestrator:
        orchestrator = TradingOrchestrator(self._path, world=world)
        orchestrator.subscribe(self.summary.count)
        orchestrator.subscribe(self._listener)
        return orchestrator

    def _make_stage(self, scenario: Scenario) -> Stage:
        self.unused = without_occasion(scenario, self._start, self._end, self.calendar)
        world = FaultyWorld(self._start, self.seed, self._path)
        injections = plan(scenario, self._start, self._end, self.calendar, self.seed)
        return Stage(world, lambda: self._make_daemon(world), injections, self._publish, self._inspected)

    def _publish(self, event: Event) -> None:
        self.summary.count(event)
        self._listener(event)

    def _inspected(self) -> None:
        if self._inspect is not None:
            self._inspect(self)


def _seed(asked: int | None, scenario: Scenario | None) -> int:
    if asked is not None:
        return asked
    return 0 if scenario is None or scenario.seed is None else scenario.seed
