"""The daemon as a process among processes: started, signalled, killed and starved like one."""

import fcntl
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

STOP_TIMEOUT = 8
ENGINES = Path(__file__).with_name("engines.py")
STARTING_CASH = 100_000


@pytest.fixture
def foreign(desk):
    """Has the desk run one of the engines of engines.py."""
    shutil.copy(ENGINES, desk.folder)

    def configure(name, **options):
        desk.configure(engine={"target": f"engines:{name}", "stop_timeout": STOP_TIMEOUT, **options})

    return configure


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def seconds_since(began):
    return time.monotonic() - began


# --- a day at the desk ---


def by_command(desk, daemon):
    done = desk.run_process("stop")
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def by_sigterm(desk, daemon):
    daemon.signal(signal.SIGTERM)


def by_sigint(desk, daemon):
    daemon.signal(signal.SIGINT)


@pytest.mark.parametrize("stop", [by_command, by_sigterm, by_sigint])
def test_daemon_trades_and_comes_to_an_orderly_end(desk, stop):
    desk.configure(engine={"stop_timeout": STOP_TIMEOUT})
    daemon = desk.start_trading()
    desk.wait_for(lambda: len(desk.rows("SELECT * FROM fills")) == 2, "both symbols are bought")
    status = desk.status()
    assert (status["state"], status["pid"], status["engine"]["state"]) == ("trading", daemon.pid, "running")
    assert set(desk.family()) == {daemon.pid, status["engine"]["pid"]}

    began = time.monotonic()
    stop(desk, daemon)
    assert daemon.wait_for_end() == 0
    assert seconds_since(began) < STOP_TIMEOUT
    desk.wait_for(lambda: not desk.family(), "no process is left")
    assert "Traceback" not in daemon.log
    assert_everything_is_written_down(desk)
    assert_store_is_free(desk)


def assert_everything_is_written_down(desk):
    states = desk.rows("SELECT from_state, to_state FROM transitions ORDER BY id")
    assert [tuple(row.values()) for row in states] == [
        ("stopped", "pre_market"),
        ("pre_market", "trading"),
        ("trading", "stopped"),
    ]
    orders = desk.rows("SELECT symbol, action, status FROM orders ORDER BY symbol")
    assert [tuple(row.values()) for row in orders] == [("AAPL", "BUY", "Filled"), ("MSFT", "BUY", "Filled")]
    status = desk.status()
    assert (status["state"], status["engine"]["state"]) == ("stopped", "stopped")
    titles = Counter(alert["title"] for alert in desk.alerts())
    assert titles["Trading"] == 1
    assert sum(count for title, count in titles.items() if title.startswith("Order filled")) == 2


def assert_store_is_free(desk):
    assert desk.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    with open(desk.store_path.with_name("orchestrator.db.lock"), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert lock.read() == b""
    with closing(sqlite3.connect(desk.store_path, isolation_level=None, timeout=0)) as connection:
        connection.execute("BEGIN EXCLUSIVE")


def test_module_starts_the_daemon_too(desk):
    desk.configure(schedule={"auto_start": False})
    daemon = desk.start(module=True)
    daemon.wait_for("jobs: added")
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for("status: state stopped, engine stopped, the market never closes")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0


# --- SIGTERM at any moment ---


def test_sigterm_before_it_is_up_leaves_nothing(desk):
    daemon = desk.start()
    daemon.wait_for("It runs until Ctrl-C")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() in {0, -signal.SIGTERM}
    desk.wait_for(lambda: not desk.family(), "no process is left")


@pytest.mark.parametrize(
    ("engine", "moment"),
    [
        ("Diary", r"engine \S+: start"),
        ("NeverConnects", r"engine \S+: start"),
        ("NeverStops", "-> trading"),
    ],
)
def test_sigterm_ends_everything_within_the_stop_timeout(desk, foreign, engine, moment):
    foreign(engine)
    daemon = desk.start()
    daemon.wait_for(moment)
    if engine == "NeverConnects":
        desk.wait_for(lambda: "connecting" in desk.read("notes.txt"), "it is stuck, with a child")
        assert len(desk.family()) == 3
    began = time.monotonic()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    assert seconds_since(began) < STOP_TIMEOUT
    desk.wait_for(lambda: not desk.family(), "no process is left, grandchildren neither")
    assert ("stopping" in desk.read("notes.txt")) == (engine == "NeverStops")


# --- kill -9 of the daemon ---


@pytest.mark.parametrize(
    ("engine", "note"), [("WithChild", "start AAPL MSFT"), ("NeverConnects", "connecting"), ("Hangs", "hanging")]
)
def test_engine_dies_with_its_daemon_whatever_it_is_doing(desk, foreign, engine, note):
    foreign(engine)
    daemon = desk.start()
    desk.wait_for(lambda: note in desk.read("notes.txt"), note)
    assert len(desk.family()) == 3
    began = time.monotonic()
    daemon.kill()
    desk.wait_for(lambda: not desk.family(), "engine and grandchild are dead")
    assert seconds_since(began) < 5


@pytest.mark.parametrize("moment", ["orders", "fills"])
def test_daemon_killed_in_mid_session_goes_on_where_it_was(desk, moment):
    killed = desk.start()
    desk.wait_for(lambda: desk.rows(f"SELECT * FROM {moment}"), f"there are {moment}")
    killed.kill()
    desk.wait_for(lambda: not desk.family(), "the engine is dead")
    lock = desk.store_path.with_name("orchestrator.db.lock")
    assert json.loads(lock.read_text())["pid"] == killed.pid

    daemon = desk.start_trading()
    daemon.wait_for(r"rebalance: .* is made already")
    desk.wait_for(lambda: len(desk.rows("SELECT * FROM fills")) >= 2, "what was left over is traded")
    daemon.wait_for("is made already", after=len(daemon.log))
    assert_every_order_is_sent_and_filled_once(desk)
    assert_account_is_what_the_fills_add_up_to(desk)
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0


def assert_every_order_is_sent_and_filled_once(desk):
    orders = desk.rows("SELECT order_ref, session, symbol, decision, total_quantity, status FROM orders")
    assert Counter((order["session"], order["symbol"]) for order in orders).most_common(1)[0][1] == 1
    assert {order["status"] for order in orders} == {"Filled"}
    filled = Counter()
    for fill in desk.rows("SELECT order_ref, quantity FROM fills"):
        filled[fill["order_ref"]] += fill["quantity"]
    assert filled == {order["order_ref"]: order["total_quantity"] for order in orders}


def assert_account_is_what_the_fills_add_up_to(desk):
    cash, held = STARTING_CASH, Counter()
    for fill in desk.rows("SELECT * FROM fills"):
        sign = {"BUY": 1, "SELL": -1}[fill["action"]]
        cash -= sign * fill["quantity"] * fill["price"] + fill["commission"]
        held[fill["symbol"]] += sign * fill["quantity"]

    def shown():
        account = desk.status()["account"] or {"cash": 0, "positions": []}
        positions = {each["symbol"]: each["quantity"] for each in account["positions"]}
        return account["cash"] == pytest.approx(cash, abs=0.01) and positions == held

    desk.wait_for(shown, f"the account is {cash:.2f} and {dict(held)}")


# --- kill -9 of the engine, and worse engines ---


def test_killed_engine_is_noticed_told_of_and_restarted(desk):
    daemon = desk.start_trading()
    desk.wait_for(lambda: len(desk.rows("SELECT * FROM fills")) == 2, "both symbols are bought")
    engine = desk.status()["engine"]["pid"]
    began, position = time.monotonic(), len(daemon.log)
    os.kill(engine, signal.SIGKILL)
    daemon.wait_for("trading -> error: engine failed: it was ended by SIGKILL; restart 1 of 3 follows", position)
    assert seconds_since(began) < 5
    daemon.wait_for("error -> trading", position)
    status = desk.wait_for_status(state="running", restarts=1)
    assert status["engine"]["pid"] not in {engine, None}
    assert [alert["title"] for alert in desk.alerts("critical")] == ["Trading interrupted"]
    assert daemon.log.count(": ready") == 2
    assert_account_is_what_the_fills_add_up_to(desk)


@pytest.mark.parametrize(
    ("engine", "reason"),
    [("RefusesToConnect", "the gateway is asleep"), ("DiesAtOnce", "it ended by itself with exit code 7")],
)
def test_engine_that_cannot_live_is_given_up_and_the_daemon_lives_on(desk, foreign, engine, reason):
    foreign(engine, max_restart_attempts=2, backoff_initial=0.1)
    daemon = desk.start()
    daemon.wait_for(r"engine \S+: fatal")
    status = desk.wait_for_status(state="fatal")
    assert daemon.log.count(": start") == 1
    assert daemon.log.count(": restart") == 2
    assert (status["state"], status["engine"]["restarts"]) == ("error", 2)
    assert reason in status["engine"]["reason"]
    assert [alert["title"] for alert in desk.alerts("critical")] == ["Trading interrupted", "Engine given up"]
    assert all(reason in alert["message"] for alert in desk.alerts("critical"))

    shown = desk.run("status")
    assert shown.returncode == 0
    assert reason in shown.stdout
    ran = len(desk.runs("rebalance"))
    desk.wait_for(lambda: len(desk.runs("rebalance")) > ran, "jobs go on")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0


def test_engine_that_dies_while_it_is_stopped_does_not_matter(desk, foreign):
    foreign("DiesWhenStopped")
    daemon = desk.start_trading()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    assert "stop (it ended by itself with exit code 3)" in daemon.log
    assert desk.alerts("critical") == []


def test_hung_engine_is_killed_with_its_children_and_restarted(desk, foreign):
    foreign("HangsOnce", heartbeat_timeout=1.5)
    daemon = desk.start_trading()
    before = set(desk.family()) - {daemon.pid}
    hang = daemon.wait_for(r"engine \S+: hang \(no beat for 1.5 s\)")
    daemon.wait_for("error -> trading", hang.end())
    desk.wait_for(lambda: not before & set(desk.family()), "the old ones are dead")
    assert len(desk.family()) == 3, "daemon, engine and its child"
    desk.wait_for_status(state="running", restarts=1, connected=True)
    assert [alert["message"] for alert in desk.alerts("critical")] == [
        "engine failed: no beat for 1.5 s; it is ended and started again"
    ]


def test_edit_while_the_engine_starts_is_in_force_at_once_and_for_the_next_start(desk, foreign):
    foreign("NeverConnects", start_timeout=5)
    daemon = desk.start()
    desk.wait_for(lambda: "connecting" in desk.read("notes.txt"), "it is starting")
    foreign("Diary", start_timeout=5)
    daemon.signal(signal.SIGHUP)
    taken_up = daemon.wait_for("is in force: engine.target: engines:NeverConnects -> engines:Diary")
    assert desk.wait_for_status(state="starting")["state"] == "pre_market"
    daemon.wait_for("-> trading", taken_up.end())
    assert "start AAPL MSFT" in desk.read("notes.txt")


def test_incident_of_a_hung_engine_shows_where_it_hangs(desk, foreign):
    foreign("HangsOnce", heartbeat_timeout=1.5)
    daemon = desk.start_trading()
    run = daemon.wait_for(r"engine (\S+): hang")[1]
    daemon.wait_for("error -> trading")
    (listed,) = json.loads(desk.run("incidents", "list", "--json").stdout)
    assert set(listed) == {"id", "at", "kind", "cause", "engine_run", "path"}
    assert (listed["id"], listed["cause"]) == (f"{run}-hang", "no beat for 1.5 s")
    assert os.stat(listed["path"]).st_mode & 0o777 == 0o600
    shown = json.loads(desk.run("incidents", "show", listed["id"], "--json").stdout)
    assert {"stacks", "log_tail", "rss_mb", "open_files", "events"} < set(shown)
    assert re.search(r'engines.py", line \d+ in block\n', shown["stacks"])
    assert shown["rss_mb"] > 10
    assert shown["open_files"] > 3
    assert shown["events"][0]["event"] == "EngineReady"
    assert "in is_connected" in desk.run("incidents", "show", run).stdout


def test_engine_is_stopped_started_and_restarted_on_demand(desk, foreign):
    foreign("Diary")
    daemon = desk.start_trading()
    assert desk.run("engine", "restart").stdout == "the engine is stopped and started again\n"
    daemon.wait_for("-> trading", daemon.wait_for(r"engine \S+: stop").end())
    assert desk.run("engine", "stop").stdout.startswith("the engine is stopped for ")
    daemon.wait_for("-> stopped: the operator has stopped the engine")
    stopped = len(daemon.log)
    assert desk.run("engine", "start").stdout == "the engine is started\n"
    daemon.wait_for("-> trading", stopped)
    assert desk.wait_for_status(state="running")["engine"]["restarts"] == 0
    assert desk.run("incidents", "list").stdout == "no engine has failed\n"


def test_foreign_engine_is_hosted_from_the_folder_of_the_config(desk, foreign):
    foreign("Diary", heartbeat_timeout=3)
    daemon = desk.start_trading()
    desk.wait_for(lambda: desk.wait_for_status(connected=True)["engine"]["progress"]["laps"] >= 3, "beat for beat")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    assert desk.read("notes.txt").splitlines() == ["connect", "start AAPL MSFT", "stop", "disconnect"]


# --- who owns the store ---


def test_second_daemon_is_refused_and_the_first_is_undisturbed(desk):
    first = desk.start_trading()
    before = desk.wait_for_status(state="running")
    second = desk.run_process("start")
    assert (second.returncode, second.stdout) == (5, "")
    assert second.stderr.count("\n") == 1
    assert f"in use by process {first.pid} on " in second.stderr
    ran = len(desk.runs("rebalance"))
    desk.wait_for(lambda: len(desk.runs("rebalance")) > ran, "the first goes on")
    after = desk.status()
    assert (after["pid"], after["engine"]["pid"]) == (first.pid, before["engine"]["pid"])


def test_of_two_daemons_that_start_together_one_is_refused(desk):
    desk.configure(schedule={"auto_start": False})
    pair = [desk.start(), desk.start()]
    refused = desk.wait_for(lambda: [each for each in pair if each.ended], "one of them ends")[0]
    owner = pair[1 - pair.index(refused)]
    assert refused.wait_for_end() == 5
    desk.wait_for_word_of(owner)
    assert f"in use by process {owner.pid} on " in refused.log or "in use by another process" in refused.log
    assert "Traceback" not in refused.log


@pytest.mark.parametrize("host", ["this one", "a container of yesterday"])
def test_lock_file_of_a_dead_daemon_does_not_matter(desk, host):
    desk.configure(schedule={"auto_start": False})
    desk.store_path.parent.mkdir(mode=0o700)
    owner = {"pid": 1, "host": os.uname().nodename, "birth": "12", "started_at": "2026-11-24T09:30:00+00:00"}
    if host != "this one":
        owner["host"] = host
    desk.store_path.with_name("orchestrator.db.lock").write_text(json.dumps(owner))
    daemon = desk.start()
    daemon.wait_for("jobs: added")
    assert json.loads(desk.store_path.with_name("orchestrator.db.lock").read_text())["pid"] == daemon.pid


def test_request_to_an_earlier_daemon_is_not_carried_out(desk):
    desk.configure(schedule={"auto_start": False})
    desk.start().wait_for("jobs: added")
    desk.daemons[0].kill()
    with closing(sqlite3.connect(desk.store_path)) as connection:
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        connection.execute("INSERT INTO requests (at, kind, args) VALUES (?, 'stop', '{}')", (now,))
        connection.commit()
    daemon = desk.start()
    desk.wait_for_word_of(daemon)
    daemon.signal(signal.SIGUSR1)
    daemon.wait_for("status: |stopping")
    assert "stopping" not in daemon.log


# --- starts that are refused ---

LIVE = """\
mode: live
broker: {broker_type: ibkr, paper_trading: false, port: 7496, account_number: U1234567}
"""


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (
            "mode: paper\nbroker: {broker_type: paper}\nstrategy:\n  max_positions: many\n",
            3,
            ":4:18: strategy.max_positio",
        ),
        (
            "broker: {broker_type: ibkr}\ndata: {primary_source: synthetic}\n",
            6,
            "orders for real shares can't be priced by synthetic",
        ),
        (LIVE, 6, "orchestrator start --live"),
    ],
)
def test_refused_start_says_why_in_a_line_and_makes_nothing(desk, text, code, message):
    desk.config_path.write_text(text)
    refused = desk.run_process("start")
    assert (refused.returncode, refused.stdout) == (code, "")
    assert refused.stderr.startswith("error: ")
    assert refused.stderr.count("\n") == 1
    assert message in refused.stderr
    assert os.listdir(desk.folder) == [desk.config_path.name]


# --- a database that somebody else holds ---

TICK = """
import os
with open("ticks.txt", "a") as file:
    file.write(os.environ["ORCHESTRATOR_SCHEDULED_AT"] + "\\n")
"""


def test_locked_database_delays_history_and_jobs_and_nothing_else(desk):
    tick = {"interval": "2s", "command": [sys.executable, "-c", TICK], "misfire": "run", "notify": "never"}
    jobs = {"rebalance": {"interval": "1s"}, "health_check": False, "tick": tick}
    desk.configure(schedule={"jobs": jobs}, engine={"heartbeat_timeout": 20})
    daemon = desk.start_trading()
    desk.wait_for(lambda: len(desk.runs("tick")) >= 2, "ticks")
    engine, position = desk.status()["engine"]["pid"], len(daemon.log)

    with closing(sqlite3.connect(desk.store_path, isolation_level=None, timeout=10)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        held_from = datetime.now(UTC)
        daemon.wait_for("history can't be written", position)
        daemon.wait_for("job store: database is locked", position)
        desk.wait_for(lambda: datetime.now(UTC) - held_from > timedelta(seconds=6), "six seconds pass")
        holder.execute("ROLLBACK")
    held_until = datetime.now(UTC)

    daemon.wait_for("the store can be written again", position)
    daemon.wait_for("Job store works again", position)
    desk.wait_for(lambda: ticked(desk)[-1] > held_until, "ticks again")
    assert "->" not in daemon.log[position:], "the state never changed"
    assert alive(engine)
    warnings = desk.wait_for(lambda: desk.alerts("warning"), "the alert is on record")
    assert [alert["title"] for alert in warnings] == ["Job store failed"]
    assert "Traceback" not in daemon.log
    assert_every_tick_is_accounted_for_once(desk)


def ticked(desk):
    """For when the runs that are on record were scheduled."""
    return [datetime.fromisoformat(run["scheduled_at"]) for run in desk.runs("tick") if run["result"] == "ok"]


def assert_every_tick_is_accounted_for_once(desk):
    assert set(Counter(desk.read("ticks.txt").split()).values()) == {1}
    runs = desk.runs("tick")
    first, last = (datetime.fromisoformat(runs[i]["scheduled_at"]) for i in (0, -1))
    # A late run may still be going on when the next one is due; one row may stand for several fires that have passed.
    assert {run["result"] for run in runs} <= {"ok", "missed", "overlapped"}
    fires = [int(run["reason"].split()[0]) if run["result"] == "missed" else 1 for run in runs]
    assert sum(fires) == (last - first) // timedelta(seconds=2) + 1


# --- a schedule edited while it runs ---


def job_row(desk, name):
    found = desk.rows("SELECT next_run_time, job_state FROM apscheduler_jobs WHERE id = ?", name)
    return found[0] if found else None


def nightly(cron):
    return {"auto_start": False, "jobs": {"nightly": {"cron": cron, "command": ["true"]}, "config_reload": False}}


def test_edited_schedule_is_taken_up_at_once_whole_or_not_at_all(desk):
    desk.configure(schedule=nightly("0 3 * * *"))
    daemon = desk.start()
    before = desk.wait_for(lambda: job_row(desk, "nightly"), "the job is stored")
    heartbeat = job_row(desk, "heartbeat")

    desk.configure(schedule=nightly("0 4 * * *"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("is in force: schedule.jobs.nightly")
    moved = desk.wait_for(lambda: job_row(desk, "nightly") != before and job_row(desk, "nightly"), "it runs at four")
    assert (moved["next_run_time"] - before["next_run_time"]) % 86400 == 3600
    assert job_row(desk, "heartbeat") == heartbeat

    desk.config_path.write_text(desk.config_path.read_text().replace("0 4 * * *", "0 44 * * *"))
    daemon.signal(signal.SIGHUP)
    daemon.wait_for("config rejected")
    refused = desk.run("config", "reload")
    assert refused.returncode == 3
    line = 1 + desk.config_path.read_text()[: desk.config_path.read_text().index("44 *")].count("\n")
    assert f"{desk.config_path}:{line}:" in refused.stderr
    assert "hour '44' is not in 0 to 23" in refused.stderr
    assert job_row(desk, "nightly") == moved
    assert [alert["title"] for alert in desk.alerts("warning")] == ["Config rejected"]

    desk.configure(schedule=nightly("0 5 * * *"))
    taken = desk.run("config", "reload")
    assert (taken.returncode, taken.stderr) == (0, "")
    assert "schedule.jobs.nightly" in taken.stdout
    later = desk.wait_for(lambda: job_row(desk, "nightly") != moved and job_row(desk, "nightly"), "it runs at five")
    assert (later["next_run_time"] - moved["next_run_time"]) % 86400 == 3600
    assert desk.run("config", "reload").stdout == "nothing changed\n"


# --- users' jobs ---

BODIES = """
import os, subprocess, sys

def work():
    print("worked in", os.path.basename(os.getcwd()))

def hang():
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    print(child.pid, os.getpid(), flush=True)
    child.wait()
"""
DUMP = "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith('ORCHESTRATOR_')}))"
FAIL = "print('it begins'); print('no such luck'); raise SystemExit(3)"


def python(code, **options):
    return {"interval": "1s", "command": [sys.executable, "-c", code], **options}


def test_jobs_of_the_user_run_in_processes_of_their_own(desk):
    desk.write("bodies.py", BODIES)
    jobs = {
        "dump": python(DUMP),
        "work": {"interval": "1s", "run": "bodies:work"},
        "hang": {"interval": "1s", "run": "bodies:hang", "timeout": "3s"},
        "fail": python(FAIL),
        "typo": {"interval": "1s", "command": ["no-such-program"]},
        "heartbeat": {"interval": "1s"},
    }
    desk.configure(schedule={"auto_start": False, "jobs": jobs})
    daemon = desk.start()

    hung = desk.wait_for(lambda: [run for run in desk.runs("hang") if run["result"] == "timeout"], "the timeout")[0]
    done = {name: desk.wait_for(lambda name=name: desk.runs(name), name)[0] for name in jobs}
    results = {name: (run["result"], run["exit_code"]) for name, run in done.items() if name != "hang"}
    assert results == {
        "dump": ("ok", 0),
        "work": ("ok", 0),
        "fail": ("failed", 3),
        "typo": ("failed", None),
        "heartbeat": ("ok", None),
    }
    assert done["work"]["output"] == f"worked in {desk.folder.name}"
    assert (done["fail"]["output"], done["fail"]["reason"]) == ("it begins\nno such luck", "exit code 3: no such luck")
    assert done["typo"]["reason"] == "'no-such-program' can't be started: No such file or directory"
    assert_it_knew_where_it_was(desk, done["dump"])
    assert_hung_job_was_killed_whole_and_held_nobody_up(desk, hung)

    told = Counter(alert["title"] for alert in desk.alerts("warning"))
    assert (told["Job fail failed"], told["Job typo failed"]) == (1, 1), "once, however often they fail"
    assert told["Job hang timeout"]
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    desk.wait_for(lambda: not desk.family(), "no job is left")


def assert_it_knew_where_it_was(desk, run):
    told = json.loads(run["output"])
    scheduled = datetime.fromisoformat(told.pop("ORCHESTRATOR_SCHEDULED_AT"))
    assert scheduled == datetime.fromisoformat(run["scheduled_at"])
    assert told == {
        "ORCHESTRATOR_JOB": "dump",
        "ORCHESTRATOR_SESSION": datetime.fromisoformat(run["started_at"]).date().isoformat(),
        "ORCHESTRATOR_STATE": "stopped",
        "ORCHESTRATOR_CONFIG": str(desk.config_path),
    }


def assert_hung_job_was_killed_whole_and_held_nobody_up(desk, hung):
    assert hung["reason"] == "killed after its timeout of 3 s"
    desk.wait_for(lambda: not any(alive(int(pid)) for pid in hung["output"].split()), "its whole group is dead")
    began, ended = (datetime.fromisoformat(hung[key]) for key in ("started_at", "finished_at"))
    assert timedelta(seconds=3) <= ended - began < timedelta(seconds=6)
    beats = [datetime.fromisoformat(run["started_at"]) for run in desk.runs("heartbeat")]
    assert sum(began < beat < ended for beat in beats) >= 2
    overlapped = [run["result"] for run in desk.runs("hang") if hung["scheduled_at"] < run["scheduled_at"]]
    assert "overlapped" in overlapped


# --- halt ---


def test_halt_outlives_the_daemon_until_somebody_resumes(desk):
    killed = desk.start_trading()
    halted = desk.run("halt", "--reason", "strange prices")
    assert (halted.returncode, halted.stdout) == (0, "halted: strange prices\n")
    killed.wait_for("trading -> stopped: halted: strange prices")
    desk.wait_for_status(state="stopped", pid=None)
    killed.kill()

    daemon = desk.start()
    status = desk.wait_for_word_of(daemon)
    assert status["halted"]["reason"] == "strange prices"
    assert (status["state"], status["engine"]["state"]) == ("stopped", "stopped")
    assert "HALTED   strange prices" in desk.run("status").stdout
    assert ": start" not in daemon.log

    no_start = desk.run("engine", "start")
    assert (no_start.returncode, no_start.stdout) == (6, "")
    assert no_start.stderr == "error: trading is halted: strange prices; lift that with: orchestrator resume\n"
    refused = desk.run("resume")
    assert (refused.returncode, refused.stdout) == (6, "")
    assert refused.stderr == "error: halted: strange prices; if that is settled: orchestrator resume --yes\n"
    resumed = desk.run("resume", "--yes")
    assert (resumed.returncode, resumed.stdout) == (0, "resumed\n")
    daemon.wait_for("-> trading")
    assert desk.run("resume").stdout == "it was not halted\n"
    assert [alert["title"] for alert in desk.alerts("critical")] == ["Trading halted"]
    assert [alert["title"] for alert in desk.alerts("warning")] == ["Daemon was killed", "Trading resumed"]


# --- alerts on their way out ---


class Hook:
    """A webhook on the loopback interface that can be up or down; `posts` is what has arrived."""

    def __init__(self):
        self.posts, self._server, self._port = [], None, 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self._port}/hook"

    def open(self):
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_port
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}).start()

    def close(self):
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


@pytest.fixture
def hook():
    hook = Hook()
    hook.open()
    yield hook
    hook.close()


def deliveries(desk):
    query = "SELECT d.*, a.title FROM deliveries d JOIN alerts a ON a.id = d.alert_id ORDER BY d.rowid"
    return desk.rows(query)


def kill_engine(desk):
    """And wait until it is back; returns the alerts that this has made."""
    known = len(desk.alerts("critical"))
    daemon = desk.daemons[-1]
    position = len(daemon.log)
    os.kill(desk.wait_for_status(state="running")["engine"]["pid"], signal.SIGKILL)
    daemon.wait_for("error -> trading", position)
    return desk.wait_for(lambda: desk.alerts("critical")[known:], "the alert is on record")


def test_alert_arrives_sooner_or_later_and_over_crashes(desk, hook):
    notifications = {"channels": ["webhook"], "webhook_url": hook.url, "alert_levels": ["critical"]}
    desk.configure(notifications=notifications)
    killed = desk.start_trading()
    hook.close()
    kill_engine(desk)
    failed = desk.wait_for(lambda: [row for row in deliveries(desk) if row["attempts"] == 1], "the first attempt")[0]
    assert (failed["state"], failed["title"]) == ("pending", "Trading interrupted")
    assert "refused" in failed["last_error"].lower()
    assert hook.posts == []
    hook.open()
    desk.wait_for(lambda: hook.posts, "the second attempt arrives")
    assert (hook.posts[0]["title"], hook.posts[0]["level"]) == ("Trading interrupted", "critical")
    assert hook.posts[0]["metadata"]["delivery"] == failed["id"]
    sent = desk.wait_for(lambda: [row for row in deliveries(desk) if row["state"] == "sent"], "it is settled")[0]
    assert (sent["id"], sent["attempts"]) == (failed["id"], 2)
    assert len(desk.family()) == 3, "daemon, engine and courier"

    desk.wait_for(lambda: len(hook.posts) == 2, "that it is over arrives too")
    hook.close()
    kill_engine(desk)
    desk.wait_for(lambda: deliveries(desk)[2]["attempts"] == 1, "the attempt failed")
    killed.kill()
    hook.open()
    daemon = desk.start_trading()
    daemon.wait_for("[12] alerts of an earlier run are still to be delivered")
    desk.wait_for(lambda: len(hook.posts) == 4, "the next daemon sends it, and says that it is over if nobody has")
    assert [post["title"] for post in hook.posts] == ["Trading interrupted", "Trading again"] * 2
    desk.wait_for(lambda: {row["state"] for row in deliveries(desk)} == {"sent"}, "nothing is pending")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    desk.wait_for(lambda: not desk.family(), "the courier is gone")
    assert len(hook.posts) == 4


def test_config_that_is_gone_is_put_back_from_what_the_daemon_has(desk):
    daemon = desk.start_trading()
    text = desk.config_path.read_bytes()
    desk.config_path.unlink()
    shown = desk.run("status")
    assert shown.returncode == 0
    assert "the daemon has it still: orchestrator config rollback" in shown.stderr
    assert f"process {daemon.pid}" in shown.stdout
    assert desk.run("config", "rollback").returncode == 0
    assert desk.config_path.read_bytes() == text


def test_status_says_that_the_operator_has_stopped_the_engine(desk):
    desk.start_trading()
    desk.run("engine", "stop")
    text = "the operator has stopped it for this session; to start it: orchestrator engine start"
    assert desk.wait_for_status(state="stopped")["engine"]["reason"] == text


@pytest.mark.parametrize(
    "edit",
    [
        lambda path: path.write_text(path.read_text().replace("state_dir: mine", "state_dir: other")),
        lambda path: path.write_text(""),
        lambda path: path.write_text("state_dir: ["),
        lambda path: path.unlink(),
    ],
    ids=["another state_dir", "emptied", "broken", "removed"],
)
def test_the_kill_switch_finds_the_daemon_whatever_has_become_of_its_config(desk, edit):
    desk.configure()
    desk.config_path.write_text(desk.config_path.read_text() + "state_dir: mine\n")
    desk.store_path = desk.folder / "mine" / "orchestrator.db"
    daemon = desk.start_trading()
    edit(desk.config_path)
    second = desk.run_process("start")
    assert second.returncode in (3, 5), "no second daemon comes up beside the first"
    assert f"process {daemon.pid}" in desk.run("status").stdout
    done = desk.run("halt", "--reason", "strange prices")
    assert (done.returncode, done.stdout) == (0, "halted: strange prices\n")
    daemon.wait_for("-> stopped: halted: strange prices")
    assert desk.run("stop").returncode == 0
    assert daemon.wait_for_end() == 0
    assert not (desk.folder / f".{desk.config_path.name}.daemon").exists()
