"""The clock of a machine that may be set wrong, and sleep."""

from datetime import UTC, datetime, timedelta

from calendars import VirtualClock

__all__ = ["MachineClock"]


class MachineClock(VirtualClock):
    """Says what the machine believes; :meth:`true` is the time by which the scenario goes."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self._wrong_by = timedelta(0)

    def true(self) -> datetime:
        return self.now() - self._wrong_by

    def reads(self, true: datetime) -> datetime:
        """What the clock says at a true time, as it is set now."""
        return true.astimezone(UTC) + self._wrong_by

    def jump(self, by: timedelta) -> None:
        """Somebody sets it; no time passes."""
        self._wrong_by += by
        self.step_wall_clock(by)

    def suspend(self, by: timedelta) -> None:
        """The machine sleeps. Time passes, but not on the monotonic clock, as on Linux."""
        self.step_wall_clock(by)
