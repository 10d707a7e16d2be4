"""Parts of days in which something goes wrong."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import orchestrator
from calendars import MarketCalendar
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import (
    Alerted,
    DaemonMoved,
    EngineMoved,
    EquityMarked,
    Event,
    FaultEnded,
    FaultInjected,
    JobRan,
    OrderFilled,
    OrderUpdated,
    StateChanged,
    Traded,
)
from orchestrator.rehearsal.scenario import Scenario, parse_scenario, plan
from orchestrator.rehearsal.scenario.stage import Stage
from orchestrator.rehearsal.scenario.world import FaultyWorld
from orchestrator.rehearsal.simulation import Simulation, Summary
from orchestrator.rehearsal.timeline import Timeline

NYSE = MarketCalendar("NYSE")
NEW_YORK = ZoneInfo("America/New_York")
PAPER = "broker: {broker_type: paper}\n"
DAY = "2026-11-24"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text if "-" in text else f"{DAY} {text}").replace(tzinfo=NEW_YORK)


class Told:
    """All that daemons and faults told of."""

    summary: Summary
    lines: list[str]

    def __init__(self) -> None:
        self.events: list[Event] = []

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def on(self, day: str) -> "Told":
        """What was told of on one day."""
        part = Told()
        part.events = [each for each in self.events if f"{each.at.astimezone(NEW_YORK):%Y-%m-%d}" == day]
        return part

    def states(self) -> list[str]:
        return [f"{_time(each.at)} {each.new}" for each in self.of(StateChanged)]

    def engine(self) -> list[str]:
        return [f"{_time(each.at)} {each.action}" for each in self.of(EngineMoved)]

    def daemon(self) -> list[str]:
        return [f"{_time(each.at)} {each.action}" for each in self.of(DaemonMoved)]

    def faults(self) -> list[str]:
        begun = [
            (each.at, f"{_time(each.at)} {each.fault}{f' ({each.detail})' * bool(each.detail)}")
            for each in self.of(FaultInjected)
        ]
        ended = [(each.at, f"{_time(each.at)} {each.fault} is over") for each in self.of(FaultEnded)]
        return [text for _, text in sorted(begun + ended, key=lambda pair: pair[0])]

    def alerts(self, *levels: str) -> list[str]:
        return [each.title for each in self.of(Alerted) if not levels or each.level.value in levels]

    def alert(self, title: str) -> str:
        """The text of the only alert with this title."""
        (found,) = [each.message for each in self.of(Alerted) if each.title == title]
        return str(found)

    def runs(self, name: str) -> list[tuple[str, str]]:
        return [(_time(each.at), each.run.result) for each in self.of(JobRan) if each.run.job == name]

    # --- trading ---

    def trades(self, kind: type) -> list[Any]:
        return [each.event for each in self.of(Traded) if isinstance(each.event, kind)]

    def sent(self) -> list[str]:
        """The orders that went to the broker."""
        return [f"{each.action} {each.symbol}" for each in self.trades(OrderUpdated) if each.status == "Submitted"]

    def assert_sound(self) -> None:
        """No order was sent twice, no fill counted twice, and the positions are what the fills add up to."""
        sent = Counter(each.order_ref for each in self.trades(OrderUpdated) if each.status == "Submitted")
        assert not [ref for ref, times in sent.items() if times > 1]
        fills = {each.fill_id: each for each in self.trades(OrderFilled)}
        held: Counter[str] = Counter()
        for fill in fills.values():
            held[fill.symbol] += fill.quantity if fill.action == "BUY" else -fill.quantity
        last = self.trades(EquityMarked)[-1]
        assert {each["symbol"]: each["quantity"] for each in last.positions} == {s: q for s, q in held.items() if q}


class Performance(Told):
    """A part of a day, with faults."""

    def __init__(self, folder: Path, faults: Sequence[str], start: str, config: str) -> None:
        super().__init__()
        self.file = folder / "config.yaml"
        self.file.write_text(PAPER + config)
        self.world = FaultyWorld(at(start), 1, self.file)
        self.start = at(start)
        text = "faults: [" + ", ".join("{" + fault + "}" for fault in faults) + "]\n"
        self.scenario = parse_scenario(text, ".yaml", "scenario", NYSE)
        injections = plan(self.scenario, self.start, at("2026-12-31"), NYSE, 1)
        self.stage = Stage(self.world, self._make, injections, self.events.append, lambda: None)

    def _make(self) -> TradingOrchestrator:
        daemon = TradingOrchestrator(self.file, world=self.world)
        daemon.subscribe(self.events.append)
        return daemon

    def until(self, end: str) -> "Performance":
        self.stage.run(at(end))
        return self

    @property
    def loop(self) -> Any:
        assert self.stage.service.orchestrator is not None
        return self.stage.service.orchestrator.loop

    def rows(self, query: Any) -> list[Any]:
        store = self.world.outside_store()
        try:
            return store.rows(query)
        finally:
            self.world.close_store(store)


def _time(when: datetime) -> str:
    local = when.astimezone(NEW_YORK)
    return f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"


SHIPPED = Path(orchestrator.__file__).parents[1] / "config" / "config.paper.yaml"


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """The paper config that is shipped, with less looking round: that is most of the work of a rehearsal."""
    text = SHIPPED.read_text(encoding="utf-8")
    slow = "jobs: {health_check: {interval: 15m}, config_reload: {interval: 5m}}"
    assert "  jobs: {} " in text
    file = tmp_path / "config.paper.yaml"
    file.write_text(text.replace("jobs: {}", slow), encoding="utf-8")
    return file


@pytest.fixture
def rehearse_days(paper: Path) -> Callable[..., Told]:
    """``rehearse_days(first, last, fault, ...)``: whole days, with the shipped config."""

    def run(first: str, last: str, *faults: str, scenario: Scenario | None = None) -> Told:
        told = Told()
        if faults:
            text = "faults: [" + ", ".join("{" + fault + "}" for fault in faults) + "]\n"
            scenario = parse_scenario(text, ".yaml", "scenario", NYSE)
        days = date.fromisoformat(first), date.fromisoformat(last)
        simulation = Simulation(paper, *days, None, told.events.append, scenario)
        told.summary = simulation.run()
        told.lines = [line for event in told.events for line in Timeline(simulation.calendar).lines(event)]
        return told

    return run


@pytest.fixture
def perform(tmp_path: Path) -> Any:
    """``perform(fault, ..., start=, config=)``: a daemon from 09:29 on a usual Tuesday."""
    made: list[Performance] = []

    def make(*faults: str, start: str = "09:29", config: str = "") -> Performance:
        made.append(Performance(tmp_path, faults, start, config))
        return made[-1]

    yield make
    for each in made:
        each.stage.__exit__()
