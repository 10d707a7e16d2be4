"""How commands show things: tables, times, JSON."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise, zip_longest
from textwrap import wrap
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from orchestrator.cli.terminal import shortened, width

__all__ = ["ago", "echo_json", "in_words", "json_option", "moment", "table"]

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """The option ``--json`` of a reading command."""
    decorated: F = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)
    return decorated


def echo_json(document: object) -> None:
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


GAP = "  "
LONGEST_WORD = 40
"""Characters. What is longer is no id and no time, and may be broken at the end of a line."""
MOST_LINES = 6


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart.

    On a terminal that is too narrow, the longest cells are wrapped between their words: an id or a time is never cut,
    and of a long text only what goes beyond MOST_LINES is.
    """
    everything = (heads, *rows)
    widths = [max(len(row[i]) for row in everything) for i in range(len(heads))]
    if (columns := width()) is not None:
        least = [max([len(head), *(_longest_word(row[i]) for row in rows)]) for i, head in enumerate(heads)]
        widths = _narrowed(widths, least, columns - len(GAP) * (len(heads) - 1))
    return "\n".join(line for row in everything for line in _lines(row, widths))


def _longest_word(text: str) -> int:
    return min(LONGEST_WORD, max(map(len, text.split()), default=0))


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """The widths that fit into so much room: the widest give way first, none below the least that it can have."""
    for limit in range(max(widths), 0, -1):
        narrowed = [max(low, min(width, limit)) for low, width in zip(least, widths, strict=True)]
        if sum(narrowed) <= room:
            return narrowed
    return list(least)


def _lines(cells: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """A row of the table, on as many lines as its longest cell."""
    wrapped = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    for parts in zip_longest(*wrapped, fillvalue=""):
        yield GAP.join(part.ljust(width) for part, width in zip(parts, widths, strict=True)).rstrip()


def _wrapped(cell: str, width: int) -> list[str]:
    if len(cell) <= width:
        return [cell]
    lines = wrap(cell, width, break_on_hyphens=False)
    kept, rest = lines[: MOST_LINES - 1], lines[MOST_LINES - 1 :]
    return [*kept, shortened(" ".join(rest), width)] if rest else kept


def in_words(seconds: float) -> str:
    """A length of time by its largest unit and the one below: ``2h 5m``, ``3d``, ``12s``."""
    whole = max(0, round(seconds))
    for (large, large_size), (small, small_size) in pairwise(UNITS):
        if whole >= large_size:
            rest = whole % large_size // small_size
            return f"{whole // large_size}{large}" + (f" {rest}{small}" if rest else "")
    return f"{whole}s"


UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def moment(at: datetime | None, zone: ZoneInfo, now: datetime) -> str:
    """A time to come, in exchange time and in words from now; a dash for none."""
    if at is None:
        return "-"
    text = f"{at.astimezone(zone):%a %d %b %H:%M:%S %Z}"
    return f"{text} (in {in_words((at - now).total_seconds())})" if at > now else f"{text} (overdue)"


def ago(at: datetime | None, now: datetime) -> str:
    """A time past, in words; a dash for none."""
    if at is None:
        return "-"
    return "just now" if now - at < timedelta(seconds=1) else f"{in_words((now - at).total_seconds())} ago"
