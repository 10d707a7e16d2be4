"""What is wrong with the data, told once."""

import logging
from collections.abc import Callable, Iterable, Mapping
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

    def report_problems(self, problems: list[str], now: datetime) -> None:
        """Tell what had to be left out when the data was read, each once for all."""
        new = self._notices.new(problems)
        if new:
            title = "A line of price data is bad" if len(new) == 1 else f"{len(new)} lines of price data are bad"
            self._tell(title, "", new, now)
            self._notices.keep(new)

    def report_missing(
        self,
        day: TradingDay,
        symbols: Iterable[str],
        prices: Mapping[str, Price],
        why_not: Callable[[str, datetime], str],
        now: datetime,
    ) -> None:
        """Tell which symbols have no price at the first look after the open, and why."""
        if self._looked_in == day.name or now < day.opens:
            return
        self._looked_in = day.name
        missing = [symbol for symbol in symbols if symbol not in prices or prices[symbol].stale]
        if not missing:
            return
        text = f"No price in session {day.name}: {', '.join(missing)}. These positions are left as they are."
        reasons = [reason for symbol in missing if (reason := why_not(symbol, now))]
        facts = {"session": day.name, "symbols": missing}
        self._notices.once(
            day.name, "no_price", lambda: self._tell("Symbols without a price", text, reasons, now, **facts)
        )

    def _tell(self, title: str, text: str, lines: list[str], now: datetime, **facts: object) -> None:
        for line in lines:
            logger.warning("%s", line)
        more = [f"and {len(lines) - SHOWN} more, see the log"] if len(lines) > SHOWN else []
        body = "\n".join([*([text] if text else []), *lines[:SHOWN], *more])
        self._notifier.notify(NotificationMessage(title, body, AlertLevel.WARNING, now, facts))
