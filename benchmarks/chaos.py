"""Thousands of random scenarios of a week each, in several processes; what fails is made small and written down.

    python benchmarks/chaos.py [N [SEED [PROCESSES]]]

By default 1000 scenarios, seed 1, and a process for each CPU. It goes on after a failure, and shrinks the first of each
rule that is broken. Exit code 1 if any was.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[0] = ROOT  # beside this script lies a calendar.py, which would hide the standard library's

import logging  # noqa: E402
from concurrent.futures import ProcessPoolExecutor, as_completed  # noqa: E402
from datetime import date  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402
from time import perf_counter  # noqa: E402

from calendars import MarketCalendar  # noqa: E402
from orchestrator.rehearsal.chaos import Campaign, Failure  # noqa: E402

START, END = date(2024, 1, 1), date(2026, 12, 31)
CONFIG = Path(__file__).with_name("chaos.yaml")


def campaign(seed: int) -> Campaign:
    return Campaign(CONFIG, START, END, seed, MarketCalendar("NYSE"))


def run(number: int, seed: int) -> tuple[int, Failure | None]:
    logging.disable(logging.CRITICAL)
    cases = campaign(seed)
    return number, cases.run(cases.case(number))


def write(number: int, seed: int, failure: Failure) -> None:
    """Make it small, and write it beside where this was started."""
    cases = campaign(seed)
    smallest = cases.shrink(failure)
    path, case = Path(f"chaos-{seed}-{number}.yaml"), smallest.case
    command = f"orchestrator --config {CONFIG} simulate --from {case.start} --to {case.end} --scenario {path}"
    path.write_text(cases.document(smallest, command), encoding="utf-8")
    print(f"  {path}: {len(case.scenario.faults)} faults, {case.start} to {case.end}: {smallest.detail}")


def main(count: int = 1000, seed: int = 1, processes: int = os.cpu_count() or 1) -> int:
    began, failed = perf_counter(), dict[str, tuple[int, Failure]]()
    with ProcessPoolExecutor(processes) as pool:
        waiting = [pool.submit(partial(run, seed=seed), number) for number in range(count)]
        for done, future in enumerate(as_completed(waiting), 1):
            number, failure = future.result()
            if failure is not None:
                print(f"\nscenario {number} breaks {failure.rule}: {failure.detail}")
                failed.setdefault(failure.rule, (number, failure))
            print(f"\r{done} of {count}, {(perf_counter() - began) / done:.1f} s each", end="", flush=True)
    print(f"\n{count} scenarios, seed {seed}: {len(failed)} rules broken")
    for number, failure in failed.values():
        write(number, seed, failure)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
