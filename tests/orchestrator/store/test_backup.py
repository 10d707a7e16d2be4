"""Backups: whole or not there, whatever happens meanwhile; and putting one back."""

import json
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from orchestrator.cli.backup import backup, restore
from orchestrator.lock import StoreLock
from orchestrator.store import Store, StoreError, fills, orders
from orchestrator.store.backup import back_up, inspect
from orchestrator.store.backup import restore as put_back

AT = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


def order(number: int) -> dict[str, object]:
    return {
        "order_ref": f"20261124-equal_weight-AAPL-{number}",
        "session": "2026-11-24",
        "strategy": "equal_weight",
        "decision": str(number),
        "symbol": "AAPL",
        "action": "BUY",
        "order_type": "MKT",
        "total_quantity": 1.0,
        "status": "Filled",
        "submitted_at": AT + timedelta(seconds=number),
        "updated_at": AT + timedelta(seconds=number),
    }


def fill(number: int) -> dict[str, object]:
    return {
        "fill_id": f"f{number}",
        "order_ref": order(number)["order_ref"],
        "symbol": "AAPL",
        "action": "BUY",
        "quantity": 1.0,
        "price": 150.0,
        "commission": 0.15,
        "at": AT + timedelta(seconds=number),
    }


def trade(store: Store, number: int) -> None:
    """An order with its fill, in one transaction."""
    with store.engine.begin() as connection:
        connection.execute(insert(orders), order(number))
        connection.execute(insert(fills), fill(number))


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def mark(path: Path, text: str) -> None:
    with Store(f"sqlite:///{path}") as store:
        store.write_meta("mark", text)


def marked(path: Path) -> str:
    with Store(f"sqlite:///{path}", read_only=True) as store:
        return str(store.read_meta("mark"))


# --- backing up ---


@pytest.fixture
def trading(path: Path) -> Iterator[Path]:
    """A database into which somebody writes all the time."""
    store, ended = Store(f"sqlite:///{path}").open(), threading.Event()
    trade(store, 0)

    def write() -> None:
        number = 1
        while not ended.is_set():
            trade(store, number)
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    yield path
    ended.set()
    writer.join()
    store.close()


def test_backup_of_a_database_in_use_is_of_one_moment(trading, tmp_path):
    found = [back_up(trading, tmp_path / f"copy{i}.db", replace=False) for i in range(3)]
    assert all(each.orders == each.fills for each in found)
    assert found[0].orders < found[2].orders
    assert found[0].last_order_at == AT + timedelta(seconds=found[0].orders - 1)


def test_backup_holds_what_a_killed_daemon_had_committed(torn, tmp_path):
    before = names(tmp_path)
    assert back_up(torn, tmp_path / "copy.db", replace=False).halted == "looking"
    assert names(tmp_path) == sorted([*before, "copy.db"])


def test_backup_by_a_link_holds_what_is_in_the_log_too(torn, tmp_path):
    (tmp_path / "link.db").symlink_to(torn)
    assert back_up(tmp_path / "link.db", tmp_path / "copy.db", replace=False).halted == "looking"


def test_backup_is_private_and_needs_nothing_beside_it(torn, tmp_path):
    old = os.umask(0)
    try:
        back_up(torn, tmp_path / "copy.db", replace=False)
    finally:
        os.umask(old)
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = shutil.move(tmp_path / "copy.db", elsewhere / "copy.db")
    assert inspect(moved).schema == 2
    assert names(elsewhere) == ["copy.db"]


def test_backup_of_a_damaged_database_fails_and_leaves_the_last_one(path, tmp_path):
    mark(path, "good")
    back_up(path, tmp_path / "copy.db", replace=False)
    with path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 5))
    with pytest.raises(StoreError):
        back_up(path, tmp_path / "copy.db", replace=True)
    assert marked(tmp_path / "copy.db") == "good"
    assert names(tmp_path) == ["copy.db", "orchestrator.db"]


FULL = """
import resource, sys
from pathlib import Path
from orchestrator.store import StoreError
from orchestrator.store.backup import back_up
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
try:
    back_up(Path(sys.argv[1]), Path(sys.argv[2]), replace=True)
except (StoreError, OSError) as error:
    print(error)
"""


def test_full_disk_leaves_the_last_backup_and_nothing_half(path, tmp_path, run_python):
    mark(path, "old")
    back_up(path, tmp_path / "copy.db", replace=False)
    mark(path, "new" + "x" * 100_000)
    done = run_python(FULL, path, tmp_path / "copy.db")
    assert done.stdout.strip(), done.stderr
    assert marked(tmp_path / "copy.db") == "old"
    assert names(tmp_path) == ["copy.db", "orchestrator.db"]


# --- putting one back ---


@pytest.fixture
def saved(path: Path, tmp_path: Path) -> Path:
    """A backup from before; the database says ``new`` meanwhile."""
    mark(path, "old")
    back_up(path, tmp_path / "saved.db", replace=False)
    mark(path, "new")
    return tmp_path / "saved.db"


@pytest.fixture
def torn_since(saved: Path, path: Path, torn_files: list[Path]) -> Path:
    """The same backup; in the database something else is in the log only."""
    path.unlink()
    for file in torn_files:
        shutil.copy(file, path.parent)
    return saved


def test_restored_database_is_the_backup_and_the_one_before_is_kept(saved, path, tmp_path):
    kept = put_back(saved, path, AT)
    assert kept == path.with_name("orchestrator.db.before-20261124T150000Z")
    assert (marked(path), marked(kept), marked(saved)) == ("old", "new", "old")
    assert path.stat().st_mode & 0o777 == kept.stat().st_mode & 0o777 == 0o600
    assert names(tmp_path) == ["orchestrator.db", kept.name, "saved.db"]


def test_what_is_kept_has_what_was_in_the_log(torn_since, path):
    kept = put_back(torn_since, path, AT)
    assert (marked(path), marked(kept)) == ("old", "in the log")
    assert not kept.with_name(f"{kept.name}-wal").exists()


def test_damaged_database_is_kept_with_its_log_and_replaced(saved, path):
    content, log = b"not a database" * 1000, b"garbage!" * 100
    path.write_bytes(content)
    path.with_name("orchestrator.db-wal").write_bytes(log)
    kept = put_back(saved, path, AT)
    assert marked(path) == "old"
    assert kept.read_bytes() == content
    assert kept.with_name(f"{kept.name}-wal").read_bytes() == log


def test_log_of_a_database_that_is_gone_does_not_meet_the_new_one(saved, path, torn):
    torn.unlink()
    assert put_back(saved, path, AT) is None
    assert marked(path) == "old"
    assert inspect(path).halted is None


def test_restore_to_a_machine_that_had_none(saved, tmp_path):
    database = tmp_path / "new" / "state" / "orchestrator.db"
    assert put_back(saved, database, AT) is None
    assert marked(database) == "old"
    assert database.parent.stat().st_mode & 0o777 == 0o700


def test_database_that_somebody_reads_is_not_replaced(saved, path, monkeypatch):
    monkeypatch.setattr("orchestrator.store.backup.PATIENCE", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as reader, closing(sqlite3.connect(path)) as writer:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM meta").fetchall()
        writer.execute("UPDATE meta SET value = '\"newer\"' WHERE key = 'mark'")
        writer.commit()
        with pytest.raises(StoreError, match="another program has it open"):
            put_back(saved, path, AT)
    assert marked(path) == "newer"
    assert not [name for name in names(path.parent) if "restoring" in name]


DIE_AT_EACH_STEP = """
import json, os, shutil, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from orchestrator.store import Store
from orchestrator.store.backup import restore

origin, desk = Path(sys.argv[1]), Path(sys.argv[2])
database = desk / "orchestrator.db"
STEPS = {"os.rename", "os.link", "os.remove", "os.mkdir", "sqlite3.connect", "fcntl.flock"}

def put_back(deadly):
    done = 0
    def count(event, _):
        nonlocal done
        if event in STEPS:
            done += 1
            if done == deadly:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)
    restore(desk / "saved.db", database, datetime(2026, 11, 24, tzinfo=UTC))
    os._exit(0)

ended, deadly = False, 0
while not ended:
    deadly += 1
    shutil.rmtree(desk, ignore_errors=True)
    shutil.copytree(origin, desk)
    pid = os.fork()
    if pid == 0:
        put_back(deadly)
    ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    with Store(f"sqlite:///{database}") as store:
        first = store.read_meta("mark")
    restore(desk / "saved.db", database, datetime(2026, 11, 25, tzinfo=UTC))
    with Store(f"sqlite:///{database}") as store:
        print(json.dumps([first, store.read_meta("mark")]))
"""


def test_restore_that_is_killed_anywhere_leaves_the_old_or_the_new(torn_since, tmp_path, run_python):
    origin = tmp_path / "origin"
    origin.mkdir()
    for entry in ("orchestrator.db", "orchestrator.db-wal", "saved.db"):
        shutil.copy(tmp_path / entry, origin / entry)
    done = run_python(DIE_AT_EACH_STEP, origin, tmp_path / "desk")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) > 8
    assert {first for first, _ in found} == {"in the log", "old"}
    assert {again for _, again in found} == {"old"}


# --- the commands ---


@pytest.fixture
def traded(store: Store) -> Store:
    for number in range(3):
        trade(store, number)
    return store


def test_backup_says_what_is_in_it(workplace, traded):
    done = workplace.run(backup, "copy.db")
    assert done.code == 0
    assert "3 orders and 3 fills, written until Tue 24 Nov 2026 10:00:02 EST" in done.out
    document = workplace.run(backup, "copy.db", "--force", "--json").document
    assert document["orders"] == document["fills"] == 3
    assert document["written_at"] == "2026-11-24T15:00:02+00:00"
    assert document["bytes"] == (workplace.folder / "copy.db").stat().st_size


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("config.paper.yaml", "exists; name another file, or replace it with --force"),
        ("missing/copy.db", "there is no folder missing; make it first"),
        (".", "is a folder; name a file in it"),
        (".orchestrator/orchestrator.db", "belongs to the database itself"),
        (".orchestrator/orchestrator.db-wal", "belongs to the database itself"),
    ],
)
def test_backup_to_a_place_that_will_not_do_is_refused(workplace, traded, file, words):
    done = workplace.run(backup, file)
    assert done.code == 1
    assert words in done.err


def test_backup_of_nothing_is_said(workplace):
    done = workplace.run(backup, "copy.db")
    assert (done.code, "nothing to back up" in done.err) == (1, True)
    assert not (workplace.folder / ".orchestrator").exists()


@pytest.fixture
def backed_up(workplace, traded) -> Store:
    """The store, with a backup of three orders in ``copy.db`` and a fourth order since."""
    workplace.run(backup, "copy.db")
    trade(traded, 4)
    traded.close()
    return traded


def test_restore_tells_what_it_means_for_the_orders_since(workplace, backed_up):
    done = workplace.run(restore, "copy.db", "--yes")
    assert done.code == 0
    assert "is now copy.db:" in done.out
    assert "the one before is kept as" in done.out
    assert "the paper account is as it was at Tue 24 Nov 2026 10:00:02 EST" in done.out
    assert inspect(workplace.store_path).orders == 3


def test_restore_as_json(workplace, backed_up):
    workplace.configure("broker: {broker_type: ibkr}\n")
    document = workplace.run(restore, "copy.db", "--yes", "--json").document
    assert inspect(Path(document["kept"])).orders == 4
    assert document["backup"]["orders"] == 3
    assert "fills and open orders that the journal does not know are left alone" in document["notes"][0]


def test_restore_asks_and_refuses_where_nobody_can_answer(workplace, backed_up):
    done = workplace.run(restore, "copy.db")
    assert done.code == 6
    assert "If so, add --yes" in done.err
    assert inspect(workplace.store_path).orders == 4


def test_restore_under_a_daemon_is_refused(command_line, workplace, backed_up):
    lock = StoreLock(workplace.store_path)
    lock.acquire(AT)
    try:
        done = command_line("restore", "copy.db", "--yes")
    finally:
        lock.release()
    assert done.code == 5
    assert "in use by process" in done.err
    assert inspect(workplace.store_path).orders == 4


def damage(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(4096 * 2)
        opened.write(os.urandom(4096 * 4))


def of_a_newer_version(file: Path) -> None:
    with Store(f"sqlite:///{file}") as store:
        store.write_meta("schema_version", 99)


def of_another_program(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE songs (title)")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (damage, "damaged|malformed"),
        (of_a_newer_version, "written by a newer version"),
        (of_another_program, "not one of the orchestrator's"),
        (lambda file: file.write_text("a letter " * 100), "not a database"),
        (lambda file: os.truncate(file, 0), "is empty"),
        (lambda file: file.unlink(), "there is no file"),
    ],
)
def test_bad_backup_is_refused_and_nothing_is_touched(command_line, workplace, backed_up, spoil, words):
    spoil(workplace.folder / "copy.db")
    before = names(workplace.store_path.parent)
    done = command_line("restore", "copy.db", "--yes")
    assert done.code == 1
    assert re.search(words, done.error)
    assert inspect(workplace.store_path).orders == 4
    assert names(workplace.store_path.parent) == before


def test_daemon_is_backed_up_while_it_trades_and_goes_on_from_the_backup(desk):
    desk.configure(notifications={"enabled": False})
    daemon = desk.start_trading()
    desk.wait_for(lambda: desk.rows("SELECT 1 FROM fills"), "it has traded")
    saved = json.loads(desk.run("backup", "saved.db", "--json").stdout)
    assert saved["fills"] > 0
    daemon.signal(15)
    assert daemon.wait_for_end() == 0
    assert desk.run("restore", "saved.db", "--yes").returncode == 0
    assert len(desk.rows("SELECT 1 FROM fills")) == saved["fills"]
    desk.start_trading()
    doubled = desk.rows("SELECT fill_id FROM fills GROUP BY fill_id HAVING count(*) > 1")
    assert doubled == []
