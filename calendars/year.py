"""One year of sessions, laid out for bisection on POSIX timestamps."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from calendars.exchanges import Exchange
from calendars.rulebook import Rulebook
from calendars.session import MarketState, Session

__all__ = ["Timeline", "Year", "build_year"]

_MARGIN = timedelta(days=7)


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Instants in order, each as a POSIX timestamp and as the datetime to answer with."""

    stamps: "array[float]"
    instants: tuple[datetime, ...]

    @classmethod
    def of(cls, instants: Iterable[datetime]) -> "Timeline":
        told = tuple(instants)
        return cls(array("d", (instant.timestamp() for instant in told)), told)

    def after(self, stamp: float) -> datetime | None:
        """The first instant strictly after `stamp`."""
        index = bisect_right(self.stamps, stamp)
        return self.instants[index] if index < len(self.instants) else None


@dataclass(frozen=True, slots=True, eq=False)
class Year:
    """`days` has an entry for each day of the year, from the one with the ordinal `first`.

    The timelines reach a week further on both sides: an instant that is in this year somewhere on earth may
    be in another one at the exchange, and the next session is usually found without the next year.
    """

    first: int
    days: tuple[Session | None, ...]
    opens: Timeline
    closes: Timeline
    changes: Timeline
    states: tuple[MarketState, ...]
    """One more than there are changes: the state before the first, then the state after each."""

    def session(self, day: date) -> Session | None:
        return self.days[day.toordinal() - self.first]

    def sessions(self, start: date, end: date) -> list[Session]:
        """Those from `start` to `end`, both included; `end` is not before this year."""
        low = max(0, start.toordinal() - self.first)
        high = end.toordinal() - self.first + 1
        return [session for session in self.days[low:high] if session is not None]

    def state(self, stamp: float) -> MarketState:
        return self.states[bisect_right(self.changes.stamps, stamp)]


def build_year(number: int, rules: Rulebook) -> Year:
    start, end = date(number, 1, 1), date(number + 1, 1, 1)
    days = _days(rules, start, end)
    around = [*_days(rules, start - _MARGIN, start), *days, *_days(rules, end, end + _MARGIN)]
    sessions = [session for session in around if session is not None]
    before, changes = _states(sessions, rules.exchange)
    return Year(
        start.toordinal(),
        tuple(days),
        Timeline.of(session.open for session in sessions),
        Timeline.of(session.close for session in sessions),
        Timeline.of(instant for instant, _ in changes),
        (before, *(state for _, state in changes)),
    )


def _days(rules: Rulebook, start: date, end: date) -> list[Session | None]:
    """Day by day without `end`; none in a year that is not known."""
    if start.year not in rules.exchange.years:
        return []
    return [rules.session(date.fromordinal(number)) for number in range(start.toordinal(), end.toordinal())]


def _states(sessions: Sequence[Session], exchange: Exchange) -> tuple[MarketState, list[tuple[datetime, MarketState]]]:
    """The state before all sessions, and in order each change to another state."""
    if exchange.never_closes:
        return MarketState.TRADING, []
    phases: dict[float, tuple[datetime, MarketState]] = {}
    for session in sessions:
        # The later of two phases that begin at one instant stays, so that one without length is gone.
        for instant, state in (
            (session.pre_open, MarketState.PRE_MARKET),
            (session.open, MarketState.TRADING),
            (session.close, MarketState.POST_MARKET),
            (session.post_close, MarketState.CLOSED),
        ):
            phases[instant.timestamp()] = (instant, state)
    before = [MarketState.CLOSED, *(state for _, state in phases.values())]
    changes = [phase for phase, state in zip(phases.values(), before, strict=False) if phase[1] is not state]
    return MarketState.CLOSED, changes
