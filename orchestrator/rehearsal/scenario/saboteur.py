"""Makes the faults of a plan come true: a table of what each of them does, and of how it ends."""

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from orchestrator.config import ConfigError
from orchestrator.events import FaultEnded, FaultInjected
from orchestrator.rehearsal.scenario.market import Shock
from orchestrator.rehearsal.scenario.operator import ASK_AGAIN, Hand
from orchestrator.rehearsal.scenario.plan import Injection
from orchestrator.rehearsal.scenario.service import Service
from orchestrator.rehearsal.scenario.world import FaultyWorld
from orchestrator.rehearsal.scenario.writing import plain_parameters
from orchestrator.store import Store

__all__ = ["Saboteur"]

NO_ENGINE = "no engine runs"
NO_DAEMON = "no daemon runs"


@dataclass(order=True)
class Due:
    """Something to be done at a true time; of one time in the order in which it was arranged."""

    at: datetime
    number: int
    action: Callable[[], None] = field(compare=False)


class Saboteur:
    """:param publish: takes the events of faults."""

    def __init__(
        self,
        world: FaultyWorld,
        service: Service,
        injections: list[Injection],
        publish: Callable[[FaultInjected | FaultEnded], None],
    ) -> None:
        self.world, self.service, self._publish = world, service, publish
        self.hand = Hand(world.outside_store, world.close_store, self._wake)
        self._agenda: list[Due] = []
        self._arranged = 0
        self._pressing = False
        self._before: dict[int, str] = {}
        """By number of an edit that will be undone: the text before it."""
        for injection in injections:
            self.arrange(injection.at, partial(self._begin, injection))

    def next_at(self) -> datetime | None:
        """The true time of the next thing to do."""
        return self._agenda[0].at if self._agenda else None

    def act(self) -> None:
        """Do what is due."""
        while self._agenda and self._agenda[0].at <= self.world.clock.true():
            heapq.heappop(self._agenda).action()

    def arrange(self, at: datetime, action: Callable[[], None]) -> None:
        """Have something done at a true time."""
        self._arranged += 1
        heapq.heappush(self._agenda, Due(at, self._arranged, action))

    def _begin(self, injection: Injection) -> None:
        clock = self.world.clock
        at = clock.now()
        if injection.lasts is not None:
            self.world.troubles.begin(injection)
        detail = BEGINS[injection.fault](self, injection)
        parameters = plain_parameters(injection.fault, injection.parameters)
        lasts = None if injection.lasts is None else injection.lasts.total_seconds()
        self._publish(FaultInjected(at, injection.fault, parameters, lasts, detail))
        if injection.lasts is not None:
            self.arrange(injection.at + injection.lasts, partial(self._end, injection))

    def _end(self, injection: Injection) -> None:
        self.world.troubles.end(injection)
        ENDS.get(injection.fault, nothing)(self, injection)
        self._publish(FaultEnded(self.world.clock.now(), injection.fault))

    # --- the operator ---

    def ask(self, kind: str, arguments: Callable[[Store], Mapping[str, Any] | None]) -> None:
        """Have the operator ask the daemon for something, until it has answered."""
        self.hand.ask(kind, arguments)
        if not self._pressing:
            self._press()

    def _press(self) -> None:
        self._pressing = self.hand.press(self.world.clock.now())
        if self._pressing:
            self.arrange(self.world.clock.true() + ASK_AGAIN, self._press)

    def _wake(self) -> bool:
        if self.service.orchestrator is None:
            return False
        self.service.orchestrator.wake()
        return True

    # --- the config file ---

    def save(self, injection: Injection, change: Callable[[], None]) -> str:
        """Change the config file; what will be undone is remembered. Returns why it could not be, if so."""
        before = self.world.config_file.text
        try:
            change()
        except ConfigError as error:
            return str(error).splitlines()[0]
        if injection.lasts is not None:
            self._before[id(injection)] = before
        return ""

    def undo(self, injection: Injection) -> None:
        text = self._before.pop(id(injection), None)
        if text is not None:
            self.world.config_file.save(text)
            self.service.mend()


def nothing(saboteur: Saboteur, injection: Injection) -> str:
    """It is enough that the trouble is there: whoever stands on it meets it."""
    return ""


def _crash(saboteur: Saboteur, injection: Injection) -> str:
    link = saboteur.world.link
    if link is None:
        return NO_ENGINE
    link.crash()
    return ""


def _hang(saboteur: Saboteur, injection: Injection) -> str:
    link, lasts = saboteur.world.link, injection.lasts
    if link is None:
        return NO_ENGINE
    link.hang(None if lasts is None else lasts.total_seconds())
    return ""


def _raise(saboteur: Saboteur, injection: Injection) -> str:
    if injection.lasts is None:
        saboteur.world.springs.append(injection.parameters["text"])
    return ""


def _stall(saboteur: Saboteur, injection: Injection) -> str:
    saboteur.world.line.stand_still()
    return ""


def _shock(saboteur: Saboteur, injection: Injection) -> str:
    now, lasts, parameters = saboteur.world.clock.now(), injection.lasts, injection.parameters
    until = None if lasts is None else now + lasts
    saboteur.world.line.shocks.append(Shock(now, until, parameters["factor"], tuple(parameters["symbols"])))
    return ""


def _outage(saboteur: Saboteur, injection: Injection) -> str:
    daemon = saboteur.service.orchestrator
    if daemon is None:
        return NO_DAEMON
    return "" if set(daemon.loop.config.notifications.channels) - {"console"} else "alerts go to the log only"


def _edit(saboteur: Saboteur, injection: Injection) -> str:
    return saboteur.save(injection, lambda: saboteur.world.config_file.edit(injection.parameters["set"]))


def _break(saboteur: Saboteur, injection: Injection) -> str:
    return saboteur.save(injection, lambda: saboteur.world.config_file.save(injection.parameters["text"]))


def _undo(saboteur: Saboteur, injection: Injection) -> str:
    saboteur.undo(injection)
    return ""


def _halt(saboteur: Saboteur, injection: Injection) -> str:
    saboteur.ask("halt", lambda _: injection.parameters)
    return "" if saboteur.service.orchestrator is not None else NO_DAEMON


def _resume(saboteur: Saboteur, injection: Injection) -> str:
    saboteur.ask("resume", _reason)
    daemon = saboteur.service.orchestrator
    if daemon is None:
        return NO_DAEMON
    return "" if daemon.loop.operator.halted is not None else "trading is not halted"


def _reason(store: Store) -> Mapping[str, Any] | None:
    """Whoever lifts a halt gives its reason, as the command line does."""
    halted = store.read_meta("halt")
    return None if halted is None else {"reason": halted["reason"]}


def _jump(saboteur: Saboteur, injection: Injection) -> str:
    saboteur.world.clock.jump(injection.parameters["by"])
    return ""


def _jump_back(saboteur: Saboteur, injection: Injection) -> str:
    saboteur.world.clock.jump(-injection.parameters["by"])
    return ""


def _sleep(saboteur: Saboteur, injection: Injection) -> str:
    if injection.lasts is not None:
        saboteur.world.clock.suspend(injection.lasts)
    return ""


def _kill(saboteur: Saboteur, injection: Injection) -> str:
    """In a moment, so that it is told of before."""
    down: timedelta = injection.parameters["down"]
    saboteur.arrange(injection.at, lambda: saboteur.service.kill(down))
    return "" if saboteur.service.orchestrator is not None else NO_DAEMON


Deed = Callable[[Saboteur, Injection], str]
"""Does it; returns what is to be said about it, or nothing."""

BEGINS: Mapping[str, Deed] = {
    "engine_crash": _crash,
    "engine_hang": _hang,
    "engine_refused": nothing,
    "strategy_exception": _raise,
    "broker_disconnect": nothing,
    "data_stall": _stall,
    "price_shock": _shock,
    "database_locked": nothing,
    "database_error": nothing,
    "disk_full": nothing,
    "channel_outage": _outage,
    "config_edit": _edit,
    "config_broken": _break,
    "halt": _halt,
    "resume": _resume,
    "clock_jump": _jump,
    "host_sleep": _sleep,
    "daemon_kill": _kill,
}
ENDS: Mapping[str, Deed] = {
    "config_edit": _undo,
    "config_broken": _undo,
    "halt": _resume,
    "clock_jump": _jump_back,
}
