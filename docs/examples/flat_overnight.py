"""A strategy that holds nothing over night: equal parts from the open on, and nothing shortly before the close."""

from datetime import timedelta

from calendars import MarketCalendar
from orchestrator.engine import Strategy


class FlatOvernight(Strategy):
    """:param minutes: before the close at which everything is sold; on a half day, too."""

    def __init__(self, minutes=15):
        self.early = timedelta(minutes=minutes)

    def initialize(self):
        self.calendar = MarketCalendar("NYSE")

    def target_weights(self, timestamp, data):
        left = self.calendar.get_next_market_close(timestamp) - timestamp
        if left <= self.early:
            return {}  # what is held and not named is sold
        return dict.fromkeys(self.context.symbols, self.context.position_size_pct)
