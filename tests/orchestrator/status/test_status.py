"""How the daemon is: in a file for scripts, again and again for people, in a line for health checks."""

import json
import os
import pty
import re
import select
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.cli import main
from orchestrator.lock import StoreLock
from orchestrator.status.file import StatusFile, read_status
from orchestrator.status.status import ailment

QUIET = {"schedule": {"calendar": "NYSE", "auto_start": False, "jobs": {}}}
PATIENCE = 30


def file_of(desk):
    return desk.folder / ".orchestrator" / "status.json"


def start_quiet(desk, **sections):
    """A daemon that starts no engine."""
    desk.configure(**{**QUIET, **sections})
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    return daemon


@pytest.fixture(scope="module")
def quiet(open_desk, tmp_path_factory):
    """A desk with a daemon that starts no engine."""
    with open_desk(tmp_path_factory.mktemp("quiet")) as desk:
        start_quiet(desk)
        yield desk


@pytest.fixture
def health(capsys):
    """Asks whether a desk's daemon is well: exit code, output and errors."""

    def ask(desk, *words):
        with pytest.raises(SystemExit) as end:
            main(["--config", str(desk.config_path), "status", "--healthcheck", *words])
        return (end.value.code, *capsys.readouterr())

    return ask


# --- the file ---


def test_file_has_what_status_says_and_its_time_and_is_private(quiet):
    document = quiet.wait_for(lambda: read_status(file_of(quiet)), "it is written")
    said = json.loads(quiet.run("status", "--json").stdout)
    assert set(document) == {*said, "at"}
    assert {key: set(document[key]) for key in ("engine", "market", "jobs", "config", "alerts")} == {
        key: set(said[key]) for key in ("engine", "market", "jobs", "config", "alerts")
    }
    assert (document["pid"], document["jobs"]["total"]) == (quiet.daemons[0].pid, said["jobs"]["total"])
    assert stat.S_IMODE(file_of(quiet).stat().st_mode) == 0o600


def test_paused_and_next_job_are_in_the_file(quiet):
    assert quiet.run("jobs", "pause", "heartbeat").returncode == 0
    quiet.run("jobs", "run", "health_check")  # after it the status is written
    document = quiet.wait_for(lambda: (f := read_status(file_of(quiet)))["jobs"]["paused"] and f, "it is paused")
    assert document["jobs"] == json.loads(quiet.run("status", "--json").stdout)["jobs"]


def test_orderly_end_is_marked(desk):
    daemon = start_quiet(desk)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    ended = read_status(file_of(desk))
    assert (ended["state"], ended["pid"], ended["engine"]["state"]) == ("stopped", None, "stopped")


def test_file_that_cannot_be_written_is_told_of_once_and_keeps_its_old_words(tmp_path, caplog):
    caplog.set_level("INFO")
    file = StatusFile(tmp_path / "status.json")
    file.write({"at": "first"})
    (tmp_path / ".status.json.new").mkdir()  # nothing can be put in its place, as on a disk that is full
    file.write({"at": "second"})
    file.write({"at": "third"})
    assert read_status(file.path) == {"at": "first"}
    (tmp_path / ".status.json.new").rmdir()
    file.write({"at": "fourth"})
    assert read_status(file.path) == {"at": "fourth"}
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_half_a_file_of_a_killed_daemon_does_not_matter(tmp_path):
    (tmp_path / ".status.json.new").write_text('{"at": "hal')
    StatusFile(tmp_path / "status.json").write({"at": "whole"})
    assert os.listdir(tmp_path) == ["status.json"]
    assert read_status(tmp_path / "status.json") == {"at": "whole"}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"at": 5}', "null"])
def test_what_no_daemon_has_written_is_no_status(tmp_path, text):
    (tmp_path / "status.json").write_text(text)
    assert read_status(tmp_path / "status.json") is None


def test_locked_store_is_told_in_the_file_and_by_status_and_health_check(quiet, health):
    desk, daemon = quiet, quiet.daemons[0]
    with closing(sqlite3.connect(desk.store_path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        desk.configure(**QUIET, logging={"level": "DEBUG"})
        daemon.signal(signal.SIGHUP)  # it has something to write
        desk.wait_for(lambda: (read_status(file_of(desk)) or {}).get("store_error"), "it is noticed")
        assert health(desk) == (1, "", "error: unhealthy: the store can't be written: database is locked\n")
        other.execute("ROLLBACK")
    desk.wait_for(lambda: not read_status(file_of(desk))["store_error"], "it is over")
    assert health(desk)[0] == 0
    desk.configure(**QUIET)


# --- what is well ---

WELL = {"silent_s": 3.0, "state": "trading", "engine": {"state": "running", "reason": None}}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, ""),
        ({"silent_s": None}, ""),
        ({"halted": {"reason": "strange prices"}, "state": "stopped"}, ""),
        ({"silent_s": 181.0}, "it has said nothing for 181 s: its loop hangs, or it can't write"),
        ({"store_error": "disk is full"}, "the store can't be written: disk is full"),
        ({"engine": {"state": "fatal", "reason": "no login"}, "state": "error"}, "the engine was given up: no login"),
        ({"engine": {"state": "backoff", "reason": None}, "state": "error"}, "trading is interrupted"),
        ({"problems": ["no price for 130 s", "12 MB are free"]}, "no price for 130 s; 12 MB are free"),
    ],
)
def test_ailment(said, expected):
    assert ailment({**WELL, **said}) == expected


def test_health_check_of_a_broken_config_asks_the_daemon_all_the_same(quiet, health):
    quiet.config_path.write_text("schedule: {calendar: [", encoding="utf-8")
    code, out, err = health(quiet)
    quiet.configure(**QUIET)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"healthy: \w+, engine stopped\n", out)


def test_health_check_without_a_daemon_fails_in_a_line(desk, health):
    code, out, err = health(desk)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("error: unhealthy: no daemon is running on ")
    desk.config_path.unlink()
    code, _, err = health(desk)
    assert (code, err.count("\n")) == (1, 1)
    assert "no config file" in err


def test_health_check_goes_alone(desk, health):
    assert health(desk, "--json")[0] == 2


def test_loop_that_does_not_turn_is_unhealthy(desk, health):
    long_ago = datetime.now(UTC) - timedelta(minutes=10)
    lock = StoreLock(desk.store_path)
    lock.acquire(long_ago)
    try:
        StatusFile(file_of(desk)).write({**WELL, "at": long_ago.isoformat(), "pid": os.getpid()} | ENGINE)
        done = health(desk)
        file_of(desk).unlink()  # one that never said a word
        mute = health(desk)
    finally:
        lock.release()
    for code, _, err in (done, mute):
        assert code == 1
        assert "unhealthy: it has said nothing for 60" in err


ENGINE = {"engine": {"state": "running", "reason": None, "last_beat_age_s": None}}


# --- again and again ---


@contextmanager
def watch(desk, *words, stdout, stderr=None):
    command = [sys.executable, "-c", "from orchestrator.cli import main; main()", "--config", str(desk.config_path)]
    environment = {**desk.environment, "TERM": "xterm", "PYTHONUNBUFFERED": "1", "COLUMNS": "40", "LINES": "10"}
    command += ["status", "--watch", "0.2", *words]
    with subprocess.Popen(command, stdout=stdout, stderr=stderr, env=environment) as watching:
        try:
            yield watching
        finally:
            watching.kill()


def test_watch_writes_a_line_a_look_until_ctrl_c(desk):
    with watch(desk, stdout=subprocess.PIPE) as watching:
        lines = [watching.stdout.readline().decode() for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE) == 0
    assert all("no daemon, stopped, engine stopped, market trading, 0 alerts pending" in line for line in lines)


def test_watch_goes_on_when_the_store_can_not_be_read_for_a_while(desk):
    desk.store_path.parent.mkdir()
    desk.store_path.write_bytes(b"no database" * 100)
    with watch(desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as watching:
        assert b"file is not a database" in watching.stderr.readline()
        desk.store_path.unlink()
        assert b"no daemon, stopped" in watching.stdout.readline()
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE) == 0


def test_watch_with_json_writes_a_document_a_line(desk):
    with watch(desk, "--json", stdout=subprocess.PIPE) as watching:
        documents = [json.loads(watching.stdout.readline()) for _ in range(2)]
        watching.send_signal(signal.SIGINT)
        assert watching.wait(PATIENCE) == 0
    assert [document["state"] for document in documents] == ["stopped", "stopped"]


def test_watch_draws_over_itself_on_a_terminal(desk):
    ours, theirs = pty.openpty()
    try:
        with watch(desk, stdout=theirs) as watching:
            shown = read_until(ours, lambda text: text.count("\x1b[H\x1b[2J") >= 2)
            watching.send_signal(signal.SIGINT)
            assert watching.wait(PATIENCE) == 0
    finally:
        os.close(ours)
        os.close(theirs)
    frame = shown.split("\x1b[H\x1b[2J")[1]
    assert "daemon   not running" in frame
    assert max(map(len, frame.splitlines())) <= 40


def read_until(descriptor, enough):
    text = ""
    while not enough(text):
        assert select.select([descriptor], [], [], PATIENCE)[0], text
        text += os.read(descriptor, 65536).decode()
    return text
