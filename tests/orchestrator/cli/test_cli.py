"""The command line: what it says, in words and in JSON, and with which exit code."""

import io
import json
import logging
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import click
import pytest
from click.testing import CliRunner

from calendars import VirtualClock
from jobs.store import JSONJobStore
from orchestrator.cli import COMMANDS, cli, main
from orchestrator.cli.calendar import next_session
from orchestrator.cli.daemon import start
from orchestrator.cli.jobs import list_jobs
from orchestrator.cli.output import table
from orchestrator.cli.screen import start_screen
from orchestrator.cli.settings import Settings
from orchestrator.cli.status import status
from orchestrator.cli.terminal import painted
from orchestrator.config.template import paper_template
from orchestrator.lock import StoreLock
from orchestrator.store import Store, StoreError, record_claim

NEW_YORK = ZoneInfo("America/New_York")
SATURDAY = datetime(2026, 11, 28, 11, 0, tzinfo=NEW_YORK)
PAPER = "broker: {broker_type: paper}\n"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def document(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The one line of an error."""
        assert self.err.startswith("error: ")
        assert self.err.count("\n") == 1
        return self.err.removeprefix("error: ").rstrip()


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCHESTRATOR_CONFIG", raising=False)

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main(list(words))
        return Done(end.value.code, *capsys.readouterr())

    yield run
    logging.disable(logging.NOTSET)


@pytest.fixture
def on_saturday(command, tmp_path):
    """Runs a command as on Saturday 28 November 2026, 11:00 in New York."""

    def run(which, *words, config=PAPER):
        (tmp_path / "config.paper.yaml").write_text(config)
        done = CliRunner().invoke(which, words, obj=settings_on_saturday(), catch_exceptions=False)
        return Done(done.exit_code, done.stdout, done.stderr)

    return run


def settings_on_saturday():
    settings = Settings(None, verbose=False, quiet=False)
    settings.clock = VirtualClock(SATURDAY)
    return settings


@pytest.fixture(scope="module")
def trading(open_desk, tmp_path_factory):
    """A desk with a daemon that trades."""
    with open_desk(tmp_path_factory.mktemp("trading")) as desk:
        desk.start_trading()
        desk.wait_for(lambda: len(desk.rows("SELECT * FROM fills")) == 2, "both symbols are bought")
        desk.wait_for(lambda: len((desk.status()["account"] or {}).get("positions", [])) == 2, "the daemon knows")
        yield desk


@pytest.fixture(scope="module")
def closed_desk(open_desk, tmp_path_factory):
    """A desk whose daemon has come to an orderly end."""
    with open_desk(tmp_path_factory.mktemp("closed")) as desk:
        daemon = desk.start_trading()
        desk.wait_for(lambda: len(desk.rows("SELECT * FROM fills")) == 2, "both symbols are bought")
        desk.wait_for(lambda: desk.runs("rebalance"), "its job has run")
        daemon.signal(signal.SIGTERM)
        assert daemon.wait_for_end() == 0
        yield desk


def every_command(group=cli, path=()):
    """Every command with its path, groups too."""
    context = click.Context(group)
    for name in group.list_commands(context):
        each = group.get_command(context, name)
        yield (*path, name), each
        if isinstance(each, click.Group):
            yield from every_command(each, (*path, name))


# --- help ---


def test_help_lists_every_command_and_where_the_config_is_looked_for(command):
    done = command("--help")
    assert (done.code, done.err) == (0, "")
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in done.out
        assert text in done.out
    assert "$ORCHESTRATOR_CONFIG" in done.out
    assert command("-h") == done


@pytest.mark.parametrize("path", [path for path, _ in every_command()], ids=" ".join)
def test_every_command_explains_itself_and_gives_an_example(command, path):
    done = command(*path, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"Usage: orchestrator {' '.join(path)} ")
    assert "Example: orchestrator " in done.out


def test_group_without_a_command_shows_its_help(command):
    done = command("jobs")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Usage: orchestrator jobs ")


def test_version(command):
    done = command("--version")
    assert (done.code, done.out.split()[0]) == (0, "orchestrator,")


def test_shell_completion_is_offered(tmp_path):
    environment = {**os.environ, "_ORCHESTRATOR_COMPLETE": "zsh_source"}
    script = "from orchestrator.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("#compdef orchestrator")


# --- errors ---


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["bogus"], 2, "No such command 'bogus'."),
        (["status", "--bogus"], 2, "No such option '--bogus'."),
        (["halt"], 2, "Missing option '--reason'."),
        (["calendar", "show", "--date", "soon"], 2, "'soon' does not match the format"),
        (["calendar", "show", "--from", "2026-11-27"], 2, "--from and --to go together"),
        (["calendar", "show", "--date", "2026-11-27", "--to", "2026-11-28"], 2, "either --date, or --from and --to"),
        (["calendar", "show", "--from", "2026-11-28", "--to", "2026-11-27"], 2, "--to 2026-11-27 is before"),
        (["calendar", "show", "--date", "1899-12-31"], 1, "knows the years 1990 to 2100, not 1899"),
        (["simulate", "--from", "2026-11-28", "--to", "2026-11-27"], 2, "--to 2026-11-27 is before --from 2026-11-28"),
        (["simulate", "--from", "1950-01-03"], 1, "knows the years 1990 to 2100, not 1950"),
        (["statsu"], 2, "No such command 'statsu'; did you mean status?"),
        (["stat'us"], 2, """No such command "stat'us"; did you mean status?"""),
        (["completion", "ba'sh"], 2, """"ba'sh" is not one of 'bash', 'zsh', 'fish'; did you mean bash?"""),
        (["jobs", "lits"], 2, "No such command 'lits'; did you mean list?"),
        (["status", "--wtach"], 2, "No such option '--wtach'; did you mean --watch?"),
        (["jobs", "list", "-v"], 2, "No such option '-v'; it goes before the command: orchestrator -v start"),
        (["notify", "test", "--level", "inof"], 2, "is not one of 'info', 'warning', 'critical'; did you mean info?"),
        (["completion", "bsh"], 2, "'bsh' is not one of 'bash', 'zsh', 'fish'; did you mean bash?"),
        (["jobs", "show", "markt_open"], 1, "no job 'markt_open'; did you mean market_open?"),
        (["jobs", "explain", "rebalanse"], 1, "no job 'rebalanse'; did you mean rebalance?"),
        (["jobs", "history", "rebalanse"], 1, "no job 'rebalanse'; did you mean rebalance?"),
        (["jobs", "show", "zzz"], 1, "no job 'zzz'; these are: config_reload, "),
        (["notify", "test", "consle"], 1, "no channel 'consle' is configured; did you mean console?"),
        (["notify", "test", "slack"], 1, "no channel 'slack' is configured; these are: console"),
        (["--config", "absent.yaml", "status"], 3, "absent.yaml; write one with: orchestrator config init absent.yaml"),
        (["--config", "absent.ini", "start"], 3, "absent.ini"),
        (["config", "validate", "absent.yaml"], 3, "no config file absent.yaml"),
        (["stop"], 4, "start one with: orchestrator start"),
        (["config", "reload"], 4, "no daemon is running on "),
        (["start", "--live"], 6, "--live goes with mode: live"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_error_is_one_line_and_its_kind_the_exit_code(command, tmp_path, words, code, text):
    done = command(*words)
    assert (done.code, done.out) == (code, "")
    assert text in done.error
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["calendar", "show", "--date", "1899-12-31", "--json"], 1),
        (["jobs", "show", "nope", "--json"], 1),
        (["simulate", "--to", "soon", "--json"], 2),
        (["--config", "absent.yaml", "jobs", "list", "--json"], 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_error_of_a_command_with_json_is_json(command, words, code):
    done = command(*words)
    error = done.document["error"]
    assert (done.code, done.err, error["code"], error["details"]) == (code, "", code, [])
    assert error["message"]


def test_damaged_store_is_said_in_a_line_and_with_v_as_a_traceback(command, tmp_path):
    (tmp_path / ".orchestrator").mkdir()
    (tmp_path / ".orchestrator" / "orchestrator.db").write_bytes(b"no database at all, but long enough to be one" * 20)
    done = command("jobs", "list")
    assert (done.code, done.out) == (1, "")
    assert "file is not a database; put a backup back with: orchestrator restore FILE; or move it away" in done.error
    again = command("-v", "jobs", "list")
    assert again.code == 1
    assert "Traceback (most recent call last):" in again.err
    assert again.err.splitlines()[-1] == f"error: {done.error}"


def test_verbose_changes_no_exit_code(command, tmp_path):
    (tmp_path / "typo.yaml").write_text("stragety: {}\n")
    for words in (["config", "validate"], ["start"]):
        assert command("-v", "--config", "typo.yaml", *words).code == 3
    assert command("-v", "--config", "typo.yaml", "config", "validate", "--json").document["error"]["code"] == 3


def test_empty_config_is_doubtful(command, tmp_path):
    (tmp_path / "empty.yaml").write_text("\n")
    done = command("--config", "empty.yaml", "config", "validate")
    assert (done.code, done.err.splitlines()[-1]) == (
        0,
        "warning: empty.yaml: the file is empty: everything has its default, and a running daemon refuses it",
    )


def test_reader_that_goes_away_is_no_error(tmp_path):
    script = "from orchestrator.cli import main; main()"
    words = [sys.executable, "-c", script, "simulate", "--from", "2026-11-27", "--json"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith('{"at": ')
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize("streams", [">&-", "<&- >&- 2>&-"])
def test_without_standard_streams_a_command_does_its_work(streams, tmp_path):
    path = tmp_path / "made.yaml"
    script = "from orchestrator.cli import main; main()"
    words = shlex.join([sys.executable, "-c", script, "config", "init", str(path)])
    listed = shlex.join([sys.executable, "-c", script, "--config", str(path), "jobs", "list"])
    assert subprocess.run(["sh", "-c", f"{words} {streams} && {listed} {streams}"], check=False).returncode == 0
    assert path.exists()


# --- which config ---


def test_config_is_looked_for_in_order(command, tmp_path, monkeypatch):
    def used():
        return command("config", "validate").out.partition(": ok")[0]

    assert used() == "embedded defaults"
    for name in ("config/config.paper.yaml", "config.paper.yaml", "of the environment.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(PAPER)
        if name.startswith("of"):
            monkeypatch.setenv("ORCHESTRATOR_CONFIG", name)
        assert used() == name
    (tmp_path / "given.toml").write_text('[broker]\nbroker_type = "paper"\n')
    assert command("--config", "given.toml", "config", "validate").out == "given.toml: ok\n"


# --- config ---


def test_init_writes_the_whole_config_and_replaces_nothing(command, tmp_path):
    done = command("config", "init")
    path = tmp_path / "config.paper.yaml"
    assert (done.code, path.read_text()) == (0, paper_template())
    assert done.out.startswith("wrote config.paper.yaml; ")
    path.write_text("mode: paper\n")
    again = command("config", "init")
    assert (again.code, again.error) == (
        1,
        "config.paper.yaml exists; name another file, or replace it with --force",
    )
    assert path.read_text() == "mode: paper\n"
    assert command("config", "init", "--force").code == 0
    assert path.read_text() == paper_template()
    assert command("config", "init", "new/own.yaml").code == 0
    checked = command("config", "validate", "new/own.yaml")
    assert (checked.code, checked.out, checked.err) == (0, "new/own.yaml: ok\n", "")


BAD = """\
schedule:
  timezone: Mars/Base
strategy:
  max_positions: many
  colour: red
risk: {min_cash_buffer: 2}
"""


def test_validate_lists_everything_that_is_wrong(command, tmp_path):
    (tmp_path / "bad.yaml").write_text(BAD)
    done = command("config", "validate", "bad.yaml")
    assert (done.code, done.out) == (3, "")
    assert [line.split(": ")[:3] for line in done.err.splitlines()] == [
        ["error", "bad.yaml:2:13", "schedule.timezone"],
        ["error", "bad.yaml:4:18", "strategy.max_positions"],
        ["error", "bad.yaml:5:3", "strategy.colour"],
        ["error", "bad.yaml:6:25", "risk.min_cash_buffer"],
    ]
    asked = command("--config", "bad.yaml", "config", "validate", "--json")
    assert (asked.code, asked.err) == (3, "")
    details = asked.document["error"]["details"]
    assert [(each["line"], each["column"], each["path"]) for each in details] == [
        (2, 13, "schedule.timezone"),
        (4, 18, "strategy.max_positions"),
        (5, 3, "strategy.colour"),
        (6, 25, "risk.min_cash_buffer"),
    ]
    assert set(details[0]) == {"file", "line", "column", "path", "message", "remedy"}


def test_validate_looks_for_the_user_s_classes_though_options_are_wrong(command, tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "strategy: {name: 'nowhere:Mine', max_positions: 0}\nbroker: {port: '${UNSET_PORT}'}\n"
    )
    done = command("config", "validate", "bad.yaml")
    assert done.code == 3
    assert [line.split(": ")[2] for line in done.err.splitlines()] == [
        "strategy.name",
        "strategy.max_positions",
        "broker.port",
    ]


def test_validate_warns_of_what_is_doubtful(command, tmp_path):
    (tmp_path / "odd.yaml").write_text(PAPER + "strategy: {position_size_pct: 0.5}\n")
    done = command("config", "validate", "odd.yaml")
    assert (done.code, done.out) == (0, "odd.yaml: ok\n")
    assert done.err.startswith("warning: odd.yaml:2:31: strategy.position_size_pct: ")
    document = command("config", "validate", "odd.yaml", "--json").document
    assert (document["file"], document["valid"]) == ("odd.yaml", True)
    assert document["warnings"]


SECRETS = """\
broker: {broker_type: paper}
notifications:
  channels: [webhook, mail]
  webhook_url: "https://hooks.example.com/topsecret"
  webhook_headers: {Authorization: "Bearer topsecret"}
  apprise: {mail: "mailto://me:topsecret@example.com"}
"""


def test_show_gives_the_whole_config_without_its_secrets(command, tmp_path):
    (tmp_path / "config.paper.yaml").write_text(SECRETS)
    text, document = command("config", "show"), command("config", "show", "--json")
    assert "topsecret" not in text.out + text.err + document.out
    assert text.out.count("***") == 3
    assert document.document["strategy"]["symbols"] == ["AAPL", "MSFT"]
    assert document.document["notifications"]["webhook_url"] == "***"


# --- calendar ---


def test_calendar_shows_days_and_why_they_are_not_as_usual(command):
    done = command("calendar", "show", "--from", "2026-11-25", "--to", "2026-11-28")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "date             open   close  why",
        "Wed 25 Nov 2026  09:30  16:00  regular session 09:30-16:00",
        "Thu 26 Nov 2026  -      -      Thanksgiving Day: closed",
        "Fri 27 Nov 2026  09:30  13:00  Day after Thanksgiving: closes 13:00",
        "Sat 28 Nov 2026  -      -      Saturday: closed",
    ]
    assert command("calendar", "show", "--date", "2026-11-27", "--json").document == [
        {
            "date": "2026-11-27",
            "open": "2026-11-27T09:30:00-05:00",
            "close": "2026-11-27T13:00:00-05:00",
            "early_close": True,
            "late_open": False,
            "why": "Day after Thanksgiving: closes 13:00",
        }
    ]
    assert len(command("calendar", "show", "--json").document) == 1


def test_calendar_follows_the_overrides_of_the_config(command, tmp_path):
    (tmp_path / "config.paper.yaml").write_text('schedule: {calendar_overrides: {"2026-11-25": closed}}\n')
    assert command("calendar", "show", "--date", "2026-11-25").out.endswith(
        "Wed 25 Nov 2026  -     -      override: closed\n"
    )


def test_calendar_tells_the_next_open_and_close(on_saturday):
    done = on_saturday(next_session)
    assert done.out.splitlines() == [
        "now    NYSE closed, Saturday: closed",
        "open   Mon 30 Nov 2026 09:30 EST (in 1d 22h), regular session 09:30-16:00",
        "close  Mon 30 Nov 2026 16:00 EST (in 2d 5h), regular session 09:30-16:00",
    ]
    assert on_saturday(next_session, "--json").document == {
        "open": "2026-11-30T09:30:00-05:00",
        "close": "2026-11-30T16:00:00-05:00",
        "why": "regular session 09:30-16:00",
    }


# --- jobs ---

JOBS = """\
broker: {broker_type: paper}
schedule:
  jobs:
    heartbeat: off
    report: {cron: "30 18 * * mon-fri", command: [python, report.py], timeout: 5m, only_when: trading}
"""
JOB_KEYS = {"name", "schedule", "kind", "source", "state", "next_run", "last_run", "last_result", "reason"}


def test_jobs_are_listed_by_next_run(on_saturday):
    done = on_saturday(list_jobs, config=JOBS)
    assert (done.code, done.err) == (0, "")
    lines = [line.split("  ") for line in done.out.splitlines()]
    assert [line[0] for line in lines] == [
        "name",
        "config_reload",
        "health_check",
        "housekeeping",
        "pre_market",
        "market_open",
        "rebalance",
        "market_close",
        "daily_report",
        "report",
        "post_market_end",
        "heartbeat",
    ]
    assert "Mon 30 Nov 09:30:00 EST (in 1d 22h)" in done.out
    documents = {each["name"]: each for each in on_saturday(list_jobs, "--json", config=JOBS).document}
    assert all(set(each) == JOB_KEYS for each in documents.values())
    assert documents["report"] == {
        "name": "report",
        "schedule": "cron 30 18 * * mon-fri",
        "kind": "cron",
        "source": "config",
        "state": "active",
        "next_run": "2026-11-30T18:30:00-05:00",
        "last_run": None,
        "last_result": None,
        "reason": None,
    }
    heartbeat = documents["heartbeat"]
    assert (heartbeat["state"], heartbeat["next_run"], heartbeat["source"]) == ("disabled", None, "builtin")


def test_job_is_shown_whole(command, tmp_path):
    (tmp_path / "config.paper.yaml").write_text(JOBS)
    document = command("jobs", "show", "report", "--json").document
    policy = {key: value for key, value in document.items() if key not in JOB_KEYS}
    assert policy == {
        "action": ["python", "report.py"],
        "misfire": "run_if_same_session",
        "grace_s": 60.0,
        "timeout_s": 300.0,
        "overlap": "skip",
        "retries": 0,
        "jitter_s": 0.0,
        "last_output": None,
        "only_when": ["trading"],
        "trading_days_only": False,
        "notify": "failure",
    }
    lines = dict(line.split(maxsplit=1) for line in command("jobs", "show", "report").out.splitlines())
    assert lines["action"] == "python report.py"
    assert lines["last_run"] == "-"


# --- status ---

STATUS_KEYS = {
    "": {"state", "since", "mode", "halted", "pid", "uptime_s", "account"},
    "config": {"path", "version", "loaded_at"},
    "market": {"exchange", "state", "why", "next_change", "next_open", "next_close"},
    "engine": {"state", "pid", "restarts", "since", "last_beat_age_s", "connected", "progress"},
    "jobs": {"total", "paused", "parked", "next"},
    "alerts": {"pending", "failed"},
}


def assert_status_has_its_keys(document):
    for part, keys in STATUS_KEYS.items():
        assert keys <= set(document[part] if part else document)


def test_status_without_a_daemon_tells_the_market_and_what_would_run_next(on_saturday):
    done = on_saturday(status)
    assert (done.code, done.err) == (4, "")
    assert done.out.splitlines() == [
        "daemon   not running; start it with: orchestrator start",
        "market   NYSE closed until Mon 30 Nov 04:00 (in 1d 17h): Saturday: closed",
        "jobs     10, 0 paused, 0 parked; next config_reload Sat 28 Nov 11:00 (in 0s)",
        "alerts   0 to be delivered, 0 of them failing",
    ]
    asked = on_saturday(status, "--json")
    assert asked.code == 4
    assert_status_has_its_keys(asked.document)
    assert asked.document["market"] == {
        "exchange": "NYSE",
        "state": "closed",
        "why": "Saturday: closed",
        "next_change": "2026-11-30T04:00:00-05:00",
        "next_open": "2026-11-30T09:30:00-05:00",
        "next_close": "2026-11-30T16:00:00-05:00",
    }


def test_status_of_a_daemon_that_trades(trading):
    done = trading.run("status", "--json")
    document = json.loads(done.stdout)
    daemon = trading.daemons[0]
    assert (done.returncode, done.stderr) == (0, "")
    assert_status_has_its_keys(document)
    assert (document["state"], document["mode"], document["pid"]) == ("trading", "paper", daemon.pid)
    assert (document["engine"]["state"], document["engine"]["connected"]) == ("running", True)
    assert set(trading.family()) == {daemon.pid, document["engine"]["pid"]}
    assert 0 <= document["engine"]["last_beat_age_s"] < 10
    assert document["uptime_s"] > 0
    assert document["config"]["path"] == str(trading.config_path)
    assert set(document["account"]) == {"at", "equity", "cash", "drawdown", "positions"}
    positions = document["account"]["positions"]
    assert [set(each) for each in positions] == [{"symbol", "quantity", "avg_price", "price"}] * 2

    lines = trading.run("status").stdout.splitlines()
    heads = [line.split()[0] for line in lines[:8]]
    assert heads == ["daemon", "state", "engine", "config", "market", "jobs", "alerts", "account"]
    assert f"daemon   process {daemon.pid}, up " in lines[0]
    assert lines[1].startswith("state    trading since ")


def listed(desk, name):
    rows = json.loads(desk.run("jobs", "list", "--json").stdout)
    return next(row for row in rows if row["name"] == name)


def test_jobs_of_a_daemon_that_trades_have_last_runs(trading):
    trading.wait_for(lambda: trading.runs("rebalance"), "a run")
    row = listed(trading, "rebalance")
    assert (row["state"], row["last_result"]) == ("active", "ok")
    scheduled = [datetime.fromisoformat(run["scheduled_at"]) for run in trading.runs("rebalance")]
    assert datetime.fromisoformat(row["last_run"]) in scheduled
    assert datetime.fromisoformat(row["next_run"]) > datetime.fromisoformat(row["last_run"])


def test_reload_of_an_unchanged_config_changes_nothing(trading):
    done = trading.run("config", "reload")
    assert (done.returncode, done.stdout, done.stderr) == (0, "nothing changed\n", "")


# --- reading changes nothing ---

READING = [
    ["status"],
    ["status", "--json"],
    ["jobs", "list"],
    ["jobs", "show", "rebalance", "--json"],
    ["calendar", "next"],
    ["config", "show"],
    ["config", "validate"],
    ["report"],
    ["report", "--json"],
    ["orders", "list"],
    ["alerts", "list", "--json"],
    ["notify", "test"],
]


def contents(folder):
    """Every file with its bytes and its time of change; SQLite's shared memory, which holds nothing, left out."""
    return {
        path.relative_to(folder): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [folder, *folder.rglob("*")]
        if not path.name.endswith("-shm")
    }


@pytest.mark.parametrize("words", [*READING, ["simulate", "--from", "2026-11-27"]], ids=" ".join)
def test_reading_makes_no_state_folder(command, tmp_path, words):
    assert command(*words).code in {0, 4}
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("end", ["orderly", "killed"])
def test_reading_changes_nothing_while_the_daemon_is_down(command, closed_desk, trading, tmp_path, end):
    source = closed_desk if end == "orderly" else trading
    shutil.copytree(source.folder, tmp_path, dirs_exist_ok=True)
    if end == "killed":  # the copy is what a machine that lost its power would have: a WAL, and a lock file with a name
        lock = tmp_path / ".orchestrator" / "orchestrator.db.lock"
        lock.write_text(json.dumps({**json.loads(lock.read_text()), "pid": 1, "birth": "1"}))
        assert (tmp_path / ".orchestrator" / "orchestrator.db-wal").stat().st_size > 0
    before = contents(tmp_path)
    for words in READING:
        assert command("--config", "desk.yaml", *words).code in {0, 4}, words
    assert contents(tmp_path) == before


def test_what_is_known_is_told_while_the_daemon_is_down(closed_desk):
    done = closed_desk.run("status", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["state"], document["pid"], document["uptime_s"]) == (4, "stopped", None, None)
    assert document["engine"]["state"] == "stopped"
    assert {document["engine"][key] for key in ("pid", "connected", "last_beat_age_s", "progress")} == {None}
    assert len(document["account"]["positions"]) == 2
    row = listed(closed_desk, "rebalance")
    assert row["last_result"] == "ok"
    assert datetime.fromisoformat(row["next_run"]) > datetime.fromisoformat(row["last_run"])


def test_store_that_was_cut_to_nothing_is_said_and_left_alone(command, tmp_path):
    (tmp_path / ".orchestrator").mkdir()
    path = tmp_path / ".orchestrator" / "orchestrator.db"
    path.touch()
    for words in (["status"], ["jobs", "list"]):
        done = command(*words)
        assert (done.code, done.out) == (1, "")
        assert "is empty, which no database of ours ever is" in done.error
    assert path.stat().st_size == 0


def test_folder_with_an_odd_name_is_read_too(command, closed_desk, tmp_path, monkeypatch):
    folder = tmp_path / "100% paper? #1"
    shutil.copytree(closed_desk.folder, folder)
    monkeypatch.chdir(folder)
    assert len(command("--config", "desk.yaml", "status", "--json").document["account"]["positions"]) == 2
    assert os.listdir(tmp_path) == [folder.name]


def test_row_that_cannot_be_read_is_listed_as_parked(command, closed_desk, tmp_path):
    shutil.copytree(closed_desk.folder, tmp_path, dirs_exist_ok=True)
    with closing(sqlite3.connect(tmp_path / ".orchestrator" / "orchestrator.db")) as connection:
        connection.execute("UPDATE apscheduler_jobs SET job_state = ? WHERE id = 'rebalance'", (b"\x80\x04pickle",))
        connection.commit()
    rows = {each["name"]: each for each in command("--config", "desk.yaml", "jobs", "list", "--json").document}
    assert (rows["rebalance"]["state"], rows["rebalance"]["next_run"]) == ("parked", None)
    assert rows["rebalance"]["reason"].startswith("its stored row can't be read: ")
    assert command("--config", "desk.yaml", "status", "--json").document["jobs"]["parked"] == 1


# --- notify ---


@pytest.fixture
def dead_port():
    """Bound, so that nobody else takes it, and refusing."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_notify_sends_through_the_console(command):
    done = command("notify", "test", "--level", "warning")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("[WARNING] Test message\n")
    assert done.out.endswith("console: sent\n  gets warning, critical\n")
    asked = command("notify", "test", "console", "--json")
    assert [(each["channel"], each["ok"], each["detail"]) for each in asked.document] == [("console", True, "")]


def test_notify_says_why_a_channel_is_dead(command, tmp_path, dead_port):
    url = f"http://127.0.0.1:{dead_port}/topsecret"
    notifications = f"notifications: {{channels: [console, webhook], webhook_url: '{url}'}}\n"
    (tmp_path / "config.paper.yaml").write_text(PAPER + notifications)
    done = command("notify", "test")
    assert done.code == 1
    failed = next(line for line in done.out.splitlines() if line.startswith("webhook: failed: "))
    assert "refused" in failed.lower()
    assert "topsecret" not in done.out + done.err
    asked = command("notify", "test", "webhook", "--json")
    assert asked.code == 1
    assert [(each["channel"], each["ok"]) for each in asked.document] == [("webhook", False)]
    assert "refused" in asked.document[0]["detail"].lower()


def test_notify_without_channels_says_so(command, tmp_path):
    (tmp_path / "config.paper.yaml").write_text("notifications: {channels: []}\n")
    done = command("notify", "test")
    assert (done.code, done.error.partition(":")[0]) == (1, "no channel is configured")


# --- simulate ---


def test_simulated_day_as_json_lines(command):
    done = command("simulate", "--from", "2026-11-27", "--json")
    assert (done.code, done.err) == (0, "")
    *events, summary = [json.loads(line) for line in done.out.splitlines()]
    keys = {event["kind"]: set(event) - {"at", "kind"} for event in events}
    assert keys == {
        "transition": {"from", "to", "cause"},
        "engine": {"action", "run", "detail"},
        "job": {"name", "scheduled_at", "result", "reason"},
        "order": {"order_ref", "symbol", "action", "quantity", "status"},
        "fill": {"order_ref", "fill_id", "quantity", "price", "commission"},
        "alert": {"level", "topic", "title", "message"},
    }
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    states = [(event["at"][11:16], event["to"]) for event in events if event["kind"] == "transition"]
    assert states == [("04:00", "pre_market"), ("09:30", "trading"), ("13:00", "post_market"), ("17:00", "stopped")]
    assert (summary["kind"], summary["sessions"], summary["orders"], summary["fills"]) == ("summary", 1, 2, 2)
    assert summary["fires"]["config_reload"] == 24 * 60
    assert command("simulate", "--from", "2026-11-27", "--json").out == done.out


LOUD = """
import os
from orchestrator.engine import Strategy

print("said by the module")

class Loud(Strategy):
    def initialize(self):
        print("said by the strategy")
        os.system("echo said by a program")
"""


@pytest.mark.parametrize("words", [["--json"], []], ids=["json", "words"])
def test_what_a_strategy_prints_is_not_among_the_lines_of_a_simulation(command, tmp_path, monkeypatch, words):
    (tmp_path / "loud.py").write_text(LOUD)
    (tmp_path / "config.paper.yaml").write_text(f"{PAPER}strategy: {{name: 'loud:Loud'}}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "loud", raising=False)
    done = command("simulate", "--from", "2026-11-27", *words)
    assert done.code == 0
    assert "said by the module\nsaid by the strategy\n" in done.err
    assert "said by the" not in done.out
    assert "trading" in done.out


def test_what_a_strategy_prints_is_not_among_the_lines_of_the_log(desk):
    desk.write("loud.py", LOUD)
    desk.configure(strategy={"name": "loud:Loud"}, logging={"format": "json"})
    daemon = desk.start(errors="printed")
    daemon.wait_for("-> trading")
    desk.wait_for(lambda: "said by a program" in desk.read("printed"), "all has been said")
    assert "said by the module\nsaid by the strategy\nsaid by a program\n" in desk.read("printed")
    assert desk.read("printed").startswith("Trading Orchestrator ")
    assert all(json.loads(line)["message"] for line in daemon.log.splitlines()[:-1])


def test_simulated_day_in_words(command):
    done = command("simulate", "--from", "2026-11-27")
    lines = done.out.splitlines()
    assert lines[0] == "Fri 27 Nov 2026  NYSE: Day after Thanksgiving: closes 13:00"
    assert any(line.startswith("  09:30:00  state    pre_market -> trading: ") for line in lines)
    summary = lines[lines.index("1 session, Fri 27 Nov 2026") :]
    assert summary[-1] == "  invariants  8 checked, all held"
    for words in (("-q", "simulate"), ("simulate", "--quiet")):
        assert command(*words, "--from", "2026-11-27").out.splitlines() == summary


def test_simulation_reaches_no_real_broker(command, tmp_path):
    (tmp_path / "config.paper.yaml").write_text("broker: {broker_type: ibkr, port: 1}\n")
    done = command("simulate")
    assert done.code == 0
    assert "note: Interactive Brokers is not simulated; paper orders and synthetic prices stand in" in done.err
    assert "2 orders, 2 fills" in done.out


# --- start ---


@pytest.mark.parametrize("broker", ["broker: {broker_type: ibkr}", f"{PAPER}data: {{primary_source: ibkr}}"])
def test_start_without_a_client_library_says_what_to_install(command, tmp_path, monkeypatch, broker):
    monkeypatch.setattr("orchestrator.engine.support.find_spec", lambda name: None)
    (tmp_path / "config.paper.yaml").write_text(broker + "\n")
    done = command("start")
    assert (done.code, done.err) == (
        6,
        "error: Interactive Brokers needs a client library, and neither ib_async nor ib_insync is installed; "
        "pip install 'trading-orchestrator[ibkr]'\n",
    )
    assert command("simulate").code == 0


def test_calendar_of_a_market_that_never_closes_says_so_and_in_which_zone_its_day_is(command, tmp_path):
    (tmp_path / "config.paper.yaml").write_text(PAPER + "schedule: {calendar: ALWAYS}\n")
    assert command("calendar", "show", "--date", "2026-11-24").out.splitlines()[1] == (
        "Tue 24 Nov 2026  Mon 19:00  19:00  open day and night; regular session 00:00-24:00 UTC, shown in EST"
    )
    done = command("calendar", "next")
    assert done.out.startswith("ALWAYS is open day and night: it neither opens nor closes\nits day of 24 hours ends ")
    assert done.out.count("(in ") == 1


def test_start_screen_says_what_is_closed_what_comes_and_what_to_try(command):
    text = start_screen(settings_on_saturday())
    assert "config   embedded defaults; to have a file to edit: orchestrator config init" in text
    assert "mode     paper: broker paper, prices synthetic" in text
    assert "trades   equal_weight on AAPL, MSFT" in text
    assert "market   NYSE is closed now: Saturday: closed" in text
    assert "it opens Mon 30 Nov 2026 09:30 EST, in 1d 22h" in text
    assert "market_open    Mon 30 Nov 09:30:00 EST (in 1d 22h)" in text
    assert "rebalance      Mon 30 Nov 09:35:00 EST (in 1d 22h)" in text
    assert "To see a whole trading day at once:  orchestrator simulate" in text


def test_start_screen_shows_warnings_of_the_config(command, tmp_path):
    (tmp_path / "config.paper.yaml").write_text(PAPER + "strategy: {position_size_pct: 0.5}\n")
    assert "warning: config.paper.yaml:2:31: strategy.position_size_pct: " in start_screen(settings_on_saturday())


def test_module_takes_the_same_options(tmp_path):
    words = [sys.executable, "-m", "copilot_quant.orchestrator.trading_orchestrator"]
    shown = subprocess.run([*words, "--help"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("Usage: orchestrator ")
    refused = subprocess.run(
        [*words, "--live", "--config", "absent.yaml"], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert refused.returncode == 3
    assert "no config file absent.yaml" in refused.stderr


# --- the kill switch, when the config is in no good state ---


def test_halt_does_not_say_that_it_worked_where_it_cannot_know_the_store(command, tmp_path):
    (tmp_path / "desk.yaml").write_text(PAPER + "state_dir: ${DESK_STATE_OF_THE_SERVICE}\n")
    done = command("--config", "desk.yaml", "halt", "--reason", "x")
    assert (done.code, done.out) == (1, "")
    assert "it can't be told where the daemon's store is" in done.err
    assert "DESK_STATE_OF_THE_SERVICE is not set" in done.err
    assert not (tmp_path / ".orchestrator").exists()


def test_halt_without_a_config_file_does_not_say_that_it_worked(command, tmp_path):
    done = command("--config", "gone.yaml", "halt", "--reason", "x")
    assert (done.code, done.out) == (1, "")
    assert "it can't be told where the daemon's store is: no config file gone.yaml" in done.err


def test_halt_works_beside_a_byte_that_is_no_text(command, tmp_path):
    (tmp_path / "desk.yaml").write_bytes(PAPER.encode() + b"# caf\xe9\nstate_dir: elsewhere\n")
    path = tmp_path / "elsewhere" / "orchestrator.db"
    with Store(f"sqlite:///{path}") as store:
        JSONJobStore(store.engine, lambda name, definition: None, record_claim).jobs_t.create(store.engine)
    done = command("--config", "desk.yaml", "halt", "--reason", "x")
    assert (done.code, done.out.partition(";")[0]) == (0, "halted: x")
    with Store(f"sqlite:///{path}", read_only=True) as store:
        assert store.read_meta("halt")["reason"] == "x"


@pytest.mark.parametrize("text", ["state_dir: other\n", "", None], ids=["another place", "emptied", "another folder"])
def test_halt_where_no_daemon_has_ever_run_halts_nothing_and_says_so_loudly(command, tmp_path, text):
    if text is not None:
        (tmp_path / "desk.yaml").write_text(text)
    done = command(*([] if text is None else ["--config", "desk.yaml"]), "halt", "--reason", "x")
    assert (done.code, done.out) == (4, "")
    assert done.error.startswith("NOTHING IS HALTED: no daemon has ever run on ")
    assert list(tmp_path.rglob("*.db")) == [], "and none is made"


def test_halt_says_why(command, tmp_path):
    assert command("halt", "--reason", " ").code == 2


# --- a config that is none, or is gone ---


@pytest.mark.parametrize(
    "words", [["status"], ["jobs", "list"], ["config", "validate"], ["start"], ["halt", "--reason", "x"]]
)
@pytest.mark.parametrize(
    ("kind", "text"), [("pipe", "it is a pipe"), ("loop", "it is a link that leads back to itself")]
)
def test_config_that_is_no_file_is_said_to_be_none(command, tmp_path, words, kind, text):
    path = tmp_path / "odd.yaml"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to(path)
    done = command("--config", str(path), *words)
    assert done.code == 3
    assert text in done.error
    assert os.listdir(tmp_path) == ["odd.yaml"]


def test_daemon_whose_config_was_moved_away_is_not_overlooked(command, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.paper.yaml").write_text(PAPER)
    lock = StoreLock(tmp_path / ".orchestrator" / "orchestrator.db")  # of a daemon by ./config.paper.yaml, now gone
    lock.acquire(SATURDAY)
    try:
        told = f"but process {os.getpid()} on {tmp_path}/.orchestrator/orchestrator.db; name its config with --config"
        for words in (["stop"], ["halt", "--reason", "x"], ["config", "reload"]):
            done = command(*words)
            assert (done.code, done.out) == (1, "")
            assert told in done.error
        assert told in command("status").err
    finally:
        lock.release()
    assert os.listdir(tmp_path / "config") == ["config.paper.yaml"]


# --- on a terminal ---


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def on_terminal(command, monkeypatch, closed_desk):
    """Runs a command on the desk as on a terminal of 80 columns; returns what it shows, line by line."""

    def run(*words, **environment):
        for name, value in {"COLUMNS": "80", "LINES": "24", "TERM": "xterm", "NO_COLOR": "", **environment}.items():
            monkeypatch.setenv(name, value)
        screen = Terminal()
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", screen)
            with pytest.raises(SystemExit):
                main(["--config", str(closed_desk.config_path), *words])
        return screen.getvalue().splitlines()

    return run


TABLES = {
    "jobs list": ["name", "schedule", "next run", "last run", "result", "state"],
    "jobs history": ["job", "scheduled", "result", "took", "reason"],
    "orders list": ["order", "type", "filled", "price", "status", "updated", "reason"],
    "alerts list": ["id", "at", "level", "topic", "deliveries", "alert"],
    "config history": ["version", "made", "by", "in force", "engine ran", "reason"],
    "calendar show --from 2026-11-20 --to 2026-11-30": ["date", "open", "close", "why"],
}


@pytest.mark.parametrize("words", TABLES)
def test_table_fits_the_terminal(on_terminal, words):
    head, *lines = on_terminal(*words.split())
    assert re.split("  +", head) == TABLES[words]
    assert lines
    assert max(map(len, lines)) <= 80, "\n".join([head, *lines])


@pytest.mark.parametrize("words", TABLES)
def test_ids_and_times_stay_whole_on_a_narrow_terminal(on_terminal, words):
    whole, narrow = (on_terminal(*words.split(), COLUMNS=columns) for columns in ("500", "60"))
    ids = {line.split()[0] for line in whole[1:] if line}
    assert ids <= {word for line in narrow for word in line.split()}
    times = [re.findall(r"\d\d:\d\d(?::\d\d)?", "\n".join(lines)) for lines in (whole, narrow)]
    assert sorted(times[0]) == sorted(times[1])


def test_a_long_text_is_wrapped_and_what_goes_beyond_a_few_lines_is_cut(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "40")
    reason = " ".join(f"word{i}" for i in range(60))
    lines = table(["id", "reason"], [["20261124-equal_weight-AAPL", reason], ["b", "short"]]).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].split() == ["20261124-equal_weight-AAPL", "word0", "word1"]
    assert lines[2] == " " * 28 + "word2 word3"
    assert lines[6].endswith("…")
    assert lines[7] == "b" + " " * 27 + "short"


def test_status_fits_and_is_coloured_on_a_terminal_only_if_that_is_wanted(on_terminal, closed_desk):
    plain = on_terminal("status", NO_COLOR="1")
    assert max(map(len, plain)) <= 80
    assert "\x1b" not in "".join(plain)
    assert "\x1b" not in closed_desk.run("status").stdout


@pytest.mark.parametrize(
    ("term", "no_colour", "shown"),
    [
        ("xterm", "", "\x1b[32m\x1b[1mtrading\x1b[0m"),
        ("xterm", "1", "trading"),
        ("dumb", "", "trading"),
    ],
)
def test_colour_is_for_terminals_that_have_it_and_for_those_who_want_it(monkeypatch, term, no_colour, shown):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("NO_COLOR", no_colour)
    assert painted("trading") == "trading", "the output of a test is no terminal"
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert painted("trading") == shown
    assert painted("stopped") == "stopped"


# --- under supervisord ---


@pytest.mark.parametrize(("supervised", "seconds"), [(True, 10), (False, 0)])
def test_error_under_supervisord_ends_it_a_little_later(
    command, tmp_path, monkeypatch, supervised, seconds, kept_logging
):
    (tmp_path / "config.paper.yaml").write_text(f"{PAPER}state_dir: config.paper.yaml/x\n")  # can't be a folder
    if supervised:
        monkeypatch.setenv("SUPERVISOR_ENABLED", "1")
    settings, before = settings_on_saturday(), os.umask(0o022)
    done = CliRunner().invoke(start, [], obj=settings)
    os.umask(before)
    assert isinstance(done.exception, NotADirectoryError | StoreError)
    assert (settings.clock.now() - SATURDAY).total_seconds() == seconds
    assert ("it ends in 10 s, to be started again" in done.stderr) is supervised


def test_what_only_a_human_can_mend_is_said_at_once_under_supervisord_too(command, tmp_path, monkeypatch):
    monkeypatch.setenv("SUPERVISOR_ENABLED", "1")
    (tmp_path / "config.paper.yaml").write_text("mode: maybe")
    assert command("start").code == 3
    (tmp_path / "config.paper.yaml").write_text(PAPER)
    assert command("start", "--live").code == 6
