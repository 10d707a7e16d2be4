"""Alerts to four channels, of which two fail half of the time, while daemon and courier are killed again and again.

    python benchmarks/soak_alerts.py [--alerts N] [--kills N] [--seed N]

A driver process owns store, outbox and courier, as the daemon does, and puts the alerts. It and its courier are killed
with SIGKILL at random moments, by the seed, and the driver is started again each time, until everything is delivered.
The four services are HTTP servers on the loopback interface, in this process; they note what arrives.

First with repeats and digests off: each alert must arrive at each channel, in order, as often as it takes. Then with
both on, and with a service that is away for a while: each delivery must have arrived, or name one that has.
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if __name__ == "__main__":
    sys.path[0] = ROOT  # beside this script lies a calendar.py, which would hide the standard library's

import argparse  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator, Mapping  # noqa: E402
from contextlib import ExitStack, contextmanager, suppress  # noqa: E402
from dataclasses import dataclass, field, replace  # noqa: E402
from datetime import timedelta  # noqa: E402
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer  # noqa: E402
from itertools import pairwise  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402
from threading import Lock, Thread  # noqa: E402
from typing import Any  # noqa: E402

from sqlalchemy import select, text  # noqa: E402

from calendars import SystemClock  # noqa: E402
from notifiers import AlertLevel, NotificationMessage  # noqa: E402
from orchestrator.alerts.courier import CourierProcess  # noqa: E402
from orchestrator.alerts.outbox import Outbox  # noqa: E402
from orchestrator.alerts.pace import Pace  # noqa: E402
from orchestrator.config import NotificationConfig  # noqa: E402
from orchestrator.history import History  # noqa: E402
from orchestrator.inbox import Inbox  # noqa: E402
from orchestrator.store import Store, alerts, deliveries  # noqa: E402

CHANNELS = ("steady", "webhook", "shaky", "shakier")
SHAKY = frozenset({"shaky", "shakier"})
AWAY = "webhook"
"""The one that is away for a while in the second run."""

PACE = Pace(first_wait=0.005, longest_wait=0.5, longest_asked=0.5, deadline=4.0, minute=1.0)
"""A fraction of the daemon's patience: there are thousands of failures to be patient with."""

AT_A_TURN = 5
"""Alerts that the driver puts in one turn of its loop."""

TURN = 0.01
"""Seconds between two turns, at most."""

PATIENCE = 900.0
"""Seconds after which what has not arrived will not."""


# ------------------------------------------------------------------------------------------------------ services


class Service:
    """One HTTP server that notes the ids of the deliveries it got, each time that it got one.

    :param shaky: it fails half of the time: with 500, with 429, by a reset connection before or after it noted what
        came, by an answer that takes a while, and now and then by none.
    """

    def __init__(self, name: str, seed: int, *, shaky: bool) -> None:
        self.name, self.shaky, self.away = name, shaky, False
        self.noted: list[str] = []
        self.requests = self.withdrawn = 0
        self._lock, self._rng = Lock(), random.Random(seed)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}/hook"

    def note(self, delivery: str) -> None:
        with self._lock:
            self.noted.append(delivery)

    def mood(self) -> str:
        """How it takes the next request."""
        with self._lock:
            self.requests += 1
            if self.away:
                return "500"
            if not self.shaky or self._rng.random() < 0.5:
                return "200"
            moods = ("500", "429", "reset", "reset late", "slow", "stuck")
            return self._rng.choices(moods, (30, 20, 20, 10, 19, 0.3))[0]

    def _handler(service) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                delivery, mood = json.loads(body)["metadata"]["delivery"], service.mood()
                if mood == "stuck":
                    time.sleep(PACE.deadline + 1)
                    return self.reset()
                if mood == "slow":
                    time.sleep(0.03)
                if mood in {"200", "slow", "reset late"}:
                    service.note(delivery)
                if mood.startswith("reset"):
                    service.withdrawn += mood == "reset late"
                    return self.reset()
                return self.answer(int(mood) if mood.isdigit() else 200)

            def answer(self, status: int) -> None:
                with suppress(OSError):  # whoever asked has been killed
                    self.send_response(status)
                    if status == 429:
                        self.send_header("Retry-After", "0.05")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def reset(self) -> None:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

            def log_message(self, *_: object) -> None:
                """Be silent."""

            def handle(self) -> None:
                with suppress(OSError, ValueError):  # reset by one side or the other
                    super().handle()

            def finish(self) -> None:
                with suppress(OSError, ValueError):
                    super().finish()

        return Handler


# -------------------------------------------------------------------------------------------------------- driver


@dataclass(frozen=True)
class Plan:
    """What a driver is to do.

    :param noisy: alerts that repeat themselves and come in floods, with the limits for them on.
    """

    number: int
    noisy: bool
    addresses: Mapping[str, str]

    def config(self) -> NotificationConfig:
        return NotificationConfig(
            channels=list(CHANNELS),
            alert_levels=[level.value for level in AlertLevel],
            webhook_url=f"http://{self.addresses['webhook']}",
            apprise={name: f"json://{self.addresses[name]}" for name in CHANNELS if name != "webhook"},  # but see Hooks
            dedupe_window=0.5 if self.noisy else 0,
            digest_after=20 if self.noisy else 0,
        )

    def put(self, outbox: Outbox, number: int, message: NotificationMessage) -> None:
        """Every tenth is critical; of noisy ones a third repeat one of seven matters, which end now and then."""
        matter = f"job.{number % 7}"
        if not self.noisy or number % 3:
            outbox.put(message, "order")
        elif number % 60 == 0:
            outbox.put(message, "job", closes=matter)
        else:
            outbox.put(message, "job", key=matter)


class Hooks(CourierProcess):
    """Takes every channel for a webhook, which gets the id of the delivery in full; a config can name but one."""

    def __init__(self, inbox: Inbox, outbox: Outbox, plan: Plan) -> None:
        super().__init__(inbox, outbox)
        self._addresses = plan.addresses

    def send(self, delivery: Mapping[str, Any]) -> None:
        settings = {"webhook_url": f"http://{self._addresses[delivery['channel']]}", "headers": {}}
        super().send({**delivery, "kind": "webhook", "settings": settings})


def message(number: int, now: Any) -> NotificationMessage:
    level = AlertLevel.CRITICAL if number % 10 == 0 else AlertLevel.WARNING if number % 2 else AlertLevel.INFO
    return NotificationMessage(f"alert {number}", "text", level, now, {"n": number})


def drive(folder: Path) -> None:
    """Be the daemon, as far as alerts go: until all are put and none is pending."""
    plan = Plan(**json.loads((folder / "plan.json").read_text()))
    clock, inbox = SystemClock(), Inbox()
    with Store(store_url(folder), busy_timeout=2.0) as store:
        history = History(store)
        outbox = Outbox(
            plan.config(),
            history,
            lambda outbox: Hooks(inbox, outbox, plan),
            clock.monotonic,
            random.Random(),
            pace=replace(PACE, dead_after=1.0) if plan.noisy else PACE,
        )
        outbox.load(store)
        number = last_number(store)
        while number < plan.number or outbox.counts()["pending"]:
            now = clock.now()
            for each in inbox.drain():
                each.handle(now)
            for _ in range(min(AT_A_TURN, plan.number - number)):
                number += 1
                plan.put(outbox, number, message(number, now))
            history.flush()
            wait = outbox.step(now)
            clock.wait(inbox, now + timedelta(seconds=min(TURN, TURN if wait is None else wait)))
        history.flush(force=True)
        outbox.close()
    inbox.close()


def store_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'orchestrator.db'}"


def last_number(store: Store) -> int:
    query = text("SELECT coalesce(max(json_extract(metadata, '$.n')), 0) FROM alerts")
    with store.reader.connect() as connection:
        return connection.execute(query).scalar_one()


# -------------------------------------------------------------------------------------------------------- killing


class Driver:
    """The driver process, one after the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.log = (folder / "log").open("ab")
        self._start()

    def _start(self) -> None:
        command = [sys.executable, str(Path(__file__).resolve()), "--drive", str(self._folder)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def courier(self) -> int | None:
        """The id of its courier."""
        with suppress(OSError):
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    def kill(self) -> None:
        """And start the next; the courier must notice by itself."""
        courier = self.courier()
        self.process.kill()
        self.process.wait()
        self._start()
        if courier is not None:
            wait_for(lambda: not alive(courier), f"the courier {courier} of a killed driver is gone")

    def kill_courier(self) -> bool:
        """False if there is none at the moment."""
        courier = self.courier()
        if courier is None:
            return False
        with suppress(ProcessLookupError):
            os.kill(courier, signal.SIGKILL)
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()


def alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(fact: Any, what: str) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        if time.monotonic() > deadline:
            raise SystemExit(f"not true within 30 s: {what}")
        time.sleep(0.01)


# --------------------------------------------------------------------------------------------------------- a run


@dataclass
class Figures:
    """What came of a run; `lost`, `unknown`, `unaccounted` and `disordered` must be nothing."""

    alerts: int
    seconds: float
    kills: Counter[str]
    requests: int
    withdrawn: int
    noted: int = 0
    duplicates: int = 0
    states: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unaccounted: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)

    def faults(self) -> list[str]:
        return [*self.lost, *self.unknown, *self.unaccounted, *self.disordered]

    def print(self, title: str) -> None:
        print(title)
        rows = {
            "alerts, channels": f"{self.alerts:,} x {len(CHANNELS)}",
            "killed": f"driver {self.kills['driver']}, courier {self.kills['courier']}",
            "requests to the services": f"{self.requests:,}",
            "deliveries that arrived": f"{self.noted - self.duplicates:,}, {self.noted / self.seconds:.0f} a second",
            "arrived more than once": f"{self.duplicates:,}, of which {self.withdrawn:,} for want of an answer",
            "rows by state": ", ".join(f"{n:,} {state}" for state, n in self.states.most_common()),
            "lost": f"{len(self.lost)}",
            "arrived, and not on record": f"{len(self.unknown)}",
            "not accounted for": f"{len(self.unaccounted)}",
            "out of order": f"{len(self.disordered)}",
            "seconds": f"{self.seconds:.0f}",
        }
        for name, value in rows.items():
            print(f"  {name:30}{value}", flush=True)


@contextmanager
def services(seed: int) -> Iterator[dict[str, Service]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(Service(name, seed + index, shaky=name in SHAKY))
            for index, name in enumerate(CHANNELS)
        }


def soak(number: int, kills: int, seed: int, *, noisy: bool) -> Figures:
    """One run: `number` alerts, `kills` of the driver and as many of its courier."""
    rng = random.Random(seed)
    begin = time.monotonic()
    with TemporaryDirectory(prefix="soak-") as name, services(seed) as up:
        folder = Path(name)
        addresses = {each.name: each.address for each in up.values()}
        (folder / "plan.json").write_text(json.dumps({"number": number, "noisy": noisy, "addresses": addresses}))
        driver = Driver(folder)
        try:
            killed = _until_delivered(driver, up, _moments(rng, kills, number, noisy), number, noisy)
        finally:
            driver.close()
        requests, withdrawn = (sum(getattr(each, what) for each in up.values()) for what in ("requests", "withdrawn"))
        figures = Figures(number, time.monotonic() - begin, killed, requests, withdrawn)
        with Store(store_url(folder), read_only=True) as store:
            _judge(figures, store, up, noisy=noisy)
    return figures


def _moments(rng: random.Random, kills: int, number: int, noisy: bool) -> list[tuple[int, str]]:
    """When to kill what, in deliveries that have arrived. Many of noisy ones will be told by others."""
    most = int(number * len(CHANNELS) * (0.1 if noisy else 0.9))
    return sorted((rng.randrange(most), victim) for victim in ("driver", "courier") for _ in range(kills))


def _until_delivered(
    driver: Driver, up: Mapping[str, Service], moments: list[tuple[int, str]], number: int, noisy: bool
) -> Counter[str]:
    killed: Counter[str] = Counter()
    moments, deadline = list(moments), time.monotonic() + PATIENCE
    while driver.process.poll() is None or moments:
        if time.monotonic() > deadline or driver.process.poll() not in {None, 0, -signal.SIGKILL}:
            raise SystemExit(f"the driver ended with {driver.process.poll()}: see its log\n{_log(driver)}")
        done = sum(len(each.noted) for each in up.values())
        up[AWAY].away = noisy and number * 0.05 < done < number * 0.2
        if moments and (done >= moments[0][0] or driver.process.poll() is not None):
            victim = moments[0][1]
            if victim == "driver":
                driver.kill()
            if victim == "driver" or driver.kill_courier():
                moments.pop(0)
                killed[victim] += 1
            elif driver.process.poll() is not None:
                moments.pop(0)
        time.sleep(0.005)
    return killed


def _log(driver: Driver) -> str:
    return Path(driver.log.name).read_text()[-4000:]


def _judge(figures: Figures, store: Store, up: Mapping[str, Service], *, noisy: bool) -> None:
    rows = store.rows(select(deliveries, alerts.c.metadata).join_from(deliveries, alerts))
    by_id = {row["id"]: row for row in rows}
    number = {row["id"]: row["metadata"].get("n") for row in rows}
    arrived = {name: list(dict.fromkeys(each.noted)) for name, each in up.items()}
    everything = {each for ids in arrived.values() for each in ids}
    figures.noted = sum(len(each.noted) for each in up.values())
    figures.duplicates = figures.noted - len(everything)
    figures.states = Counter(row["state"] for row in rows)
    figures.unknown = sorted(everything - by_id.keys())
    figures.unaccounted = [row["id"] for row in rows if _teller(row, by_id) not in everything]
    put = {(number[row["id"]], row["channel"]) for row in rows}
    wanted = {(n, name) for n in range(1, figures.alerts + 1) for name in CHANNELS if not (noisy and n % 60 == 0)}
    figures.lost = [f"{name}: alert {n}" for n, name in sorted(wanted - put)]
    for name, ids in () if noisy else arrived.items():
        order = [number[each] for each in ids if each in number]
        figures.disordered += [f"{name}: {later} after {n}" for n, later in pairwise(order) if later < n]


def _teller(row: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]]) -> str:
    """The id of the delivery that was sent to tell this one; of none if it went nowhere."""
    for _ in range(len(by_id)):
        if row["state"] != "collapsed":
            break
        row = by_id[row["last_error"].split()[-1]]
    return str(row["id"]) if row["state"] == "sent" else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--alerts", type=int, default=5_000)
    parser.add_argument("--kills", type=int, default=12, help="of the driver, and as many of its courier, in each run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--drive", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drive is not None:
        return drive(options.drive)
    faults = []
    for title, noisy in (("every alert by itself", False), ("repeats and floods told once", True)):
        figures = soak(options.alerts, options.kills, options.seed, noisy=noisy)
        figures.print(title)
        faults += figures.faults()
    for fault in faults[:20]:
        print(f"  FAULT {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
