"""The one home of wall clock and sleeping.

Everything else takes ``now`` as an argument or asks a :class:`Clock`. Two clocks ship: the system's and a virtual
one, on which a year passes in seconds.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "SystemClock", "VirtualClock", "Waitable"]

LONGEST_WAIT = 60.0
"""Seconds. No wait is longer, so that a wall clock that was stepped is noticed within a minute."""


class Waitable(Protocol):
    """What a clock can wait on: something that others put messages into."""

    def wait(self, timeout: float) -> None:
        """Return after `timeout` seconds, or earlier as soon as there is a message."""

    def pending(self) -> bool:
        """Whether a message is there already."""


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall clock: aware, UTC."""

    def monotonic(self) -> float:
        """Elapsed seconds from an arbitrary start; a stepped wall clock does not move it."""

    def wait(self, inbox: Waitable, until: datetime) -> None:
        """Wait until the wall clock reads `until` or a message is in the inbox; may return early."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, inbox: Waitable, until: datetime) -> None:
        inbox.wait(min(max(0.0, (until - self.now()).total_seconds()), LONGEST_WAIT))


class VirtualClock:
    """A clock that stands still until somebody waits, and then is at once where he wanted to be.

    :param start: aware; the first reading.
    """

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError(f"a clock starts at an aware time, not {start!r}")
        self._now = start.astimezone(UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def wait(self, inbox: Waitable, until: datetime) -> None:
        if not inbox.pending() and until > self._now:
            self.advance(until - self._now)

    def advance(self, by: timedelta) -> None:
        """Let time pass. Time does not go back: a negative `by` raises ValueError."""
        if by < timedelta(0):
            raise ValueError(f"time does not go back ({by})")
        self._now += by
        self._elapsed += by.total_seconds()

    def step_wall_clock(self, by: timedelta) -> None:
        """Set the wall clock forward or back, as NTP or an operator does; no time passes."""
        self._now += by
