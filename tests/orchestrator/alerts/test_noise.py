"""The same thing said again and again is told once, with how often."""

import pytest

from notifiers import AlertLevel
from orchestrator.config import NotificationConfig

CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO


def said(bench, channel="slack"):
    return list(zip(bench.services.titles(channel), bench.services.texts(channel), strict=True))


def test_repeats_within_the_window_are_one_message_at_its_end(bench):
    for number in range(37):
        bench.put("Job scan failed", text=f"exit code {number}", key="job.scan")
        bench.run(seconds=5)
    assert said(bench) == [("Job scan failed", "exit code 0")]
    bench.run(minutes=10)
    assert said(bench)[1:] == [("x 37: Job scan failed", "exit code 36\nSaid 37 times since 15:00:00.")]


def test_window_begins_when_the_alert_was_handed_over(bench):
    bench.put("Job scan failed", key="job.scan")
    bench.run(minutes=4)
    bench.put("Job scan failed", key="job.scan")
    bench.run(seconds=59)
    assert bench.services.titles("slack") == ["Job scan failed"]
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Job scan failed", "x 2: Job scan failed"]


def test_alert_that_is_not_repeated_has_no_follow_up(bench):
    bench.put("Job scan failed", key="job.scan")
    bench.run(hours=1)
    assert len(bench.services.heard) == 2
    assert bench.step() is None


def test_undelivered_alert_takes_in_what_repeats_it(single):
    single.put("Something else")
    single.step()  # it is under way, and the others wait
    for number in range(3):
        single.put("Job scan failed", text=f"exit code {number}", key="job.scan")
    single.answer("webhook")
    single.run(seconds=1)
    assert said(single, "webhook")[1:] == [
        ("Job scan failed (x 3)", "exit code 2\nSaid 3 times since 15:00:00."),
    ]


def test_alert_of_another_level_is_another(bench):
    bench.put("Disk is full", WARNING, key="disk")
    bench.run(seconds=1)
    bench.put("Disk is full", CRITICAL, key="disk")
    bench.run(seconds=1)
    assert len(bench.services.titles("slack")) == 2


def test_last_text_tells_its_title_if_it_is_another(bench):
    for title in ("Job scan failed", "Job scan failed", "Job scan timeout"):
        bench.put(title, text="it hangs", key="job.scan")
        bench.run(seconds=10)
    bench.run(minutes=10)
    assert said(bench)[-1] == ("x 3: Job scan failed", "Job scan timeout: it hangs\nSaid 3 times since 15:00:00.")


@pytest.mark.parametrize("level", [WARNING, CRITICAL])
def test_without_a_key_only_what_is_the_same_to_the_letter_is_a_repeat(bench, level):
    for text, facts in (("a", {}), ("a", {}), ("b", {}), ("b", {"symbol": "AAPL"})):
        bench.put("Order failed", level, text, topic="order", metadata=facts)
        bench.run(seconds=1)
    assert [text for _, text in said(bench)] == ["a", "b", "b"]


def test_fills_are_never_collapsed(make_bench):
    bench = make_bench(alert_levels=["info"])
    for _ in range(3):
        bench.put("Order filled: AAPL", INFO, "Bought 10 AAPL at 150.00", topic="order")
        bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Order filled: AAPL"] * 3


def test_applied_configs_are_never_collapsed(make_bench):
    bench = make_bench(alert_levels=["info"])
    for number in range(3):
        bench.put("Config applied", INFO, f"change {number}", topic="config", closes="config")
        bench.run(seconds=1)
    assert bench.services.texts("slack") == ["change 0", "change 1", "change 2"]


def test_window_of_zero_collapses_nothing(make_bench):
    bench = make_bench(dedupe_window=0)
    for _ in range(3):
        bench.put("Job scan failed", key="job.scan")
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Job scan failed"] * 3


def test_critical_repeats_are_told_by_growing_intervals(single):
    for _ in range(24 * 60):
        single.put("Trading interrupted", CRITICAL, key="engine.interrupted")
        single.run(minutes=1)
    told = [each["message"]["timestamp"][11:16] for each in single.services.heard]
    # After 5, 15, 45, 135 min, and then every four hours.
    assert told == ["15:00", "15:04", "15:19", "16:04", "18:19", "22:19", "02:19", "06:19", "10:19", "14:19"]
    assert single.services.titles("webhook")[:3] == [
        "Trading interrupted",
        "x 5: Trading interrupted",
        "x 20: Trading interrupted",
    ]
    assert single.services.texts("webhook")[-1] == "text\nSaid 1400 times since 24 Nov 15:00:00."


def test_warning_repeats_are_told_by_equal_intervals(single):
    for _ in range(61):
        single.put("Job scan failed", key="job.scan")
        single.run(minutes=1)
    assert single.services.titles("webhook")[:3] == [
        "Job scan failed",
        "x 5: Job scan failed",
        "x 10: Job scan failed",
    ]
    assert len(single.services.heard) == 13


def test_quiet_for_twice_the_interval_begins_anew(single):
    for pause in (1, 30, 30 + 1):
        single.put("Trading interrupted", CRITICAL, key="engine.interrupted")
        single.run(minutes=pause)
    titles = ["Trading interrupted", "x 2: Trading interrupted", "x 3: Trading interrupted"]
    assert single.services.titles("webhook") == titles, "5 and then 15 min: half an hour is not yet quiet"
    single.run(hours=1, minutes=31)
    single.put("Trading interrupted", CRITICAL, key="engine.interrupted")
    single.run(seconds=1)
    assert single.services.titles("webhook")[3:] == ["Trading interrupted"]


def test_end_of_a_critical_matter_begins_anew(single):
    for _ in range(3):
        single.put("Trading interrupted", CRITICAL, key="engine.interrupted")
        single.run(seconds=30)
        single.put("Trading again", INFO, closes="engine.interrupted")
        single.run(seconds=30)
    assert single.services.titles("webhook") == ["Trading interrupted", "Trading again"] * 3


def test_end_makes_the_last_follow_up_needless(single):
    for _ in range(3):
        single.put("Job scan failed", key="job.scan")
        single.run(minutes=1)
    single.put("Job scan is well again", INFO, "ok", closes="job.scan")
    single.run(minutes=30)
    assert said(single, "webhook") == [
        ("Job scan failed", "text"),
        ("Job scan is well again", "After 3 min, said 3 times: ok"),
    ]
    end = single.deliveries()[-1]["id"]
    told_by = [row["last_error"] for row in single.deliveries() if row["state"] == "collapsed"]
    assert told_by[0] == f"told by delivery {end}"


def test_flapping_is_told_once_in_a_window_and_ends_with_how_it_is(single):
    for _ in range(5):
        single.put("Job scan failed", text="exit code 1", key="job.scan")
        single.run(seconds=25)
        single.put("Job scan is well again", INFO, "ok", closes="job.scan")
        single.run(seconds=25)
    single.run(minutes=30)
    assert said(single, "webhook") == [
        ("Job scan failed", "exit code 1"),
        ("Job scan is well again", "After 25 s: ok"),
        ("x 5: Job scan failed", "Job scan is well again: After 25 s: ok\nSaid 5 times since 15:00:00."),
    ]


def test_flapping_that_ends_in_failure_is_told_to_be_over_when_it_is(single):
    for _ in range(3):
        single.put("Job scan failed", text="exit code 1", key="job.scan")
        single.run(seconds=25)
        if _ < 2:
            single.put("Job scan is well again", INFO, "ok", closes="job.scan")
            single.run(seconds=25)
    single.run(minutes=10)
    assert single.services.titles("webhook")[2:] == ["x 3: Job scan failed"]
    single.put("Job scan is well again", INFO, "ok", closes="job.scan")
    single.run(seconds=1)
    assert single.services.titles("webhook")[3:] == ["Job scan is well again"]


# --- the store ---


def test_collapsed_deliveries_name_the_one_that_tells_them_and_the_first_alert_counts(bench):
    for _ in range(4):
        bench.put("Job scan failed", key="job.scan")
        bench.run(seconds=10)
    bench.run(minutes=10)
    rows = [row for row in bench.deliveries() if row["channel"] == "slack"]
    assert [row["state"] for row in rows] == ["sent", "sent", "collapsed", "collapsed"]
    assert {row["last_error"] for row in rows[2:]} == {f"repeats delivery {rows[1]['id']}"}
    assert [row["count"] for row in rows] == [4, 1, 1, 1], "once for each alert, on however many channels"


def test_killed_within_the_window_it_tells_the_rest_after_the_restart(bench):
    for number in range(4):
        bench.put("Job scan failed", text=f"exit code {number}", key="job.scan")
        bench.run(seconds=10)
    bench.history.flush()
    second = bench.restarted()
    second.run(minutes=10)
    assert said(second) == [("Job scan failed (x 3)", "exit code 3\nSaid 3 times since 15:00:10.")]


def test_what_may_have_arrived_is_not_changed_any_more(single):
    single.put("Job scan failed", text="first", key="job.scan")
    single.step()
    first = single.services.under_way[0]
    single.put("Job scan failed", text="second", key="job.scan")
    single.history.flush()
    second = single.restarted(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/"))
    second.put("Job scan failed", text="third", key="job.scan")
    second.run(minutes=10)
    again = second.services.heard[0]
    assert (again["id"], again["message"]) == (first["id"], first["message"])
    assert [text for _, text in said(second, "webhook")] == ["first", "second", "third"]


def test_repeat_of_what_has_expired_is_told(single):
    single.put("Job scan failed", text="first", key="job.scan")
    single.put("Order failed", text="another", key="order")
    single.step()
    single.answer("webhook", False, detail="HTTP 429", retry_after=3600)
    single.run({"webhook": {"detail": "HTTP 429", "retry_after": 3600}}, hours=25)
    assert {state for _, state in single.states("webhook")} == {"expired"}
    single.put("Order failed", text="news", key="order")
    single.run(hours=2)
    assert said(single, "webhook")[-1][1].startswith("news")


def test_repeat_after_a_restart_is_one_within_the_window(single):
    config = NotificationConfig(channels=["webhook"], webhook_url="https://example.org/")
    single.put("Job scan failed", text="exit code 1", key="job.scan")
    single.put("Job other failed", text="exit code 1", key="job.other")
    single.run(minutes=4)
    single.put("Job other is well again", INFO, closes="job.other")
    single.run(seconds=1)
    second = single.restarted(config)
    second.put("Job scan failed", text="exit code 2", key="job.scan")
    second.put("Job other failed", text="exit code 2", key="job.other")
    second.run(seconds=30)
    assert second.services.titles("webhook") == ["Job other failed"], "it was well in between"
    second.run(seconds=30)
    assert second.services.titles("webhook")[1:] == ["x 2: Job scan failed"]
    assert second.alerts()[0]["count"] == 2


def test_repeat_after_a_restart_is_none_when_the_window_is_over(single):
    single.put("Job scan failed", key="job.scan")
    single.run(minutes=6)
    second = single.restarted(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/"))
    second.put("Job scan failed", key="job.scan")
    second.run(seconds=1)
    assert second.services.titles("webhook") == ["Job scan failed"]
