"""What if it is killed here, the store is locked, the answer late, doubled, or never there?"""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import select

from notifiers import AlertLevel
from orchestrator.alerts.pace import Pace
from orchestrator.store import Store, alerts, deliveries

CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO
PACE = Pace()


# --- killed ---


def test_killed_between_put_and_write_nothing_was_handed_over_that_is_not_on_record(bench):
    bench.put("one")
    assert bench.services.heard == []
    second = bench.restarted()
    assert second.outbox.counts()["pending"] == 0
    second.run(minutes=1)
    assert second.services.heard == []


def test_killed_between_write_and_hand_over_it_is_sent(bench):
    bench.put("one")
    bench.history.flush()
    second = bench.restarted()
    second.run(minutes=1)
    assert second.services.titles("slack") == ["one"]


def test_killed_between_hand_over_and_outcome_it_is_sent_once_more_with_the_same_id(bench):
    bench.put("one")
    bench.step()
    second = bench.restarted()
    second.step()
    assert [each["id"] for each in second.services.heard] == [each["id"] for each in bench.services.heard]
    assert [each["message"] for each in second.services.heard] == [each["message"] for each in bench.services.heard]


def test_killed_between_outcome_and_write_it_is_sent_once_more_with_the_same_id(bench):
    bench.put("one")
    bench.step()
    bench.answer("slack")
    second = bench.restarted()
    second.step()
    assert {each["id"] for each in second.services.heard} == {each["id"] for each in bench.services.heard}


def test_killed_after_the_outcome_was_written_it_is_not_sent_again(bench):
    bench.put("one")
    bench.run(seconds=1)
    bench.history.flush()
    second = bench.restarted()
    second.run(minutes=1)
    assert second.services.heard == []


# --- the store can't be written ---


@pytest.fixture
def locked(tmp_path, make_bench):
    """A bench on a file that another program holds locked, and the way to let it go."""
    with Store(f"sqlite:///{tmp_path / 'orchestrator.db'}", busy_timeout=0.01) as store:
        bench = make_bench()
        bench = type(bench)(store, clock=bench.clock)
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield bench, other


def test_locked_store_holds_up_no_alert_and_has_it_all_in_the_end(locked):
    bench, other = locked
    for minute in range(5):
        bench.put(f"Job {minute} failed")
        bench.run(minutes=1)
    assert bench.history.failing == "database is locked"
    assert bench.services.titles("slack") == [f"Job {minute} failed" for minute in range(5)]
    other.execute("COMMIT")
    assert bench.history.flush()
    assert [row["title"] for row in bench.store.rows(select(alerts))] == [f"Job {minute} failed" for minute in range(5)]
    assert {row["state"] for row in bench.store.rows(select(deliveries))} == {"sent"}


def test_repeats_and_digests_while_the_store_is_locked_are_accounted_for_afterwards(locked):
    bench, other = locked
    for _ in range(30):
        bench.put("Job scan failed", key="job.scan")
        bench.put("Order failed", metadata={"order": _})
        bench.run(seconds=1)
    bench.run(minutes=10)
    other.execute("COMMIT")
    rows = bench.deliveries()
    told = {row["id"] for row in rows if row["state"] == "sent"}
    collapsed = [row for row in rows if row["state"] == "collapsed"]
    assert len(told) + len(collapsed) == len(rows)
    assert {row["last_error"].split()[-1] for row in collapsed} <= told


def test_killed_while_the_store_is_locked_it_knows_nothing_of_what_arrived(locked):
    """Nothing better is possible: what arrived is not sent again, and what did not is in the log only."""
    bench, other = locked
    bench.put("one")
    bench.run(minutes=1)
    other.execute("COMMIT")
    assert bench.restarted().outbox.counts()["pending"] == 0


# --- outcomes ---


def test_doubled_outcome_says_nothing_new(single):
    single.put("one")
    single.put("two")
    single.step()
    first = single.services.under_way[0]["id"]
    single.answer("webhook")
    single.step()
    single.outbox.receive({"id": first, "ok": True, "detail": ""}, single.now)
    single.outbox.receive({"id": first, "ok": False, "detail": "HTTP 500"}, single.now)
    assert single.services.taken() == [("webhook", "two")]
    assert single.states("webhook") == [("one", "sent"), ("two", "pending")]
    assert single.outbox.counts()["failed"] == 0


def test_failure_that_is_told_twice_costs_one_attempt(single):
    single.put("one")
    single.step()
    first = single.services.under_way[0]["id"]
    for _ in range(3):
        single.outbox.receive({"id": first, "ok": False, "detail": "HTTP 500"}, single.now)
    assert [row["attempts"] for row in single.deliveries()] == [1]


def test_success_that_is_told_after_the_deadline_is_believed(single):
    single.put("one")
    single.step()
    first = single.services.under_way[0]["id"]
    single.step(seconds=PACE.deadline)
    assert single.states("webhook") == [("one", "pending")]
    single.outbox.receive({"id": first, "ok": True, "detail": ""}, single.now)
    single.run(minutes=10)
    assert single.states("webhook") == [("one", "sent")]
    assert single.services.titles("webhook") == ["one"]


def test_failure_that_is_told_after_the_deadline_is_not_counted_again(single):
    single.put("one")
    single.step()
    first = single.services.under_way[0]["id"]
    single.step(seconds=PACE.deadline)
    single.outbox.receive({"id": first, "ok": False, "detail": "late"}, single.now)
    assert [row["attempts"] for row in single.deliveries()] == [1]


@pytest.mark.parametrize(
    "nonsense",
    ["text", None, 7, [], {}, {"id": "x"}, {"id": "unknown", "ok": True}, {"id": ["x"], "ok": True}],
)
def test_nonsense_from_the_courier_is_survived(bench, nonsense):
    bench.put("one")
    bench.step()
    bench.outbox.receive(nonsense, bench.now)
    assert (bench.outbox.counts()["pending"], bench.outbox.counts()["failed"]) == (2, 0)
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]


@pytest.mark.parametrize("ok", ["yes", 1, None, "false"])
def test_outcome_that_says_neither_yes_nor_no_is_none(single, ok):
    single.put("one")
    single.step()
    single.outbox.receive({"id": single.services.under_way[0]["id"], "ok": ok}, single.now)
    assert single.states("webhook") == [("one", "pending")]
    single.step(seconds=PACE.deadline)
    assert [row["last_error"] for row in single.deliveries()] == ["no answer within 45 s"]


def test_details_are_cut_and_never_missing(single):
    single.put("one")
    single.step()
    single.answer("webhook", False, detail="x" * 100_000)
    assert len(single.deliveries()[0]["last_error"]) == 400
    single.step(seconds=5)
    single.answer("webhook", False, detail=None)
    assert single.deliveries()[0]["last_error"] == "not delivered"


def test_outcome_for_what_was_never_handed_over_is_none(single):
    single.put("one")
    single.history.flush()
    (row,) = single.deliveries()
    single.outbox.receive({"id": row["id"], "ok": True}, single.now)
    assert single.outbox.counts()["pending"] == 1


# --- the courier ---


def test_courier_that_does_not_answer_is_replaced_and_its_deliveries_are_tried_again(bench):
    bench.put("one")
    assert bench.step() == PACE.deadline
    bench.step(seconds=PACE.deadline)
    assert bench.services.closed == 1
    bench.step(seconds=6)
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]


def test_stuck_channel_costs_another_no_attempt(bench):
    bench.put("one")
    bench.put("two")
    bench.step()
    bench.step(seconds=40)
    bench.answer("slack")
    bench.step()  # slack has its second alert under way when webhook's time is up
    bench.step(seconds=5)
    assert bench.services.taken() == [("slack", "two")]
    assert [row["channel"] for row in bench.deliveries() if row["last_error"]] == ["webhook"]


def test_death_of_the_courier_costs_an_attempt_and_no_alert(bench):
    bench.put("one")
    bench.step()
    bench.services.under_way.clear()
    bench.outbox.ended(-9, bench.now)
    bench.step(seconds=6)
    assert bench.services.taken() == [("slack", "one"), ("webhook", "one")]
    assert {row["last_error"] for row in bench.deliveries() if row["channel"] != "console"} == {
        "the courier ended (-9)"
    }


def test_deadline_is_elapsed_time_and_a_stepped_clock_does_not_bring_it_nearer(bench):
    bench.put("one")
    bench.step()
    bench.clock.step_wall_clock(timedelta(hours=2))
    assert bench.step() == PACE.deadline
    assert bench.services.closed == 0


def test_channel_that_leaves_while_it_has_something_under_way(bench):
    bench.put("one", key="one")
    bench.step()
    first = next(each for each in bench.services.under_way if each["channel"] == "slack")["id"]
    from orchestrator.config import NotificationConfig

    bench.outbox.configure(NotificationConfig(channels=["webhook"], webhook_url="https://example.org/hook"))
    bench.step()
    bench.outbox.receive({"id": first, "ok": False, "detail": "HTTP 500"}, bench.now)
    bench.run(seconds=1)
    assert bench.states("slack") == [("one", "expired")], "webhook has it"
    assert bench.states("webhook") == [("one", "sent")]
