"""The rehearsal: sessions a second with the whole built-in table, and cost against length and against jobs of users."""

import logging
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from benchmarks.figures import Row
from orchestrator.rehearsal.simulation import Simulation, Summary

BAR = 60.0
LINEAR = 1.3
"""A day of a long range may cost so many times a day of a short one."""

FIRST = date(2026, 1, 2)

CONFIG = """
version: "1.0.0"
schedule:
  jobs:
{jobs}
"""


def rows(*, quick: bool = False, years: int = 1) -> list[Row]:
    """:param years: the longest range."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        return _quick() if quick else [*_lengths(years), *_crowds(days=5)]
    finally:
        logging.disable(level)


def _quick() -> list[Row]:
    day, _ = cost(1)
    return [Row("one day simulated", day, "s")]


def _lengths(years: int) -> list[Row]:
    month, _ = cost(30)
    year, summary = cost(365 * years)
    return [
        Row("a simulated year of NYSE", year / years, "s", BAR),
        Row("sessions a second", summary.sessions / year, ""),
        Row(f"a day of {365 * years}", 1000 * year / 365 / years, "ms", LINEAR, "a day of 30", 1000 * month / 30),
    ]


def _crowds(days: int) -> list[Row]:
    """Jobs of users that fire once a session each."""
    alone, _ = cost(days)
    costs = {count: cost(days, count)[0] for count in (100, 1000)}
    return [
        Row(f"{days} days with {count:,} jobs of users", each, "s", None, "without any", alone)
        for count, each in costs.items()
    ]


def cost(days: int, jobs: int = 0) -> tuple[float, Summary]:
    """CPU seconds of a rehearsal of so many days."""
    with TemporaryDirectory(prefix="simulation-") as name:
        path = Path(name, "config.yaml")
        path.write_text(CONFIG.format(jobs=_lines(jobs)))
        simulation = Simulation(path, FIRST, FIRST + timedelta(days=days - 1), 0, lambda event: None)
        begin = process_time()
        summary = simulation.run()
        return process_time() - begin, summary


def _lines(count: int) -> str:
    jobs: Mapping[str, str] = {f"job_{n:04}": f"open + {1 + n % 300}m" for n in range(count)}
    lines = [f'    {name}: {{session: "{at}", command: ["true"]}}' for name, at in jobs.items()]
    return "\n".join(lines or ["    {}"])
