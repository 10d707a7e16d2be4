"""An outbox on a virtual clock, with services that answer when the test says so."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from calendars import VirtualClock
from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.outbox import Outbox
from orchestrator.config import NotificationConfig
from orchestrator.history import History
from orchestrator.store import Store, alerts, deliveries

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SLACK = "https://hooks.slack.com/services/T0AAAAAAA/B0AAAAAAA/abcdefghijklmnopqrstuvwx"
HOOK = "https://example.org/hook"
PHONE = {"phone": "ntfy://topic"}
SEEDS = count(1)
"""Each outbox has another: the ids that it makes must not be those of one before."""

CONFIG = NotificationConfig(channels=["console", "slack", "webhook"], slack_webhook_url=SLACK, webhook_url=HOOK)


class Services:
    """A courier whose services answer when the test says so; `heard` is what they have been given until now."""

    def __init__(self) -> None:
        self.under_way: list[Mapping[str, Any]] = []
        self.heard: list[Mapping[str, Any]] = []
        self.closed = 0

    def send(self, delivery: Mapping[str, Any]) -> None:
        self.under_way.append(delivery)
        self.heard.append(delivery)

    def close(self) -> None:
        self.closed += 1
        self.under_way.clear()

    def taken(self) -> list[tuple[str, str]]:
        return [(each["channel"], each["message"]["title"]) for each in self.under_way]

    def titles(self, channel: str) -> list[str]:
        return [each["message"]["title"] for each in self.heard if each["channel"] == channel]

    def texts(self, channel: str) -> list[str]:
        return [each["message"]["message"] for each in self.heard if each["channel"] == channel]


class Bench:
    """One outbox in a turn of its own: written, then stepped, as the loop does."""

    def __init__(
        self,
        store: Store,
        config: NotificationConfig = CONFIG,
        clock: VirtualClock | None = None,
        *,
        loaded: bool = True,
    ) -> None:
        self.clock, self.store, self.services = clock or VirtualClock(START), store, Services()
        self.history, rng = History(store), random.Random(next(SEEDS))
        self.outbox = Outbox(config, self.history, lambda _: self.services, self.clock.monotonic, rng)
        if loaded:
            self.outbox.load(store)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def put(
        self, title: str, level: AlertLevel = AlertLevel.WARNING, text: str = "text", topic: str = "engine", **more: Any
    ) -> None:
        metadata = more.pop("metadata", {})
        self.outbox.put(NotificationMessage(title, text, level, self.now, metadata), topic, **more)

    def turn(self) -> float | None:
        """What the loop does with it, once."""
        self.history.flush()
        return self.outbox.step(self.now)

    def step(self, **passed: float) -> float | None:
        """After so much time, as many turns as it wants at once."""
        self.clock.advance(timedelta(**passed))
        while (wait := self.turn()) == 0.0:
            pass
        return wait

    def answer(self, channel: str, ok: bool = True, **more: Any) -> None:
        (delivery,) = [each for each in self.services.under_way if each["channel"] == channel]
        self.services.under_way.remove(delivery)
        self.outbox.receive({"id": delivery["id"], "ok": ok, "detail": "", **more}, self.now)

    def run(self, down: Mapping[str, Any] | None = None, **passed: float) -> None:
        """Let time pass. Services answer at once; those in `down` fail, with this detail or parts of an outcome."""
        end = self.now + timedelta(**passed)
        while True:
            wait = self.step()
            for channel in [each["channel"] for each in self.services.under_way]:
                trouble = (down or {}).get(channel)
                more = {"detail": trouble} if isinstance(trouble, str) else trouble or {}
                self.answer(channel, trouble is None, **more)
                wait = 0.0
            if wait == 0.0:
                continue
            if self.now >= end:
                return
            wake = end if wait is None else min(end, self.now + timedelta(seconds=wait, microseconds=1))
            self.clock.advance(wake - self.now)

    def restarted(self, config: NotificationConfig = CONFIG) -> "Bench":
        """The daemon was killed after its last write, and is started again."""
        return Bench(self.store, config, self.clock)

    # --- the store ---

    def alerts(self) -> list[Mapping[str, Any]]:
        self.history.flush()
        return self.store.rows(select(alerts))

    def deliveries(self) -> list[Mapping[str, Any]]:
        """Each with its alert's title."""
        self.history.flush()
        return self.store.rows(select(deliveries, alerts.c.title, alerts.c.count).join_from(deliveries, alerts))

    def states(self, channel: str) -> list[tuple[str, str]]:
        return [(row["title"], row["state"]) for row in self.deliveries() if row["channel"] == channel]


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as made:
        yield made


@pytest.fixture
def make_bench(store: Store) -> Callable[..., Bench]:
    """Makes a bench; options of the notifications replace those of a console, a slack and a webhook channel."""

    def make(**options: Any) -> Bench:
        return Bench(store, replace(CONFIG, **options))

    return make


@pytest.fixture
def bench(make_bench: Callable[..., Bench]) -> Bench:
    return make_bench()


@pytest.fixture
def single(make_bench: Callable[..., Bench]) -> Bench:
    """With a webhook channel and no other."""
    return make_bench(channels=["webhook"])
