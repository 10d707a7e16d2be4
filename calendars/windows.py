"""Windows of the wall clock that come every day, such as ``23:45-00:45``."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from calendars.hours import minute_of

__all__ = ["DailyWindow"]


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """A window on the wall clock of a zone, every day; it may span midnight.

    :param start, end: minutes after midnight; the end is no longer in it.
    """

    start: int
    end: int
    zone: tzinfo

    @classmethod
    def parse(cls, text: str, zone: tzinfo) -> "DailyWindow":
        """Read ``22:00-07:00``."""
        start, _, end = text.partition("-")
        return cls(minute_of(start), minute_of(end), zone)

    def until(self, now: datetime) -> datetime | None:
        """The end of the window that `now` is in, in UTC; None outside of it.

        Where the clocks go forward over the end, it is as much later as they are; where they go back over it, it is
        the first of the two that is still to come.
        """
        if not self.holds(now):
            return None
        today = now.astimezone(self.zone).date()
        days = (today + timedelta(days=days) for days in range(3))
        at = time(self.end // 60, self.end % 60)
        ends = (
            datetime.combine(day, at.replace(fold=fold), self.zone).astimezone(UTC) for day in days for fold in (0, 1)
        )
        return min(end for end in ends if end > now and not self.holds(end))

    def holds(self, at: datetime) -> bool:
        """Whether a time is in the window."""
        local = at.astimezone(self.zone)
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return self.start <= minute < self.end
        return minute >= self.start or minute < self.end
