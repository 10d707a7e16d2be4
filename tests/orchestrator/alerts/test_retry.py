"""An operator asks for another attempt."""

import pytest

from notifiers import AlertLevel
from orchestrator.config import RouteConfig

CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO
GONE = {"detail": "HTTP 404: no_service", "permanent": True}


def ids(bench, channel="webhook"):
    return {row["title"]: row["id"] for row in bench.deliveries() if row["channel"] == channel}


def test_all_that_waits_after_a_failure_is_tried_at_once(bench):
    bench.put("one")
    bench.put("two")
    bench.run({"slack": "HTTP 500"}, minutes=5)
    assert bench.outbox.retry() == 2
    bench.step()
    assert ("slack", "one") in bench.services.taken()


def test_dead_channel_and_what_it_refused_are_tried_at_once(single):
    single.put("one", CRITICAL)
    single.run({"webhook": GONE}, hours=2)
    assert single.outbox.counts()["channels"]["webhook"]["state"] == "dead"
    assert single.outbox.retry() == 1
    single.run(seconds=1)
    assert single.outbox.counts()["channels"]["webhook"]["state"] == "ok"


@pytest.mark.parametrize("which", ["delivery", "alert"])
def test_what_is_named_is_tried_at_once(single, which):
    single.put("one", CRITICAL)
    single.run({"webhook": GONE}, hours=2)
    named = ids(single)["one"] if which == "delivery" else single.alerts()[0]["id"]
    assert single.outbox.retry([named]) == 1
    single.step()
    assert single.services.taken() == [("webhook", "one")]


def test_what_is_held_back_is_sent_only_if_it_is_named(make_bench):
    routes = [RouteConfig(quiet_hours="14:00-20:00", channels=["webhook"])]
    bench = make_bench(channels=["webhook"], routes=routes)
    bench.put("one")
    bench.put("two")
    bench.step()
    assert bench.outbox.retry() == 0
    bench.step()
    assert bench.services.taken() == []
    assert bench.outbox.retry([ids(bench)["two"]]) == 1
    bench.step()
    assert bench.services.taken() == [("webhook", "two")]


def test_follow_up_that_is_held_is_sent_only_if_it_is_named(single):
    for _ in range(3):
        single.put("Job scan failed", key="job.scan")
        single.run(seconds=1)
    assert single.outbox.retry() == 0
    held = [row["id"] for row in single.deliveries() if row["state"] == "pending"]
    assert single.outbox.retry(held) == 1
    single.run(seconds=1)
    assert single.services.titles("webhook") == ["Job scan failed", "x 3: Job scan failed"]


def test_what_has_expired_is_sent_after_all_if_it_is_named(single):
    single.put("one")
    single.run({"webhook": "HTTP 500"}, hours=25)
    single.run({"webhook": "HTTP 500"}, hours=1)
    assert single.states("webhook")[0] == ("one", "expired")
    assert single.outbox.retry() == 0
    assert single.outbox.retry([ids(single)["one"]]) == 1
    assert single.states("webhook")[0] == ("one", "pending")


def test_what_is_sent_after_all_is_sent_with_its_id_and_settled(bench):
    bench.put("one")
    bench.run({"slack": {"detail": "HTTP 429", "retry_after": 3600}}, hours=26)
    one = ids(bench, "slack")["one"]
    assert bench.states("slack")[0] == ("one", "expired")
    assert bench.outbox.retry([one]) == 1
    bench.run(seconds=1)
    assert bench.states("slack")[0] == ("one", "sent")
    assert [each["id"] for each in bench.services.heard if each["channel"] == "slack"][-1] == one


def test_what_is_older_than_seven_days_is_not_sent_any_more(bench):
    bench.put("one")
    bench.run({"slack": {"detail": "HTTP 429", "retry_after": 3600}}, hours=26)
    bench.run(days=6)
    assert bench.outbox.retry([ids(bench, "slack")["one"]]) == 0


def test_unknown_and_sent_ones_are_not_tried_again(bench):
    bench.put("one")
    bench.run(seconds=1)
    bench.history.flush()
    assert bench.outbox.retry(["no such id", ids(bench)["one"]]) == 0
