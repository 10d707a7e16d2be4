"""Databases of every earlier version; ``dump.py`` beside this tells how one is added."""

import json
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from jobs.store import JSONJobStore
from orchestrator.exit_codes import ExitCode
from orchestrator.store import (
    SCHEMA_VERSION,
    Store,
    StoreError,
    alerts,
    deliveries,
    migrations,
    record_claim,
    untold,
)

DUMPS = {int(path.stem.partition("_")[2]): path for path in Path(__file__).parent.glob("schema_*.sql")}
EARLIER = [version for version in sorted(DUMPS) if version < SCHEMA_VERSION]


def make(path: Path, version: int) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(DUMPS[version].read_text())
    return path


@pytest.fixture(params=sorted(DUMPS))
def known(request: pytest.FixtureRequest, path: Path) -> Path:
    """A database as this version, or an earlier one, leaves it."""
    return make(path, request.param)


@pytest.fixture(params=EARLIER)
def earlier(request: pytest.FixtureRequest, path: Path) -> Path:
    return make(path, request.param)


def shape(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Name, type and so on of the columns of each table and index, whatever their order."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'")]
        return {
            name: sorted((row[1], row[2], row[3], row[5]) for row in connection.execute(f"PRAGMA table_info({name})"))
            or connection.execute(f"PRAGMA index_info({name})").fetchall()
            for name in names
        }


def test_there_is_a_database_of_every_version():
    assert sorted(DUMPS) == list(range(1, SCHEMA_VERSION + 1))


def test_database_becomes_one_of_this_version(known: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.db"
    Store(f"sqlite:///{fresh}").open().close()
    Store(f"sqlite:///{known}").open().close()
    found, wanted = shape(known), shape(fresh)
    assert {name: found[name] for name in wanted if not name.startswith("ix_")} == {
        name: columns for name, columns in wanted.items() if not name.startswith("ix_")
    }
    assert found.keys() == wanted.keys()


def test_what_was_written_is_kept(known: Path) -> None:
    with Store(f"sqlite:///{known}") as store:
        (alert,) = store.rows(select(alerts))
        (delivery,) = store.rows(select(deliveries))
        assert (alert["title"], alert["count"], alert["closes"]) == ("Job report failed", 1, None)
        assert (delivery["state"], delivery["attempts"]) == ("pending", 2)
        assert store.read_meta("halt")["reason"] == "looking"
        assert store.read_meta("schema_version") == SCHEMA_VERSION


def test_database_is_kept_as_it_was_before_the_migration(earlier: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = shape(earlier)
    with caplog.at_level(logging.INFO):
        Store(f"sqlite:///{earlier}").open().close()
    (kept,) = earlier.parent.glob("orchestrator.db.schema-*")
    assert shape(kept) == before
    assert kept.stat().st_mode & 0o777 == 0o600
    assert str(kept) in caplog.text


def test_migration_that_fails_half_way_changes_nothing(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shape(earlier)
    last = SCHEMA_VERSION - 1
    broken = {**migrations.MIGRATIONS, last: (*migrations.MIGRATIONS[last], "ALTER TABLE nowhere ADD COLUMN x")}
    monkeypatch.setattr(migrations, "MIGRATIONS", broken)
    with pytest.raises(StoreError, match="nowhere"):
        Store(f"sqlite:///{earlier}").open()
    assert shape(earlier) == before


def test_reader_does_not_touch_an_earlier_database(earlier: Path) -> None:
    content = earlier.read_bytes()
    with pytest.raises(StoreError, match="earlier version; orchestrator start brings it up to date"):
        Store(f"sqlite:///{earlier}", read_only=True).open()
    assert earlier.read_bytes() == content


DIE_AT_EACH_STATEMENT = """
import json, os, shutil, signal, sys
from sqlalchemy import event
from orchestrator.store import Store

source, target = sys.argv[1:]

def migrate(deadly):
    store, done = Store(f"sqlite:///{target}"), 0

    @event.listens_for(store.engine, "before_cursor_execute")
    def count(*_):
        nonlocal done
        done += 1
        if done == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    store.open().close()
    os._exit(0)

ended, deadly = False, 0
while not ended:
    deadly += 1
    for ending in ("", "-wal", "-shm"):
        if os.path.exists(target + ending):
            os.remove(target + ending)
    shutil.copy(source, target)
    pid = os.fork()
    if pid == 0:
        migrate(deadly)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    store = Store(f"sqlite:///{target}", read_only=True)
    with store.reader.connect() as connection:
        columns = [row[1] for row in connection.exec_driver_sql("PRAGMA table_info(alerts)")]
    print(json.dumps([deadly, store.read_meta("schema_version"), "count" in columns]))
    store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_migration_that_is_killed_anywhere_leaves_the_old_or_the_new(tmp_path, path, run_python):
    source = make(tmp_path / "old.db", 1)
    done = run_python(DIE_AT_EACH_STATEMENT, source, path)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 10
    assert {(version, new) for _, version, new in found} == {(1, False), (SCHEMA_VERSION, True)}


READING = [
    "status",
    "jobs list",
    "jobs show heartbeat",
    "jobs history",
    "orders list",
    "orders show 20261123-equal_weight-AAPL-0935",
    "alerts list",
    "alerts show a1",
    "incidents list",
    "report",
    "config history",
    "doctor",
    "backup copy.db",
]


@pytest.fixture
def before_the_last_table(workplace: Any) -> Path:
    """A database of this schema from before a table was added to it, which no start of a daemon has made since."""
    workplace.store_path.parent.mkdir()
    path = make(workplace.store_path, SCHEMA_VERSION)
    with Store(f"sqlite:///{path}") as store:
        JSONJobStore(store.engine, lambda name, definition: None, record_claim).jobs_t.create(store.engine)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE untold")
    return path


@pytest.mark.parametrize("words", READING)
def test_whoever_only_reads_needs_no_table_that_the_next_start_makes(command_line, before_the_last_table, words):
    done = command_line(*words.split(), "--json")
    assert "no such table" not in done.out + done.err
    assert done.code == {"status": ExitCode.NO_DAEMON}.get(words, 0)


def test_first_command_that_writes_makes_the_table(command_line, before_the_last_table):
    assert command_line("halt", "--reason", "looking").code == 0
    with Store(f"sqlite:///{before_the_last_table}", read_only=True) as store:
        assert store.rows(select(untold)) == []
