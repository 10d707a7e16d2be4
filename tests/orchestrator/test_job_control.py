"""Jobs are asked about, run, paused and resumed while a daemon runs, and asked about when none does."""

import json
import os
import signal
import sqlite3
import sys
from contextlib import closing

from orchestrator.breaker import is_resumed, record_trip
from orchestrator.events import BreakerTripped
from orchestrator.store import Store

HISTORY_KEYS = {
    "job",
    "scheduled_at",
    "started_at",
    "finished_at",
    "result",
    "reason",
    "duration_s",
    "exit_code",
    "output",
}
TICK = {"interval": "1s", "command": [sys.executable, "-c", "print('tick')"]}
RARE = {"cron": "0 0 1 1 *", "command": [sys.executable, "-c", "print('rare')"]}
SLOW = {"cron": "0 0 1 1 *", "command": [sys.executable, "-c", "import time; time.sleep(1000)"]}


def listed(desk, *words):
    done = desk.run(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def job(desk, name):
    return next(each for each in listed(desk, "jobs", "list") if each["name"] == name)


def test_jobs_are_run_paused_and_resumed_by_command(desk):
    desk.configure(schedule={"auto_start": False, "jobs": {"tick": TICK, "rare": RARE}})
    daemon = desk.start()
    desk.wait_for(lambda: desk.runs("tick"), "it ticks")

    done = desk.run("jobs", "run", "rare")
    assert done.stdout == "rare: begun; to see how it ends: orchestrator jobs history rare\n"
    (run,) = desk.wait_for(lambda: desk.runs("rare"), "it has run")
    assert (run["result"], run["output"], run["reason"]) == ("ok", "rare", "asked for by an operator")
    assert desk.run("jobs", "run", "heartbeat").stdout.startswith("heartbeat: ok: asked for by an operator; state ")

    assert desk.run("jobs", "pause", "tick").stdout == "tick: paused\n"
    assert (job(desk, "tick")["state"], job(desk, "tick")["next_run"]) == ("paused", None)
    assert listed(desk, "status")["jobs"]["paused"] == 1
    before = len(desk.runs("tick"))

    daemon.signal(signal.SIGKILL)
    daemon.wait_for_end()
    again = desk.start()
    desk.wait_for_word_of(again)
    desk.run("jobs", "run", "rare")
    desk.wait_for(lambda: len(desk.runs("rare")) == 2, "the new daemon is at work")
    assert len(desk.runs("tick")) == before, "a pause outlives the daemon"

    assert desk.run("jobs", "resume", "tick").stdout == "tick: resumed\n"
    desk.wait_for(lambda: len(desk.runs("tick")) > before, "it ticks again")
    again.signal(signal.SIGTERM)
    assert again.wait_for_end() == 0


def test_unknown_job_and_missing_daemon_are_said_in_a_line(desk):
    for words in (("run", "heartbeat"), ("pause", "heartbeat"), ("resume", "heartbeat")):
        done = desk.run("jobs", *words)
        assert done.returncode == 4
        assert "no daemon is running" in done.stderr
    done = desk.run("jobs", "explain", "hartbeat")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no job 'hartbeat'; did you mean heartbeat?" in done.stderr


def test_typo_in_the_config_disables_neither_status_nor_kill_switch(desk):
    daemon = desk.start_trading()
    desk.wait_for_word_of(daemon)
    good = desk.config_path.read_text()
    desk.config_path.write_text(good + "\nshedule: {calendar: NYSE}\n")
    for words in (("status",), ("jobs", "list"), ("halt", "--reason", "test"), ("stop",)):
        done = desk.run(*words)
        assert done.returncode == 0, (words, done.stderr)
        assert "did you mean schedule" in done.stderr
        assert "going on with the rest of the config" in done.stderr
    assert daemon.wait_for_end() == 0
    assert desk.run("config", "validate").returncode == 3


def test_kill_switch_finds_its_daemon_beside_a_text_that_is_no_yaml(desk):
    text = desk.config_path.read_text() + "state_dir: elsewhere  # on the big disk\n"
    desk.config_path.write_text(text)
    desk.store_path = desk.folder / "elsewhere" / "orchestrator.db"
    daemon = desk.start_trading()
    desk.config_path.write_text(text + "risk: {max_position_size: \n")
    done = desk.run("halt", "--reason", "strange prices")
    assert (done.returncode, done.stdout) == (0, "halted: strange prices\n"), done.stderr
    daemon.wait_for("-> stopped: halted: strange prices")
    assert desk.run("stop").returncode == 0
    assert daemon.wait_for_end() == 0


def test_halt_while_no_daemon_runs_holds_for_the_next(desk):
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_end()
    done = desk.run("halt", "--reason", "holidays")
    assert done.returncode == 0
    assert done.stdout.startswith(
        f"halted: holidays; no daemon runs on {desk.store_path}, and the next one there starts"
    )
    daemon = desk.start()
    status = desk.wait_for_word_of(daemon)
    assert (status["state"], status["halted"]["reason"], status["engine"]["state"]) == (
        "stopped",
        "holidays",
        "stopped",
    )
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_end()
    assert desk.run("resume", "--yes").stdout == "resumed: the next daemon trades again\n"
    desk.start_trading()


def test_resume_while_no_daemon_runs_settles_the_trip_of_the_circuit_breaker_too(desk):
    trip = BreakerTripped("2026-11-24T10:00:00-05:00", "circuit breaker: a test")
    with Store(f"sqlite:///{desk.store_path}") as store:
        record_trip(store, trip)
        store.write_meta("halt", {"reason": trip.reason, "at": trip.at, "flatten": False, "breaker": trip.at})
    assert desk.run("resume", "--yes").stdout == "resumed: the next daemon trades again\n"
    with Store(f"sqlite:///{desk.store_path}", read_only=True) as store:
        assert store.read_meta("halt") is None
        assert is_resumed(store, trip)


def test_request_is_carried_out_once_even_if_its_answer_must_wait(desk):
    desk.configure(schedule={"auto_start": False, "jobs": {"rare": RARE}})
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    at = "2099-01-01T00:00:00.000000+00:00"
    with closing(sqlite3.connect(desk.store_path)) as connection:
        connection.execute(
            "INSERT INTO requests (at, kind, args) VALUES (?, 'run job', ?)", (at, json.dumps({"name": "rare"}))
        )
        connection.commit()
        connection.execute("BEGIN IMMEDIATE")
        daemon.signal(signal.SIGCONT)
        daemon.wait_for("can't be written down yet|its answer can't be written")
        daemon.signal(signal.SIGCONT)
        daemon.wait_for("can't be written down yet", after=len(daemon.log))
        connection.rollback()
    desk.wait_for(lambda: desk.rows("SELECT * FROM requests WHERE ok = 1"), "the answer is written")
    desk.wait_for(lambda: desk.runs("rare"), "the run is written")
    assert len(desk.runs("rare")) == 1


def test_daemon_that_hangs_is_not_called_well(desk):
    desk.configure(schedule={"auto_start": False})
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    assert desk.run("status").returncode == 0
    os.kill(daemon.pid, signal.SIGSTOP)
    (desk.store_path.parent / "status.json").unlink()
    with closing(sqlite3.connect(desk.store_path)) as connection, connection:
        status = {**desk.status(), "at": "2026-11-24T00:00:00-05:00"}
        connection.execute("UPDATE meta SET value = ? WHERE key = 'status'", (json.dumps(status),))
    done = desk.run("status")
    assert done.returncode == 1
    assert f"process {daemon.pid} has not turned its loop for " in done.stderr
    os.kill(daemon.pid, signal.SIGCONT)
    daemon.signal(signal.SIGUSR1)
    desk.wait_for(lambda: desk.run("stop").returncode == 0, "it turns again")


def test_history_is_read_with_the_daemon_down(desk):
    desk.configure(schedule={"auto_start": False, "jobs": {"tick": TICK}})
    daemon = desk.start()
    desk.wait_for(lambda: len(desk.runs("tick")) >= 3, "it ticks")
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_end()
    documents = listed(desk, "jobs", "history", "tick", "--limit", "2")
    assert [set(each) for each in documents] == [HISTORY_KEYS] * 2
    assert documents[0]["scheduled_at"] > documents[1]["scheduled_at"], "newest first"
    assert documents[1]["output"] == "tick"
    assert listed(desk, "jobs", "history", "tick", "--result", "missed") == []
    text = desk.run("jobs", "history", "tick", "--limit", "1").stdout
    assert text.splitlines()[0].split() == ["job", "scheduled", "result", "took", "reason"]


def test_stored_row_that_is_not_understood_is_listed_as_parked_and_kept(desk):
    desk.configure(schedule={"auto_start": False})
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    daemon.signal(signal.SIGTERM)
    daemon.wait_for_end()
    newer = json.dumps({"version": 99}).encode()
    with closing(sqlite3.connect(desk.store_path)) as connection, connection:
        connection.execute("UPDATE apscheduler_jobs SET job_state = ? WHERE id = 'rebalance'", (newer,))
    assert job(desk, "rebalance")["state"] == "parked"
    assert job(desk, "rebalance")["reason"] == "its stored row can't be read: row version 99, this program reads 1"
    again = desk.start()
    again.wait_for("Job rebalance is parked")
    again.signal(signal.SIGTERM)
    again.wait_for_end()
    (row,) = desk.rows("SELECT job_state FROM apscheduler_jobs WHERE id = 'rebalance'")
    assert row["job_state"] == newer


def test_schedule_explains_itself_without_a_daemon_or_a_store(desk):
    desk.configure(schedule={"calendar": "NYSE"})
    words = ("jobs", "explain", "market_close", "--next", "2", "--from", "2026-11-25 20:00")
    assert listed(desk, *words) == [
        {"at": "2026-11-27T13:00:00-05:00", "why": "close; Day after Thanksgiving: closes 13:00"},
        {"at": "2026-11-30T16:00:00-05:00", "why": "close; regular session 09:30-16:00"},
    ]
    assert desk.run(*words).stdout.splitlines()[0] == (
        "Fri 27 Nov 2026 13:00 EST: close; Day after Thanksgiving: closes 13:00"
    )
    assert not desk.store_path.exists()


def test_run_that_dies_with_its_daemon_is_told_by_the_next_and_not_repeated(desk):
    desk.configure(schedule={"auto_start": False, "jobs": {"slow": SLOW}})
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    desk.run("jobs", "run", "slow")
    desk.wait_for(lambda: desk.rows("SELECT * FROM job_runs WHERE job = 'slow'"), "it goes on")
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.wait_for_end()
    again = desk.start()
    (run,) = desk.wait_for(lambda: desk.runs("slow"), "its end is known")
    assert (run["result"], run["reason"]) == ("failed", "the daemon ended before the run did")
    again.signal(signal.SIGTERM)
    again.wait_for_end()
    assert len(desk.rows("SELECT * FROM job_runs WHERE job = 'slow'")) == 1
