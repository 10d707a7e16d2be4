"""What a service manager does for the daemon, in a rehearsal: it starts it, and starts it again when it has ended."""

from collections.abc import Callable
from datetime import datetime, timedelta

from orchestrator.config import ConfigError
from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import DaemonMoved
from orchestrator.rehearsal.scenario.world import FaultyWorld

__all__ = ["RESTART_AFTER", "Service"]

RESTART_AFTER = timedelta(seconds=10)
"""As in the units that are shipped."""

FOR_A_HUMAN = (ConfigError, FileNotFoundError)
"""What starting the daemon again would not mend; the units that are shipped do not try."""


class Service:
    """:param make: makes a daemon.
    :param tell: takes what becomes of it.
    """

    def __init__(
        self, world: FaultyWorld, make: Callable[[], TradingOrchestrator], tell: Callable[[DaemonMoved], None]
    ) -> None:
        self._world, self._make, self._tell = world, make, tell
        self.orchestrator: TradingOrchestrator | None = None
        self.starts_at: datetime | None = world.clock.true()
        """When a daemon is to be started, by the true time; None while one runs, or if somebody must see to it."""

    def start_if_due(self) -> None:
        if self.starts_at is not None and self._world.clock.true() >= self.starts_at:
            self.start()

    def start(self) -> None:
        """Start a daemon, if none runs."""
        if self.orchestrator is not None:
            return
        orchestrator = self._make()
        try:
            orchestrator.open()
        except Exception as error:  # noqa: BLE001 - whatever it is, a process would have ended by it
            self._ended(error)
        else:
            self.orchestrator, self.starts_at = orchestrator, None
            self._say("start", "")

    def turn(self, now: datetime) -> datetime | None:
        """Let the daemon do what is due; returns when it wants to be called again, None if none runs."""
        if self.orchestrator is None:
            return None
        try:
            return self.orchestrator.try_step(now)
        except Exception as error:  # noqa: BLE001 - the same
            self._bury()
            self._ended(error)
            return None

    def kill(self, down: timedelta) -> None:
        """Kill the daemon, and start another after a while."""
        if self.orchestrator is not None:
            self._say("kill", "")
            self._bury()
            self.starts_at = self._world.clock.true() + down

    def mend(self) -> None:
        """Somebody has mended the config: a daemon that could not start with it is started."""
        if self.orchestrator is None and self.starts_at is None:
            self.starts_at = self._world.clock.true()

    def close(self) -> None:
        """An orderly end."""
        if self.orchestrator is not None:
            self.orchestrator.close()
            self.orchestrator = None

    def _bury(self) -> None:
        """What the kernel does with a process that was killed: its files are closed, and nothing of it is left."""
        if self.orchestrator is not None:
            self.orchestrator.loop.inbox.close()
        self.orchestrator = None
        self._world.crash()

    def _ended(self, error: Exception) -> None:
        waits = isinstance(error, FOR_A_HUMAN)
        self.starts_at = None if waits else self._world.clock.true() + RESTART_AFTER
        then = "somebody must see to it" if waits else f"it is started again in {RESTART_AFTER.total_seconds():g} s"
        self._say("exit", f"{self._reason(error)}; {then}")

    def _reason(self, error: Exception) -> str:
        """What it ended by, the same in every rehearsal: where the temporary store is makes no difference."""
        text = str(getattr(error, "orig", None) or error) or type(error).__name__
        return text.splitlines()[0].replace(str(self._world.database), self._world.database.name)

    def _say(self, action: str, detail: str) -> None:
        self._tell(DaemonMoved(self._world.clock.now(), action, detail))
