"""History is delayed while the database can't be written, never lost and never in the loop's way."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from orchestrator.history import LIMIT, History, Prepared
from orchestrator.store import Store, meta, transitions
from orchestrator.store.columns import instant_text

NOW = datetime(2026, 11, 24, tzinfo=UTC)
INSERT = insert(transitions)


def row(number: int) -> dict[str, object]:
    return {"at": NOW + timedelta(seconds=number), "from_state": "a", "to_state": "b", "cause": str(number)}


def causes(store: Store) -> list[str]:
    return [each["cause"] for each in store.rows(select(transitions).order_by(transitions.c.id))]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "orchestrator.db"


def test_rows_of_a_turn_are_written_together_and_in_order(path: Path) -> None:
    with Store(f"sqlite:///{path}") as store:
        history = History(store)
        for number in range(5):
            history.add(INSERT, row(number))
        assert causes(store) == []
        assert history.flush()
        assert causes(store) == ["0", "1", "2", "3", "4"]


def test_locked_database_delays_rows_and_keeps_their_order(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Store(f"sqlite:///{path}", busy_timeout=0.05) as store:
        history = History(store)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        for number in range(3):
            history.add(INSERT, row(number))
            assert not history.flush()
        assert history.failing == "database is locked"
        assert caplog.text.count("history can't be written") == 1, "said once, not at every turn"
        other.execute("ROLLBACK")
        other.close()
        history.add(INSERT, row(3))
        assert history.flush()
        assert (history.failing, causes(store)) == ("", ["0", "1", "2", "3"])


@pytest.mark.parametrize("bad", [{"cause": "caf\udce9"}, {"from_state": None}])
def test_row_that_can_not_be_written_holds_up_no_other(
    bad: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with Store("sqlite://") as store:
        history = History(store)
        for extra in ({}, bad, {}):
            history.add(INSERT, {**row(1), **extra})
        assert history.flush()
        assert causes(store) == ["1", "1"]
    assert "a row of history can't be written and is dropped" in caplog.text


def test_prepared_row_is_written_as_any_other_and_a_bad_one_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def values(each: dict[str, object]) -> tuple[object, ...]:
        return instant_text(each["at"]), each["from_state"], each["to_state"], each["cause"]

    prepared = Prepared.of(INSERT, ["at", "from_state", "to_state", "cause"], values)
    with Store("sqlite://") as store:
        history = History(store)
        bad = {"at": datetime(2026, 11, 24)}, {"from_state": None}
        for statement, extra in ((prepared, {}), (INSERT, {}), *((prepared, each) for each in bad), (prepared, {})):
            history.add(statement, {**row(1), **extra})
        assert history.flush()
        first, second, third = store.rows(select(transitions).order_by(transitions.c.id))
        assert {**first, "id": 0} == {**second, "id": 0} == {**third, "id": 0} == {**row(1), "id": 0}
    assert caplog.text.count("a row of history can't be written and is dropped") == 2


def test_history_that_waits_too_long_loses_its_oldest_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with Store("sqlite://") as store:
        history = History(store, batch=10**9)
        for number in range(LIMIT + 3):
            history.add(INSERT, row(number))
        history.flush(force=True)
        assert causes(store)[0] == "3"
    assert "3 rows of history were dropped" in caplog.text


def test_store_files_are_their_owners_alone(path: Path) -> None:
    with Store(f"sqlite:///{path}") as store:
        store.write_meta("key", {"value": 1})
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert set(modes.values()) == {0o600}, modes
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_small_facts_survive(path: Path) -> None:
    with Store(f"sqlite:///{path}") as store:
        store.write_meta("halt", {"reason": "strange prices"})
        store.write_meta("halt", {"reason": "stranger prices"})
    with Store(f"sqlite:///{path}", read_only=True) as store:
        assert store.read_meta("halt") == {"reason": "stranger prices"}
        assert store.read_meta("nothing") is None


def test_reading_store_refuses_to_write(path: Path) -> None:
    Store(f"sqlite:///{path}").open().close()
    with Store(f"sqlite:///{path}", read_only=True) as store, pytest.raises(Exception, match="readonly"):
        store.write_meta("key", 1)


def test_lost_update_is_impossible(path: Path) -> None:
    """Two writers that read and then write: the second waits for the first."""
    url = f"sqlite:///{path}"
    with Store(url) as one, Store(url, busy_timeout=0.05) as two, one.engine.begin() as first:
        first.execute(select(meta)).all()
        with pytest.raises(Exception, match="locked"), two.engine.begin():
            pass


def test_naive_time_is_refused() -> None:
    with Store("sqlite://") as store:
        history = History(store)
        history.add(INSERT, {**row(0), "at": datetime(2026, 11, 24)})
        with pytest.raises(Exception, match="a stored time is aware"):
            history._write()
