"""Times of the day as minutes after midnight at the exchange.

09:30 is 570. The evening before is negative, the end of the day is 1440. Minutes on the wall clock, so that
09:30 is 09:30 on the days when the clocks change too.
"""

import re
from typing import NamedTuple

__all__ = ["DAY", "Hours", "clock_text", "hours", "minute_of", "shortened"]

DAY = 24 * 60
_TIME = re.compile(r"(\d{1,2}):(\d{2})")


class Hours(NamedTuple):
    """One day's four anchors. Without extended hours the outer two equal the inner ones."""

    pre_open: int
    open: int
    close: int
    post_close: int

    def __str__(self) -> str:
        return f"{clock_text(self.open)}-{clock_text(self.close)}"


def minute_of(text: str) -> int:
    """`"09:30"` -> 570. Anything but H:MM or HH:MM from 00:00 to 24:00 raises ValueError."""
    match = _TIME.fullmatch(text)
    minute = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else DAY + 1
    if minute > DAY:
        raise ValueError(f"{text!r} is not a time of the day; write it as 09:30")
    return minute


def clock_text(minute: int) -> str:
    """570 -> `"09:30"`; the evening before is told by its time alone."""
    hour, rest = divmod(minute if minute == DAY else minute % DAY, 60)
    return f"{hour:02}:{rest:02}"


def hours(open_: str, close: str, pre_open: str | None = None, post_close: str | None = None) -> Hours:
    """Regular hours. An open that is not before the close lies on the evening before the session's date."""
    opens, closes = minute_of(open_), minute_of(close)
    if opens >= closes:
        opens -= DAY
    return Hours(
        opens if pre_open is None else minute_of(pre_open),
        opens,
        closes,
        closes if post_close is None else minute_of(post_close),
    )


def shortened(regular: Hours, open_: int | None, close: int | None) -> Hours:
    """The hours of a day with another open or close than the regular one (None: the regular one).

    Pre-market begins at its regular time, whenever the open is. Post-market lasts as long after the close as
    it regularly does, but not beyond its regular end. In New York that is four hours: to 17:00 after a 13:00
    close, as on every scheduled half day; the same is applied to the odd closes; and never past 20:00.
    """
    opens = regular.open if open_ is None else open_
    closes = regular.close if close is None else close
    has_pre_market = regular.pre_open < regular.open
    post_close = min(closes + regular.post_close - regular.close, regular.post_close)
    return Hours(
        min(regular.pre_open, opens) if has_pre_market else opens,
        opens,
        closes,
        max(closes, post_close),
    )
