"""The database: refused where it can't be used, and then left as it is."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DatabaseError

from orchestrator.store import Glance, Store, StoreError, transitions

START = datetime(2026, 11, 23, tzinfo=UTC)
REMEDY = "orchestrator restore FILE; or move it away to begin anew"


@pytest.fixture
def written(path: Path) -> Path:
    """A database of some 60 pages, closed in an orderly way."""
    with Store(f"sqlite:///{path}") as store, store.engine.begin() as connection:
        rows = [{"at": START + timedelta(seconds=i), "cause": "x" * 200} for i in range(1000)]
        connection.execute(insert(transitions), [{**row, "from_state": "stopped", "to_state": "error"} for row in rows])
    assert path.stat().st_size > 50 * 4096
    return path


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def contents(folder: Path) -> dict[str, bytes]:
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "header": (lambda path: overwrite(path, 0, b"not a database at all".ljust(100)), "file is not a database"),
    "a middle page": (lambda path: overwrite(path, 20 * 4096, os.urandom(4096)), "damaged|malformed"),
    "the page count": (lambda path: overwrite(path, 28, b"\0\0\0\1"), "damaged|malformed"),
    "cut in half": (lambda path: os.truncate(path, path.stat().st_size // 2), "damaged|malformed"),
    "cut to nothing": (lambda path: os.truncate(path, 0), "is empty, which no database of ours ever is"),
    "another file": (lambda path: path.write_text("version: 1.0.0\n" * 500), "file is not a database"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_database_is_refused_with_the_remedy_and_left_alone(written, damage):
    inflict, words = DAMAGES[damage]
    inflict(written)
    before = written.read_bytes()
    with pytest.raises(StoreError, match=words) as refused:
        Store(f"sqlite:///{written}").open()
    assert REMEDY in str(refused.value)
    assert written.read_bytes() == before


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "a middle page"])  # it may not come to that
def test_reader_of_a_damaged_database_is_told_when_it_comes_to_the_damage(written, damage):
    inflict, words = DAMAGES[damage]
    inflict(written)
    before = contents(written.parent)
    with (
        pytest.raises((StoreError, DatabaseError), match=words),
        closing(Store(f"sqlite:///{written}", read_only=True)) as store,
    ):
        store.open().rows(select(transitions))
    assert contents(written.parent) == before


@pytest.mark.parametrize("damage", [name for name in DAMAGES if name != "a middle page"])
def test_glance_at_a_damaged_database_is_told_when_it_comes_to_the_damage(written, damage):
    inflict, words = DAMAGES[damage]
    inflict(written)
    before = contents(written.parent)
    with pytest.raises((StoreError, sqlite3.DatabaseError), match=words), Glance(written) as glance:
        glance.rows("SELECT * FROM transitions")
    assert contents(written.parent) == before


def test_folder_in_its_place_is_refused(path):
    path.mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        Store(f"sqlite:///{path}").open()


# --- the write-ahead log ---


def test_what_a_killed_daemon_had_committed_is_there(torn):
    with Store(f"sqlite:///{torn}") as store:
        assert store.read_meta("halt") == {"reason": "looking"}


def test_log_without_its_index_is_read(torn):
    torn.with_name("orchestrator.db-shm").unlink()
    with Store(f"sqlite:///{torn}", read_only=True) as store:
        assert store.read_meta("halt") == {"reason": "looking"}


def test_log_is_read_through_a_link_to_the_database(torn):
    link = torn.with_name("link.db")
    link.symlink_to(torn)
    with Store(f"sqlite:///{link}", read_only=True) as store:
        assert store.read_meta("halt") == {"reason": "looking"}


def test_garbage_in_place_of_the_log_is_refused_and_left_alone(torn):
    log = torn.with_name("orchestrator.db-wal")
    overwrite(log, 0, b"garbage!" * 8)
    before = log.read_bytes()
    with pytest.raises(StoreError, match="is not a write-ahead log, so what was written last is lost"):
        Store(f"sqlite:///{torn}").open()
    assert log.read_bytes() == before


def test_log_that_a_power_cut_left_before_anything_was_promised_is_no_obstacle(written):
    written.with_name("orchestrator.db-wal").write_bytes(bytes(4096))
    Store(f"sqlite:///{written}").open().close()


def test_log_without_its_database_is_not_written_over(torn):
    log, content = torn.with_name("orchestrator.db-wal"), torn.with_name("orchestrator.db-wal").read_bytes()
    torn.unlink()
    with pytest.raises(StoreError, match=r"is gone, and what was written last is still in orchestrator\.db-wal"):
        Store(f"sqlite:///{torn}").open()
    assert log.read_bytes() == content
    assert not torn.exists()


# --- whose it is ---

OPEN_AS = """
import os, sys
from orchestrator.store import Store, StoreError
store = Store(f"sqlite:///{sys.argv[1]}", read_only=sys.argv[3] == "reader")
os.setgid(int(sys.argv[2])), os.setuid(int(sys.argv[2]))
try:
    store.open()
except StoreError as refused:
    print(refused)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(("kind", "verb"), [("writer", "written"), ("reader", "read")])
def test_somebody_elses_database_is_refused_and_says_whose_it_is(written, kind, verb, run_python):
    for folder in (written.parent, *written.parent.parents[:3]):
        if str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    done = run_python(OPEN_AS, written, 65534, kind)
    assert f"may not be {verb} by nobody: its owner is root, its mode 600; run this as root, or: chown" in done.stdout


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_database_that_may_not_be_written_is_refused(written):
    written.chmod(0o400)
    with pytest.raises(StoreError, match=r"may not be written by .*, its mode 400"):
        Store(f"sqlite:///{written}").open()


# --- a new one ---


def test_new_database_is_private_and_whole_from_the_first_moment_on(path):
    old = os.umask(0)
    try:
        store = Store(f"sqlite:///{path}").open()
    finally:
        os.umask(old)
    modes = {entry.name: oct(entry.stat().st_mode & 0o777) for entry in path.parent.iterdir()}
    assert modes == dict.fromkeys(("orchestrator.db", "orchestrator.db-wal", "orchestrator.db-shm"), "0o600")
    store.close()


def test_new_database_that_can_not_be_made_leaves_nothing(path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orchestrator.store.copying.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Store(f"sqlite:///{path}").open()
    assert list(path.parent.iterdir()) == []


def test_database_of_a_newer_version_is_refused(path: Path) -> None:
    with Store(f"sqlite:///{path}") as store:
        store.write_meta("schema_version", 99)
    with pytest.raises(StoreError, match="written by a newer version"):
        Store(f"sqlite:///{path}").open()


def test_locked_database_is_waited_for_and_then_said_to_be(written):
    with closing(sqlite3.connect(written, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked; another program holds it; close that and try again"):
            Store(f"sqlite:///{written}", busy_timeout=0.01).open()


def test_glance_sees_what_is_committed_beside_a_writer_and_can_not_write(written):
    with Store(f"sqlite:///{written}") as store, Glance(written) as glance:
        store.write_meta("mark", {"of": "now"})
        assert glance.read_meta("mark") == {"of": "now"}
        assert glance.read_meta("none") is None
        assert glance.rows("SELECT value FROM meta WHERE key = ?", ["mark"]) == [{"value": '{"of":"now"}'}]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            glance.rows("DELETE FROM meta")
        assert not glance.in_use(), "no daemon has kept its jobs here"


@pytest.mark.parametrize(("version", "words"), [(99, "written by a newer version"), (1, "written by an earlier")])
def test_glance_at_a_database_of_another_version_is_refused(written, version, words):
    with Store(f"sqlite:///{written}") as store:
        store.write_meta("schema_version", version)
    with pytest.raises(StoreError, match=words):
        Glance(written)


def test_locked_database_is_said_to_be_to_a_glance_too(written, monkeypatch):
    monkeypatch.setattr("orchestrator.store.glance.PATIENCE", 0.01)
    with closing(sqlite3.connect(written, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked; another program holds it; close that and try again"):
            Glance(written)
