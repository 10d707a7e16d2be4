"""The log: where it goes, what a line carries, what it never shows, and what may happen to its file."""

import io
import json
import logging
import os
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.config import LoggingConfig, TradingConfig
from orchestrator.correlation import FIELDS, about, carried
from orchestrator.logs import LogFile, TextFormatter, configure_logging, hide, secrets_of, set_level

logger = logging.getLogger("orchestrator.test")


@pytest.fixture
def file(tmp_path: Path, kept_logging: None) -> Path:
    """Where the log of a test goes."""
    return tmp_path / "state" / "orchestrator.log"


def lines(file: Path) -> list[str]:
    return file.read_text().splitlines()


def last(file: Path) -> dict[str, str]:
    document: dict[str, str] = json.loads(lines(file)[-1])
    return document


# --- lines ---


def test_text_has_time_level_and_where_from(file, capsys):
    configure_logging(LoggingConfig(), file)
    logger.info("state %s -> %s", "stopped", "trading")
    (line,) = lines(file)
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00 INFO     orchestrator\.test: state stopped -> trading", line
    )
    assert capsys.readouterr().out == f"{line}\n"


def test_json_is_one_object_a_line(file):
    configure_logging(LoggingConfig(format="json"), file)
    logger.warning("two\nlines")
    assert last(file) == {**last(file), "level": "warning", "logger": "orchestrator.test", "message": "two\nlines"}
    try:
        raise ValueError("why")
    except ValueError:
        logger.exception("it failed")
    assert last(file)["traceback"].endswith("ValueError: why")


def test_line_carries_on_behalf_of_what_it_was_written(file):
    configure_logging(LoggingConfig(format="json"), file)
    with about(session="2026-11-24", engine_run="r1"), about(job="report", job_run="2026-11-24T16:15:00-05:00"):
        with about(alert="a1b2c3d4-5678"):
            logger.info("in all of them")
        logger.info("in most")
    logger.info("in none")
    first, second, third = (json.loads(line) for line in lines(file))
    assert [field for field in FIELDS if field in first] == list(FIELDS)
    assert (first["session"], first["engine_run"], first["alert"]) == ("2026-11-24", "r1", "a1b2c3d4-5678")
    assert set(FIELDS) - second.keys() == {"alert"}
    assert not set(FIELDS) & third.keys()


def test_name_that_is_asked_for_is_that_of_the_moment_of_the_line(file):
    configure_logging(LoggingConfig(format="json"), file)
    runs = [""]
    with about(session=lambda: "2026-11-24", engine_run=lambda: runs[-1]):
        logger.info("before the engine")
        runs.append("r2")
        logger.info("with it")
    before, after = (json.loads(line) for line in lines(file))
    assert (before["session"], "engine_run" in before, after["engine_run"]) == ("2026-11-24", False, "r2")


def test_text_names_job_and_alert_only(file):
    configure_logging(LoggingConfig(), file)
    with about(session="2026-11-24", engine_run="r1", job="report", job_run="x", alert="a1b2c3d4-5678"):
        logger.info("done")
    assert lines(file)[0].endswith("orchestrator.test: done [job report, alert a1b2c3d4]")


def test_secrets_are_masked_wherever_they_stand(file, capsys):
    config = TradingConfig()
    config.notifications.slack_webhook_url = "https://hooks.slack.com/services/T0/B0/verysecret"
    config.notifications.webhook_headers = {"Authorization": "Bearer alsosecret"}
    config.store_url = "sqlite:///here.db"
    configure_logging(LoggingConfig(format="json"), file, secrets=secrets_of(config))
    try:
        raise OSError(f"no route to {config.notifications.slack_webhook_url}")
    except OSError:
        logger.exception("sent %s", config.notifications.webhook_headers)
    logger.info("the store is sqlite:///here.db")
    written = file.read_text() + capsys.readouterr().out
    assert not re.search("verysecret|alsosecret", written)
    assert "sqlite:///here.db" in written
    hide(["new one"])
    logger.info("this is the new one")
    assert last(file)["message"] == "this is the ***"


def test_secret_that_json_writes_otherwise_is_masked_and_leaves_json(file):
    configure_logging(LoggingConfig(format="json"), file, secrets=['gehei"mnü', '": "'])
    logger.info('the password is gehei"mnü, and "a": "b"')
    assert last(file)["message"] == 'the password is ***, and "a***b"'


def test_level_is_taken_up_at_once_and_libraries_stay_quiet(file):
    configure_logging(LoggingConfig(), file)
    logger.debug("not yet")
    set_level("DEBUG")
    logger.debug("now")
    logging.getLogger("apscheduler.scheduler").info("never")
    assert [line.rpartition(": ")[2] for line in lines(file)] == ["now"]


# --- the file ---


@pytest.fixture
def log(file: Path) -> Iterator[LogFile]:
    """A log of 1000 bytes and two old ones."""
    file.parent.mkdir()
    handler = LogFile(file, 1000, 2)
    handler.setFormatter(TextFormatter("%(message)s"))
    yield handler
    handler.close()


def write(log: LogFile, text: str) -> None:
    log.handle(logging.LogRecord("x", logging.INFO, "", 0, text, (), None))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_file_and_its_old_ones_are_private_whatever_the_umask(log, file, umask):
    before = os.umask(umask)
    try:
        for _ in range(3):
            write(log, "x" * 600)
    finally:
        os.umask(before)
    found = {entry.name: oct(entry.stat().st_mode & 0o777) for entry in file.parent.iterdir()}
    assert found == dict.fromkeys(("orchestrator.log", "orchestrator.log.1", "orchestrator.log.2"), "0o600")


def test_old_files_are_bounded(log, file):
    for number in range(9):
        write(log, f"{number}" * 600)
    assert len(list(file.parent.iterdir())) == 3
    assert lines(file) == ["8" * 600]


def test_file_that_was_moved_away_is_begun_anew(log, file):
    write(log, "first")
    file.rename(file.with_name("moved"))
    write(log, "second")
    assert (lines(file.with_name("moved")), lines(file)) == (["first"], ["second"])


def test_file_that_was_moved_and_made_again_is_followed(log, file):
    write(log, "first")
    file.rename(file.with_name("moved"))
    file.touch()
    write(log, "second")
    assert (lines(file.with_name("moved")), lines(file)) == (["first"], ["second"])


def test_file_that_was_copied_and_cut_goes_on_at_its_beginning(log, file):
    write(log, "first")
    shutil.copy(file, file.with_name("copy"))
    os.truncate(file, 0)
    write(log, "second")
    assert file.read_bytes() == b"second\n"


def test_full_disk_costs_lines_and_the_next_says_how_many(log, file):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    write(log, "first")
    file.rename(file.with_name("moved"))
    file.symlink_to("/dev/full")
    for _ in range(3):
        write(log, "lost")
    assert log.failing == "No space left on device"
    file.unlink()
    write(log, "second")
    assert lines(file) == ["(3 lines are missing here: No space left on device)", "second"]
    assert log.failing == ""


def test_folder_that_is_gone_costs_lines_until_it_is_back(log, file):
    write(log, "first")
    shutil.rmtree(file.parent)
    write(log, "lost")
    file.parent.mkdir()
    write(log, "second")
    assert lines(file) == ["(1 lines are missing here: No such file or directory)", "second"]


def test_file_that_can_not_be_turned_over_grows_on(log, file, monkeypatch):
    def forbidden(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    write(log, "x" * 600)
    monkeypatch.setattr(log, "rotate", forbidden)
    write(log, "y" * 600)
    assert lines(file) == ["x" * 600, "y" * 600]


def test_folder_that_can_not_be_made_is_told_and_the_output_goes_on(file, capsys):
    file.parent.write_text("a file")
    configure_logging(LoggingConfig(), file)
    logger.info("it goes on")
    said = capsys.readouterr()
    assert "can't be written (File exists); the log goes to the standard output only" in said.out
    assert "it goes on" in said.out
    assert said.err == ""


def test_output_that_nobody_takes_ends_nothing(file, monkeypatch, capsys):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with io.TextIOWrapper(io.FileIO("/dev/full", "w"), write_through=True) as full:
        monkeypatch.setattr(sys, "stdout", full)
        configure_logging(LoggingConfig(), file)
        logger.info("it goes on")
        monkeypatch.undo()
    assert "it goes on" in file.read_text()
    assert capsys.readouterr().err == ""


# --- levels while it runs ---


def test_edited_level_is_taken_up_at_once_and_any_other_edit_leaves_that_of_the_command_line(file, rehearse):
    configure_logging(LoggingConfig(), file, "DEBUG")  # as with -v
    day = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    day.edit("risk: {max_position_size: 0.05}\n")
    day.until("2026-11-24 10:03")
    assert logging.getLogger().level == logging.DEBUG
    day.edit("logging: {level: ERROR}\n")
    day.until("2026-11-24 10:05")
    assert logging.getLogger().level == logging.ERROR


# --- what the daemon says ---


def test_key_messages_of_a_day_are_in_the_log(rehearse, caplog):
    """Heartbeats, moves of the state, the exchange's day, the engine's life, failures and restarts."""
    with caplog.at_level(logging.DEBUG, "orchestrator"):
        day = rehearse("2026-11-24 03:00").until("2026-11-24 10:02")
        day.machine.free_mb = 10
        day.until("2026-11-24 21:00")
    said = [(record.levelname, record.getMessage()) for record in caplog.records]
    expected = [
        ("INFO", r"heartbeat: state stopped, engine stopped, .*market closed until Tue 24 Nov 04:00 EST"),
        ("INFO", r"state stopped -> pre_market: market pre_market: "),
        ("INFO", r"NYSE Tue 24 Nov 2026: regular session 09:30-16:00"),
        ("INFO", r"engine \S+: start"),
        ("INFO", r"engine \S+: ready"),
        ("INFO", r"state pre_market -> trading: "),
        ("INFO", r"heartbeat: state trading, engine running, equity "),
        ("WARNING", r"job health_check failed: 10 MB of disk are free, less than health\.min_free_disk_mb 200"),
        ("INFO", r"state trading -> post_market: "),
        ("INFO", r"engine \S+: stop"),
        ("INFO", r"state post_market -> stopped: "),
    ]
    places = [first(said, level, words) for level, words in expected]
    assert None not in places, expected[places.index(None)]
    moves = [place for place, (_, words) in zip(places, expected, strict=True) if words.startswith(("state", "engine"))]
    assert moves == sorted(moves)
    assert len([text for level, text in said if level == "WARNING" and text.startswith("job health_check")]) == 1


def first(said: list[tuple[str, str]], level: str, words: str) -> int | None:
    """The place of the first line of this level that begins so."""
    return next((i for i, (found, text) in enumerate(said) if found == level and re.match(words, text)), None)


FAILS_ONCE = """
from pathlib import Path
from orchestrator.engine import Strategy

class Weak(Strategy):
    def target_weights(self, timestamp, data):
        mark = Path(__file__).with_suffix(".mark")
        if not mark.exists():
            mark.touch()
            raise ZeroDivisionError("no prices")
        return {"AAPL": 0.1}
"""


def test_errors_and_restarts_are_in_the_log_and_carry_the_run_they_are_about(desk):
    desk.write("weak.py", FAILS_ONCE)
    desk.configure(strategy={"name": "weak:Weak"}, logging={"format": "json"})
    daemon = desk.start()
    daemon.wait_for(r'"message": "engine \S+: crash')
    daemon.wait_for(r'"message": "engine \S+: restart')
    daemon.wait_for("-> trading.*")
    log = [json.loads(line) for line in desk.read(".orchestrator/orchestrator.log").splitlines()]
    crash = next(line for line in log if re.match(r"engine \S+: crash", line["message"]))
    assert "ZeroDivisionError: no prices" in crash["message"]
    assert crash["engine_run"] == re.match(r"engine (\S+):", crash["message"])[1]
    told = [line for line in log if "alert" in line and line["level"] == "critical"]
    assert told, log
    assert told[0]["alert"] in {row["id"] for row in desk.alerts()}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", crash["session"])
    assert told[0]["session"] == crash["session"]


class Carried(logging.Handler):
    """Keeps what each line carries."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, dict[str, str]]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.getMessage(), dict(carried())))


def test_what_a_built_in_job_logs_carries_the_job_and_its_fire(rehearse):
    kept, root = Carried(), logging.getLogger("orchestrator")
    root.addHandler(kept)
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        rehearse("2026-11-24 09:29:30").until("2026-11-24 09:35:30")
    finally:
        root.setLevel(before)
        root.removeHandler(kept)
    beat = next(names for text, names in kept.lines if text.startswith("heartbeat: "))
    at = datetime(2026, 11, 24, 14, 30, tzinfo=UTC).isoformat()
    assert beat == {"session": "2026-11-24", "engine_run": "20261124-143000", "job": "heartbeat", "job_run": at}
    ended = next(names for text, names in kept.lines if text.startswith("job heartbeat ok"))
    assert (ended["job"], ended["job_run"]) == ("heartbeat", at)
    moved = next(names for text, names in kept.lines if text.startswith("state "))
    assert "job" not in moved
