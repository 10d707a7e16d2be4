"""What is wrong with the data, told once in a session."""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime

from notifiers import AlertLevel, NotificationMessage, Notifier
from orchestrator.engine.hours import TradingDay
from orchestrator.engine.notices import Notices
from orchestrator.engine.prices import Price

__all__ = ["DataQuality"]

logger = logging.getLogger(__name__)

SHOWN = 5
"""So many lines of trouble are in the alert; the log has all."""


class DataQuality:
    def __init__(self, notifier: Notifier, notices: Notices) -> None:
        self._notifier, self._notices = notifier, notices
        self._looked_in = ""

    def report_problems(self, problems: list[str], session: str, now: datetime) -> None:
        """Tell what had to be left out when the data was read."""
        for problem in problems:
            logger.warning("%s", problem)
        if problems and self._notices.first(session, "data_problems"):
            more = [f"and {len(problems) - SHOWN} more, see the log"] if len(problems) > SHOWN else []
            text = "\n".join([*problems[:SHOWN], *more])
            self._tell(f"{len(problems)} lines of price data are bad", text, now)

    def report_missing(
        self, day: TradingDay, symbols: Iterable[str], prices: Mapping[str, Price], now: datetime
    ) -> None:
        """Tell which symbols have no price at the first look after the open."""
        if self._looked_in == day.name or now < day.opens:
            return
        self._looked_in = day.name
        missing = [symbol for symbol in symbols if symbol not in prices or prices[symbol].stale]
        if missing and self._notices.first(day.name, "no_price"):
            text = f"No price in session {day.name}: {', '.join(missing)}. These positions are left as they are."
            self._tell("Symbols without a price", text, now, session=day.name, symbols=missing)

    def _tell(self, title: str, text: str, now: datetime, **facts: object) -> None:
        self._notifier.notify(NotificationMessage(title, text, AlertLevel.WARNING, now, facts))
