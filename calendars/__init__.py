"""What time is it, and what is that at the exchange.

Importing this package is cheap: the `holidays` library is loaded by the first question whose answer needs it.
"""

from calendars.clock import Clock, SystemClock, VirtualClock, Waitable
from calendars.exchanges import ALWAYS, exchange_names
from calendars.market import MarketCalendar
from calendars.session import MarketState, Session

__all__ = [
    "MarketCalendar",
    "MarketState",
    "Session",
    "ALWAYS",
    "exchange_names",
    "Clock",
    "SystemClock",
    "VirtualClock",
    "Waitable",
]
