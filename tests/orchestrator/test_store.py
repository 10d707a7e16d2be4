"""The database: refused where it can't be used, brought up to date where it can."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from orchestrator.store import SCHEMA_VERSION, Store, StoreError, alerts, deliveries, migrations

DUMPS = Path(__file__).with_name("stores")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "orchestrator.db"


@pytest.fixture(params=range(1, SCHEMA_VERSION))
def earlier(request: pytest.FixtureRequest, path: Path) -> Path:
    """A database as an earlier version left it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / f"schema_{request.param}.sql").read_text())
    return path


def columns(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Name, type and so on of the columns of each table, whatever their order."""
    with closing(sqlite3.connect(path)) as connection:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {
            name: sorted((row[1], row[2], row[3], row[5]) for row in connection.execute(f"PRAGMA table_info({name})"))
            for name in names
        }


def test_earlier_database_becomes_one_of_this_version(earlier: Path, tmp_path: Path) -> None:
    fresh = tmp_path / "fresh.db"
    Store(f"sqlite:///{fresh}").open().close()
    Store(f"sqlite:///{earlier}").open().close()
    assert columns(earlier) == columns(fresh)


def test_what_an_earlier_version_wrote_is_kept(earlier: Path) -> None:
    with Store(f"sqlite:///{earlier}") as store:
        (alert,) = store.rows(select(alerts))
        (delivery,) = store.rows(select(deliveries))
        assert (alert["title"], alert["count"], alert["closes"]) == ("Job report failed", 1, None)
        assert (delivery["state"], delivery["attempts"]) == ("pending", 2)
        assert store.read_meta("halt")["reason"] == "looking"
        assert store.read_meta("schema_version") == SCHEMA_VERSION


def test_migration_that_fails_half_way_changes_nothing(earlier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = columns(earlier)
    last = SCHEMA_VERSION - 1
    broken = {**migrations.MIGRATIONS, last: (*migrations.MIGRATIONS[last], "ALTER TABLE nowhere ADD COLUMN x")}
    monkeypatch.setattr(migrations, "MIGRATIONS", broken)
    with pytest.raises(StoreError, match="nowhere"):
        Store(f"sqlite:///{earlier}").open()
    assert columns(earlier) == before


def test_reader_does_not_touch_an_earlier_database(earlier: Path) -> None:
    content = earlier.read_bytes()
    with pytest.raises(StoreError, match="earlier version; orchestrator start brings it up to date"):
        Store(f"sqlite:///{earlier}", read_only=True).open()
    assert earlier.read_bytes() == content


def test_damaged_database_is_refused_and_left_alone(path: Path) -> None:
    Store(f"sqlite:///{path}").open().close()
    content = bytearray(path.read_bytes())
    content[:100] = b"not a database at all".ljust(100)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a database; restore a backup, or move it away"):
        Store(f"sqlite:///{path}").open()
    assert path.read_bytes() == bytes(content)


def test_database_of_a_newer_version_is_refused(path: Path) -> None:
    with Store(f"sqlite:///{path}") as store:
        store.write_meta("schema_version", 99)
    with pytest.raises(StoreError, match="written by a newer version"):
        Store(f"sqlite:///{path}").open()
