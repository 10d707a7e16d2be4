"""What all benchmarks share: a row of the table, processes measured side by side, and the table itself."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

__all__ = ["ROOT", "Row", "alternating", "environment", "process_costs", "table"]

ROOT = Path(__file__).resolve().parents[1]

HEADS = ("what", "measured", "compared with", "ratio", "bar", "ok")
VERDICTS: Mapping[bool | None, str] = {True: "ok", False: "MISSED", None: "-"}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its bar.

    :param bar: of the ratio, or without `against` of the figure itself; None if it is told for information only.
    :param against: what it is compared with.
    :param theirs: that one's figure; None if it could not be measured here.
    :param at_least: the bar is the least that it must reach, and not the most that it may.
    """

    what: str
    ours: float
    unit: str
    bar: float | None = None
    against: str = ""
    theirs: float | None = None
    at_least: bool = False

    @property
    def ratio(self) -> float | None:
        return None if not self.theirs else self.ours / self.theirs

    @property
    def ok(self) -> bool | None:
        """None if it can't be told."""
        found = self.ratio if self.against else self.ours
        if found is None or self.bar is None:
            return None
        return found >= self.bar if self.at_least else found <= self.bar

    def cells(self) -> tuple[str, ...]:
        theirs = "not measured" if self.theirs is None else _figure(self.theirs, self.unit)
        against = f"{self.against}: {theirs}" if self.against else "-"
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f} x"
        return self.what, _figure(self.ours, self.unit), against, ratio, self._limit(), VERDICTS[self.ok]

    def _limit(self) -> str:
        if self.bar is None:
            return "-"
        return f"at {'least' if self.at_least else 'most'} {_figure(self.bar, 'x' if self.against else self.unit)}"


def _figure(value: float, unit: str) -> str:
    return f"{f'{value:,.0f}' if value >= 100 else f'{value:.3g}'} {unit}".rstrip()


def table(rows: Iterable[Row]) -> str:
    """Left-aligned columns, two spaces apart."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    padded = ([cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def alternating(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The least of each side's figures: the sides take turns, so that all live through the same moments."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            found[name].append(measure())
    return {name: min(figures) for name, figures in found.items()}


def process_costs(codes: Mapping[str, str], rounds: int, folder: Path | None = None) -> dict[str, float]:
    """CPU milliseconds of processes that run this code; a first round, which compiles their modules, does not count
    if there is another."""
    sides = {name: partial(_milliseconds, code, folder) for name, code in codes.items()}
    first = alternating(sides, 1)
    return alternating(sides, rounds) if rounds else first


def _milliseconds(code: str, folder: Path | None) -> float:
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(), check=True, capture_output=True)
    after = getrusage(RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def environment() -> dict[str, str]:
    """Of measured processes: they find this checkout, and compiled modules are kept as they are for a user."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT)}
