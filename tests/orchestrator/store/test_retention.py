"""What goes and what stays, table by table; in portions; and the job that has it done."""

import json
import os
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from orchestrator.config import TradingConfig
from orchestrator.schedule.housekeeping import Chores, keep_house, main
from orchestrator.store import (
    Store,
    alerts,
    config_versions,
    deliveries,
    equity,
    fills,
    incidents,
    job_runs,
    orders,
    requests,
    transitions,
)
from orchestrator.store.retention import KINDS, PORTION, remove, stale

NOW = datetime(2026, 11, 24, 8, 15, tzinfo=UTC)
OLD = NOW - timedelta(days=400)


@pytest.fixture
def store(path: Path):
    with Store(f"sqlite:///{path}") as made:
        yield made


@pytest.fixture
def chores(path: Path) -> Chores:
    return Chores.of(TradingConfig(state_dir=str(path.parent), store_url=f"sqlite:///{path}"), path.parent, "v9", NOW)


def put(store: Store, table: Any, *rows: dict[str, Any]) -> None:
    with store.engine.begin() as connection:
        for row in rows:
            connection.execute(insert(table), row)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


def kept(store: Store, column: Any) -> list[Any]:
    return [row[column.name] for row in store.rows(select(column).order_by(column))]


def no_pause() -> None:
    """Nobody else writes."""


def tidy(chores: Chores) -> str:
    return list(keep_house(chores, no_pause))[-1]


def run(job: str, scheduled_at: datetime, **more: Any) -> dict[str, Any]:
    return {"job": job, "scheduled_at": scheduled_at, "finished_at": scheduled_at, "result": "ok", **more}


def test_old_runs_go_but_the_last_of_each_job_and_one_that_goes_on(store, chores):
    put(
        store,
        job_runs,
        run("monthly", OLD),
        run("often", ago(days=91)),
        run("often", ago(days=89)),
        run("missed", ago(days=91), finished_at=None, result="missed"),
        run("missed", ago(days=1), finished_at=None, result="missed"),
        run("going on", ago(days=91), finished_at=None, result=None),
        run("going on", ago(days=1)),
    )
    assert tidy(chores) == "removed 2 job runs"
    assert kept(store, job_runs.c.job) == ["going on", "going on", "missed", "monthly", "often"]


def alert(name: str, at: datetime, **more: Any) -> dict[str, Any]:
    row = {"id": name, "at": at, "level": "warning", "topic": "job", "title": name, "message": "", "metadata": {}}
    return {**row, **more}


def delivery(name: str, alert_id: str, state: str) -> dict[str, Any]:
    row = {"id": name, "alert_id": alert_id, "channel": name, "state": state, "attempts": 1, "last_error": ""}
    return {**row, "next_attempt": None}


def test_old_alerts_go_with_their_deliveries_but_not_before_they_are_delivered(store, chores):
    put(store, alerts, *(alert(name, OLD) for name in ("delivered", "half", "failing", "given up", "to nobody")))
    put(store, alerts, alert("new", ago(days=1)))
    put(
        store,
        deliveries,
        delivery("d1", "delivered", "sent"),
        delivery("d2", "half", "sent"),
        delivery("d3", "half", "pending"),
        delivery("d4", "failing", "failed"),
        delivery("d5", "given up", "expired"),
        delivery("d6", "new", "sent"),
    )
    assert tidy(chores) == "removed 3 alerts"
    assert kept(store, alerts.c.id) == ["failing", "half", "new"]
    assert kept(store, deliveries.c.id) == ["d2", "d3", "d4", "d6"]


def test_alert_whose_delivery_is_tried_again_meanwhile_stays(store):
    put(store, alerts, alert("a", OLD), alert("b", OLD))
    put(store, deliveries, delivery("d1", "a", "expired"), delivery("d2", "b", "sent"))
    keys = stale(store, KINDS["alerts"], NOW)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE deliveries SET state = 'pending' WHERE id = 'd1'")
    remove(store, KINDS["alerts"], keys, no_pause)
    assert (kept(store, alerts.c.id), kept(store, deliveries.c.id)) == (["a"], ["d1"])


def test_alerts_of_a_matter_that_is_not_over_stay(store, chores):
    put(
        store,
        alerts,
        alert("over", OLD, key="engine"),
        alert("its end", OLD + timedelta(hours=1), closes="engine other"),
        alert("first", OLD + timedelta(hours=2), key="engine"),
        alert("again", OLD + timedelta(hours=3), key="engine"),
        alert("and again", OLD + timedelta(hours=4), key="engine"),
        alert("no matter", OLD, key="order AAPL"),
    )
    assert tidy(chores) == "removed 4 alerts"
    assert kept(store, alerts.c.id) == ["and again", "first"]


def mark(at: datetime, drawdown: float) -> dict[str, Any]:
    session = at.date().isoformat()
    return {"at": at, "session": session, "equity": 1e5 * (1 - drawdown), "cash": 1e4, "drawdown": drawdown}


def test_of_an_old_session_s_equity_the_last_and_the_worst_mark_stay_and_the_very_first(store, chores):
    day = datetime(2026, 9, 1, 14, tzinfo=UTC)
    first = [mark(day + timedelta(minutes=i), [0.01, 0.02, 0.05, 0.03, 0.0][i]) for i in range(5)]
    second = [mark(day + timedelta(days=1, minutes=i), [0.01, 0.02, 0.05, 0.03, 0.0][i]) for i in range(5)]
    recent = [mark(ago(days=1) + timedelta(minutes=i), 0.0) for i in range(5)]
    put(store, equity, *first, *second, *recent)
    assert tidy(chores) == "removed 5 marks of the equity"
    expected = [first[0], first[2], first[4], second[2], second[4], *recent]
    assert kept(store, equity.c.at) == [row["at"] for row in expected]


def test_incidents_go_with_their_files_and_nothing_outside_the_folder(store, chores, path):
    folder = path.parent / "incidents"
    folder.mkdir()
    for name in ("old", "new"):
        (folder / f"{name}.json").write_text("{}")
    precious = path.parent / "precious.json"
    precious.write_text("{}")
    row = {"kind": "hang", "cause": "x", "engine_run": "r"}
    put(
        store,
        incidents,
        {**row, "id": "old", "at": OLD, "path": str(folder / "old.json")},
        {**row, "id": "gone", "at": OLD, "path": str(folder / "gone.json")},
        {**row, "id": "odd", "at": OLD, "path": str(precious)},
        {**row, "id": "bare", "at": OLD, "path": None},
        {**row, "id": "new", "at": ago(days=1), "path": str(folder / "new.json")},
    )
    assert tidy(chores) == "removed 4 incidents"
    assert os.listdir(folder) == ["new.json"]
    assert precious.exists()


def version(name: str, applied_at: datetime, worked_at: datetime | None = None) -> dict[str, Any]:
    row = {"version": name, "at": applied_at, "author": "cli", "reason": "", "suffix": ".yaml", "text": ""}
    return {**row, "applied_at": applied_at, "worked_at": worked_at}


def test_of_config_texts_the_last_the_one_in_force_and_the_last_that_worked_stay(store, chores):
    put(store, config_versions, *(version(f"v{i}", ago(days=100 - i)) for i in range(9)))
    put(store, config_versions, version("v9", ago(days=200)), version("worked", ago(days=300), ago(days=299)))
    put(store, config_versions, version("worked before", ago(days=301), ago(days=300)))
    assert tidy(replace(chores, texts=3)) == "removed 7 config texts"
    assert kept(store, config_versions.c.version) == ["v6", "v7", "v8", "v9", "worked"]


def test_changes_of_state_and_requests_go(store, chores):
    moves = [{"at": at, "from_state": "stopped", "to_state": "error", "cause": ""} for at in (OLD, ago(days=364))]
    put(store, transitions, *moves)
    put(store, requests, *({"at": at, "kind": "stop", "args": {}} for at in (ago(days=8), ago(days=6))))
    assert tidy(chores) == "removed 1 change of state, 1 request"
    assert tidy(chores) == "nothing is old enough to be removed"


def test_orders_and_fills_stay_for_ever(store, chores):
    order = {
        "order_ref": "o1",
        "session": "2001-01-02",
        "strategy": "s",
        "decision": "0935",
        "symbol": "AAPL",
        "action": "BUY",
        "order_type": "MKT",
        "total_quantity": 1.0,
        "status": "Filled",
        "submitted_at": datetime(2001, 1, 2, tzinfo=UTC),
        "updated_at": datetime(2001, 1, 2, tzinfo=UTC),
    }
    fill = {"fill_id": "f1", "order_ref": "o1", "symbol": "AAPL", "action": "BUY", "quantity": 1.0, "price": 1.0}
    put(store, orders, order)
    put(store, fills, {**fill, "commission": 0.0, "at": order["submitted_at"]})
    assert tidy(chores) == "nothing is old enough to be removed"
    assert (kept(store, orders.c.order_ref), kept(store, fills.c.fill_id)) == (["o1"], ["f1"])
    statements = " ".join(statement for kind in KINDS.values() for statement in kind.removal)
    assert set(re.findall(r"DELETE FROM (\w+)", statements)) == {
        *("job_runs", "transitions", "deliveries", "alerts", "incidents", "equity", "requests")
    }


def test_rows_go_in_small_portions_and_others_write_in_between(store):
    put(store, transitions, *({"at": OLD, "from_state": "a", "to_state": "b", "cause": ""} for _ in range(450)))
    sizes, between = [], []

    @event.listens_for(store.engine, "after_cursor_execute")
    def note(connection, cursor, statement, parameters, context, many):
        if statement.startswith("DELETE"):
            sizes.append(cursor.rowcount)

    def write() -> None:
        with closing(sqlite3.connect(store.path, timeout=0, isolation_level=None)) as other:
            other.execute("INSERT OR REPLACE INTO meta VALUES ('mark', ?)", (json.dumps(len(between)),))
        between.append(kept(store, transitions.c.id)[0] if len(sizes) < 3 else None)

    remove(store, KINDS["transitions"], stale(store, KINDS["transitions"], NOW), write)
    assert sizes == [PORTION, PORTION, 50]
    assert between == [201, 401, None]


# --- the daily backup ---


def test_daily_backup_is_made_first_and_the_oldest_go(store, chores, path):
    folder = path.parent / "backups"
    put(store, transitions, {"at": OLD, "from_state": "a", "to_state": "b", "cause": ""})
    daily = replace(chores, backup_dir=str(folder), backups=2)
    name = path.parent.name.lstrip(".")
    for day in range(4):
        done = list(keep_house(replace(daily, now=(NOW + timedelta(days=day)).isoformat()), no_pause))
    assert done[0].startswith(f"backed up to {folder / name}-2026-11-27.db (0.")
    (folder / "letter.txt").write_text("keep me")
    list(keep_house(replace(daily, now=(NOW + timedelta(days=4)).isoformat()), no_pause))
    assert sorted(os.listdir(folder)) == ["letter.txt", f"{name}-2026-11-27.db", f"{name}-2026-11-28.db"]
    assert folder.stat().st_mode & 0o777 == 0o700


def test_first_backup_has_what_goes_that_day(store, chores, path):
    put(store, transitions, {"at": OLD, "from_state": "a", "to_state": "b", "cause": ""})
    list(keep_house(replace(chores, backup_dir=str(path.parent / "backups")), no_pause))
    (copy,) = (path.parent / "backups").iterdir()
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM transitions").fetchone() == (1,)
    assert kept(store, transitions.c.id) == []


# --- the process, and the job ---


def test_process_says_in_its_last_line_what_it_did(store, chores, capsys):
    put(store, requests, {"at": OLD, "kind": "stop", "args": {}})
    assert main([chores.text()]) == 0
    assert capsys.readouterr().out == "removed 1 request\n"


def test_process_that_can_not_back_up_says_why_and_removes_nothing(store, chores, path, capsys):
    put(store, requests, {"at": OLD, "kind": "stop", "args": {}})
    (path.parent / "backups").write_text("a file")
    assert main([replace(chores, backup_dir=str(path.parent / "backups")).text()]) == 1
    assert "backups" in capsys.readouterr().out
    assert len(kept(store, requests.c.id)) == 1


def test_daemon_has_the_house_kept_while_it_runs(desk):
    desk.configure(schedule={"auto_start": False}, housekeeping={"backup_dir": "backups"})
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    with closing(sqlite3.connect(desk.store_path)) as connection:
        connection.execute(
            "INSERT INTO requests (at, kind, args) VALUES ('2020-01-01T00:00:00.000000+00:00', 'x', '{}')"
        )
        connection.commit()
    told = desk.run("jobs", "run", "housekeeping")
    assert "begun; to see how it ends: orchestrator jobs history housekeeping" in told.stdout, told
    (run,) = desk.wait_for(lambda: desk.runs("housekeeping"), "it has ended")
    assert (run["result"], run["exit_code"]) == ("ok", 0)
    assert re.search(r"backed up to .*/orchestrator-\d{4}-\d\d-\d\d\.db \(0\.\d MB\); removed 1 request", run["reason"])
    assert len(list((desk.folder / "backups").iterdir())) == 1


def test_house_is_kept_every_night(rehearse):
    days = rehearse("2026-11-24 03:00").until("2026-11-25 03:30")
    assert [at for at, _ in days.runs("housekeeping")] == ["24 03:15", "25 03:15"]
