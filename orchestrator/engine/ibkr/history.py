"""Daily bars of the past, for strategies that look back: asked with IB's patience, and kept in files.

A bar of a day that is over does not change, unless the share is split: IB tells the past in shares of today. So what is
asked anew overlaps with what is kept, and where the two differ all is asked again.
"""

import asyncio
import csv
import logging
import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

from calendars import MarketCalendar
from orchestrator.engine.ibkr.client_library import request_error
from orchestrator.engine.ibkr.connection import Connection
from orchestrator.engine.ibkr.contracts import Contracts
from orchestrator.engine.ibkr.pacing import Pacer
from orchestrator.engine.prices import Price

__all__ = ["DailyBar", "History"]

logger = logging.getLogger(__name__)

ALL = "2 Y"
"""How much is asked where nothing is kept."""

OVERLAP = 5
"""Days."""

LONGEST_GAP = 300
"""Days; where more is missing than this, all is asked."""

ANSWER = 60.0
"""Seconds that an answer may take."""

TRIES = 3


class DailyBar(NamedTuple):
    date: date
    open: float
    high: float
    low: float
    close: float
    volume: float


Bars = Sequence[DailyBar]


class History:
    """:param folder: where bars are kept; None to keep none.
    :param monotonic: elapsed seconds.
    """

    def __init__(
        self,
        connection: Connection,
        contracts: Contracts,
        calendar: MarketCalendar,
        folder: Path | None,
        monotonic: Callable[[], float],
    ) -> None:
        self._connection, self._contracts, self._calendar, self._folder = connection, contracts, calendar, folder
        self._pacer = Pacer(monotonic)
        self._bars: dict[str, Bars] = {}
        self._asked: dict[str, date] = {}
        """Up to which session a symbol's bars have been asked, whatever came of it: the last may not be there yet."""
        self._queue: deque[str] = deque()
        self._tries: dict[str, int] = {}
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self.failed: dict[str, str] = {}
        """Why there is no history of a symbol."""
        connection.on_loss.append(self._forget_tasks)

    def want(self, symbols: Iterable[str], now: datetime) -> None:
        """Have the history of these up to yesterday, as soon as may be."""
        for symbol in symbols:
            if symbol not in self._bars and self._folder is not None:
                self._bars[symbol] = _read(self._file(symbol))
            if self._lacks(symbol, now) and symbol not in {*self._queue, *self._tasks} and symbol not in self.failed:
                self._queue.append(symbol)

    def turn(self, now: datetime) -> None:
        """Take what has come, and ask for what may be asked."""
        for symbol, task in [(symbol, task) for symbol, task in self._tasks.items() if task.done()]:
            del self._tasks[symbol]
            self._pacer.end()
            self._take(symbol, task, now)
        while self._queue and self._connection.ready and self._pacer.begin():
            symbol = self._queue.popleft()
            self._tasks[symbol] = self._connection.pump.start(self._ask(symbol, self._duration(symbol, now)))

    def load(self, seconds: float, now: datetime) -> None:
        """Go on for so long, or until all is there."""
        pump = self._connection.pump
        end = pump.time() + seconds
        self.turn(now)
        while self._tasks and pump.time() < end:
            any_task = asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
            pump.wait(pump.start(any_task), end - pump.time())
            self.turn(now)

    def loading(self) -> list[str]:
        """What is still being asked."""
        return sorted({*self._queue, *self._tasks})

    def price(self, symbol: str, at: datetime) -> Price | None:
        """The last close at this time; stale if it is of an earlier session."""
        day = at.astimezone(self._calendar.exchange_timezone).date()
        session = self._calendar.session(day)
        over = session is not None and session.close <= at
        bars = self._bars.get(symbol, ())
        place = bisect_right(bars, day if over else day - timedelta(days=1), key=lambda bar: bar.date)
        if not place:
            return None
        bar = bars[place - 1]
        closed = self._calendar.session(bar.date)
        midnight = datetime.combine(bar.date, datetime.min.time(), self._calendar.exchange_timezone)
        return Price(symbol, bar.close, midnight if closed is None else closed.close, stale=bar.date != day)

    # --- asking ---

    def _last_over(self, now: datetime) -> date:
        """The last session that is over."""
        day = now.astimezone(self._calendar.exchange_timezone).date()
        sessions = self._calendar.sessions(day - timedelta(days=14), day)
        over = [session.date for session in sessions if session.close <= now]
        return over[-1] if over else day

    def _lacks(self, symbol: str, now: datetime) -> bool:
        bars, last = self._bars.get(symbol), self._last_over(now)
        return self._asked.get(symbol) != last and (not bars or bars[-1].date < last)

    def _duration(self, symbol: str, now: datetime) -> str:
        bars = self._bars.get(symbol)
        days = (self._last_over(now) - bars[-1].date).days + OVERLAP if bars else LONGEST_GAP
        return ALL if days >= LONGEST_GAP else f"{days} D"

    async def _ask(self, symbol: str, duration: str) -> list[DailyBar]:
        contract = self._contracts.known(symbol)
        if contract is None:
            raise LookupError(self._contracts.missing.get(symbol, "its contract is not known"))
        found = await self._connection.client.reqHistoricalDataAsync(
            contract, "", duration, "1 day", "TRADES", useRTH=True, timeout=ANSWER
        )
        bars = (DailyBar(bar.date, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in found)
        return [bar for bar in bars if _is_sound(bar)]

    def _take(self, symbol: str, task: "asyncio.Task[Any]", now: datetime) -> None:
        error = task.exception()
        if error is not None:
            self._try_again(symbol, error)
            return
        last = self._last_over(now)
        new = [bar for bar in task.result() if bar.date <= last]
        if not new:
            self.failed[symbol] = "IB has no daily bars of it"
            return
        kept = self._bars.get(symbol, ())
        if kept and not _agree(kept, new):
            logger.info("%s: the kept bars are of other shares; all are asked again", symbol)
            self._bars[symbol] = ()
            self._queue.append(symbol)
            return
        self._asked[symbol] = last
        bars = [*(bar for bar in kept if bar.date < new[0].date), *new]
        self._bars[symbol] = bars
        if self._folder is not None:
            _write(self._file(symbol), bars)

    def _try_again(self, symbol: str, error: BaseException) -> None:
        told = request_error(error)
        text = told[1] if told is not None else str(error) or type(error).__name__
        tries = self._tries[symbol] = self._tries.get(symbol, 0) + 1
        if "pacing" in text.lower():
            self._pacer.punish()
        elif isinstance(error, LookupError) or tries >= TRIES:
            self.failed[symbol] = text
            logger.warning("%s has no history: %s", symbol, text)
            return
        self._queue.append(symbol)

    def _forget_tasks(self) -> None:
        """The connection is gone, and the answers with it."""
        for symbol, task in self._tasks.items():
            self._connection.pump.end(task)
            self._pacer.end()
            self._queue.append(symbol)
        self._tasks.clear()

    def _file(self, symbol: str) -> Path:
        assert self._folder is not None
        return self._folder / f"{symbol}.csv"


def _agree(kept: Bars, new: Bars) -> bool:
    closes = {bar.date: bar.close for bar in kept}
    shared = [bar for bar in new if bar.date in closes]
    return bool(shared) and all(abs(bar.close - closes[bar.date]) <= 1e-4 * bar.close for bar in shared)


def _is_sound(bar: DailyBar) -> bool:
    """Whether its prices are some: IB writes -1 where it has none."""
    return all(isfinite(price) and price > 0 for price in bar[1:5])


def _bar(day: str, open: str, high: str, low: str, close: str, volume: str) -> DailyBar:
    return DailyBar(date.fromisoformat(day), float(open), float(high), float(low), float(close), float(volume))


def _read(path: Path) -> Bars:
    """What is kept; nothing if the file is not there or can't be read, and then all is asked again."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
        bars = [_bar(*row) for row in rows]
        if tuple(header) != DailyBar._fields or not all(map(_is_sound, bars)):
            raise ValueError("a row of it is no bar")
        if any(bar.date >= after.date for bar, after in pairwise(bars)):
            raise ValueError("its days are not in order")
        return bars
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, csv.Error) as error:
        logger.warning("%s can't be read and is made anew: %s", path, error)
        return ()


def _write(path: Path, bars: Bars) -> None:
    """Whole or not at all; that it can't be kept costs time tomorrow, and nothing today."""
    new = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(DailyBar._fields)
            writer.writerows([bar.date.isoformat(), *bar[1:]] for bar in bars)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, path)
    except OSError as error:
        logger.warning("%s can't be written: %s", path, error)
