"""Too much at a time comes as one message a minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from notifiers import AlertLevel, NotificationMessage
from orchestrator.alerts.delivery import Alert, Delivery
from orchestrator.alerts.digest import LONGEST_TEXT, compose, topic_of
from orchestrator.config import NotificationConfig

CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO
ALL = ["info", "warning", "critical"]
NEW_YORK = ZoneInfo("America/New_York")
AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.fixture
def single(make_bench):
    return make_bench(channels=["webhook"], alert_levels=ALL)


def fill(bench, number):
    for _ in range(number):
        bench.put("Order filled: AAPL", INFO, "Bought 10 AAPL", topic="order")


def test_what_is_above_the_limit_waits_and_comes_as_one_digest(single):
    fill(single, 50)
    for number in range(7):
        single.put(f"Job {number} failed", topic="job")
    single.run(seconds=59)
    assert single.services.titles("webhook") == ["Order filled: AAPL"] * 20
    single.run(seconds=2)
    (digest,) = single.services.titles("webhook")[20:]
    assert digest == "37 alerts in 1 s: 30 x Order filled, 7 x Job 6 failed"
    message = single.services.heard[-1]["message"]
    assert message["level"] == "warning"
    assert message["message"].splitlines()[-1] == "15:00:00 WARNING Job 6 failed: text"


def test_digests_go_on_once_a_minute_while_the_flood_does(single):
    for _ in range(180):
        fill(single, 1)
        single.run(seconds=1)
    single.run(minutes=5)
    titles = single.services.titles("webhook")
    digests = [title for title in titles if " alerts in " in title]
    assert len(digests) == 3
    assert len(titles) == 3 * 20 + 1, "a digest is one of the twenty of its minute"
    assert sum(int(title.split()[0]) for title in digests) + len(titles) - len(digests) == 180


def test_twenty_a_minute_are_no_flood(single):
    for _ in range(60):
        fill(single, 1)
        single.run(seconds=3)
    assert single.services.titles("webhook") == ["Order filled: AAPL"] * 60


def test_critical_overtakes_a_flood_and_is_in_no_digest(single):
    fill(single, 30)
    single.run(seconds=1)
    single.put("Trading interrupted", CRITICAL)
    single.run(seconds=1)
    assert single.services.titles("webhook")[20:] == ["Trading interrupted"]
    single.run(minutes=1)
    assert single.services.titles("webhook")[21:] == ["10 alerts in 1 s: 10 x Order filled"]


def test_one_that_is_left_over_comes_by_itself(single):
    fill(single, 21)
    single.run(minutes=2)
    assert single.services.titles("webhook") == ["Order filled: AAPL"] * 21


def test_limit_of_zero_is_none(make_bench):
    bench = make_bench(channels=["webhook"], alert_levels=ALL, digest_after=0)
    fill(bench, 100)
    bench.run(seconds=1)
    assert bench.services.titles("webhook") == ["Order filled: AAPL"] * 100


def test_flood_of_one_channel_is_none_of_another(make_bench):
    bench = make_bench(alert_levels=ALL)
    fill(bench, 21)
    bench.step()
    for _ in range(21):
        if ("slack", "Order filled: AAPL") in bench.services.taken():
            bench.answer("slack")
        bench.step()
    assert len(bench.services.titles("slack")) == 20
    assert len(bench.services.titles("webhook")) == 1


def test_flood_that_an_earlier_process_left_is_one_too(single):
    fill(single, 100)
    single.history.flush()
    config = NotificationConfig(channels=["webhook"], webhook_url="https://example.org/", alert_levels=ALL)
    second = single.restarted(config)
    second.run(minutes=2)
    assert second.services.titles("webhook")[20:] == ["80 alerts in 1 s: 80 x Order filled"]


def test_digested_deliveries_name_their_digest_which_is_a_delivery_of_its_own(single):
    fill(single, 25)
    single.run(minutes=2)
    *rows, digest = single.deliveries()
    assert {row["state"] for row in rows[20:]} == {"collapsed"}
    assert {row["last_error"] for row in rows[20:]} == {f"in digest {digest['id']}"}
    assert (digest["state"], digest["count"], digest["title"]) == ("sent", 5, "5 alerts in 1 s: 5 x Order filled")
    alert = single.alerts()[-1]
    assert (alert["topic"], alert["level"], alert["key"]) == ("order", "info", "digest: webhook")
    assert single.outbox.counts()["pending"] == 0


def test_digest_is_on_record_before_it_is_handed_over(single):
    """And all in one transaction: killed here, the next process sends it, or all that would be in it."""
    fill(single, 25)
    single.run(seconds=30)
    single.clock.advance(timedelta(seconds=31))
    assert single.turn() == 0.0, "it is made in this turn"
    assert single.services.under_way == []
    written = single.store.rows
    assert [row["state"] for row in written(_deliveries())] == ["sent"] * 20 + ["pending"] * 5
    single.turn()
    assert [each["message"]["title"] for each in single.services.under_way] == ["5 alerts in 1 s: 5 x Order filled"]
    assert [row["state"] for row in written(_deliveries())] == ["sent"] * 20 + ["collapsed"] * 5 + ["pending"]


def _deliveries():
    from sqlalchemy import select, text

    from orchestrator.store import deliveries

    return select(deliveries.c.state).order_by(text("rowid"))


def test_digest_that_was_not_sent_is_sent_by_the_next_process_as_it_was(single):
    fill(single, 25)
    single.run(seconds=30)
    single.clock.advance(timedelta(seconds=31))
    single.turn()
    single.history.flush()
    config = NotificationConfig(channels=["webhook"], webhook_url="https://example.org/", alert_levels=ALL)
    second = single.restarted(config)
    for _ in range(30):
        second.put("Order filled: MSFT", INFO, topic="order")
    second.run(minutes=3)
    assert second.services.titles("webhook")[0] == "5 alerts in 1 s: 5 x Order filled"
    assert second.services.titles("webhook")[-1] == "11 alerts in 1 s: 11 x Order filled", "none goes into another"


# --- how it reads ---


def delivery(title, text="text", level=INFO, at=AT, topic="order"):
    message = NotificationMessage(title, text, level, at)
    return Delivery("id", "slack", Alert("id", message, topic, "", level), 0.0)


def test_digest_says_what_and_how_many_and_over_which_time():
    many = [delivery(f"Order filled: S{n}", at=AT + timedelta(seconds=n)) for n in range(30)]
    more = [delivery(f"Job {n} failed", level=WARNING, at=AT + timedelta(seconds=90)) for n in range(5)]
    others = [delivery("Trading", at=AT + timedelta(seconds=91)), delivery("Config applied")]
    rest = [delivery("Clock jumped")]
    digest = compose([*many, *more, *others, *rest], AT + timedelta(minutes=2), NEW_YORK)
    assert digest.title == "38 alerts in 1 min: 30 x Order filled, 5 x Job 4 failed, 1 x Trading, 2 others"
    assert (digest.level, digest.timestamp) == (WARNING, AT + timedelta(minutes=2))


def test_lines_are_in_order_in_exchange_time_and_one_each():
    lines = compose([delivery("one", "a\nb"), delivery("two", level=WARNING)], AT, NEW_YORK).message.splitlines()
    assert lines == ["10:00:00 INFO one: a b", "10:00:00 WARNING two: text"]


def test_lines_of_another_day_say_which():
    yesterday = delivery("one", at=AT - timedelta(days=1))
    assert compose([yesterday, yesterday], AT, NEW_YORK).message.startswith("23 Nov 10:00:00 INFO one")


def test_too_many_lines_are_cut_to_those_that_matter_and_are_newest():
    many = [delivery(f"fill {n}", "x" * 500) for n in range(500)]
    many.insert(3, delivery("the one warning", level=WARNING))
    text = compose(many, AT, NEW_YORK).message
    assert len(text) < LONGEST_TEXT + 100
    first, second, *_, last = text.splitlines()
    assert first == "... and 491 more before or between these: orchestrator alerts list"
    assert second == "10:00:00 WARNING the one warning: text"
    assert last.startswith("10:00:00 INFO fill 499: xxx")
    assert last.endswith("…")


def test_repeats_count_in_a_digest():
    repeated = delivery("Job scan failed")
    repeated.absorb(repeated.alert.message)
    digest = compose([repeated, delivery("Trading")], AT, NEW_YORK)
    assert digest.title == "3 alerts in 1 s: 2 x Job scan failed, 1 x Trading"
    assert "Job scan failed (x 2): text Said 2 times since 10:00:00." in digest.message


def test_topic_of_most_is_the_digests():
    assert topic_of([delivery("a", topic="job"), delivery("b", topic="order"), delivery("c", topic="job")]) == "job"
