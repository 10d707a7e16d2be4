"""The versions of a config file: which there are, who made them, and the way back."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from calendars import VirtualClock
from orchestrator.config import ConfigManager, TradingConfig, load_file
from orchestrator.config.versions import VersionFolder

START = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)
OLD = "mode: paper  # as it was\n"


@pytest.fixture
def folder(path):
    return VersionFolder(path.parent / ".config_versions", path)


def save(manager, positions, **how):
    config = manager.load()
    config.strategy.max_positions = positions
    manager.save(config, **how)


def told(folder):
    return [(record.author, record.reason) for record in folder.records()]


def test_a_version_is_named_after_the_hash_of_its_bytes(path, manager, folder):
    save(manager, 5)
    new, old = folder.records()
    assert old.version == sha256(OLD.encode()).hexdigest()[:12]
    assert new.version == sha256(path.read_bytes()).hexdigest()[:12]
    assert new.path.name == f"config.v0002.20261124T143000Z.{new.version}.yaml"
    assert [old.path.read_text(), new.path.read_bytes()] == [OLD, path.read_bytes()]
    assert manager.list_versions() == [new.path, old.path]


def test_two_saves_within_a_second_are_two_versions(manager, folder):
    save(manager, 5)
    save(manager, 6)
    assert [load_file(record.path).strategy.max_positions for record in folder.records()] == [6, 5, 10]


def test_it_is_known_who_saved_when_and_why(path, manager, folder, clock):
    save(manager, 5)
    clock.advance(timedelta(hours=1))
    save(manager, 6, author="cli", reason="fewer is safer")
    assert told(folder) == [
        ("cli", "fewer is safer"),
        ("api", "strategy.max_positions: 10 -> 5"),
        ("file", "before the first save"),
    ]
    assert folder.records()[0].at == START + timedelta(hours=1)
    assert folder.records()[1].at == START


def test_what_was_edited_by_hand_between_two_saves_is_kept_too(path, manager, folder):
    save(manager, 5)
    path.write_text("strategy: {max_positions: 7}  # by hand\n")
    save(manager, 6)
    assert [load_file(record.path).strategy.max_positions for record in folder.records()] == [6, 7, 5, 10]
    assert told(folder)[1] == ("file", "edited by hand")


def test_a_reason_does_not_tell_a_secret(path, manager, folder, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2")
    config = manager.load()
    config.notifications.slack_webhook_url = "https://hooks.slack.com/services/T/B/hunter2"
    config.strategy.params = {"token": "hunter2"}
    config.schedule.jobs = {"report": {"cron": "@daily", "command": ["report", "hunter2"]}}
    manager.save(config)
    path.write_text(path.read_text().replace("https://hooks.slack.com/services/T/B/hunter2", "https://${TOKEN}"))
    manager.reload()
    manager.save(TradingConfig())
    assert "notifications.slack_webhook_url: None -> '***'" in told(folder)[2][1]
    assert "hunter2" not in folder.log.read_text()


def test_a_long_reason_is_cut(manager, folder):
    config = manager.load()
    for number, name in enumerate(("start_timeout", "stop_timeout", "heartbeat_timeout", "restart_cooldown"), start=71):
        setattr(config.engine, name, number)
    for name in ("max_portfolio_drawdown", "max_position_size", "position_stop_loss", "min_cash_buffer"):
        setattr(config.risk, name, 0.5)
    config.risk.max_orders_per_minute = 7
    manager.save(config)
    first, *_, last, more = told(folder)[0][1].split("; ")
    assert (first, last) == ("risk.max_portfolio_drawdown: 0.12 -> 0.5", "engine.heartbeat_timeout: 30 -> 73.0")
    assert more == "1 more"


def test_a_config_that_comes_again_is_listed_once_and_as_the_newest(path, manager, folder, clock):
    save(manager, 5)
    clock.advance(timedelta(hours=1))
    manager.restore_version(folder.records()[1].version, author="cli")
    assert path.read_text() == OLD
    assert told(folder) == [
        ("cli", f"restored {folder.records()[0].version}"),
        ("api", "strategy.max_positions: 10 -> 5"),
    ]
    assert folder.records()[0].at == START + timedelta(hours=1)
    assert manager.list_versions()[0].read_text() == OLD
    assert len(list(folder.folder.glob("*.yaml"))) == 2


def test_what_a_restore_replaces_is_kept(path, manager, folder):
    save(manager, 5)
    path.write_text("strategy: {max_positions: 7}  # by hand\n")
    manager.reload()
    manager.restore_version(folder.records()[-1].path)
    assert [load_file(record.path).strategy.max_positions for record in folder.records()] == [10, 7, 5]


def test_restoring_what_the_file_is_already_changes_nothing(path, manager, folder):
    save(manager, 5)
    before, log = path.stat().st_ino, folder.log.read_bytes()
    restored = manager.restore_version(folder.records()[0].version)
    assert restored.strategy.max_positions == 5
    assert (path.stat().st_ino, folder.log.read_bytes()) == (before, log)


def test_a_version_is_found_by_its_first_digits(manager, folder):
    save(manager, 5)
    record = folder.records()[0]
    for name in (record.path, str(record.path), record.path.name, record.version, record.version[:4].upper()):
        assert folder.find(name) == record


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("000000000000", r"list_versions\(\) names them"),
        ("abc", "write at least 4 digits of it"),
        ("", "write at least 4 digits of it"),
        ("config.yaml", r"list_versions\(\) names them"),
        ("../config.yaml", r"list_versions\(\) names them"),
    ],
)
def test_a_version_that_is_none_is_not_found(manager, folder, name, remedy):
    save(manager, 5)
    with pytest.raises(FileNotFoundError, match=rf"no version '{name}' in .*; {remedy}"):
        folder.find(name)


def test_digits_of_several_versions_are_refused(folder):
    folder.folder.mkdir()
    for number, version in enumerate(("abcd00000001", "abcd00000002"), start=1):
        (folder.folder / f"config.v000{number}.20261124T143000Z.{version}.yaml").write_text(OLD)
    with pytest.raises(LookupError, match="several versions begin with 'abcd': abcd00000002, abcd00000001; write more"):
        folder.find("abcd")
    assert folder.find("abcd00000001").version == "abcd00000001"


def test_without_a_log_the_versions_are_there_all_the_same(manager, folder):
    for positions in (5, 6, 7):
        save(manager, positions)
    paths = manager.list_versions()
    folder.log.unlink()
    assert manager.list_versions() == paths
    assert told(folder) == [("unknown", "")] * 4
    assert {record.at for record in folder.records()[:3]} == {START}
    save(manager, 8)
    assert [load_file(record.path).strategy.max_positions for record in folder.records()] == [8, 7, 6, 5, 10]


@pytest.mark.parametrize("torn_at", [-1, -20, -100])
def test_a_torn_last_line_of_the_log_breaks_nothing(manager, folder, torn_at):
    save(manager, 5)
    save(manager, 6)
    paths = manager.list_versions()
    folder.log.write_bytes(folder.log.read_bytes()[:torn_at])
    assert manager.list_versions() == paths
    save(manager, 7)
    assert [load_file(record.path).strategy.max_positions for record in folder.records()] == [7, 6, 5, 10]
    assert told(folder)[0] == ("api", "strategy.max_positions: 6 -> 7")
    assert told(folder)[2] == ("api", "strategy.max_positions: 10 -> 5")


@pytest.mark.parametrize(
    "line", [b"\xff", b"[]", b"null", b'{"version": []}', b'{"version": "a", "at": "x"}', b"{" * 9]
)
def test_a_line_of_the_log_that_says_nothing_is_passed_over(manager, folder, line):
    save(manager, 5)
    known = folder.records()
    folder.log.write_bytes(line + b"\n" + folder.log.read_bytes() + line)
    assert folder.records() == known


def test_a_line_of_the_log_is_json(manager, folder):
    save(manager, 5)
    assert [json.loads(line) for line in folder.log.read_text().splitlines()][1] == {
        "version": folder.records()[0].version,
        "at": "2026-11-24T14:30:00+00:00",
        "author": "api",
        "reason": "strategy.max_positions: 10 -> 5",
    }
    assert folder.log.stat().st_mode & 0o777 == 0o600


def test_other_files_in_the_folder_are_no_versions(manager, folder):
    save(manager, 5)
    known = folder.records()
    for name in (
        "config.v0003.20269924T143000Z.000000000000.yaml",
        "config.yaml",
        "other.v0001.20261124T143000Z.0.yaml",
    ):
        (folder.folder / name).write_text(OLD)
    assert folder.records() == known


def test_a_version_from_before_a_clock_that_was_set_back_is_older_still(manager, folder, path):
    save(manager, 5)
    earlier = ConfigManager(path, clock=VirtualClock(START - timedelta(days=1)))
    save(earlier, 6)
    assert [load_file(record.path).strategy.max_positions for record in folder.records()] == [6, 5, 10]
