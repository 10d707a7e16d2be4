"""Whoever heard that something is wrong hears that it is over."""

from datetime import timedelta

import pytest

from notifiers import AlertLevel
from orchestrator.config import RouteConfig

CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO


def interrupt(bench):
    bench.put("Trading interrupted", CRITICAL, "engine failed", key="engine.interrupted")


def recover(bench):
    bench.put("Trading again", INFO, "engine running", closes="engine.interrupted engine.given_up")


def test_end_goes_to_those_who_heard_of_the_beginning_whatever_its_level(bench):
    interrupt(bench)
    bench.run(minutes=12)
    recover(bench)
    bench.run(seconds=1)
    for channel in ("slack", "webhook"):
        assert bench.services.titles(channel) == ["Trading interrupted", "Trading again"]
        assert bench.services.texts(channel)[-1] == "After 12 min: engine running"
    assert [each["message"]["level"] for each in bench.services.heard[-2:]] == ["info", "info"]
    assert bench.states("console") == [("Trading interrupted", "sent"), ("Trading again", "sent")]


def test_end_goes_to_nobody_who_did_not_hear_of_the_beginning(make_bench):
    routes = [RouteConfig(levels=["critical"], channels=["slack"]), RouteConfig(levels=["info"], channels=["webhook"])]
    bench = make_bench(routes=routes, alert_levels=["info", "warning", "critical"])
    interrupt(bench)
    bench.run(minutes=1)
    recover(bench)
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Trading interrupted", "Trading again"]
    assert bench.services.titles("webhook") == []


def test_end_of_a_matter_that_is_still_on_its_way_follows_it(bench):
    interrupt(bench)
    bench.run({"slack": "HTTP 500"}, minutes=1)
    recover(bench)
    bench.run({"slack": "HTTP 500"}, seconds=1)
    assert bench.services.titles("webhook") == ["Trading interrupted", "Trading again"]
    bench.run(minutes=1)
    assert bench.services.titles("slack")[-2:] == ["Trading interrupted", "Trading again"]


@pytest.mark.parametrize("level", [INFO, WARNING])
def test_end_of_what_was_not_open_is_an_alert_of_its_level(bench, level):
    bench.put("Trading again", level, "engine running", closes="engine.interrupted")
    bench.run(seconds=1)
    assert bench.services.titles("slack") == (["Trading again"] if level is WARNING else [])
    assert [row["message"] for row in bench.alerts()] == ["engine running"]


def test_end_of_what_nobody_was_told_of_is_an_alert_of_its_level(make_bench):
    bench = make_bench(alert_levels=["info"])
    bench.put("Job scan failed", WARNING, key="job.scan")
    bench.put("Job scan is well again", INFO, closes="job.scan")
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Job scan is well again"]


def test_matter_is_over_once(bench):
    interrupt(bench)
    bench.run(minutes=1)
    recover(bench)
    recover(bench)
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Trading interrupted", "Trading again"]


def test_several_matters_end_as_one_that_lasted_from_the_first_on(bench):
    interrupt(bench)
    bench.run(minutes=2)
    bench.put("Engine given up", CRITICAL, key="engine.given_up")
    bench.run(hours=2)
    recover(bench)
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Trading interrupted", "Engine given up", "Trading again"]
    assert bench.services.texts("slack")[-1] == "After 2 h 2 min, said 2 times: engine running"


def test_matters_of_other_keys_stay_open(bench):
    bench.put("Job a failed", key="job.a")
    bench.put("Job b failed", key="job.b")
    bench.run(minutes=1)
    bench.put("Job a is well again", INFO, closes="job.a")
    assert (bench.outbox.is_open("job.a"), bench.outbox.is_open("job.b")) == (False, True)


def test_open_matters_survive_a_restart(bench):
    interrupt(bench)
    bench.put("Job scan failed", key="job.scan")
    bench.put("Job scan is well again", INFO, closes="job.scan")
    bench.run(minutes=5)
    second = bench.restarted()
    assert second.outbox.is_open("engine.interrupted")
    assert not second.outbox.is_open("job.scan")
    second.run(minutes=7)
    recover(second)
    second.run(seconds=1)
    assert second.services.titles("slack") == ["Trading again"]
    assert second.services.texts("slack") == ["After 12 min: engine running"]


def test_matter_that_was_told_before_and_after_a_restart_is_one(bench):
    interrupt(bench)
    bench.run(minutes=5)
    second = bench.restarted()
    interrupt(second)
    second.run(minutes=5)
    third = second.restarted()
    recover(third)
    third.run(seconds=1)
    assert third.services.texts("slack") == ["After 10 min, said 2 times: engine running"]


def test_matter_of_a_later_time_is_not_closed_by_an_earlier_end(bench):
    interrupt(bench)
    bench.run(minutes=1)
    recover(bench)
    bench.run(minutes=1)
    second = type(bench)(bench.store, clock=bench.clock, loaded=False)
    interrupt(second)  # before it has loaded what was
    second.outbox.load(second.store)
    assert second.outbox.is_open("engine.interrupted")


def test_channel_that_only_has_its_delivery_expired_was_not_told(bench):
    bench.put("Job scan failed", key="job.scan")
    bench.run({"slack": {"detail": "HTTP 429", "retry_after": 3600}}, hours=25)
    bench.run(hours=1)
    second = bench.restarted()
    second.put("Job scan is well again", INFO, closes="job.scan")
    second.run(seconds=1)
    assert ("Job scan failed", "expired") in second.states("slack")
    assert (second.services.titles("slack"), second.services.titles("webhook")) == ([], ["Job scan is well again"])


def test_stepped_clock_does_not_change_how_long_it_lasted(bench):
    interrupt(bench)
    bench.run(minutes=12)
    bench.clock.step_wall_clock(timedelta(hours=-9))
    recover(bench)
    bench.run(seconds=1)
    assert bench.services.texts("slack")[-1] == "After 12 min: engine running"


def test_rows_tell_the_matter_and_what_closed_it(bench):
    interrupt(bench)
    recover(bench)
    bench.put("Order filled: AAPL", INFO, topic="order")
    bench.put("Limit 12 of 30 reached")
    assert [(row["key"], row["closes"]) for row in bench.alerts()] == [
        ("engine.interrupted", None),
        ("engine.interrupted", "engine.interrupted engine.given_up"),
        ("order: Order filled: AAPL", None),
        ("engine: Limit # of # reached", None),
    ]
