"""A channel that does not deliver: others hear what it should, and it hears the rest when it works again."""

import pytest

from notifiers import AlertLevel
from orchestrator.config import NotificationConfig, RouteConfig

CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO
GONE = {"detail": "HTTP 404: no_service", "permanent": True}


def state(bench, channel="slack"):
    return bench.outbox.counts()["channels"][channel]


@pytest.fixture
def split(make_bench):
    """Orders go to slack, all else to the webhook."""
    routes = [
        RouteConfig(topics=["order"], channels=["slack"]),
        RouteConfig(topics=["engine", "job"], channels=["webhook"]),
    ]
    return make_bench(routes=routes, alert_levels=["info", "warning", "critical"])


def test_several_failures_over_some_minutes_are_told_through_the_others(bench):
    bench.put("Job scan failed")
    bench.run({"slack": "HTTP 500: oops"}, seconds=100)
    assert state(bench) == {"pending": 1, "state": "failing", "last_error": "HTTP 500: oops"}
    bench.run({"slack": "HTTP 500: oops"}, seconds=60)
    assert state(bench)["state"] == "dead"
    assert bench.services.titles("webhook") == ["Job scan failed", "Channel slack does not deliver"]
    text = "HTTP 500: oops; 1 alert waits; warnings and critical ones are sent to webhook meanwhile."
    assert bench.services.texts("webhook")[-1] == text
    bench.run({"slack": "HTTP 500: oops"}, hours=5)
    assert len(bench.services.titles("webhook")) == 2, "it is told once"
    assert "Channel slack does not deliver" not in bench.services.titles("slack")


def test_what_will_not_mend_by_itself_is_told_at_once(bench):
    bench.put("Job scan failed")
    bench.run({"slack": GONE}, seconds=1)
    assert bench.services.titles("webhook")[-1] == "Channel slack does not deliver"


def test_service_that_wants_to_be_left_alone_for_long_is_as_good_as_dead(bench):
    bench.put("Job scan failed")
    bench.run({"slack": {"detail": "HTTP 429", "retry_after": 1800}}, seconds=1)
    assert state(bench)["state"] == "dead"
    bench.run(minutes=29)
    assert bench.services.titles("slack") == ["Job scan failed"]
    bench.run(minutes=1)
    assert bench.services.titles("slack")[:2] == ["Job scan failed"] * 2


def test_what_matters_and_has_reached_nobody_goes_to_the_others(split):
    for level in (INFO, WARNING, CRITICAL):
        split.put(f"Order {level.value}", level, topic="order")
    split.put("Job scan failed", topic="job")
    split.run({"slack": GONE}, seconds=1)
    assert split.services.titles("webhook") == [
        "Job scan failed",
        "Channel slack does not deliver",
        "Order warning",
        "Order critical",
    ]


def test_while_it_is_dead_what_is_new_goes_to_the_others_too(split):
    split.put("Order failed", topic="order")
    split.run({"slack": GONE}, seconds=1)
    for level in (INFO, WARNING, CRITICAL):
        split.put(f"Order {level.value}", level, topic="order")
    split.run({"slack": GONE}, seconds=1)
    assert split.services.titles("webhook")[-2:] == ["Order warning", "Order critical"]


def test_what_another_channel_has_anyway_is_not_sent_twice(bench):
    bench.put("Job scan failed")
    bench.run({"slack": GONE}, seconds=1)
    bench.put("Trading interrupted", CRITICAL)
    bench.run({"slack": GONE}, seconds=1)
    assert bench.services.titles("webhook").count("Job scan failed") == 1
    assert bench.services.titles("webhook").count("Trading interrupted") == 1


def test_it_is_tried_by_growing_intervals_of_ten_minutes_at_most(single):
    single.put("one", CRITICAL)
    single.run({"webhook": "HTTP 500"}, hours=6)
    assert 40 < len(single.services.heard) < 60
    assert state(single, "webhook")["state"] == "dead"
    waits = single.step()
    assert waits is not None
    assert waits <= 600


def test_when_it_works_again_the_rest_comes_as_a_digest_and_what_is_critical_singly(bench):
    bench.put("first")
    bench.run({"slack": "HTTP 500"}, minutes=5)
    for number in range(12):
        bench.put(f"Job {number} failed")
    bench.put("Trading interrupted", CRITICAL)
    bench.run({"slack": "HTTP 500"}, minutes=20)
    before = len(bench.services.titles("slack"))
    bench.run(minutes=11)
    heard = bench.services.titles("slack")[before:]
    assert heard[0] == "first"
    assert sorted(heard[1:]) == ["12 alerts in 1 s: 12 x Job 11 failed", "Trading interrupted"]
    assert state(bench) == {"pending": 0, "state": "ok", "last_error": None}


def test_without_digests_the_rest_comes_in_order(make_bench):
    bench = make_bench(digest_after=0)
    for number in range(3):
        bench.put(f"alert {number}")
    bench.run({"slack": "HTTP 500"}, minutes=20)
    before = len(bench.services.titles("slack"))
    bench.run(minutes=11)
    assert bench.services.titles("slack")[before:] == ["alert 0", "alert 1", "alert 2"]


def test_who_was_told_that_it_is_dead_is_told_that_it_works_again(bench):
    bench.put("one")
    bench.run({"slack": GONE}, minutes=20)
    bench.run(minutes=11)
    assert bench.services.titles("webhook") == ["one", "Channel slack does not deliver", "Channel slack works again"]
    assert bench.services.texts("webhook")[-1].startswith("After ")
    assert bench.services.titles("slack")[-1] == "one"


def test_dead_channel_is_known_as_dead_after_a_restart(split):
    split.put("Order failed", topic="order")
    split.run({"slack": GONE}, seconds=1)
    split.history.flush()
    second = split.restarted(split_config(split))
    assert state(second)["state"] == "dead"
    second.put("Order failed again", topic="order")
    second.run({"slack": GONE}, minutes=30)
    assert second.services.titles("webhook") == ["Order failed again"]
    second.run(minutes=11)
    assert second.services.titles("webhook")[1:] == ["Channel slack works again"]


def split_config(bench):
    routes = [
        RouteConfig(topics=["order"], channels=["slack"]),
        RouteConfig(topics=["engine", "job"], channels=["webhook"]),
    ]
    return NotificationConfig(
        channels=["console", "slack", "webhook"],
        slack_webhook_url="https://e.org",
        webhook_url="https://e.org",
        alert_levels=["info", "warning", "critical"],
        routes=routes,
    )


def test_if_all_are_dead_nothing_is_lost(bench):
    dead = {"slack": GONE, "webhook": GONE}
    for number in range(4):
        bench.put(f"Job {number} failed")
    bench.run(dead, minutes=30)
    assert [state(bench, name)["state"] for name in ("slack", "webhook")] == ["dead", "dead"]
    bench.put("Trading interrupted", CRITICAL)
    bench.run(dead, hours=20)
    bench.run(minutes=11)
    for channel in ("slack", "webhook"):
        told = " ".join(bench.services.titles(channel) + bench.services.texts(channel))
        assert all(f"Job {number} failed" in told for number in range(4))
        assert "Trading interrupted" in told
    assert bench.outbox.counts()["pending"] == 0


def test_first_of_two_dead_channels_that_works_again_hears_what_waits_for_the_other(split):
    dead = {"slack": GONE, "webhook": GONE}
    split.put("Job scan failed", topic="job")
    split.put("Order failed", topic="order")
    split.run(dead, minutes=30)
    split.run({"slack": GONE}, minutes=11)
    assert "Order failed" in split.services.titles("webhook")


def test_config_is_mended_and_it_is_tried_at_once(split):
    split.put("Order failed", topic="order")
    split.run({"slack": GONE}, hours=2)
    config = split_config(split)
    config.slack_webhook_url = "https://e.org/mended"
    split.outbox.configure(config)
    split.run(seconds=1)
    assert split.services.titles("slack")[-1] == "Order failed"
    assert state(split)["state"] == "ok"


def test_other_channel_that_is_new_in_the_config_hears_what_waits(single):
    single.put("Job scan failed")
    single.run({"webhook": GONE}, minutes=5)
    config = NotificationConfig(
        channels=["webhook", "slack"], webhook_url="https://example.org/hook", slack_webhook_url="https://e.org"
    )
    single.outbox.configure(config)
    single.run({"webhook": GONE}, seconds=1)
    assert single.services.titles("slack") == ["Job scan failed"]


def test_channel_that_left_the_config_leaves_what_matters_to_the_others(split):
    split.put("Order filled: AAPL", INFO, topic="order")
    split.put("Order failed", topic="order")
    split.put("Order lost", CRITICAL, topic="order")
    split.step()
    split.answer("slack", False, detail="HTTP 500")
    split.outbox.configure(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/hook"))
    split.run(seconds=1)
    assert split.services.titles("webhook") == ["Order failed", "Order lost"]
    rows = {(row["title"], row["channel"]): row for row in split.deliveries()}
    filled, failed = rows["Order filled: AAPL", "slack"], rows["Order failed", "slack"]
    assert (filled["state"], filled["last_error"]) == ("expired", "the channel is not in the config any more")
    moved_to = rows["Order failed", "webhook"]["id"]
    assert (failed["state"], failed["last_error"]) == ("collapsed", f"moved to delivery {moved_to}")
    assert split.outbox.counts() == {
        "pending": 0,
        "failed": 0,
        "channels": {"webhook": {"pending": 0, "state": "ok", "last_error": None}},
    }


def test_channel_that_left_the_config_while_the_daemon_was_down(split):
    split.put("Order failed", topic="order")
    split.history.flush()
    second = split.restarted(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/hook"))
    second.run(seconds=1)
    assert second.services.titles("webhook") == ["Order failed"]


def test_thousands_that_wait_are_copied_a_few_at_a_time(split):
    for number in range(1_000):
        split.put(f"Order {number} failed", topic="order")
    split.step()
    split.answer("slack", False, **GONE)
    counts = []
    while split.turn() == 0.0 and len(counts) < 10:
        split.history.flush()
        counts.append(state(split, "webhook")["pending"])
    assert counts == [201, 401, 601, 801], "and the alert that it is dead"
    split.turn()
    assert state(split, "webhook")["pending"] == 1_001


def test_what_was_told_before_a_restart_is_not_copied_again(split):
    split.put("Order failed", topic="order")
    split.run({"slack": GONE}, minutes=1)
    assert split.services.titles("webhook")[-1] == "Order failed"
    second = split.restarted(split_config(split))
    second.run({"slack": GONE}, minutes=30)
    assert second.services.titles("webhook") == []


def test_failing_for_a_moment_is_not_worth_an_alert(bench):
    bench.put("one")
    bench.run({"slack": "HTTP 500"}, seconds=60)
    bench.run(minutes=5)
    assert bench.services.titles("webhook") == ["one"]


def test_console_is_no_other_channel(make_bench):
    bench = make_bench(channels=["console", "webhook"])
    bench.put("one")
    bench.run({"webhook": GONE}, seconds=1)
    (told,) = [row for row in bench.alerts() if row["title"].startswith("Channel")]
    assert told["message"] == "HTTP 404: no_service; 1 alert waits; no other works."
    assert state(bench, "webhook")["pending"] == 1


def test_killed_while_it_copies_it_copies_the_rest_after_the_restart(split):
    for number in range(300):
        split.put(f"Order {number} failed", topic="order")
    split.step()
    split.answer("slack", False, **GONE)
    while state(split, "webhook")["pending"] < 200:
        split.turn()
    split.history.flush()
    second = split.restarted(split_config(split))
    second.run({"slack": GONE}, seconds=1)
    rows = [row["title"] for row in second.deliveries() if row["channel"] == "webhook"]
    assert sorted(set(rows) - {"Channel slack does not deliver"}) == sorted(f"Order {n} failed" for n in range(300))
    assert len(rows) == 301, "each once"


def test_what_waits_for_a_channel_that_is_gone_waits_for_the_first_that_works(bench):
    bench.put("one", CRITICAL)
    bench.run({"slack": GONE, "webhook": GONE}, minutes=1)
    bench.outbox.configure(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/hook"))
    bench.run({"webhook": GONE}, minutes=30)
    assert bench.states("slack")[0] == ("one", "pending"), "nobody else hears it yet"
    bench.run(minutes=11)
    assert bench.states("slack")[0][1] == "expired"
    assert bench.outbox.counts()["pending"] == 0
