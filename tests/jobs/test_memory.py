"""The rows of a rehearsal behave as those of the database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from calendars import MarketCalendar
from jobs import parse_job
from jobs.memory import Row, RowStore
from jobs.store import Claim, make_job

NYSE = MarketCalendar()
AT = datetime(2026, 11, 27, 17, 50, tzinfo=UTC)
FLATTEN = parse_job("flatten", {"session": "close - 10m", "command": ["flatten"]}, NYSE)
SCAN = parse_job("scan", {"interval": "5m", "command": ["scan"]}, NYSE)


class Disk:
    """Rows, and whether they can be read and written just now."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.claimed: dict[tuple[str, datetime], None] = {}
        self.trouble = ""

    def touch(self, writes: bool) -> None:
        if self.trouble == "unreadable" or (writes and self.trouble == "locked"):
            raise OSError(self.trouble)

    def store(self) -> RowStore:
        made = RowStore(self.rows, self.claimed, lambda name, definition: parse_job(name, definition, NYSE), self.touch)
        made.start(BackgroundScheduler(), "default")
        return made


@pytest.fixture
def disk() -> Disk:
    return Disk()


def test_job_outlives_the_store_that_took_it(disk: Disk) -> None:
    disk.store().add_job(make_job(FLATTEN, AT))
    (job,) = disk.store().get_due_jobs(AT)
    assert (job.id, job.next_run_time, job.kwargs["spec"].definition) == ("flatten", AT, FLATTEN.definition)


def test_due_jobs_come_in_order_and_the_rest_says_when(disk: Disk) -> None:
    store = disk.store()
    store.add_job(make_job(SCAN, AT))
    store.add_job(make_job(FLATTEN, AT - timedelta(minutes=1)))
    store.add_job(make_job(parse_job("later", {"interval": "5m", "command": ["x"]}, NYSE), AT + timedelta(hours=1)))
    assert [job.id for job in store.get_due_jobs(AT)] == ["flatten", "scan"]
    assert store.get_next_run_time() == AT - timedelta(minutes=1)
    assert [job.id for job in store.get_all_jobs()] == ["flatten", "scan", "later"]


def test_job_is_there_once_and_can_be_changed_and_removed(disk: Disk) -> None:
    store = disk.store()
    store.add_job(make_job(FLATTEN, AT))
    with pytest.raises(ConflictingIdError):
        store.add_job(make_job(FLATTEN, AT))
    store.update_job(make_job(FLATTEN, None, paused=True))
    assert store.get_due_jobs(AT) == []
    assert store.lookup_job("flatten").kwargs["paused"]
    store.remove_job("flatten")
    assert store.lookup_job("flatten") is None
    for change in (lambda: store.remove_job("flatten"), lambda: store.update_job(make_job(FLATTEN, AT))):
        with pytest.raises(JobLookupError):
            change()


def test_row_that_cannot_be_read_is_parked_and_kept(disk: Disk) -> None:
    disk.rows["odd"] = AT, b"not JSON"
    store = disk.store()
    assert store.get_due_jobs(AT) == []
    assert list(store.parked) == ["odd"]
    assert store.get_next_run_time() is None
    assert "odd" in disk.rows


def test_fire_is_claimed_once_unless_it_may_come_again(disk: Disk) -> None:
    store, later = disk.store(), AT + timedelta(minutes=5)
    for spec in (FLATTEN, SCAN):
        store.add_job(make_job(spec, AT))
    gone = make_job(parse_job("gone", {"interval": "5m", "command": ["x"]}, NYSE), later)
    claims = [Claim(make_job(FLATTEN, later), AT), Claim(make_job(SCAN, later), AT, again=True), Claim(gone, AT)]
    assert store.claim(claims) == [True, True, False]
    assert store.get_next_run_time() == later
    assert disk.store().claim(claims) == [False, True, False]
    assert disk.store().claim([Claim(make_job(SCAN, later), AT)]) == [False]


@pytest.mark.parametrize(("trouble", "reads"), [("locked", True), ("unreadable", False)])
def test_trouble_of_the_database_is_its_own(disk: Disk, trouble: str, reads: bool) -> None:
    store = disk.store()
    store.add_job(make_job(FLATTEN, AT))
    before, disk.trouble = dict(disk.rows), trouble
    for change in _changes(store):
        with pytest.raises(OSError, match=trouble):
            change()
    assert disk.rows == before
    if reads:
        assert store.get_next_run_time() == AT
    else:
        with pytest.raises(OSError, match=trouble):
            store.get_next_run_time()


def _changes(store: RowStore) -> list[Any]:
    job = make_job(FLATTEN, AT + timedelta(days=3))
    return [lambda: store.update_job(job), lambda: store.remove_job("flatten"), store.remove_all_jobs]
