"""The market calendar beside exchange_calendars: the same questions at the same random instants, in one run.

    python benchmarks/calendar.py [--instants N] [--rounds N]

Each side gets its own kind of instant, made beforehand: an aware datetime, a pandas Timestamp. The rounds of
the two alternate, and the best round of each counts. Import and memory are measured in a fresh process.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[0] = ROOT  # this folder would hide the standard library's `calendar`

import argparse  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import subprocess  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from datetime import UTC, datetime, timedelta  # noqa: E402
from importlib.metadata import version  # noqa: E402
from importlib.util import find_spec  # noqa: E402
from time import perf_counter  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.figures import Row, table  # noqa: E402
from calendars import MarketCalendar  # noqa: E402

FIRST, LAST = datetime(2000, 1, 3, tzinfo=UTC), datetime(2027, 12, 30, tzinfo=UTC)
BAR = 3.0
MEMORY_BAR = 35.0

FOOTPRINT = """
import json, sys
from datetime import date
from time import perf_counter
def rss():
    line = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
begin = perf_counter()
import calendars
imported = perf_counter() - begin
lazy = "holidays" not in sys.modules
calendar = calendars.MarketCalendar()
begin = perf_counter()
calendar.is_market_open()
first = perf_counter() - begin
asked = rss()
for year in range(2000, 2028):
    calendar.session(date(year, 6, 1))
print(json.dumps({"imported": imported, "first": first, "asked": asked, "all": rss(), "lazy": lazy,
                  "pandas": "pandas" in sys.modules}))
"""

Ask = Callable[[Any], object]


def instants(count: int) -> list[datetime]:
    chance = random.Random(20260702)
    minutes = int((LAST - FIRST).total_seconds()) // 60
    return [FIRST + timedelta(minutes=chance.randrange(minutes)) for _ in range(count)]


def rate(ask: Ask, moments: Sequence[Any]) -> float:
    begin = perf_counter()
    for moment in moments:
        ask(moment)
    return len(moments) / (perf_counter() - begin)


def side_by_side(
    ours: Ask, theirs: Ask, asked: Sequence[datetime], stamps: Sequence[Any], rounds: int
) -> tuple[float, float]:
    mine, other = 0.0, 0.0
    for _ in range(rounds):
        mine = max(mine, rate(ours, asked))
        other = max(other, rate(theirs, stamps))
    return mine, other


def compare(asked: Sequence[datetime], rounds: int) -> list[Row]:
    import exchange_calendars
    import pandas as pd

    calendar = MarketCalendar()
    peer = exchange_calendars.get_calendar("XNYS", start="1999-12-01", end="2028-02-01")
    stamps = [pd.Timestamp(moment) for moment in asked]
    questions: dict[str, tuple[Ask, Ask]] = {
        "is open": (calendar.is_market_open, peer.is_open_on_minute),
        "next open": (calendar.get_next_market_open, peer.next_open),
        "next close": (calendar.get_next_market_close, peer.next_close),
    }
    peer_name = f"exchange_calendars {version('exchange_calendars')}"
    found = {name: side_by_side(*pair, asked, stamps, rounds) for name, pair in questions.items()}
    return [
        Row(f"{name}, answers a second", mine, "", BAR, peer_name, other, at_least=True)
        for name, (mine, other) in found.items()
    ]


def alone(asked: Sequence[datetime], rounds: int) -> None:
    calendar = MarketCalendar()
    days = [moment.date() for moment in asked]
    questions: dict[str, tuple[Ask, Sequence[Any]]] = {
        "state": (calendar.get_market_state, asked),
        "next change": (calendar.next_change, asked),
        "session": (calendar.session, days),
        "sessions, 7 d": (lambda day: calendar.sessions(day, day + timedelta(days=7)), days),
    }
    print("answers a second     calendars")
    for name, (ask, moments) in questions.items():
        print(f"  {name:13}{max(rate(ask, moments) for _ in range(rounds)):12,.0f}")


def measured_footprint() -> dict[str, Any]:
    told = subprocess.run(
        [sys.executable, "-c", FOOTPRINT], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    found: dict[str, Any] = json.loads(told)
    return found


def footprint() -> None:
    found = measured_footprint()
    print(f"import               {found['imported'] * 1000:.0f} ms, without holidays: {found['lazy']}")
    print(f"first answer         {found['first'] * 1000:.0f} ms")
    verdict = "ok" if found["all"] < MEMORY_BAR else f"ABOVE the bar of {MEMORY_BAR:g}"
    print(f"memory               {found['asked']:.1f} MiB after it")
    print(f"                     {found['all']:.1f} MiB with 2000-2027  {verdict}")
    print(f"pandas imported      {'YES' if found['pandas'] else 'no'}")


def rows(*, quick: bool = False) -> list[Row]:
    count, rounds = (200, 1) if quick else (20_000, 5)
    compared = compare(instants(count), rounds) if find_spec("exchange_calendars") is not None else []
    return [*compared, Row("memory with the calendar of 2000-2027", measured_footprint()["all"], "MiB", MEMORY_BAR)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instants", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    asked = instants(options.instants)
    footprint()
    alone(asked, options.rounds)
    if find_spec("exchange_calendars") is None:
        print("exchange_calendars is not installed: no comparison")
    else:
        print(table(compare(asked, options.rounds)))


if __name__ == "__main__":
    main()
