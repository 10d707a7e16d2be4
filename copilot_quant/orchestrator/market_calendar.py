"""The exchange's calendar."""

from calendars import MarketCalendar, MarketState, Session

__all__ = ["MarketCalendar", "MarketState", "Session"]
