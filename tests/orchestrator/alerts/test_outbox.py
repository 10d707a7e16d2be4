"""Alerts arrive: in order, once more after trouble, and after a crash."""

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from calendars import VirtualClock
from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.outbox import ATTEMPT_DEADLINE, IDLE, Outbox
from orchestrator.config import NotificationConfig
from orchestrator.history import History
from orchestrator.store import Store, alerts, deliveries

START = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
SLACK = "https://hooks.slack.com/services/T0AAAAAAA/B0AAAAAAA/abcdefghijklmnopqrstuvwx"
CONFIG = NotificationConfig(
    channels=["console", "slack", "webhook"], slack_webhook_url=SLACK, webhook_url="https://example.org/hook"
)


class Services:
    """A courier whose services answer when the test says so."""

    def __init__(self) -> None:
        self.under_way: list[Mapping[str, Any]] = []
        self.closed = 0

    def send(self, delivery: Mapping[str, Any]) -> None:
        self.under_way.append(delivery)

    def close(self) -> None:
        self.closed += 1
        self.under_way.clear()

    def taken(self) -> list[tuple[str, str]]:
        return [(each["channel"], each["message"]["title"]) for each in self.under_way]


class Bench:
    def __init__(self, store: Store, config: NotificationConfig = CONFIG) -> None:
        self.clock, self.store, self.services = VirtualClock(START), store, Services()
        self.history = History(store)
        self.outbox = Outbox(config, self.history, lambda _: self.services, self.clock.monotonic, random.Random(1))

    def put(self, title: str, level: AlertLevel = AlertLevel.WARNING) -> None:
        self.outbox.put(NotificationMessage(title, "text", level, self.clock.now()), "engine")

    def step(self, **passed: float) -> float | None:
        self.clock.advance(timedelta(**passed))
        self.history.flush()
        return self.outbox.step(self.clock.now())

    def answer(self, channel: str, ok: bool, **more: Any) -> None:
        (delivery,) = [each for each in self.services.under_way if each["channel"] == channel]
        self.services.under_way.remove(delivery)
        self.outbox.receive({"id": delivery["id"], "ok": ok, "detail": "", **more}, self.clock.now())

    def rows(self) -> dict[str, tuple[str, int, str]]:
        self.history.flush()
        return {
            row["channel"]: (row["state"], row["attempts"], row["last_error"])
            for row in self.store.rows(select(deliveries))
        }

    def wait_of(self, channel: str) -> float:
        """Seconds until the next attempt of a channel that has failed."""
        self.history.flush()
        (at,) = [row["next_attempt"] for row in self.store.rows(select(deliveries)) if row["channel"] == channel]
        return (at - self.clock.now()).total_seconds()


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as made:
        yield made


def test_alert_is_a_row_before_it_is_sent(store: Store) -> None:
    bench = Bench(store)
    bench.put("Engine crashed")
    assert bench.services.taken() == []
    bench.step()
    (row,) = store.rows(select(alerts))
    assert (row["title"], row["level"], row["topic"], row["at"]) == ("Engine crashed", "warning", "engine", START)
    assert bench.services.taken() == [("slack", "Engine crashed"), ("webhook", "Engine crashed")]
    assert bench.rows() == {
        "console": ("sent", 1, ""),
        "slack": ("pending", 0, ""),
        "webhook": ("pending", 0, ""),
    }


def test_delivery_carries_its_id_and_no_secret_is_stored(store: Store) -> None:
    bench = Bench(store)
    bench.put("Engine crashed")
    bench.step()
    for parcel in bench.services.under_way:
        assert parcel["message"]["metadata"]["delivery"] == parcel["id"]
    stored = str(store.rows(select(alerts))) + str(store.rows(select(deliveries)))
    assert "hooks.slack.com" not in stored


def test_only_the_named_levels_are_sent_and_all_are_kept(store: Store) -> None:
    bench = Bench(store)
    bench.put("Trading", AlertLevel.INFO)
    bench.step()
    assert bench.services.taken() == []
    assert [row["title"] for row in store.rows(select(alerts))] == ["Trading"]
    assert store.rows(select(deliveries)) == []


def test_each_channel_hears_alerts_in_order_one_at_a_time(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.put("two")
    bench.step()
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]
    bench.answer("slack", True)
    bench.step()
    assert bench.services.taken() == [("webhook", "one"), ("slack", "two")]


def test_dead_channel_delays_no_other_and_keeps_its_order(store: Store) -> None:
    bench = Bench(store)
    for title in ("one", "two"):
        bench.put(title)
    bench.step()
    bench.answer("webhook", False, detail="HTTP 500")
    bench.answer("slack", True)
    bench.step()
    bench.answer("slack", True)
    assert bench.services.taken() == [], "webhook waits for its next attempt"
    wait = bench.step()
    assert wait is not None
    assert 4.4 < wait < 5.6
    bench.step(seconds=6)
    assert bench.services.taken() == [("webhook", "one")]


def test_waits_between_attempts_grow_and_the_service_may_ask_for_another(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.step()
    bench.answer("slack", True)
    waits = []
    for _ in range(9):
        bench.answer("webhook", False, detail="HTTP 500")
        waits.append(bench.wait_of("webhook"))
        bench.step(seconds=waits[-1])
    assert waits == [pytest.approx(w, rel=0.101) for w in (5, 10, 20, 40, 80, 160, 320, 600, 600)]
    bench.answer("webhook", False, detail="HTTP 429", retry_after=7.0)
    assert bench.wait_of("webhook") == 7


def test_alert_that_a_service_refuses_again_and_again_lets_the_others_through(store: Store) -> None:
    bench = Bench(store, NotificationConfig(channels=["webhook"], webhook_url="https://example.org/hook"))
    for title in ("poison", "good"):
        bench.put(title, AlertLevel.CRITICAL)
    bench.step()
    for _ in range(4):
        assert bench.services.taken() == [("webhook", "poison")]
        bench.answer("webhook", False, detail="HTTP 400")
        bench.step(minutes=11)
    assert bench.services.taken() == [("webhook", "good")]
    bench.answer("webhook", True)
    bench.step()
    assert bench.services.taken() == [("webhook", "poison")]


def test_success_after_failure_is_recorded_with_its_attempts(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.step()
    bench.answer("webhook", False, detail="HTTP 500")
    assert bench.outbox.counts() == {"pending": 2, "failed": 1}
    bench.step(seconds=6)
    bench.answer("webhook", True)
    bench.answer("slack", True)
    assert bench.rows() == {
        "console": ("sent", 1, ""),
        "slack": ("sent", 1, ""),
        "webhook": ("sent", 2, "HTTP 500"),
    }
    assert bench.outbox.counts() == {"pending": 0, "failed": 0}


def test_courier_that_does_not_answer_is_replaced_and_its_deliveries_are_tried_again(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    assert bench.step() == ATTEMPT_DEADLINE
    bench.step(seconds=ATTEMPT_DEADLINE)
    assert bench.services.closed == 1
    bench.step(seconds=6)
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]


def test_stuck_channel_costs_another_no_attempt(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.put("two")
    bench.step()
    bench.step(seconds=40)
    bench.answer("slack", True)
    bench.step()  # slack has its second alert under way when webhook's time is up
    bench.step(seconds=5)
    assert bench.services.taken() == [("slack", "two")]
    bench.history.flush()
    failed = [row["channel"] for row in store.rows(select(deliveries)) if row["last_error"]]
    assert failed == ["webhook"]


def test_death_of_the_courier_costs_an_attempt_and_no_alert(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.step()
    bench.services.under_way.clear()
    bench.outbox.ended(-9, bench.clock.now())
    bench.step(seconds=6)
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]
    assert bench.rows()["slack"] == ("pending", 1, "the courier ended (-9)")


def test_idle_courier_is_let_go(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.step()
    bench.answer("slack", True)
    bench.answer("webhook", True)
    assert bench.step() == IDLE
    assert bench.step(seconds=IDLE) is None
    assert bench.services.closed == 1


def test_old_alerts_expire_and_critical_ones_do_not(store: Store) -> None:
    bench = Bench(store, NotificationConfig(channels=["webhook"], webhook_url="https://example.org/hook"))
    bench.put("old")
    bench.put("worst", AlertLevel.CRITICAL)
    bench.step()
    bench.answer("webhook", False, detail="down")
    bench.step(hours=25)
    assert bench.services.taken() == [("webhook", "worst")]
    bench.history.flush()
    states = [row["state"] for row in store.rows(select(deliveries))]
    assert sorted(states) == ["expired", "pending"]


def test_next_process_sends_what_an_earlier_one_left(store: Store) -> None:
    first = Bench(store)
    first.put("one")
    first.put("two")
    first.step()
    first.answer("slack", True)
    first.history.flush()
    second = Bench(store)
    assert second.outbox.load(store) == 3
    second.step()
    assert second.services.taken() == [("webhook", "one"), ("slack", "two")] or second.services.taken() == [
        ("slack", "two"),
        ("webhook", "one"),
    ]


def test_channel_that_left_the_config_keeps_its_deliveries_until_it_is_back(store: Store) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.outbox.configure(NotificationConfig(channels=["console"]))
    assert bench.step() is None
    bench.outbox.configure(CONFIG)
    bench.step()
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]


def test_nothing_is_sent_while_notifications_are_off(store: Store) -> None:
    bench = Bench(store, NotificationConfig(enabled=False, channels=["webhook"], webhook_url="https://example.org/"))
    bench.put("one", AlertLevel.CRITICAL)
    assert bench.step() is None
    assert [row["title"] for row in store.rows(select(alerts))] == ["one"]


@pytest.mark.parametrize("nonsense", ["text", None, {}, {"id": "x"}, {"id": "unknown", "ok": True}])
def test_nonsense_from_the_courier_is_survived(store: Store, nonsense: Any) -> None:
    bench = Bench(store)
    bench.put("one")
    bench.step()
    bench.outbox.receive(nonsense, bench.clock.now())
    assert bench.outbox.counts() == {"pending": 2, "failed": 0}
