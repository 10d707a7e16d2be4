"""What happened and `holidays` does not tell: late opens and odd closes since 1990.

Sources, by the letter beside each day:

    N   NYSE's own list "Special Closings" (1885 to 10 January 2011), as copied in the docstring of
        pandas_market_calendars/calendars/nyse.py
    P   the press or a report of the day, named beside it
    S   SEC Division of Market Regulation, "Trading Analysis of October 27 and 28, 1997" (September 1998)

Judged otherwise than pandas_market_calendars 5.5 has it:

    1990-12-27  coded there as 9:31; its own docstring, which is N, and the press say 11:00
    1999-12-31  a regular day there, as "disputed"; NYSE announced on 4 June 1999 (Mondo Visione) that its
                board had approved a close at 13:00. `holidays` has it right.

A session has one open and one close, so these are left out on purpose: halts in mid-session (such as
1990-11-23, 1998-10-26, 2001-06-08, 2015-07-08 and the circuit breakers of March 2020), silences kept after
the open or before it (2006-09-11, 2018-12-03), and 2009-07-02, when orders stranded by a fault were executed
until 16:15 but the close was at 16:00.
"""

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from calendars.hours import minute_of
from calendars.special import SpecialDay

__all__ = ["HISTORY"]


def _late(open_: str, reason: str) -> SpecialDay:
    return SpecialDay(reason, open=minute_of(open_))


def _early(close: str, reason: str) -> SpecialDay:
    return SpecialDay(reason, close=minute_of(close))


_SNOW_1996 = SpecialDay("Snowstorm", open=minute_of("11:00"), close=minute_of("14:00"))
_CIRCUIT_BREAKER_1997 = _early("15:30", "Circuit breaker")

_NYSE = {
    # N; P: Los Angeles Times (UPI), 27 December 1990, "did not begin until 11 a.m."
    date(1990, 12, 27): _late("11:00", "Transformer explosion"),
    # N: one minute of silence
    date(1991, 1, 17): _late("09:31", "Silence for the troops in the Persian Gulf"),
    date(1991, 2, 25): _late("09:31", "Silence for the troops in the Persian Gulf"),
    # N; P: Los Angeles Times (AP), 19 December 1995, which also confirms 11:00 for 1990-12-27
    date(1995, 12, 18): _late("10:30", "Computer trouble"),
    # N; P: AP, 8 January 1996, for all three of NYSE, Amex and Nasdaq
    date(1996, 1, 8): _SNOW_1996,
    # N, S: second halt at 15:30, the rest of the session cancelled, market-wide
    date(1997, 10, 27): _CIRCUIT_BREAKER_1997,
    # N; P: two minutes of silence and a song before the bell on the day of reopening
    date(2001, 9, 17): _late("09:33", "Silence for the victims of September 11"),
    # N: one minute of silence
    date(2001, 10, 8): _late("09:31", "Silence for the troops of Enduring Freedom"),
    # N; P: Variety, "waiting until noon", and ABC News, "by 2 1/2 hours" (11:00 had been announced)
    date(2002, 9, 11): _late("12:00", "First anniversary of September 11"),
    # N: two minutes of silence
    date(2003, 3, 20): _late("09:32", "Silence for the troops of Iraqi Freedom"),
    # N; P: CNN/Money, 7 June 2004, "opened two minutes later than usual"
    date(2004, 6, 7): _late("09:32", "Silence for former President Ronald Reagan"),
    # N; P: Los Angeles Times, 2 June 2005, halted "at 3:56" and not resumed
    date(2005, 6, 1): _early("15:56", "Communications problem"),
    # N; P: Fox News, 27 December 2006, "delayed the start of trading by two minutes"
    date(2006, 12, 27): _late("09:32", "Silence for former President Gerald R. Ford"),
}

# Only what is known to have held at Nasdaq too; the silences and faults above were those of the floor.
_NASDAQ = {
    date(1996, 1, 8): _SNOW_1996,
    date(1997, 10, 27): _CIRCUIT_BREAKER_1997,
}

HISTORY: Mapping[str, Mapping[date, SpecialDay]] = MappingProxyType(
    {"XNYS": MappingProxyType(_NYSE), "XNAS": MappingProxyType(_NASDAQ)}
)
"""By exchange code and date; stands above what `holidays` says of the same day."""
