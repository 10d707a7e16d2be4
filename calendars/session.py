"""The two words for a market's day: its session, and the state it is in."""

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["MarketState", "Session"]


class MarketState(StrEnum):
    PRE_MARKET = "pre_market"
    TRADING = "trading"
    POST_MARKET = "post_market"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Session:
    """One trading day.

    `date` is the exchange's own date; the four instants are aware and in the calendar's answer zone. Trading
    is ``open <= t < close``. Without extended hours `pre_open` is `open` and `post_close` is `close`.
    `early_close` and `late_open` compare with the exchange's regular hours. `why` tells how the day differs
    from a regular one, in exchange time, and is empty when it does not.
    """

    date: dt.date
    pre_open: dt.datetime
    open: dt.datetime
    close: dt.datetime
    post_close: dt.datetime
    early_close: bool = False
    late_open: bool = False
    why: str = ""
