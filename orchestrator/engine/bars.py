"""Prices out of a folder of daily bars, replayed at the session's pace."""

import csv
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from calendars import MarketCalendar, Session
from orchestrator.engine.interface import EngineError
from orchestrator.engine.prices import Price

__all__ = ["Bar", "CsvPrices", "read_bars"]

COLUMNS = ("date", "open", "high", "low", "close")
"""These must be there; ``volume`` and others are not looked at."""


class Bar(NamedTuple):
    date: date
    open: float
    high: float
    low: float
    close: float

    def path(self) -> tuple[float, float, float, float]:
        """The four prices in the order that the day is told in: down first on a day that ends higher, up first on
        one that ends lower."""
        if self.close > self.open:
            return self.open, self.low, self.high, self.close
        return self.open, self.high, self.low, self.close

    def at(self, fraction: float) -> float:
        """The price when this fraction of the session is over: straight lines between the four, a third each."""
        leg = min(int(fraction * 3), 2)
        start, end = self.path()[leg : leg + 2]
        return round(start + (end - start) * (fraction * 3 - leg), 4)


def read_bars(path: Path) -> tuple[Sequence[Bar], Sequence[str]]:
    """The good rows of a file, in order, and what is wrong with the others: file, line and reason.

    A file that has not changed is read once in a process; a simulation starts the engine every day.

    :raises EngineError: the file can't be read, lacks a column or has no good row.
    """
    try:
        found = path.stat()
        return _read(path, found.st_mtime_ns, found.st_size)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EngineError(f"{path}: can't be read: {error}") from error


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> tuple[Sequence[Bar], Sequence[str]]:
    bars: list[Bar] = []
    problems: list[str] = []
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in _rows(path, file):
            try:
                bars.append(_bar(row, bars[-1].date if bars else None))
            except ValueError as error:
                problems.append(f"{path.name}:{line}: {error}; the row is left out")
    if not bars:
        raise EngineError(f"{path}: has no usable row; a row is date,open,high,low,close,volume")
    return tuple(bars), tuple(problems)


def _rows(path: Path, file: Iterable[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.DictReader(file)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise EngineError(f"{path}:1: the header lacks {', '.join(missing)}; it is date,open,high,low,close,volume")
    for row in reader:
        yield reader.line_num, row


def _bar(row: dict[str, str | None], last: date | None) -> Bar:
    try:
        day = date.fromisoformat(row["date"] or "")
    except ValueError:
        raise ValueError(f"the date is {row['date']!r}, not like 2012-11-23") from None
    if last is not None and day <= last:
        raise ValueError(f"{day} comes after {last}; dates must rise")
    bar = Bar(day, *(_number(row, column) for column in COLUMNS[1:]))
    if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
        raise ValueError(f"low {bar.low} and high {bar.high} do not enclose open {bar.open} and close {bar.close}")
    return bar


def _number(row: dict[str, str | None], column: str) -> float:
    text = row[column]
    try:
        number = float(text or "")
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a number") from None
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{column} is {text}, not a positive number")
    return number


class CsvPrices:
    """Daily bars: within the session of its date a bar tells its path, from the close on its close. On a day without
    a bar, and before the open, the last close is known and stale.

    :param folder: holds SYMBOL.csv with date,open,high,low,close,volume, dates rising.
    """

    def __init__(self, folder: Path, calendar: MarketCalendar) -> None:
        self.problems: list[str] = []
        self._folder, self._calendar = folder, calendar
        self._histories: dict[str, _History] = {}
        self._connected = False

    def connect(self) -> None:
        if not self._folder.is_dir():
            raise EngineError(f"{self._folder}: no such folder; set data.path to the one that holds SYMBOL.csv files")
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def is_connected(self) -> bool:
        return self._connected

    def watch(self, symbols: Iterable[str]) -> None:
        for symbol in symbols:
            if symbol not in self._histories:
                bars, problems = read_bars(self._file(symbol))
                self._histories[symbol] = _History(symbol, bars, self._calendar)
                self.problems += problems

    def price(self, symbol: str, at: datetime) -> Price | None:
        history = self._histories.get(symbol)
        return None if history is None else history.price(at)

    def snapshot(self, symbols: Iterable[str], at: datetime) -> dict[str, Price]:
        known = ((symbol, self.price(symbol, at)) for symbol in symbols)
        return {symbol: price for symbol, price in known if price is not None}

    def _file(self, symbol: str) -> Path:
        path = self._folder / f"{symbol}.csv"
        if not path.is_file():
            raise EngineError(
                f"{path}: no such file; put the bars of {symbol} there or take it out of strategy.symbols"
            )
        return path


class _History:
    """The bars of one symbol, and the day that was last looked at."""

    def __init__(self, symbol: str, bars: Sequence[Bar], calendar: MarketCalendar) -> None:
        self._symbol, self._bars, self._calendar = symbol, bars, calendar
        self._dates = [bar.date for bar in bars]
        self._day: date | None = None
        self._session: Session | None = None
        self._bar: Bar | None = None
        self._last: Price | None = None

    def price(self, at: datetime) -> Price | None:
        day = at.astimezone(self._calendar.exchange_timezone).date()
        if day != self._day:
            self._turn_to(day)
        if self._bar is None or self._session is None or at < self._session.open:
            return self._last
        length = self._session.close - self._session.open
        fraction = min((at - self._session.open) / length, 1.0)
        return Price(self._symbol, self._bar.at(fraction), at)

    def _turn_to(self, day: date) -> None:
        place = bisect_left(self._dates, day)
        found = place < len(self._dates) and self._dates[place] == day
        self._day = day
        self._session = self._calendar.session(day)
        self._bar = self._bars[place] if found else None
        self._last = self._closing(self._bars[place - 1]) if place else None

    def _closing(self, bar: Bar) -> Price:
        session = self._calendar.session(bar.date)
        midnight = datetime(bar.date.year, bar.date.month, bar.date.day, tzinfo=self._calendar.exchange_timezone)
        return Price(self._symbol, bar.close, session.close if session else midnight, stale=True)
