"""orchestrator config plan, history, diff: what would change, and what has."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from calendars import VirtualClock
from orchestrator.cli.config import config
from orchestrator.cli.settings import Settings
from orchestrator.config.source import ConfigSource
from orchestrator.history import History
from orchestrator.record import ConfigRecord
from orchestrator.store import Store

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=ZoneInfo("America/New_York"))
PAPER = "broker: {broker_type: paper}\n"
SECRET = "https://hooks.slack.com/services/T0/B0/verysecret"


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str
    error: BaseException | None

    @property
    def document(self):
        return json.loads(self.out)


class Folder:
    """A folder with a config file, and with a store that knows what was in force."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.paper.yaml"
        self.store_path = folder / ".orchestrator" / "orchestrator.db"
        self.at = NOON - timedelta(hours=3)
        self.file.write_text(PAPER)

    def take_up(self, text: str, author: str = "reload", reason: str = "", worked: bool = True) -> str:
        """Have a text in force; returns its version."""
        self.file.write_text(text)
        reading = ConfigSource(self.file).load()
        self.at += timedelta(minutes=30)
        with Store(f"sqlite:///{self.store_path}") as store:
            with store.engine.begin() as connection:  # the sign of a store that a daemon has used
                connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS apscheduler_jobs (id, next_run_time, job_state)")
            history = History(store)
            record = ConfigRecord(store, history, None)
            record.applied(reading, author, reason, self.at)
            if worked:
                record.worked(reading.version, self.at)
            assert history.flush()
        return reading.version

    def run(self, *words: str) -> Done:
        settings = Settings(str(self.file), verbose=False, quiet=False)
        settings.__dict__["clock"] = VirtualClock(NOON)
        done = CliRunner().invoke(config, words, obj=settings)
        error = done.exception if not isinstance(done.exception, SystemExit) else None
        return Done(done.exit_code, done.stdout, done.stderr, error)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


# --- plan ---


def test_plan_says_what_would_change_when_and_what_is_risky(folder: Folder) -> None:
    version = folder.take_up(PAPER)
    folder.file.write_text(
        PAPER.replace("}", ", client_id: 2}")
        + "risk: {max_position_size: 0.2, min_cash_buffer: 0.3}\nlogging: {max_mb: 3}\n"
    )
    done = folder.run("plan")
    assert (done.code, done.error) == (0, None)
    lines = [line.split("  ") for line in done.out.splitlines()]
    assert lines[0] == [f"compared with version {version}, which was in force last:"]
    found = {line[0]: [cell.strip() for cell in line[1:] if cell.strip()] for line in lines[3:] if len(line) > 1}
    assert found == {
        "risk.max_position_size": ["0.1", "0.2", "now", "larger positions are allowed"],
        "risk.min_cash_buffer": ["0.2", "0.3", "now"],
        "broker.client_id": ["1", "2", "at the next start of the engine"],
        "logging.max_mb": ["10", "3", "after a restart of the daemon"],
    }
    assert done.out.splitlines()[-1] == "Nothing is applied yet; no daemon runs, and the next start takes up the file"


def test_plan_as_json_has_the_documented_keys_and_the_next_runs_of_moved_jobs(folder: Folder) -> None:
    folder.take_up(PAPER)
    folder.file.write_text(PAPER + "schedule: {jobs: {heartbeat: {interval: 10m}, market_close: off}}\n")
    first, second = folder.run("plan", "--json").document
    assert first == {
        "key": "schedule.jobs.heartbeat",
        "old": None,
        "new": {"interval": "10m"},
        "effect": "now",
        "risk": None,
        "next_run": {"old": "2026-11-24T12:05:00-05:00", "new": "2026-11-24T12:10:00-05:00"},
    }
    assert (second["risk"], second["next_run"]["new"]) == ("the job does not run any more", None)


def test_plan_does_not_hold_what_was_in_force_against_the_strategy_as_it_is_now(folder: Folder) -> None:
    text = "class S:\n    def __init__(self, {}): ...\n"
    module = folder.file.with_name("strat.py")
    module.write_text(text.format("fast"))
    folder.take_up(PAPER + "strategy: {name: 'strat:S', params: {fast: 3}}\n")
    module.write_text(text.format("quick"))
    folder.file.write_text(PAPER + "strategy: {name: 'strat:S', params: {quick: 3}}\n")
    done = folder.run("plan", "--json")
    assert (done.code, done.error) == (0, None), done.err
    assert {each["key"].split(".")[1] for each in done.document} == {"params"}


def test_plan_of_another_file_leaves_both_alone(folder: Folder, tmp_path: Path) -> None:
    folder.take_up(PAPER)
    other = tmp_path / "other.yaml"
    other.write_text(PAPER + "strategy: {max_positions: 3}\n")
    (change,) = folder.run("plan", str(other), "--json").document
    assert (change["key"], change["old"], change["new"]) == ("strategy.max_positions", 10, 3)
    assert folder.file.read_text() == PAPER


def test_plan_of_an_unchanged_file_says_so(folder: Folder) -> None:
    version = folder.take_up(PAPER)
    assert (
        folder.run("plan").out == f"nothing would change (compared with version {version}, which was in force last)\n"
    )
    assert folder.run("plan", "--json").document == []


def test_plan_of_a_wrong_file_is_its_errors(folder: Folder) -> None:
    folder.take_up(PAPER)
    folder.file.write_text(PAPER + "risk: {max_positon_size: 0.2}\n")
    assert "did you mean max_position_size" in str(folder.run("plan").error)


def test_plan_before_the_first_start_compares_with_the_defaults(folder: Folder) -> None:
    folder.file.write_text(PAPER + "strategy: {max_positions: 3}\n")
    done = folder.run("plan")
    assert done.out.startswith("compared with the defaults, as no config has been in force yet:")
    assert "strategy.max_positions" in done.out


def test_plan_from_paper_to_live_is_real_money_and_wants_a_restart(folder: Folder) -> None:
    folder.take_up(PAPER)
    folder.file.write_text(
        "mode: live\nbroker: {broker_type: ibkr, paper_trading: false, port: 7496, account_number: U1}\n"
    )
    done = folder.run("plan")
    assert "real money" in done.out
    assert "A running daemon refuses another mode" in done.out


def test_plan_and_diff_do_not_show_a_secret(folder: Folder) -> None:
    folder.take_up(PAPER + f"notifications: {{slack_webhook_url: '{SECRET}1'}}\n")
    folder.file.write_text(PAPER + f"notifications: {{slack_webhook_url: '{SECRET}2'}}\n")
    for words in (["plan"], ["plan", "--json"], ["diff"]):
        done = folder.run(*words)
        assert done.code == 0
        assert "slack_webhook_url" in done.out
        assert "verysecret" not in done.out


# --- history ---


def test_history_lists_what_was_in_force_newest_first(folder: Folder) -> None:
    first = folder.take_up(PAPER, "start", "the daemon started with it")
    second = folder.take_up(
        PAPER + "strategy: {max_positions: 3}\n", "reload", "strategy.max_positions: 10 -> 3", False
    )
    rows = folder.run("history", "--json").document
    assert [(row["version"], row["current"], row["author"]) for row in rows] == [
        (second, True, "reload"),
        (first, False, "start"),
    ]
    assert (rows[0]["reason"], rows[0]["worked_at"]) == ("strategy.max_positions: 10 -> 3", None)
    assert rows[1]["at"] == "2026-11-24T09:30:00-05:00"
    table = folder.run("history").out.splitlines()
    assert table[1].split()[:3] == [second, "*", "2h"]
    assert table[2].split()[:2] == [first, "2h"]
    assert [row["version"] for row in folder.run("history", "--last", "1", "--json").document] == [second]


def test_version_that_comes_back_is_listed_once_where_it_was(folder: Folder) -> None:
    first = folder.take_up(PAPER, "start")
    second = folder.take_up(PAPER + "# tuned\n")
    assert folder.take_up(PAPER, "rollback") == first
    rows = folder.run("history", "--json").document
    assert [(row["version"], row["author"], row["current"]) for row in rows] == [
        (second, "reload", False),
        (first, "start", True),
    ]
    assert rows[1]["applied_at"] > rows[0]["applied_at"]


def test_history_without_a_store_says_how_it_begins(folder: Folder) -> None:
    done = folder.run("history")
    assert (done.code, done.out) == (
        0,
        "no config has been kept or in force yet; orchestrator start begins the history\n",
    )
    assert folder.run("history", "--json").document == []
    assert not folder.store_path.exists()


# --- diff ---


def test_diff_compares_what_is_in_force_with_the_file(folder: Folder) -> None:
    version = folder.take_up(PAPER)
    folder.file.write_text(PAPER + "mode: paper  # as ever\n")
    assert folder.run("diff").out.splitlines() == [
        f"--- version {version}",
        f"+++ {folder.file}",
        "@@ -1 +1,2 @@",
        " broker: {broker_type: paper}",
        "+mode: paper  # as ever",
    ]


def test_diff_of_two_versions_takes_their_beginnings(folder: Folder) -> None:
    first, second = folder.take_up(PAPER), folder.take_up(PAPER + "mode: paper\n")
    done = folder.run("diff", first[:6], second[:6])
    assert done.out.splitlines()[:2] == [f"--- version {first}", f"+++ version {second}"]
    assert folder.run("diff", second).out == f"version {second} and {folder.file} are the same\n"


def test_diff_as_json(folder: Folder) -> None:
    version = folder.take_up(PAPER)
    names = {"old": f"version {version}", "new": str(folder.file)}
    assert json.loads(folder.run("diff", "--json").out) == {**names, "same": True, "diff": []}
    folder.file.write_text(PAPER + "mode: paper\n")
    document = json.loads(folder.run("diff", "--json").out)
    assert document["same"] is False
    assert document["diff"][-1] == "+mode: paper"


def test_diff_of_an_unknown_version_names_those_there_are(folder: Folder) -> None:
    version = folder.take_up(PAPER)
    done = folder.run("diff", "nope")
    assert f"no version nope; these are: {version}" in done.err


# --- rollback ---


def test_rollback_makes_the_version_before_the_files_to_the_byte(folder: Folder) -> None:
    first = folder.take_up(PAPER + "# as it was\r\n")
    folder.take_up(PAPER + "strategy: {max_positions: 3}\n")
    done = folder.run("rollback")
    assert done.out.startswith(f"{folder.file} is version {first} again")
    assert done.out.endswith("no daemon runs; the next one starts with it\n")
    assert folder.file.read_bytes() == (PAPER + "# as it was\r\n").encode()


def test_history_says_what_was_put_back_and_by_whom(folder: Folder) -> None:
    first = folder.take_up(PAPER + "# first\n", "start", "the daemon started with it")
    second = folder.take_up(PAPER + "strategy: {max_positions: 3}\n", "reload", "a try")
    for version in (first, second, first):
        assert folder.run("rollback", version, "--reason", "too bold").code == 0
    reasons = {each["version"]: each["reason"] for each in folder.run("history", "--json").document}
    assert reasons[first] == "put back by cli (too bold); before: the daemon started with it"
    assert reasons[second] == "put back by cli (too bold); before: a try"


def test_rollback_of_an_edit_that_nobody_has_taken_up_goes_back_to_what_is_in_force(folder: Folder) -> None:
    folder.take_up(PAPER)
    version = folder.take_up(PAPER + "strategy: {max_positions: 3}\n")
    folder.file.write_text("risk: {nonsense: 1}")
    assert folder.run("rollback").out.startswith(f"{folder.file} is version {version} again")


def test_what_a_rollback_replaces_can_be_gone_back_to(folder: Folder) -> None:
    first = folder.take_up(PAPER)
    edited = PAPER + "strategy: {max_positions: 7}\n"
    folder.file.write_text(edited)
    folder.run("rollback", first[:6], "--reason", "too many")
    assert folder.file.read_text() == PAPER
    rows = folder.run("history", "--json").document
    kept = next(row for row in rows if row["version"] != first)
    assert (kept["author"], kept["applied_at"]) == ("file", None)
    assert next(row for row in rows if row["version"] == first)["author"] == "reload"  # as it was made
    assert folder.run("rollback", kept["version"]).code == 0
    assert folder.file.read_text() == edited


def test_rollback_without_an_earlier_version_says_so(folder: Folder) -> None:
    folder.take_up(PAPER)
    assert "there is no earlier version" in folder.run("rollback").err
    assert folder.file.read_text() == PAPER


def test_rollback_to_a_version_that_cannot_be_used_any_more_changes_nothing(folder: Folder, monkeypatch) -> None:
    monkeypatch.setenv("DESK_ACCOUNT", "DU1")
    version = folder.take_up(PAPER.replace("}", ", account_number: '${DESK_ACCOUNT}'}"))
    folder.take_up(PAPER)
    monkeypatch.delenv("DESK_ACCOUNT")
    assert "DESK_ACCOUNT is not set" in str(folder.run("rollback", version).error)
    assert folder.file.read_text() == PAPER


def test_rollback_of_a_broken_edit_is_to_what_is_in_force_and_not_to_what_is_newest(folder: Folder) -> None:
    first = folder.take_up(PAPER)
    folder.take_up(PAPER + "strategy: {max_positions: 3}\n")
    folder.take_up(PAPER, "rollback")
    folder.file.write_text("risk: {nonsense: 1}")
    assert folder.run("rollback").out.startswith(f"{folder.file} is version {first} again")


def test_kept_version_that_is_no_text_does_not_end_the_history(folder: Folder) -> None:
    version = folder.take_up(PAPER)
    folder.file.write_bytes(b"# caf\xe9\n" + PAPER.encode())
    folder.run("rollback", version)
    assert len(folder.run("history", "--json").document) == 2


def test_rollback_passes_over_what_no_engine_ran_with(folder: Folder) -> None:
    first = folder.take_up(PAPER)
    folder.take_up(PAPER + "strategy: {name: momentum}\n", worked=False)
    folder.take_up(PAPER + "strategy: {max_positions: 3}\n")
    assert folder.run("rollback").out.startswith(f"{folder.file} is version {first} again")


def test_plan_of_an_emptied_file_is_refused_as_the_daemon_would(folder: Folder) -> None:
    folder.take_up(PAPER)
    folder.file.write_text("")
    assert "the file is empty" in str(folder.run("plan").error)
