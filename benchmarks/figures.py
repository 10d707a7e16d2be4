"""What all benchmarks share: a row of the table, processes measured side by side, and the table itself."""

import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

HEADS = ("what", "measured", "compared with", "ratio", "bar", "ok")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure beside its bar.

    :param against: what it is compared with; empty where the bar is a figure of the same unit.
    :param theirs: that one's figure; None if it could not be measured here.
    :param bar: of the ratio, or of the figure itself; None if it is told for information only.
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
        ratio = "-" if self.ratio is None else f"{self.ratio:.2f} x"
        limit = "at least" if self.at_least else "at most"
        bar = (
            "-"
            if self.bar is None
            else f"{limit} {f'{self.bar:g} x' if self.against else _figure(self.bar, self.unit)}"
        )
        against = f"{self.against}: {theirs}" if self.against else "-"
        return self.what, _figure(self.ours, self.unit), against, ratio, bar, VERDICTS[self.ok]


VERDICTS: Mapping[bool | None, str] = {True: "ok", False: "MISSED", None: "-"}


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def table(rows: Iterable[Row]) -> str:
    """Left-aligned columns, two spaces apart."""
    lines = [HEADS, *(row.cells() for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)


def alternating(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The best of each side's figures: the sides take turns, so that all live through the same moments."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, measure in sides.items():
            found[name].append(measure())
    return {name: min(figures) for name, figures in found.items()}


def cpu_seconds(code: str, arguments: Sequence[str] = (), folder: Path | None = None) -> float:
    """CPU time of a process that runs this code on this interpreter, with all its children."""
    before = os.times()
    subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=folder, env=environment(), check=True, capture_output=True
    )
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def environment() -> dict[str, str]:
    """Of measured processes: they find this checkout, and compiled modules are kept as they are for a user."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPATH": str(ROOT)}


def process_costs(codes: Mapping[str, str], rounds: int, folder: Path | None = None) -> dict[str, float]:
    """CPU milliseconds of each of these processes; a first round, which compiles their modules, does not count."""
    sides = {name: lambda code=code: 1000 * cpu_seconds(code, folder=folder) for name, code in codes.items()}
    alternating(sides, 1)
    return alternating(sides, rounds)


def median(figures: Iterable[float]) -> float:
    return statistics.median(figures)
