"""Stored jobs: JSON, no code, and nothing lost that can't be read."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, text

from calendars import MarketCalendar
from jobs import parse_job
from jobs.rows import STORED_ROWS, UnreadableRow, by_name
from jobs.store import MOST_DUE, Claim, JSONJobStore, decode, make_job

NYSE = MarketCalendar()
AT = datetime(2026, 11, 27, 17, 50, tzinfo=UTC)
FLATTEN = parse_job("flatten", {"session": "close - 10m", "command": ["flatten"]}, NYSE)


@pytest.fixture
def store(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path / 'jobs.db'}")
    made = JSONJobStore(engine, lambda name, definition: parse_job(name, definition, NYSE))
    made.start(BackgroundScheduler(), "default")
    yield made
    engine.dispose()


def raw_row(store: JSONJobStore, name: str) -> bytes:
    with store.engine.connect() as connection:
        return by_name(connection.exec_driver_sql(STORED_ROWS).mappings())[name][1]


def edit(store: JSONJobStore, name: str, **columns: object) -> None:
    changes = ", ".join(f"{column} = :{column}" for column in columns)
    with store.engine.begin() as connection:
        connection.execute(text(f"UPDATE apscheduler_jobs SET {changes} WHERE id = :id"), {"id": name, **columns})


def test_row_is_readable_json_that_names_no_function(store: JSONJobStore, tmp_path: Path) -> None:
    store.add_job(make_job(FLATTEN, AT))
    connection = sqlite3.connect(tmp_path / "jobs.db")
    (raw,) = connection.execute("SELECT job_state FROM apscheduler_jobs").fetchone()
    connection.close()
    assert json.loads(raw) == {
        "version": 1,
        "definition": {"session": "close - 10m", "command": ["flatten"]},
        "next_run_time": "2026-11-27T17:50:00+00:00",
        "paused": False,
    }


def test_job_comes_back_as_it_was(store: JSONJobStore) -> None:
    store.add_job(make_job(FLATTEN, AT))
    (job,) = store.get_due_jobs(AT)
    assert (job.id, job.next_run_time, job.func_ref) == ("flatten", AT, "jobs.scheduler:fire")
    assert job.kwargs["spec"].definition == FLATTEN.definition
    assert store.get_next_run_time() == AT


def test_paused_job_is_never_due(store: JSONJobStore) -> None:
    store.add_job(make_job(FLATTEN, None))
    assert store.get_due_jobs(AT) == []
    assert store.get_next_run_time() is None
    assert [job.id for job in store.get_all_jobs()] == ["flatten"]


def test_unknown_and_doubled_jobs_are_refused(store: JSONJobStore) -> None:
    store.add_job(make_job(FLATTEN, AT))
    with pytest.raises(ConflictingIdError):
        store.add_job(make_job(FLATTEN, AT))
    store.remove_job("flatten")
    with pytest.raises(JobLookupError):
        store.update_job(make_job(FLATTEN, AT))


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"\x80\x05K\x01.", "JSONDecodeError|UnicodeDecodeError"),  # a pickle
        (b"{}", "KeyError"),
        (b"[]", "TypeError"),
        (b'{"version":2}', "row version 2, this program reads 1"),
        (b'{"version":1,"definition":{"interval":"soon"},"next_run_time":null}', "'soon' is not a duration"),
        (b'{"version":1,"definition":{"interval":"5m","command":["x"]},"next_run_time":"soon"}', "Invalid isoformat"),
    ],
)
def test_unreadable_row_is_parked_not_run_and_not_deleted(store: JSONJobStore, raw: bytes, reason: str) -> None:
    other = parse_job("other", {"interval": "5m", "command": ["x"]}, NYSE)
    store.add_job(make_job(FLATTEN, AT))
    store.add_job(make_job(other, AT.replace(hour=18)))
    edit(store, "flatten", job_state=raw)
    assert store.get_due_jobs(AT) == []
    assert [job.id for job in store.get_all_jobs()] == ["other"]
    assert list(store.parked) == ["flatten"]
    assert store.get_next_run_time() == AT.replace(hour=18), "a parked row that is due would spin the loop"
    assert raw_row(store, "flatten") == raw
    with pytest.raises(UnreadableRow, match=reason):
        decode("flatten", raw, store.read_spec)


def test_repaired_row_is_taken_up_again(store: JSONJobStore) -> None:
    store.add_job(make_job(FLATTEN, AT))
    good = raw_row(store, "flatten")
    edit(store, "flatten", job_state=b"{}")
    assert store.get_all_jobs() == []
    edit(store, "flatten", job_state=good)
    assert [job.id for job in store.get_all_jobs()] == ["flatten"]
    assert store.parked == {}


def test_claims_are_one_transaction_and_each_is_recorded(store: JSONJobStore) -> None:
    other = parse_job("other", {"interval": "5m", "command": ["x"]}, NYSE)
    for spec in (FLATTEN, other):
        store.add_job(make_job(spec, AT))
    recorded: list[tuple[str, datetime]] = []
    store.record = lambda connection, name, at: recorded.append((name, at)) is None and name != "other"
    later = AT.replace(hour=18)
    gone = make_job(parse_job("gone", {"interval": "5m", "command": ["x"]}, NYSE), later)
    claims = [Claim(make_job(FLATTEN, later), AT), Claim(make_job(other, later), AT), Claim(gone, AT)]
    assert store.claim(claims) == [True, False, False]
    assert recorded == [("flatten", AT), ("other", AT)], "a job that is gone has nothing to record"
    assert {job.id: job.next_run_time for job in store.get_all_jobs()} == {"flatten": later, "other": later}


def test_claim_that_fails_changes_nothing(store: JSONJobStore) -> None:
    store.add_job(make_job(FLATTEN, AT))

    def fail(*_: object) -> bool:
        raise OSError("disk full")

    store.record = fail
    with pytest.raises(OSError, match="disk full"):
        store.claim([Claim(make_job(FLATTEN, AT.replace(hour=18)), AT)])
    assert store.get_next_run_time() == AT


def test_turn_takes_a_bounded_number_of_due_jobs(store: JSONJobStore) -> None:
    for number in range(MOST_DUE + 5):
        store.add_job(make_job(parse_job(f"job{number}", {"interval": "5m", "command": ["x"]}, NYSE), AT))
    edit(store, "job0", job_state=b"{}")
    assert len(store.get_due_jobs(AT)) == MOST_DUE - 1
    assert len(store.get_due_jobs(AT)) == MOST_DUE, "a parked row takes no place"
