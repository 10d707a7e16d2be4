"""Every benchmark still runs, in its smallest setting; how fast it is, is no matter of a test."""

import sys
from importlib import import_module
from pathlib import Path

import pytest

import orchestrator

ROOT = Path(orchestrator.__file__).parents[1]
NAMES = ("calendar", "cli", "daemon", "engine", "outbox", "scheduler", "simulation")


@pytest.fixture(autouse=True)
def checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmarks are no part of the distribution: they are found in the checkout."""
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.setitem(sys.modules, "exchange_calendars", None)  # slow to import, and not ours


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_runs_in_its_smallest_setting(name: str) -> None:
    found = import_module(f"benchmarks.{name}").rows(quick=True)
    assert found
    assert all(row.ours >= 0 for row in found)


def test_all_benchmarks_are_in_the_one_command() -> None:
    assert import_module("benchmarks.__main__").NAMES == NAMES


def test_table_tells_what_met_its_bar_and_what_did_not() -> None:
    figures = import_module("benchmarks.figures")
    rows = [
        figures.Row("quick", 2.0, "ms", 1.3, "a thing", 2.0),
        figures.Row("slow", 2600.0, "ms", 1.3, "a thing", 1000.0),
        figures.Row("answers", 4.0, "", 3.0, "a thing", 1.0, at_least=True),
        figures.Row("wake-ups", 21.0, "", 20.0),
        figures.Row("alone", 1.0, "s", 3.0, "an absent thing"),
    ]
    assert [line.split("  ")[-1].strip() for line in figures.table(rows).splitlines()] == [
        "ok",
        "ok",
        "MISSED",
        "ok",
        "MISSED",
        "-",
    ]
    assert "2,600 ms" in figures.table(rows)
    assert "an absent thing: not measured" in figures.table(rows)
