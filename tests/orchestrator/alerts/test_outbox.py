"""Alerts arrive: in order, once more after trouble, and after a crash."""

from datetime import timedelta

import pytest

from notifiers import AlertLevel
from orchestrator.alerts.delivery import Delivery
from orchestrator.alerts.pace import Pace
from orchestrator.config import NotificationConfig

PACE = Pace()
CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO


def rows(bench):
    """By channel: state, attempts, error."""
    return {row["channel"]: (row["state"], row["attempts"], row["last_error"]) for row in bench.deliveries()}


def wait_of(bench, channel):
    """Seconds until the next attempt of the first delivery of a channel, as the store has it."""
    at = next(row["next_attempt"] for row in bench.deliveries() if row["channel"] == channel)
    return (at - bench.now).total_seconds()


def test_alert_is_a_row_before_it_is_sent(bench):
    bench.put("Engine crashed")
    assert bench.services.taken() == []
    bench.step()
    (row,) = bench.alerts()
    assert (row["title"], row["level"], row["topic"], row["at"]) == ("Engine crashed", "warning", "engine", bench.now)
    assert bench.services.taken() == [("slack", "Engine crashed"), ("webhook", "Engine crashed")]
    assert rows(bench) == {"console": ("sent", 1, ""), "slack": ("pending", 0, ""), "webhook": ("pending", 0, "")}


def test_delivery_carries_its_id_and_no_secret_is_stored(bench):
    bench.put("Engine crashed")
    bench.step()
    for parcel in bench.services.under_way:
        assert parcel["message"]["metadata"]["delivery"] == parcel["id"]
    assert "hooks.slack.com" not in str(bench.alerts()) + str(bench.deliveries())


def test_only_the_named_levels_are_sent_and_all_are_kept(bench):
    bench.put("Trading", INFO)
    bench.step()
    assert bench.services.taken() == []
    assert [row["title"] for row in bench.alerts()] == ["Trading"]
    assert bench.deliveries() == []


def test_levels_are_a_set_and_not_a_threshold(make_bench):
    bench = make_bench(alert_levels=["info", "critical"])
    for level in AlertLevel:
        bench.put(level.value, level)
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["info", "critical"]


def test_each_channel_hears_alerts_in_order_one_at_a_time(bench):
    bench.put("one")
    bench.put("two")
    bench.step()
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]
    bench.answer("slack")
    bench.step()
    assert bench.services.taken() == [("webhook", "one"), ("slack", "two")]


def test_failing_channel_delays_no_other_and_keeps_its_order(bench):
    for title in ("one", "two"):
        bench.put(title)
    bench.step()
    bench.answer("webhook", False, detail="HTTP 500")
    bench.answer("slack")
    bench.step()
    bench.answer("slack")
    wait = bench.step()
    assert bench.services.taken() == [], "webhook waits for its next attempt"
    assert 4.4 < wait <= 5
    bench.step(seconds=5)
    assert bench.services.taken() == [("webhook", "one")]


def test_waits_between_attempts_grow_and_the_service_may_ask_for_another(single):
    single.put("one")
    single.step()
    waits = []
    for _ in range(9):
        single.answer("webhook", False, detail="HTTP 500")
        waits.append(wait_of(single, "webhook"))
        single.step(seconds=waits[-1] + 0.001)
    assert waits == [pytest.approx(w * 0.95, rel=0.06) for w in (5, 10, 20, 40, 80, 160, 320, 600, 600)]
    single.answer("webhook", False, detail="HTTP 429", retry_after=7.0)
    assert wait_of(single, "webhook") == 7


@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (3_000_000, 3600),
        (10**400, 3600),
        (0.5, 0.5),
        (0, None),
        (-5, None),
        ("soon", None),
        (float("nan"), None),
        (True, None),
    ],
)
def test_service_may_ask_for_an_hour_at_most_and_must_ask_in_seconds(single, asked, wait):
    single.put("one")
    single.step()
    single.answer("webhook", False, retry_after=asked)
    assert wait_of(single, "webhook") == (wait or pytest.approx(4.75, abs=0.26))


def test_critical_alert_is_still_tried_after_months(single):
    single.put("worst", CRITICAL)
    single.step()
    for _ in range(1100):  # 2 to the 1024 is more than a float can hold
        single.answer("webhook", False, detail="HTTP 500")
        single.step(seconds=600)
    assert ("webhook", "worst") in single.services.taken()


def test_alert_that_a_service_fails_on_for_long_lets_the_others_through(single):
    for title in ("poison", "good", "better"):
        single.put(title, CRITICAL)
    single.step()
    failures = 0
    while single.services.taken() == [("webhook", "poison")]:
        single.answer("webhook", False, detail="HTTP 500")
        failures += 1
        single.step(seconds=wait_of(single, "webhook") + 0.001)
    assert single.services.taken() == [("webhook", "good")]
    assert failures in {10, 11}, "5, 10, 20 s and so on to ten minutes: half an hour in all"
    single.answer("webhook")
    single.run({}, seconds=5)
    assert single.services.titles("webhook")[-2:] == ["poison", "better"]


def test_alert_that_a_service_refuses_for_good_lets_the_others_through_at_once(single):
    for title in ("poison", "good"):
        single.put(title, CRITICAL)
    single.step()
    single.answer("webhook", False, detail="HTTP 400", permanent=True)
    single.step(seconds=5)
    assert single.services.taken() == [("webhook", "good")]
    single.answer("webhook")
    single.run({"webhook": {"detail": "HTTP 400", "permanent": True}}, minutes=30)
    assert single.outbox.counts()["channels"]["webhook"]["state"] == "ok", "it works, but for one alert"
    single.put("best", CRITICAL)
    single.run({}, seconds=1)
    assert single.services.titles("webhook")[-1] == "best"


def test_success_after_failure_is_recorded_with_its_attempts(bench):
    bench.put("one")
    bench.step()
    bench.answer("webhook", False, detail="HTTP 500")
    assert (bench.outbox.counts()["pending"], bench.outbox.counts()["failed"]) == (2, 1)
    bench.step(seconds=6)
    bench.answer("webhook")
    bench.answer("slack")
    assert rows(bench) == {
        "console": ("sent", 1, ""),
        "slack": ("sent", 1, ""),
        "webhook": ("sent", 2, "HTTP 500"),
    }
    assert (bench.outbox.counts()["pending"], bench.outbox.counts()["failed"]) == (0, 0)


def test_idle_courier_is_let_go(bench):
    bench.put("one")
    bench.step()
    bench.answer("slack")
    bench.answer("webhook")
    assert bench.step() == PACE.idle
    assert bench.step(seconds=PACE.idle) is None
    assert bench.services.closed == 1


def test_old_alerts_expire_and_critical_ones_do_not(single):
    single.put("old")
    single.put("worst", CRITICAL)
    single.step()
    single.answer("webhook", False, detail="down")
    single.step(hours=25)
    assert single.services.taken() == [("webhook", "worst")]
    assert single.states("webhook")[:2] == [("old", "expired"), ("worst", "pending")]


def test_old_alerts_expire_while_their_channel_is_not_tried(single):
    single.put("old")
    single.step()
    single.answer("webhook", False, detail="HTTP 429", retry_after=3600)
    single.put("older than it looks", INFO)
    single.step(hours=25)
    single.outbox.configure(NotificationConfig(channels=["console"]))
    single.step()
    assert single.states("webhook")[0] == ("old", "expired")


def test_next_process_sends_what_an_earlier_one_left(bench):
    bench.put("one")
    bench.put("two")
    bench.step()
    bench.answer("slack")
    bench.history.flush()
    second = bench.restarted()
    assert second.outbox.counts()["pending"] == 3
    second.step()
    assert second.services.taken() == [("slack", "two"), ("webhook", "one")]


def test_what_is_left_comes_before_what_is_new_in_the_order_in_which_it_was_put(single):
    for title in "abcdefgh":
        single.put(title)  # all at the same time
    single.history.flush()
    config = NotificationConfig(channels=["webhook"], webhook_url="https://example.org/hook")
    second = type(single)(single.store, config, single.clock, loaded=False)
    second.put("new")
    second.outbox.load(second.store)
    second.run(seconds=1)
    assert second.services.titles("webhook") == [*"abcdefgh", "new"]


def test_what_is_old_when_it_is_taken_up_has_expired(bench):
    bench.put("old")
    bench.put("worst", CRITICAL)
    bench.history.flush()
    bench.clock.advance(timedelta(hours=25))
    second = bench.restarted()
    second.run(seconds=1)
    assert second.services.titles("slack") == ["worst"]
    assert second.states("slack") == [("old", "expired"), ("worst", "sent")]


def test_channel_that_left_the_config_keeps_its_deliveries_while_there_is_no_other(bench):
    bench.put("one")
    bench.outbox.configure(NotificationConfig(channels=["console"]))
    assert bench.step() is None
    bench.outbox.configure(
        NotificationConfig(channels=["webhook"], webhook_url="https://example.org/other"),
    )
    bench.step()
    assert bench.services.taken() == [("webhook", "one")]


def test_nothing_is_sent_while_notifications_are_off_and_what_waited_afterwards(single):
    single.put("before", CRITICAL)
    single.outbox.configure(NotificationConfig(enabled=False, channels=["webhook"], webhook_url="https://e.org/"))
    single.put("meanwhile", CRITICAL)
    assert single.step() is None
    assert [row["title"] for row in single.alerts()] == ["before", "meanwhile"]
    single.outbox.configure(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/"))
    single.run(seconds=1)
    assert single.services.titles("webhook") == ["before"]


def test_channel_that_is_reached_in_another_way_is_tried_at_once(single):
    single.put("one")
    single.step()
    single.answer("webhook", False, detail="HTTP 404", permanent=True)
    single.step()
    assert single.services.taken() == []
    single.outbox.configure(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/mended"))
    single.step()
    assert [each["settings"]["webhook_url"] for each in single.services.under_way] == ["https://example.org/mended"]


def test_step_of_the_wall_clock_back_holds_nothing(single):
    single.put("one")
    single.step()
    single.answer("webhook", False, detail="HTTP 500")
    single.clock.step_wall_clock(timedelta(hours=-6))
    single.put("two")
    assert single.step() < 6
    single.run(seconds=6)
    assert single.services.titles("webhook")[-2:] == ["one", "two"]


def test_step_of_the_wall_clock_forward_expires_nothing(single):
    single.put("one")
    single.step()
    single.answer("webhook", False, detail="HTTP 500")
    single.clock.step_wall_clock(timedelta(days=3))
    single.run(seconds=6)
    assert single.states("webhook") == [("one", "sent")]


def test_clock_that_was_ahead_when_the_daemon_died_holds_nothing(single):
    single.clock.step_wall_clock(timedelta(days=3))
    single.put("one")
    single.step()
    single.answer("webhook", False, detail="HTTP 500")
    single.history.flush()
    single.clock.step_wall_clock(timedelta(days=-3))
    second = single.restarted(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/"))
    second.step()
    assert second.services.taken() == [("webhook", "one")]


def test_five_thousand_that_wait_cost_a_turn_nothing(single, monkeypatch):
    """Counted, not timed: a turn of a failing channel looks at the first that waits, and at no other."""
    for number in range(5_000):
        single.put(f"alert {number}", metadata={"n": number})
    single.step()
    single.answer("webhook", False, detail="HTTP 500")
    looked, expired = [], Delivery.expired
    monkeypatch.setattr(Delivery, "expired", lambda self, *args: looked.append(self) or expired(self, *args))
    for _ in range(100):
        single.step(milliseconds=1)
    assert len(looked) == 100
