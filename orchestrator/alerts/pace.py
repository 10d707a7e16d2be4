"""How patient the outbox is with the services that it delivers through."""

import random
from dataclasses import dataclass

__all__ = ["Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Lengths of time in seconds, all of them elapsed ones, which a stepped wall clock does not touch.

    :param first_wait: after the first failed attempt; each further one in a row doubles it.
    :param longest_wait: between two attempts, when the service asks for nothing else.
    :param longest_asked: what a service may ask for with Retry-After.
    :param deadline: of one attempt. A courier that has not answered by then is killed; the socket timeouts of the
        notifiers are shorter.
    :param idle: without work, after which the courier is let go.
    :param dead_after: a channel that has failed for so long, and :attr:`several` times in a row, is called dead.
    :param stubborn_after: an alert that has failed on a channel for so long, and :attr:`several` times, lets the others
        go first: it may be to blame itself. Shorter troubles of a channel do not touch the order.
    :param minute: in which a channel gets at most so many alerts one by one.
    :param longest_window: between two words on a matter that goes on and on.
    :param expiry: an alert older than this is not sent any more, unless it is critical.
    """

    first_wait: float = 5.0
    longest_wait: float = 600.0
    longest_asked: float = 3_600.0
    deadline: float = 45.0
    idle: float = 30.0
    dead_after: float = 120.0
    stubborn_after: float = 1_800.0
    minute: float = 60.0
    longest_window: float = 14_400.0
    expiry: float = 86_400.0
    several: int = 5

    def wait(self, failures: int, asked: float | None, rng: random.Random) -> float:
        """Until the next attempt, after so many failures in a row."""
        if asked is not None:
            return min(asked, self.longest_asked)
        doublings = min(failures - 1, 30)  # far beyond the longest wait, and far below what a float can hold
        return min(self.longest_wait, self.first_wait * 2.0**doublings) * rng.uniform(0.9, 1.0)
