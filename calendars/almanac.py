"""What `holidays` publishes of NYSE, as a table: importing the library costs a process 12 MiB and 0.15 s.

The table is believed while the library's rules of this exchange are, to the byte, those that it was made from; with
other rules, or without the table, the library itself is asked. To make it anew: ``python -m calendars.tabulate``.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from calendars.hours import clock_text, minute_of
from calendars.special import SpecialDay

__all__ = ["CODE", "TABLE", "rules_digest", "table_text", "tabulated"]

CODE = "XNYS"
RULES = Path("financial", "ny_stock_exchange.py")
TABLE = Path(__file__).with_name("nyse.txt")

Days = Mapping[date, SpecialDay]


@cache
def tabulated() -> Mapping[int, Days]:
    """By year, the days that the table has; empty if it is not of the installed library."""
    text = TABLE.read_text("utf-8") if TABLE.exists() else ""
    head, *lines = text.splitlines() or [""]
    if head.rpartition(" ")[2] != rules_digest():
        return {}
    years: defaultdict[int, dict[date, SpecialDay]] = defaultdict(dict)
    for day, special in map(_read, lines):
        years[day.year][day] = special
    return {year: MappingProxyType(days) for year, days in years.items()}


def rules_digest() -> str | None:
    """Of the installed library's rules of NYSE, which are read and not run; None if they are not where they were."""
    found = find_spec("holidays")
    folders = [] if found is None else found.submodule_search_locations or []
    files = [path for folder in folders if (path := Path(folder, RULES)).is_file()]
    return sha256(files[0].read_bytes()).hexdigest() if files else None


def table_text(days: Days) -> Iterator[str]:
    """The lines of a table of these days."""
    yield f"# Made by `python -m calendars.tabulate` from holidays/{RULES.as_posix()}, SHA-256 {rules_digest()}"
    for day, special in sorted(days.items()):
        hours = "closed" if special.close is None else clock_text(special.close)
        yield f"{day} {hours} {special.reason}"


def _read(line: str) -> tuple[date, SpecialDay]:
    day, hours, reason = line.split(" ", 2)
    closed = hours == "closed"
    return date.fromisoformat(day), SpecialDay(reason, closed, close=None if closed else minute_of(hours))
