"""The whole daemon on a virtual clock.

The same loop, scheduler, triggers, states, supervisor and engine; what differs is what they stand on: time that passes
at once, a store in memory, an engine in this process, and notifications that are only recorded.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import Event
from orchestrator.rehearsal.scenario import Fault, Scenario, plan, without_occasion
from orchestrator.rehearsal.scenario.stage import Stage
from orchestrator.rehearsal.scenario.world import FaultyWorld
from orchestrator.rehearsal.simulated import SimulatedWorld
from orchestrator.rehearsal.summary import Summary, why_no_session

__all__ = ["SimulatedWorld", "Simulation", "Summary"]


class Simulation:
    """One run of the daemon from one exchange date to another, both included.

    :param config_path: None for the embedded defaults. The file is only read.
    :param seed: of everything random; None takes the scenario's, or 0.
    :param listener: hears every event as it happens.
    :param scenario: what goes wrong; None for an undisturbed run.
    :param inspect: called with this simulation after each turn, and once more at the end, when it is :attr:`over`.
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
        self.over = False
        """Whether all its time has passed."""
        self._path, self._listener, self._inspect = config_path, listener, inspect
        self.summary = Summary(start, end, len(self.calendar.sessions(start, end)))
        self.summary.no_session = why_no_session(self.calendar, start, end)
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
                self._finish()
        elif self._undisturbed is not None:
            self._run_undisturbed(self._undisturbed)
        return self.summary

    def _run_undisturbed(self, orchestrator: TradingOrchestrator) -> None:
        clock = self.world.clock
        orchestrator.open()
        try:
            while (now := clock.now()) < self._end:
                until = orchestrator.step(now)
                self._inspected()
                clock.wait(orchestrator.loop.inbox, min(until, self._end))
            self._finish()
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

    def _finish(self) -> None:
        self.over = True
        halted = None if self.orchestrator is None else self.orchestrator.loop.operator.halted
        self.summary.halted = None if halted is None else halted["reason"]
        self._inspected()

    def _inspected(self) -> None:
        if self._inspect is not None:
            self._inspect(self)


def _seed(asked: int | None, scenario: Scenario | None) -> int:
    if asked is not None:
        return asked
    return 0 if scenario is None or scenario.seed is None else scenario.seed
