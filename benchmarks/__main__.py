"""The table of all benchmarks, or of those that are named.

    python -m benchmarks [NAME...] [--quick] [--years N]    # the simulation's longest range is one year if not given

Each prints its figure beside what it is compared with, measured in the same run by turns.
"""

import argparse
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import import_module

from benchmarks.figures import Row, table

NAMES = ("calendar", "cli", "daemon", "engine", "outbox", "scheduler", "simulation")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(NAMES)}; all if none is given")
    parser.add_argument("--quick", action="store_true", help="the smallest setting: whether it runs, not how fast")
    parser.add_argument("--years", type=int, default=1, help="the longest range that is simulated")
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"no benchmark {unknown[0]!r}; known are {', '.join(NAMES)}")
    print(f"Python {platform.python_version()} on {platform.machine()}, {_processor()}")
    if options.quick:
        print("this shows only that they run: the figures mean nothing")
    more = {"simulation": {"years": options.years}}
    names = options.names or NAMES
    found = [row for name in names for row in benchmark(name)(quick=options.quick, **more.get(name, {}))]
    print(table(found))
    sys.exit(any(row.ok is False for row in found) and not options.quick)


def benchmark(name: str) -> Callable[..., list[Row]]:
    measure: Callable[..., list[Row]] = import_module(f"benchmarks.{name}").rows
    return measure


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            facts: Mapping[str, str] = dict(line.partition(":")[::2] for line in lines if ":" in line)
    except OSError:
        return platform.processor()
    return next((value.strip() for key, value in facts.items() if key.strip() == "model name"), platform.processor())


if __name__ == "__main__":
    main()
