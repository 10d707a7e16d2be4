"""Prices out of a folder of daily bars, replayed at the session's pace."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from math import prod
from pathlib import Path

from calendars import MarketCalendar, Session
from orchestrator.engine.bars import Bar, BarFile, read_bars
from orchestrator.engine.interface import EngineError
from orchestrator.engine.prices import Doubt, Price, Span
from orchestrator.engine.records import Split
from orchestrator.engine.splits import Judgement, judge, read_splits, why_doubtful

__all__ = ["CsvPrices"]


class CsvPrices:
    """Daily bars: within the session of its date a bar tells its path, from the close on its close. On a day without
    a bar, and before the open, the last close is known and stale.

    :param folder: holds SYMBOL.csv with date,open,high,low,close,volume, dates rising, and perhaps splits.csv.
    """

    def __init__(self, folder: Path, calendar: MarketCalendar) -> None:
        self.problems: list[str] = []
        self._folder, self._calendar = folder, calendar
        self._histories: dict[str, _History] = {}
        self._connected = False

    def connect(self) -> None:
        if not self._folder.is_dir():
            raise EngineError(f"{self._folder}: no such folder; set data.path to the one that holds SYMBOL.csv files")
        self.problems += read_splits(self._folder)[1]
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def is_connected(self) -> bool:
        return self._connected

    @property
    def loading(self) -> str:
        return ""

    def watch(self, symbols: Iterable[str]) -> None:
        listed, _ = read_splits(self._folder)
        for symbol in symbols:
            if symbol not in self._histories:
                file = read_bars(self._file(symbol))
                verdict = judge(file, listed.get(symbol, ()))
                self._histories[symbol] = _History(symbol, file, verdict, self._calendar)
                self.problems += [*file.problems, *verdict.problems]

    def price(self, symbol: str, at: datetime) -> Price | None:
        history = self._histories.get(symbol)
        return None if history is None else history.price(at)

    def snapshot(self, symbols: Iterable[str], at: datetime) -> dict[str, Price]:
        known = ((symbol, self.price(symbol, at)) for symbol in symbols)
        return {symbol: price for symbol, price in known if price is not None}

    def span(self, symbol: str, since: datetime, until: datetime) -> Span | None:
        history = self._histories.get(symbol)
        return None if history is None else history.span(since, until)

    def past(self, symbol: str, at: datetime, now: datetime) -> Price | None:
        history = self._histories.get(symbol)
        return None if history is None else history.past(at, now)

    def splits(self, symbol: str, since: datetime, until: datetime) -> Sequence[Split]:
        history = self._histories.get(symbol)
        return () if history is None else [split for split in history.splits if since < split.at <= until]

    def doubt(self, symbol: str, since: datetime, until: datetime) -> Doubt | None:
        history = self._histories.get(symbol)
        return None if history is None else history.doubt(since, until)

    def why_not(self, symbol: str, at: datetime) -> str:
        history = self._histories.get(symbol)
        return f"there is no {symbol}.csv" if history is None else history.why_not(at)

    def _file(self, symbol: str) -> Path:
        path = self._folder / f"{symbol}.csv"
        if not path.is_file():
            raise EngineError(
                f"{path}: no such file; put the bars of {symbol} there or take it out of strategy.symbols"
            )
        return path


class _Day:
    """What a day has for a symbol: its session and its bar, if any, and the last close before it."""

    def __init__(self, day: date, session: Session | None, bar: Bar | None, last: Price | None) -> None:
        self.date, self.session, self.bar, self.last = day, session, bar, last

    def fraction(self, at: datetime) -> float | None:
        """How much of the session is over; None if nothing can be traded (yet)."""
        if self.bar is None or self.session is None or at < self.session.open:
            return None
        return min((at - self.session.open) / (self.session.close - self.session.open), 1.0)


class _History:
    """The bars of one symbol, and the day that was last looked at."""

    def __init__(self, symbol: str, file: BarFile, verdict: Judgement, calendar: MarketCalendar) -> None:
        self._symbol, self._file, self._calendar = symbol, file, calendar
        self._zone = calendar.exchange_timezone
        self._today: _Day | None = None
        self.splits = [Split(symbol, self._opening(bar), ratio, bar.open) for bar, ratio in verdict.splits]
        self._doubts = [(self._opening(jump.after), jump) for jump in verdict.doubts]

    def price(self, at: datetime) -> Price | None:
        return self._price(self._turn_to(at), at)

    def span(self, since: datetime, until: datetime) -> Span | None:
        day = self._turn_to(until)
        end = day.fraction(until)
        if day.bar is None or day.session is None or end is None:
            return None
        start = min(day.fraction(since) or 0.0, end)
        return day.bar.between(start, end, (day.session.close - day.session.open).total_seconds() / 60)

    def past(self, at: datetime, now: datetime) -> Price | None:
        price = self._price(self._day(at.astimezone(self._zone).date()), at)
        if price is None or self.doubt(at, now) is not None:
            return None
        ratio = prod(split.ratio for split in self.splits if at < split.at <= now)
        return price._replace(value=round(price.value / ratio, 6))

    def doubt(self, since: datetime, until: datetime) -> Doubt | None:
        for at, jump in self._doubts:
            if since < at <= until:
                return Doubt(self._closing(jump.before), why_doubtful(self._symbol, jump))
        return None

    def why_not(self, at: datetime) -> str:
        day, file = at.astimezone(self._zone).date(), self._file
        place = file.before(day)
        if place == len(file.bars):
            return f"{file.path.name}:{file.bars[-1].line}: the last bar is of {file.dates[-1]}"
        if file.dates[place] == day:
            return ""
        if place == 0:
            return f"{file.path.name}:{file.bars[0].line}: the first bar is of {file.dates[0]}"
        around = " and ".join(f"{bar.date} in line {bar.line}" for bar in file.bars[place - 1 : place + 1])
        return f"{file.path.name}: there is no bar of {day} between {around}"

    def _turn_to(self, at: datetime) -> _Day:
        date_there = at.astimezone(self._zone).date()
        if self._today is None or self._today.date != date_there:
            self._today = self._day(date_there)
        return self._today

    def _price(self, day: _Day, at: datetime) -> Price | None:
        fraction = day.fraction(at)
        if fraction is None or day.bar is None:
            return day.last
        return Price(self._symbol, day.bar.at(fraction), at)

    def _day(self, day: date) -> _Day:
        file = self._file
        place = file.before(day)
        found = place < len(file.bars) and file.dates[place] == day
        last = self._closing(file.bars[place - 1]) if place else None
        return _Day(day, self._calendar.session(day), file.bars[place] if found else None, last)

    def _closing(self, bar: Bar) -> Price:
        session = self._calendar.session(bar.date)
        return Price(self._symbol, bar.close, session.close if session else self._midnight(bar), stale=True)

    def _opening(self, bar: Bar) -> datetime:
        session = self._calendar.session(bar.date)
        return session.open if session else self._midnight(bar)

    def _midnight(self, bar: Bar) -> datetime:
        return datetime(bar.date.year, bar.date.month, bar.date.day, tzinfo=self._zone)
