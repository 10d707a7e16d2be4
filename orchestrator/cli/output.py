"""How commands show things: tables, times, JSON."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
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


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart. On a terminal that is too narrow, the longest cells are shortened."""
    widths = [max(len(row[i]) for row in (heads, *rows)) for i in range(len(heads))]
    if (columns := width()) is not None:
        widths = _narrowed(widths, columns - len(GAP) * (len(heads) - 1))
    return "\n".join(
        GAP.join(shortened(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    )


def _narrowed(widths: Sequence[int], room: int) -> list[int]:
    """The widths that fit into so much room: the widest give way first, none below NARROWEST."""
    limit = max(widths)
    while limit > NARROWEST and sum(min(width, limit) for width in widths) > room:
        limit -= 1
    return [min(width, limit) for width in widths]


NARROWEST = 4


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
