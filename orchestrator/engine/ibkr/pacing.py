"""IB's limits on requests for history: how many at once, and how many in ten minutes."""

from collections import deque
from collections.abc import Callable

__all__ = ["Pacer"]

AT_ONCE = 10
"""IB takes 50, and advises a much smaller number."""

WINDOW, IN_WINDOW = 600.0, 60
"""Seconds, and requests in them. For bars of a day IB has lifted this limit, and still slows down who exceeds it."""

PENALTY = 60.0
"""Seconds of rest after a pacing violation."""


class Pacer:
    """:param monotonic: elapsed seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._begun: deque[float] = deque()
        self._under_way = 0
        self._not_before = 0.0

    def begin(self) -> bool:
        """Whether a request may be sent now; if so it is counted until :meth:`end`."""
        now = self._monotonic()
        while self._begun and self._begun[0] <= now - WINDOW:
            self._begun.popleft()
        if now < self._not_before or self._under_way >= AT_ONCE or len(self._begun) >= IN_WINDOW:
            return False
        self._begun.append(now)
        self._under_way += 1
        return True

    def end(self) -> None:
        self._under_way -= 1

    def punish(self) -> None:
        """There was a pacing violation."""
        self._not_before = self._monotonic() + PENALTY
