"""An engine that may crash, hang and be refused, in this process."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from orchestrator.engine.host import EngineHost
from orchestrator.engine.link import LocalLink
from orchestrator.engine.strategy import Strategy
from orchestrator.events import EngineEvent
from orchestrator.inbox import Inbox
from orchestrator.processes.child import Receiver
from orchestrator.rehearsal.scenario.troubles import Troubles

__all__ = ["FaultyLink", "SHARE_OF_START", "trapped"]

SHARE_OF_START = 0.6
"""Of the start timeout: for so long a new engine tries to reach a broker that is away, as that of a real one does."""

LOOK_EVERY = timedelta(seconds=5)
"""How often the daemon has a look at an engine that does nothing, as it does with a real one."""

KILLED = -9

Hooks = ("initialize", "target_weights", "on_data", "on_fill", "finalize")


class FaultyLink(LocalLink):
    """Must be heard, as a process must.

    :param patience: seconds for which it tries to reach a broker that is away, before its start fails.
    :param monotonic: reads the monotonic clock.
    :param over: called once when it is over.
    """

    beats = True

    def __init__(
        self,
        inbox: Inbox,
        receiver: Receiver,
        make_host: Callable[[Callable[[EngineEvent], None]], EngineHost],
        troubles: Troubles,
        patience: float,
        monotonic: Callable[[], float],
        over: Callable[[], None],
    ) -> None:
        super().__init__(inbox, receiver, make_host)
        self._troubles, self._monotonic, self._when_over = troubles, monotonic, over
        self._gives_up_at = monotonic() + patience
        self._hangs_until = -1.0
        self._away = False

    # --- what the scenario does to it ---

    def crash(self) -> None:
        """Its process is gone."""
        self._end(KILLED)

    def hang(self, seconds: float | None) -> None:
        """It does nothing any more; None for good."""
        self._hangs_until = float("inf") if seconds is None else self._monotonic() + seconds

    # --- what the supervisor sees ---

    def send(self, command: Mapping[str, Any]) -> None:
        if not self._over:
            super().send(command)

    def terminate(self) -> None:
        if not self._hangs():
            super().terminate()

    def step(self, now: datetime) -> datetime | None:
        if self._over:
            return None
        if self._hangs() or self._is_connecting():
            return now + LOOK_EVERY
        self._tell_of_the_broker()
        return super().step(now)

    def _tell_of_the_broker(self) -> None:
        """It beats more seldom than a process: let it be heard when the broker has gone or come."""
        away = self._troubles.find("broker_disconnect") is not None
        if away is not self._away:
            self._away, self._next = away, None
            self._host.beat_soon()

    def _hangs(self) -> bool:
        return self._monotonic() < self._hangs_until

    def _is_connecting(self) -> bool:
        waits = not self._started and self._monotonic() < self._gives_up_at
        return waits and self._troubles.find("broker_disconnect") is not None

    def _end(self, code: int) -> None:
        if not self._over:
            super()._end(code)
            self._when_over()


def trapped(strategy: Strategy, spring: Callable[[], None]) -> Strategy:
    """The strategy, with a trap before each of its hooks.

    :param spring: called first at each call; it may raise.
    """
    for name in Hooks:
        setattr(strategy, name, _behind(spring, getattr(strategy, name)))
    return strategy


def _behind(spring: Callable[[], None], hook: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        spring()
        return hook(*arguments)

    return call
