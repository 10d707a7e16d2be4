"""What is wrong just now."""

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta

from orchestrator.rehearsal.scenario.plan import Injection

__all__ = ["Troubles"]

NEVER = timedelta.max


class Troubles:
    """The faults that go on for a while. Those whose time is over are not there, whether or not anybody has ended them.

    :param now: reads the true time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._going_on: defaultdict[str, list[Injection]] = defaultdict(list)

    def begin(self, injection: Injection) -> None:
        self._going_on[injection.fault].append(injection)

    def end(self, injection: Injection) -> None:
        self._going_on[injection.fault].remove(injection)

    def all(self, kind: str) -> list[Injection]:
        """Those of this kind, oldest first."""
        found = self._going_on.get(kind)
        return [each for each in found if self._left(each) > timedelta(0)] if found else []

    def find(self, kind: str) -> Injection | None:
        """The newest of this kind."""
        found = self.all(kind)
        return found[-1] if found else None

    def left(self, kind: str) -> timedelta:
        """How long this kind of trouble will still last; 0 if there is none."""
        return max((self._left(each) for each in self.all(kind)), default=timedelta(0))

    def _left(self, injection: Injection) -> timedelta:
        return NEVER if injection.lasts is None else injection.at + injection.lasts - self._now()
