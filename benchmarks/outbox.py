"""What alerts cost the daemon, and how fast they go out.

    python benchmarks/outbox.py [--alerts N] [--waiting N] [--sent N] [--channels N] [--quick]

Put: one alert in a turn of the main loop, from `put` to the end of the commit that writes it, on an SQLite file in the
folder for temporary files (TMPDIR); and then the outbox's own step, with nothing waiting and with thousands waiting for
a service that is down. Sent: alerts through a real courier to a webhook on the loopback interface, one at a time as
always. The bar is 1 ms for 99 of 100 puts.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[0] = ROOT  # beside this script lies a calendar.py, which would hide the standard library's

import argparse  # noqa: E402
import gc  # noqa: E402
import logging  # noqa: E402
import random  # noqa: E402
from collections.abc import Callable, Iterator, Mapping  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from datetime import timedelta  # noqa: E402
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402
from threading import Thread  # noqa: E402
from time import perf_counter, thread_time  # noqa: E402
from typing import Any  # noqa: E402

from benchmarks.figures import Row  # noqa: E402
from calendars import SystemClock, VirtualClock  # noqa: E402
from notifiers import AlertLevel, NotificationMessage  # noqa: E402
from orchestrator.alerts.courier import Courier, CourierProcess  # noqa: E402
from orchestrator.alerts.outbox import Outbox  # noqa: E402
from orchestrator.config import NotificationConfig  # noqa: E402
from orchestrator.history import History  # noqa: E402
from orchestrator.inbox import Inbox  # noqa: E402
from orchestrator.store import Store  # noqa: E402
from orchestrator.world import BUSY_TIMEOUT  # noqa: E402

BAR = 1.0
"""Milliseconds for 99 of 100 puts."""

BOTH = "  put and commit"

WARM_UP = 50
"""Puts that do not count: in these SQLAlchemy compiles its statements."""


Cost = tuple[float, float]
"""Milliseconds on the clock, and of this thread's own work: other programs on the machine add to the first only."""


@dataclass(frozen=True, slots=True)
class Costs:
    name: str
    costs: list[Cost]

    def part(self, percent: int, which: int = 0) -> float:
        ordered = sorted(cost[which] for cost in self.costs)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

    def __str__(self) -> str:
        figures = [self.part(percent, which) for which in (0, 1) for percent in (50, 99)]
        return f"  {self.name:44}" + "".join(f"{figure:10.3f}" for figure in figures)


class NoCourier:
    """Takes everything and says nothing: its services are down."""

    def send(self, delivery: Mapping[str, Any]) -> None:
        """It is lost."""

    def close(self) -> None:
        """Nothing is under way."""


class Desk:
    """An outbox on a file, as the loop has it."""

    def __init__(
        self, folder: Path, config: NotificationConfig, clock: Any, make_courier: Callable[[Outbox], Courier]
    ) -> None:
        self.clock = clock
        self.store = Store(f"sqlite:///{folder / 'orchestrator.db'}", busy_timeout=BUSY_TIMEOUT).open()
        self.history = History(self.store)
        self.outbox = Outbox(config, self.history, make_courier, clock.monotonic, random.Random(1))
        self.outbox.load(self.store)

    def put(self, number: int) -> None:
        message = NotificationMessage(
            f"Order filled: S{number}", "Bought 10 at 150.00", AlertLevel.WARNING, self.clock.now(), {"n": number}
        )
        self.outbox.put(message, "order")

    def close(self) -> None:
        self.outbox.close()
        self.history.flush(force=True)
        self.store.close()


@contextmanager
def desk(config: NotificationConfig, clock: Any, make_courier: Callable[[Outbox], Courier]) -> Iterator[Desk]:
    with TemporaryDirectory(prefix="outbox-") as name:
        made = Desk(Path(name), config, clock, make_courier)
        try:
            yield made
        finally:
            made.close()


def channels(count: int) -> NotificationConfig:
    names = [f"channel_{number}" for number in range(count)]
    return NotificationConfig(channels=names, apprise=dict.fromkeys(names, "json://127.0.0.1:9/"))


def timed(act: Callable[[], object]) -> Cost:
    begin, work = perf_counter(), thread_time()
    act()
    return 1000 * (perf_counter() - begin), 1000 * (thread_time() - work)


def turns(made: Desk, count: int, title: str) -> list[Costs]:
    """One alert in each of `count` turns."""
    puts, commits, steps = [], [], []
    for number in range(count + WARM_UP):
        puts.append(timed(lambda: made.put(number)))  # noqa: B023 - called at once
        commits.append(timed(made.history.flush))
        made.clock.advance(timedelta(milliseconds=100))
        steps.append(timed(lambda: made.outbox.step(made.clock.now())))
    both = [(put[0] + commit[0], put[1] + commit[1]) for put, commit in zip(puts, commits, strict=True)]
    parts = {f"put, {title}": puts, "  its commit": commits, BOTH: both, "  the outbox's step": steps}
    return [Costs(name, costs[WARM_UP:]) for name, costs in parts.items()]


def costs(count: int, waiting: int, width: int) -> list[Costs]:
    clock = VirtualClock(SystemClock().now())
    with desk(channels(1), clock, lambda _: NoCourier()) as made:
        found = turns(made, count, "1 channel")
    clock = VirtualClock(SystemClock().now())
    with desk(channels(width), clock, lambda _: NoCourier()) as made:
        for number in range(waiting):
            made.put(number)
        made.history.flush()
        gc.collect()
        found += turns(made, count, f"{width} channels, {waiting:,} waiting on each")
    return found


def worst(found: list[Costs], which: int) -> float:
    """Of 99 of 100 puts with their commits; `which` is the clock (0) or own work (1)."""
    return max(each.part(99, which) for each in found if each.name == BOTH)


def rows(*, quick: bool = False) -> list[Row]:
    logging.getLogger("orchestrator").setLevel(logging.ERROR)
    found = costs(50, 50, 2) if quick else costs(2_000, 5_000, 4)
    return [
        Row("an alert into the outbox, p99", worst(found, 0), "ms", BAR),
        Row("  of this, own work", worst(found, 1), "ms"),
    ]


# ------------------------------------------------------------------------------------------------------ delivery


class Hook:
    """A webhook that answers at once, and counts."""

    def __init__(self) -> None:
        self.count = 0
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                hook.count += 1
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Be silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def sent_per_second(count: int) -> tuple[float, float]:
    """Deliveries a second, once the courier is up; and milliseconds until the first one, with its start."""
    hook, inbox, clock = Hook(), Inbox(), SystemClock()
    url = f"http://127.0.0.1:{hook.server.server_port}/hook"
    config = NotificationConfig(channels=["webhook"], webhook_url=url, dedupe_window=0, digest_after=0)
    with desk(config, clock, lambda outbox: CourierProcess(inbox, outbox)) as made:
        begin = perf_counter()
        for number in range(count):
            made.put(number)
        first = begin
        while made.outbox.counts()["pending"]:
            now = clock.now()
            for each in inbox.drain():
                each.handle(now)
            if first == begin and made.outbox.counts()["pending"] < count:
                first = perf_counter()
            made.history.flush()
            wait = made.outbox.step(now)
            clock.wait(inbox, now + timedelta(seconds=1 if wait is None else wait))
        end = perf_counter()
    inbox.close()
    hook.close()
    return (count - 1) / (end - first), 1000 * (first - begin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alerts", type=int, default=5_000)
    parser.add_argument("--waiting", type=int, default=5_000)
    parser.add_argument("--channels", type=int, default=4)
    parser.add_argument("--sent", type=int, default=1_000)
    parser.add_argument("--quick", action="store_true", help="500 alerts, 200 sent")
    options = parser.parse_args()
    if options.quick:
        options.alerts, options.sent = 500, 200
    logging.getLogger("orchestrator").setLevel(logging.ERROR)
    print(f"{'ms':46}{'p50':>10}{'p99':>10}{'work p50':>10}{'work p99':>10}")
    found = costs(options.alerts, options.waiting, options.channels)
    for each in found:
        print(each)
    rate, start = sent_per_second(options.sent)
    print(f"  {'deliveries a second, one webhook':44}{rate:10.0f}")
    print(f"  {'ms to the first one, with the courier start':44}{start:10.0f}")
    for which, title in enumerate(("on the clock", "own work")):
        p99 = worst(found, which)
        print(f"put and commit, {title}: p99 {p99:.3f} ms, bar {BAR:g} ms: {'met' if p99 < BAR else 'MISSED'}")


if __name__ == "__main__":
    main()
