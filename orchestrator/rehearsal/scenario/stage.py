"""A rehearsal with faults: a machine, the daemons that run on it one after the other, and whoever sabotages them."""

from collections.abc import Callable
from datetime import datetime
from typing import Self

from calendars import Waitable
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import DaemonMoved, FaultEnded, FaultInjected
from orchestrator.rehearsal.scenario.plan import Injection
from orchestrator.rehearsal.scenario.saboteur import Saboteur
from orchestrator.rehearsal.scenario.service import Service
from orchestrator.rehearsal.scenario.world import FaultyWorld

__all__ = ["Stage"]


RESTLESS = 10_000
"""Turns at one time, after which the daemon would never let it pass."""


class _Nobody:
    """Nobody waits for messages while no daemon runs."""

    def wait(self, timeout: float) -> None:
        """There is nothing to wait for."""

    def pending(self) -> bool:
        return False


class Stage:
    """Leave it by ``with``: then the daemon comes to an orderly end, and what the machine used is freed.

    :param make: makes a daemon on this world.
    :param publish: takes the events of faults, and of daemons that come and go.
    :param inspect: called after each turn, be a daemon there or not.
    """

    def __init__(
        self,
        world: FaultyWorld,
        make: Callable[[], TradingOrchestrator],
        injections: list[Injection],
        publish: Callable[[FaultInjected | FaultEnded | DaemonMoved], None],
        inspect: Callable[[], None],
    ) -> None:
        self.world, self._inspect = world, inspect
        self.service = Service(world, make, publish)
        self.saboteur = Saboteur(world, self.service, injections, publish)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.service.close()
        finally:
            self.world.close()

    def run(self, end: datetime) -> None:
        """Let time pass until `end`, by the true time.

        :raises StoreError: the rehearsal's own database was removed.
        """
        clock, turned = self.world.clock, 0
        while clock.true() < end:
            before = clock.monotonic()
            self.world.refuse_loss()
            self.saboteur.act()
            self.service.start_if_due()
            until = self.service.turn(clock.now())
            self._inspect()
            clock.wait(self._inbox(), self._earliest(until, end))
            turned = turned + 1 if clock.monotonic() == before else 0
            if turned > RESTLESS:
                raise RuntimeError(f"the daemon has turned {turned} times at {clock.now()}, and wants to go on at once")

    def _inbox(self) -> Waitable:
        orchestrator = self.service.orchestrator
        return _Nobody() if orchestrator is None else orchestrator.loop.inbox

    def _earliest(self, until: datetime | None, end: datetime) -> datetime:
        """When there is something to do again, as the machine's clock has it."""
        ahead = (end, self.saboteur.next_at(), self.service.starts_at)
        times = [self.world.clock.reads(true) for true in ahead if true is not None]
        return min([*times, *([until] if until is not None else [])])
