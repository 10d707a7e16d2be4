"""Whether a channel works, and when it is tried again."""

from enum import StrEnum

from orchestrator.alerts.courier import Outcome
from orchestrator.alerts.pace import Pace

__all__ = ["Health", "News"]


class News(StrEnum):
    """What the outbox has not acted on yet."""

    NONE = ""
    DYING = "dying"
    REVIVED = "revived"


class Health:
    """Times are monotonic.

    :ivar dead: it has failed for so long, or so finally, that others hear what it should.
    :ivar last_error: why it failed last, in the service's own words; empty when it works.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self.dead = False
        self.news = News.NONE
        self.last_error = ""
        self.failures = 0
        self.blocked_until = 0.0
        self._failing_since = 0.0

    @property
    def state(self) -> str:
        """ok, failing or dead."""
        if self.dead:
            return "dead"
        return "failing" if self.failures else "ok"

    def failed(self, outcome: Outcome, monotonic: float, wait: float) -> None:
        """An attempt failed, and the next is after `wait` seconds.

        It is as good as dead after several failures in a row over some time, after one that will not mend by itself,
        and when the service asks to be left alone for long.
        """
        if not self.failures:
            self._failing_since = monotonic
        self.failures += 1
        self.last_error, self.blocked_until = outcome.detail, monotonic + wait
        often = self.failures >= self._pace.several and monotonic - self._failing_since >= self._pace.dead_after
        away = outcome.retry_after is not None and wait >= self._pace.dead_after
        if not self.dead and (often or away or outcome.permanent):
            self.news = News.DYING

    def worked(self, *, was_told_dead: bool) -> None:
        """An attempt succeeded.

        :param was_told_dead: others were told that it does not work, be it by an earlier process.
        """
        self.failures, self.blocked_until, self.last_error = 0, 0.0, ""
        self.news = News.REVIVED if self.dead or was_told_dead else News.NONE
        self.dead = False

    def try_now(self) -> None:
        self.blocked_until = 0.0
