"""Watches a simulation: hands events and turns to the rules, and tells of what is broken."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from notifiers import AlertLevel
from orchestrator.alerts.channels import channels
from orchestrator.alerts.routes import Routes
from orchestrator.config import NotificationConfig
from orchestrator.events import DaemonMoved, Event, InvariantBroken
from orchestrator.loop import Loop
from orchestrator.rehearsal.invariants.alerts import AlertsArrive, Post
from orchestrator.rehearsal.invariants.engine import EngineInHours, HaltHolds, StateIsDerived, TradesAgain
from orchestrator.rehearsal.invariants.fires import FiresByRule
from orchestrator.rehearsal.invariants.money import AccountIsFills, Ledger, OrdersOnce
from orchestrator.rehearsal.invariants.rule import Rule, Turn
from orchestrator.rehearsal.invariants.trail import Trail, matter_of
from orchestrator.rehearsal.simulation import Simulation
from orchestrator.states import EngineState
from orchestrator.store import Store

__all__ = ["Invariants"]


LONG_AGO = datetime.min.replace(tzinfo=UTC)

LOOK_EVERY = timedelta(minutes=10)
"""Between two looks at a daemon on which nothing changes."""


class Invariants:
    """All rules, watching the daemons of one simulation.

    :param publish: takes each rule that is broken.
    """

    def __init__(self, publish: Callable[[InvariantBroken], None]) -> None:
        self._publish = publish
        self._trail = Trail()
        self._heard: list[Event] = []
        self._arrived: set[str] = set()
        self._arrivals = 0
        self._routed: NotificationConfig | None = None
        self._loop: Loop | None = None
        self._file: Store | None = None
        self._marks: tuple[Any, ...] | None = None
        self._looked_at = self._look_by = self._day_ends = LONG_AGO
        self._standing: set[str] = set()
        self._fires = FiresByRule(lambda: self._life.schedule.specs, lambda: self._life.calendar)
        self._alerts = AlertsArrive(self._targets, self._post)
        self.rules: tuple[Rule, ...] = (
            OrdersOnce(),
            AccountIsFills(self._ledger),
            StateIsDerived(),
            EngineInHours(lambda: self._life.config.engine),
            TradesAgain(lambda: self._life.config.engine),
            HaltHolds(),
            self._fires,
            self._alerts,
        )
        self._hearing = _table(self.rules)
        self._turning = [rule for rule in self.rules if type(rule).turn is not Rule.turn]
        self._ending = [rule for rule in self.rules if type(rule).end is not Rule.end]

    def hear(self, event: Event) -> None:
        """Take an event; it is judged after the turn that it comes from."""
        self._heard.append(event)

    def inspect(self, simulation: Simulation) -> None:
        """Judge the turn that has just ended, and at the end of a day and of the simulation what the store says."""
        orchestrator = simulation.orchestrator
        if orchestrator is not None and (loop := orchestrator.loop) is not self._loop:
            self._follow(loop, simulation)
        if self._heard:
            heard, self._heard = self._heard, []
            for event in heard:
                self._judge(event)
        if orchestrator is None or orchestrator.failures:
            return
        self._fires.tick(loop.turned_at)
        if not simulation.over:
            self._look_if_due(loop)
        if loop.turned_at >= self._day_ends or simulation.over:
            self._end(loop, simulation)

    def close(self) -> None:
        """Let the store go that was read, however the simulation has ended."""
        if self._file is not None:
            self._file.close()

    def _follow(self, loop: Loop, simulation: Simulation) -> None:
        """Another daemon lives."""
        self.close()
        self._loop, self._file, self._marks = loop, _reader(simulation), None
        self._fires.begin(loop.started_at)

    def _lost_rows(self) -> bool:
        """Whether the daemon that has ended had rows that it could not write."""
        return self._loop is not None and self._loop.history.waiting > 0

    @property
    def _life(self) -> Loop:
        assert self._loop is not None
        return self._loop

    # --- judging ---

    def _judge(self, event: Event) -> None:
        self._trail.note(event)
        for name, hear in self._hearing.get(type(event), ()):
            if complaint := hear(event):
                self._tell(name, complaint, event)
        if isinstance(event, DaemonMoved) and event.action != "start" and self._lost_rows():
            self._alerts.excused_until = event.at

    def _look_if_due(self, loop: Loop) -> None:
        """Look at a turn that could be another than the last that was looked at; nearly all are as the one before."""
        now, supervisor = loop.turned_at, loop.supervisor
        marks = (loop.state, supervisor.state, supervisor.reason, supervisor.refused, loop.operator.halted, loop.config)
        if marks == self._marks and self._looked_at <= now < self._look_by:
            return
        self._marks, self._looked_at = marks, now
        turn = _turn(loop)
        change = loop.calendar.next_change(now)
        at_rest = turn.engine is EngineState.RUNNING if turn.wanted else turn.engine is EngineState.STOPPED
        self._look_by = min(now + LOOK_EVERY, change or now + LOOK_EVERY) if at_rest else now
        for rule in self._turning:
            self._look(rule, turn)

    def _look(self, rule: Rule, turn: Turn) -> None:
        """Tell of what is wrong once, until it is right again."""
        complaint = rule.turn(turn)
        if not complaint:
            self._standing.discard(rule.name)
        elif rule.name not in self._standing:
            self._standing.add(rule.name)
            self._tell(rule.name, complaint)

    def _end(self, loop: Loop, simulation: Simulation) -> None:
        """Judge what the store says, if all that happened is in it; else after a later turn."""
        if self._file is None:
            loop.history.flush(force=True)
        if loop.history.waiting:
            return
        turn = _turn(loop)
        tomorrow = date.fromisoformat(turn.session) + timedelta(days=1)
        self._day_ends = datetime.combine(tomorrow, time(0), loop.calendar.exchange_timezone).astimezone(UTC)
        self._note_arrivals(simulation)
        for rule in self._ending:
            for complaint in rule.end(turn):
                self._tell(rule.name, complaint)

    def _note_arrivals(self, simulation: Simulation) -> None:
        messages = simulation.world.notifier.messages
        self._arrived.update(str(message.metadata["delivery"]) for message in messages[self._arrivals :])
        self._arrivals = len(messages)

    def _tell(self, name: str, detail: str, event: Event | None = None) -> None:
        matters = () if event is None else (matter_of(event),)
        self._publish(InvariantBroken(self._life.clock.now(), name, detail, self._trail.of(matters)))

    # --- what the rules ask of the daemon ---

    def _targets(self, level: AlertLevel, topic: str) -> Collection[str]:
        config = self._life.config.notifications
        if config is not self._routed:
            self._routed, self._routes = config, Routes(config, channels(config), self._life.calendar.exchange_timezone)
        return self._routes.targets(level, topic)

    def _post(self) -> Post:
        return Post(self._store(), self._arrived)

    def _ledger(self) -> Ledger:
        return Ledger.read(self._store(), self._life.config.broker.starting_cash)

    def _store(self) -> Store:
        """The daemon's own if it is in memory; else the file, as another program reads it, whatever goes wrong for the
        daemon."""
        return self._life.store if self._file is None else self._file


def _table(rules: Iterable[Rule]) -> dict[type, list[tuple[str, Callable[[Any], str]]]]:
    """Who hears which kind of event."""
    table: dict[type, list[tuple[str, Callable[[Any], str]]]] = {}
    for rule in rules:
        for kind, hear in rule.hearing().items():
            table.setdefault(kind, []).append((rule.name, hear))
    return table


def _reader(simulation: Simulation) -> Store | None:
    database = getattr(simulation.world, "database", None)
    return None if database is None else Store(f"sqlite:///{database}", read_only=True)


def _turn(loop: Loop) -> Turn:
    now, supervisor, halted = loop.turned_at, loop.supervisor, loop.operator.halted
    return Turn(
        now,
        loop.clock.monotonic(),
        now.astimezone(loop.calendar.exchange_timezone).date().isoformat(),
        loop.calendar.get_market_state(now),
        supervisor.state,
        loop.policy(),
        supervisor.reason != "" or supervisor.refused != "",
        supervisor.refused,
        loop.state,
        "" if halted is None else halted["at"],
    )
