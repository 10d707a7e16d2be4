"""Splits in prices that are not adjusted for them: overnight a share costs a seventh, and nobody has lost anything.

A file ``splits.csv`` beside the prices names them, one a row: ``symbol,date,ratio``. The date is the first on which
the new shares are traded, the ratio how many there are for an old one (7, 1.5, 0.1); a ratio of 1 says that the jump
of that day is real. A split that the prices do not show is left out: they will have been adjusted already.

A jump that no row names is judged. If one session's close is nearly a whole multiple of the next one's open, or the
other way round, it is

- a split, if for no more money than usual was traded on that day;
- a real gain or loss, if for much more was: news brings both a jump and a crowd;
- a doubt, if the volumes are not known: then shares that were bought before are left alone, valued at the last price
  before the jump, until a row tells what it was.
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import NamedTuple

from orchestrator.engine.bars import Bar, BarFile
from orchestrator.engine.interface import EngineError

__all__ = ["SPLITS_FILE", "Judgement", "Jump", "Listed", "judge", "read_splits", "why_doubtful"]

SPLITS_FILE = "splits.csv"

WHOLE = (*range(2, 11), 15, 20, 25, 30, 40, 50, 100)
RATIOS = (1.5, *map(float, WHOLE), *(1 / number for number in WHOLE))

NEAR = 0.05
"""A split's jump is so near to its ratio, as a fraction of it: the price moves overnight as well."""

OVERNIGHT = 7
"""Days; after a longer gap in the bars a jump is no sign of anything. The exchange was closed for six in 2001."""

USUAL_DAYS, FEWEST_DAYS = 20, 5
CROWD = 3.0
"""So many times the usual money is traded when there is news. AAPL traded for 0.3 to 0.8 times the usual when it was
split in 2000 and 2005, and for 10 times when it lost half of its value on 2000-09-29."""

SHOWN_BY = 0.25
"""A listed split whose ratio the prices miss by more than this fraction is left out."""


class Listed(NamedTuple):
    """A row of the splits file."""

    symbol: str
    date: date
    ratio: float
    line: int


class Jump(NamedTuple):
    """`kind` is split, real or unknown."""

    before: Bar
    after: Bar
    ratio: float
    kind: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the jumps in the bars of a symbol are.

    :param splits: the bar with the first price of the new shares, and the ratio.
    :param problems: with the rows of the splits file.
    """

    splits: tuple[tuple[Bar, float], ...]
    doubts: tuple[Jump, ...]
    problems: tuple[str, ...]


def judge(file: BarFile, listed: tuple[Listed, ...]) -> Judgement:
    """Tell splits from gains and losses; `listed` are the symbol's rows of the splits file."""
    named, problems = dict[Bar, float](), []
    for row in listed:
        bar, problem = _look_up(file, row)
        if problem:
            problems.append(f"{SPLITS_FILE}:{row.line}: {problem}; the row is left out")
        elif bar is not None:
            named[bar] = row.ratio
    open_jumps = [jump for jump in _jumps(file) if jump.after not in named]
    named |= {jump.after: jump.ratio for jump in open_jumps if jump.kind == "split"}
    splits = sorted((bar, ratio) for bar, ratio in named.items() if ratio != 1)
    doubts = (jump for jump in open_jumps if jump.kind == "unknown")
    return Judgement(tuple(splits), tuple(doubts), tuple(problems))


def why_doubtful(name: str, jump: Jump) -> str:
    """For people; `name` is the symbol's."""
    day, before, after = jump.after.date, jump.before.close, jump.after
    return (
        f"{name}.csv:{after.line}: it opens at {after.open} after a close of {before}, and the volumes do not tell "
        f"whether it was split. Shares bought before {day} are left alone, until {SPLITS_FILE} has the row "
        f"{name},{day},{jump.ratio:.6g}, or {name},{day},1 if it was not"
    )


def _look_up(file: BarFile, row: Listed) -> tuple[Bar | None, str]:
    """The first bar that is for the new shares, and what is wrong with the row."""
    place = file.before(row.date)
    if not 0 < place < len(file.bars):
        return None, ""
    before, after = file.bars[place - 1 : place + 1]
    jump = before.close / after.open
    if row.ratio != 1 and abs(jump / row.ratio - 1) > SHOWN_BY:
        what = f"{row.symbol} {row.date} {row.ratio:g}"
        return after, f"{what}: the price went from {before.close} to {after.open}, which shows no such split"
    return after, ""


@lru_cache(maxsize=256)
def _jumps(file: BarFile) -> tuple[Jump, ...]:
    return tuple(_find(file))


def _find(file: BarFile) -> Iterator[Jump]:
    for place, (before, after) in enumerate(pairwise(file.bars), start=1):
        jump = before.close / after.open
        if 0.7 < jump < 1.4 or (after.date - before.date).days > OVERNIGHT:
            continue
        ratio = min(RATIOS, key=lambda known: abs(jump / known - 1))
        if abs(jump / ratio - 1) <= NEAR:
            yield Jump(before, after, ratio, _kind(file, place))


def _kind(file: BarFile, place: int) -> str:
    usual = [_money(bar) for bar in file.bars[max(place - USUAL_DAYS, 0) : place] if bar.volume]
    now = file.bars[place]
    if now.volume is None or len(usual) < FEWEST_DAYS:
        return "unknown"
    return "real" if _money(now) > CROWD * median(usual) else "split"


def _money(bar: Bar) -> float:
    return (bar.volume or 0.0) * bar.close


def read_splits(folder: Path) -> tuple[Mapping[str, tuple[Listed, ...]], tuple[str, ...]]:
    """The rows of the folder's splits file by symbol, and what is wrong with the others; nothing if there is no file.

    :raises EngineError: the file can't be read, or lacks a column.
    """
    path = folder / SPLITS_FILE
    if not path.is_file():
        return {}, ()
    try:
        found = path.stat()
        return _read(path, found.st_mtime_ns, found.st_size)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EngineError(f"{path}: can't be read: {error}") from error


@lru_cache(maxsize=16)
def _read(path: Path, changed: int, size: int) -> tuple[Mapping[str, tuple[Listed, ...]], tuple[str, ...]]:
    rows: dict[str, tuple[Listed, ...]] = {}
    problems = []
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not {"symbol", "date", "ratio"} <= set(reader.fieldnames or ()):
            raise EngineError(f"{path}:1: the header is {','.join(reader.fieldnames or ())}, not symbol,date,ratio")
        for row in reader:
            try:
                listed = _listed(row, reader.line_num)
                rows[listed.symbol] = (*rows.get(listed.symbol, ()), listed)
            except ValueError as error:
                problems.append(f"{path.name}:{reader.line_num}: {error}; the row is left out")
    return rows, tuple(problems)


def _listed(row: Mapping[str, str | None], line: int) -> Listed:
    try:
        day = date.fromisoformat(row["date"] or "")
    except ValueError:
        raise ValueError(f"the date is {row['date']!r}, not like 2014-06-09") from None
    try:
        ratio = float(row["ratio"] or "")
    except ValueError:
        ratio = 0.0
    if not 0.001 <= ratio <= 1000:
        raise ValueError(f"the ratio is {row['ratio']!r}, not a number of new shares for an old one, such as 7 or 0.1")
    return Listed(row["symbol"] or "", day, ratio, line)
