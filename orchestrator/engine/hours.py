"""The session that the engine is in, and whether it trades now."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from calendars import MarketCalendar
from orchestrator.config import TradingScheduleConfig

__all__ = ["TradingDay", "TradingHours"]


@dataclass(frozen=True, slots=True)
class TradingDay:
    """A day with a session. `name` is its date as ISO text; trading goes on from `begins` until before `ends`, which
    includes the extended hours if they are wanted; `opens` is the regular open."""

    name: str
    begins: datetime
    opens: datetime
    ends: datetime
    first_of_week: bool

    def trades(self, now: datetime) -> bool:
        return self.begins <= now < self.ends

    def over(self, now: datetime) -> bool:
        return now >= self.ends


class TradingHours:
    """Looks up the day of a moment, and keeps the last one: a step a second asks for the same."""

    def __init__(self, calendar: MarketCalendar, schedule: TradingScheduleConfig) -> None:
        self._calendar, self._schedule = calendar, schedule
        self._known: tuple[datetime, datetime] | None = None
        self._day: TradingDay | None = None

    def day(self, now: datetime) -> TradingDay | None:
        """The exchange's day that `now` falls on; None if it has no session."""
        if self._known is None or not self._known[0] <= now < self._known[1]:
            self._turn_to(now)
        return self._day

    def label(self, now: datetime) -> str:
        """The exchange's time of day: 0935, and what is below a minute if there is something: 093500.250000."""
        local = now.astimezone(self._calendar.exchange_timezone)
        if local.microsecond:
            return f"{local:%H%M%S.%f}"
        return f"{local:%H%M%S}" if local.second else f"{local:%H%M}"

    def stamp(self, now: datetime) -> str:
        """ISO 8601 in the exchange's time."""
        return now.astimezone(self._calendar.exchange_timezone).isoformat()

    def _turn_to(self, now: datetime) -> None:
        zone = self._calendar.exchange_timezone
        today = now.astimezone(zone).date()
        self._known = datetime.combine(today, time(), zone), datetime.combine(today + timedelta(days=1), time(), zone)
        session = self._calendar.session(today)
        if session is None:
            self._day = None
            return
        monday = today - timedelta(days=today.weekday())
        self._day = TradingDay(
            name=today.isoformat(),
            begins=session.pre_open if self._schedule.enable_pre_market else session.open,
            opens=session.open,
            ends=session.post_close if self._schedule.enable_post_market else session.close,
            first_of_week=self._calendar.sessions(monday, today)[0].date == today,
        )
