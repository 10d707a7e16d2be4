"""Daily bars out of a csv file."""

import csv
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from orchestrator.engine.interface import EngineError
from orchestrator.engine.prices import Span

__all__ = ["Bar", "BarFile", "read_bars"]

COLUMNS = ("date", "open", "high", "low", "close")
"""These must be there; ``volume`` may be, and others are not looked at."""


class Bar(NamedTuple):
    """:param volume: shares traded in the session; None if the file does not say.
    :param line: where it stands in its file.
    """

    date: date
    open: float
    high: float
    low: float
    close: float
    volume: float | None = None
    line: int = 0

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

    def between(self, start: float, end: float, minutes: float) -> Span:
        """What was traded between two fractions of the session, which has so many minutes."""
        first, last = self.at(start), self.at(end)
        turns = [price for third, price in zip((1, 2), self.path()[1:3], strict=True) if start * 3 < third < end * 3]
        volume = None if self.volume is None else self.volume / minutes
        return Span(first, min(first, last, *turns), max(first, last, *turns), last, volume)


@dataclass(frozen=True, eq=False)
class BarFile:
    """What a file says. `bars` are the good rows, dates rising; `problems` tell file, line and what is wrong with the
    others."""

    path: Path
    bars: Sequence[Bar]
    dates: Sequence[date]
    problems: Sequence[str]

    def before(self, day: date) -> int:
        """How many bars are earlier than that day."""
        return bisect_left(self.dates, day)


def read_bars(path: Path) -> BarFile:
    """Read a file of daily bars. One that has not changed is read once in a process; a simulation starts the engine
    every day.

    :raises EngineError: the file can't be read, lacks a column or has no good row.
    """
    try:
        found = path.stat()
        return _read(path, found.st_mtime_ns, found.st_size)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EngineError(f"{path}: can't be read: {error}") from error


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> BarFile:
    bars: list[Bar] = []
    problems: list[str] = []
    with path.open(newline="", encoding="utf-8") as file:
        for line, row in _rows(path, file):
            try:
                bars.append(_bar(row, bars[-1].date if bars else None, line))
            except ValueError as error:
                problems.append(f"{path.name}:{line}: {error}; the row is left out")
    if not bars:
        raise EngineError(f"{path}: has no usable row; a row is date,open,high,low,close,volume")
    return BarFile(path, tuple(bars), tuple(bar.date for bar in bars), tuple(problems))


def _rows(path: Path, file: Iterable[str]) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.DictReader(file)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise EngineError(f"{path}:1: the header lacks {', '.join(missing)}; it is date,open,high,low,close,volume")
    for row in reader:
        yield reader.line_num, row


def _bar(row: dict[str, str | None], last: date | None, line: int) -> Bar:
    try:
        day = date.fromisoformat(row["date"] or "")
    except ValueError:
        raise ValueError(f"the date is {row['date']!r}, not like 2012-11-23") from None
    if last is not None and day <= last:
        raise ValueError(f"{day} comes after {last}; dates must rise")
    opened, high, low, close = (_price(row, column) for column in COLUMNS[1:])
    if not low <= min(opened, close) <= max(opened, close) <= high:
        raise ValueError(f"low {low} and high {high} do not enclose open {opened} and close {close}")
    return Bar(day, opened, high, low, close, _volume(row), line)


def _price(row: dict[str, str | None], column: str) -> float:
    number = _number(row, column)
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"{column} is {row[column]}, not a positive number")
    return number


def _volume(row: dict[str, str | None]) -> float | None:
    if not row.get("volume"):
        return None
    number = _number(row, "volume")
    if number < 0 or math.isinf(number):
        raise ValueError(f"volume is {row['volume']}, not a number of shares")
    return None if math.isnan(number) else number


def _number(row: dict[str, str | None], column: str) -> float:
    text = row[column]
    try:
        return float(text or "")
    except ValueError:
        raise ValueError(f"{column} is {text!r}, not a number") from None
