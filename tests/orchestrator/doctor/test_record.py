"""What the daemon has written: database, loop, engine, jobs, alerts, incidents."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from orchestrator.doctor.patient import Unreadable
from orchestrator.doctor.record import daemon, database, deliveries_made, engine, incidents_of_late, jobs
from orchestrator.lock import StoreLock
from orchestrator.store import alerts, deliveries, incidents, job_runs

CHECKS = (daemon, engine, jobs, deliveries_made, incidents_of_late)


@pytest.mark.parametrize("check", CHECKS[1:])
def test_before_the_first_start_nothing_is_wrong(ward, check):
    assert ward.one(check).result == "ok"
    assert not ward.store_path.parent.exists()


@pytest.mark.parametrize("check", CHECKS[1:])
def test_what_can_not_be_read_is_left_to_the_check_of_the_database(ward, history, check):
    history.close()
    ward.store_path.write_bytes(b"no database" * 100)
    with pytest.raises(Unreadable):
        ward.one(check)


# --- database ---


def test_database_that_is_sound(ward, history):
    found = ward.one(database)
    assert (found.result, "every page and reference sound" in found.detail) == ("ok", True)


def test_database_that_is_still_to_be_made(ward):
    assert ward.one(database).result == "ok"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.write_bytes(b"no database" * 100), "not a database"),
        (lambda path: os.truncate(path, 0), "is empty"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "malformed"),
        (lambda path: path.with_name("orchestrator.db-wal").write_bytes(b"garbage!" * 10), "not a write-ahead log"),
    ],
)
def test_database_that_is_damaged(ward, history, damage, words):
    history.close()
    damage(ward.store_path)
    found = ward.one(database)
    assert (found.result, words in found.detail) == ("fail", True)


def test_database_with_a_row_that_refers_to_nothing(ward, history):
    with closing(sqlite3.connect(ward.store_path)) as connection:
        connection.execute("INSERT INTO deliveries VALUES ('d1', 'gone', 'slack', 'sent', 1, '', NULL)")
        connection.commit()
    assert "deliveries 1 has no alerts" in ward.one(database).detail


def test_database_of_an_earlier_version(ward, history):
    history.write_meta("schema_version", 1)
    assert [result for result, _ in ward.look(database)] == ["warn", "ok"]


def test_database_of_a_later_version(ward, history):
    history.write_meta("schema_version", 99)
    assert "written by a newer version" in ward.one(database).detail


def test_database_that_others_can_read(ward, history):
    ward.store_path.chmod(0o644)
    assert ward.look(database)[0] == ("warn", f"others than its owner can read {ward.store_path}")


# --- daemon ---


@pytest.fixture
def lock(ward, history):
    lock = StoreLock(ward.store_path)
    lock.acquire(ward.now)
    yield lock
    lock.release()


def test_daemon_that_runs(ward, history, lock):
    history.write_meta("status", {"at": ward.now.isoformat()})
    found = ward.one(daemon)
    assert (found.result, f"process {os.getpid()}" in found.detail) == ("ok", True)


def test_daemon_whose_loop_stands_still(ward, history, lock):
    history.write_meta("status", {"at": (ward.now - timedelta(minutes=10)).isoformat()})
    found = ward.one(daemon)
    assert (found.result, "has not turned its loop for 600 s" in found.detail) == ("fail", True)


def test_daemon_that_does_not_run(ward):
    assert ward.look(daemon) == [("warn", "none runs")]


def test_daemon_that_was_killed(ward, history):
    StoreLock(ward.store_path).path.write_text('{"pid": 4194304, "host": "gone", "birth": "1", "started_at": "x"}')
    assert ward.look(daemon) == [("warn", "the last one was killed, or the machine went down")]


# --- engine ---


@pytest.mark.parametrize(
    ("state", "result"), [("running", "ok"), ("stopped", "ok"), ("backoff", "warn"), ("fatal", "fail")]
)
def test_engine_by_its_state(ward, history, state, result):
    history.write_meta("status", {"engine": {"state": state, "reason": "no route to host"}})
    found = ward.one(engine)
    assert found.result == result
    assert ("no route to host" in found.detail) == (result != "ok")


def test_engine_that_is_halted(ward, history):
    history.write_meta("halt", {"at": "2026-11-24", "reason": "strange prices"})
    found = ward.one(engine)
    assert (found.result, "strange prices" in found.detail, "resume" in found.remedy) == ("warn", True, True)


# --- jobs ---


def run(job, result):
    return {"job": job, "scheduled_at": datetime(2026, 11, 24, tzinfo=UTC), "result": result, "reason": "exit code 1"}


def put(store, table, *rows):
    with store.engine.begin() as connection:
        connection.execute(insert(table), list(rows))


def test_jobs_that_end_well(ward, history):
    put(history, job_runs, run("report", "ok"), run("other", "skipped"))
    assert ward.one(jobs).result == "ok"


def test_job_that_failed_when_it_last_ran(ward, history):
    put(history, job_runs, run("report", "failed"))
    assert ward.look(jobs) == [("warn", "report failed when it last ran: exit code 1")]


def test_job_that_is_parked(ward, history):
    with closing(sqlite3.connect(ward.store_path)) as connection:
        connection.execute("INSERT INTO apscheduler_jobs VALUES ('report', NULL, ?)", (b"\x80\x04pickle",))
        connection.commit()
    found = ward.one(jobs)
    assert (found.result, found.detail.startswith("report is parked: ")) == ("warn", True)


# --- alerts ---


def alert(history, at, state):
    row = {"id": "a", "at": at, "level": "critical", "topic": "job", "title": "t", "message": "", "metadata": {}}
    put(history, alerts, row)
    delivery = {"id": "d", "alert_id": "a", "channel": "slack", "state": state, "attempts": 3, "last_error": "HTTP 404"}
    put(history, deliveries, {**delivery, "next_attempt": None})


@pytest.mark.parametrize(
    ("hours", "state", "result"),
    [
        (0.5, "pending", "ok"),
        (2, "pending", "warn"),
        (2, "sent", "ok"),
        (24, "expired", "warn"),
        (24, "failed", "warn"),
        (24 * 8, "expired", "ok"),
    ],
)
def test_alerts_that_did_not_arrive(ward, history, hours, state, result):
    alert(history, ward.now - timedelta(hours=hours), state)
    found = ward.one(deliveries_made)
    assert found.result == result
    assert ("alerts to slack" in found.detail and "HTTP 404" in found.detail) == (result == "warn")


# --- incidents ---


@pytest.mark.parametrize(("days", "result"), [(1, "warn"), (8, "ok")])
def test_incidents_of_the_last_week(ward, history, days, result):
    at = ward.now - timedelta(days=days)
    put(history, incidents, {"id": "i1", "at": at, "kind": "hang", "cause": "no beat", "engine_run": "r1"})
    found = ward.one(incidents_of_late)
    assert found.result == result
    assert (found.remedy == "orchestrator incidents show i1") == (result == "warn")
