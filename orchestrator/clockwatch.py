"""A watch on the wall clock: one that was stepped no longer goes as the monotonic clock does."""

from calendars import Clock

__all__ = ["ClockWatch"]


class ClockWatch:
    """Compares the two clocks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gap = self._measured()

    def jump(self) -> float:
        """By how many seconds the wall clock was stepped since the last look; less than 0 if it was set back."""
        before, self._gap = self._gap, self._measured()
        return self._gap - before

    def _measured(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
