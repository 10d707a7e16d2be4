"""What the beats of an engine tell: that it lives, that it is connected, that it moves."""

from datetime import datetime
from typing import NamedTuple

from orchestrator.events import EngineBeat

__all__ = ["Complaint", "Pulse"]

STEPS = "steps"
"""The key of an engine's progress under which it counts the laps of its own strategy loop, if it does."""

STALL = 4
"""Times the patience for a beat: an engine whose own count of turns stands still for so long is stuck."""


class Complaint(NamedTuple):
    """What is wrong with a running engine; `fault` is hang, disconnect or stall."""

    reason: str
    fault: str


class Pulse:
    """Listens to one run of an engine; all times in seconds of the monotonic clock.

    :param at: when it was heard for the first time.
    """

    def __init__(self, at: float) -> None:
        self.heard_at = at
        self.heard_on: datetime | None = None
        """When that was by the wall clock; None before the first beat."""
        self.beat: EngineBeat | None = None
        self._connected_at = self._moved_at = at

    def take(self, beat: EngineBeat, at: float, now: datetime) -> None:
        """Take a beat; `now` is the wall clock's time."""
        steps = beat.progress.get(STEPS)
        if beat.connected:
            self._connected_at = at
        if steps is None or self.beat is None or steps != self.beat.progress.get(STEPS):
            self._moved_at = at
        self.beat, self.heard_at, self.heard_on = beat, at, now

    def excuse(self, seconds: float, at: float) -> None:
        """Leave time out: the listener himself was away."""
        self.heard_at = min(at, self.heard_at + seconds)
        self.look_away(at)

    def look_away(self, at: float) -> None:
        """From here on nothing is expected but beats: the gateway rests, or the market is closed."""
        self._connected_at = self._moved_at = at

    def disconnected(self, at: float) -> float:
        """For how long it has said that it is not connected."""
        return 0.0 if self.beat is None or self.beat.connected else at - self._connected_at

    def still(self, at: float) -> float:
        """For how long its loop has not come round, although it beats; 0 for one that does not count."""
        return 0.0 if self.beat is None or STEPS not in self.beat.progress else at - self._moved_at

    def complaint(self, at: float, patience: float) -> Complaint | None:
        """What is wrong with it, given so many seconds for a beat; None if nothing is."""
        if at - self.heard_at >= patience:
            return Complaint(f"no beat for {patience:g} s", "hang")
        if self.disconnected(at) >= patience:
            return Complaint(f"not connected to its broker for {patience:g} s", "disconnect")
        if self.still(at) >= STALL * patience:
            return Complaint(f"it beats, but its loop has not come round for {STALL * patience:g} s", "stall")
        return None
