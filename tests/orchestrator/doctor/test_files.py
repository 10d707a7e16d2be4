"""Config and files: each check when all is well, and for each thing that may be wrong."""

import os
from datetime import timedelta
from typing import NamedTuple

import pytest

from orchestrator.doctor import Patient
from orchestrator.doctor.files import backups, config, disk, logs, secrets, state_folder, targets


def test_good_config_is_ok(ward):
    assert ward.look(config) == [("ok", f"{ward.config_path}: mode paper, broker paper")]


def test_no_config_is_the_defaults(ward):
    (found,) = config(Patient.of(None, ward.patient().clock, {}))
    assert (found.result, "embedded defaults" in found.detail) == ("ok", True)


def test_each_problem_of_a_config_is_a_line_with_its_remedy(ward):
    ward.configure(mode="papr", risk={"max_position_size": 7})
    found = list(config(ward.patient()))
    assert [each.result for each in found] == ["fail", "fail"]
    assert "desk.yaml:3:7: mode: 'papr'" in found[0].detail
    assert "paper" in found[0].remedy


def test_many_problems_end_in_a_number(ward):
    ward.configure(strategy={f"option{i}": 1 for i in range(9)})
    assert ward.look(config)[-1] == ("fail", f"{ward.config_path}: 4 more")


def test_text_that_is_no_config_at_all(ward):
    ward.config_path.write_text("mode: [")
    found = ward.one(config)
    assert (found.result, "not valid YAML" in found.detail) == ("fail", True)


def test_missing_config(ward):
    ward.config_path.unlink()
    found = ward.one(config)
    assert (found.result, found.remedy) == ("fail", f"orchestrator config init {ward.config_path}")


def test_config_that_is_no_file(ward):
    ward.config_path.unlink()
    ward.config_path.symlink_to(ward.config_path.name)
    assert ward.one(config).detail == f"{ward.config_path}: it is a link that leads back to itself"
    ward.config_path.unlink()
    ward.config_path.mkdir()
    found = ward.one(config)
    assert (found.detail, found.remedy) == (f"{ward.config_path} is a folder", "name the config file in it")


def test_readable_secrets_are_a_warning(ward):
    ward.configure(notifications={"slack_webhook_url": "https://hooks.slack.com/services/T/B/verysecret"})
    ward.config_path.chmod(0o644)
    warned = [each for each in config(ward.patient()) if each.result == "warn" and "can read it" in each.detail]
    assert warned[0].remedy.startswith(f"chmod 600 {ward.config_path}")
    assert "verysecret" not in str(list(config(ward.patient())))


def test_references_with_values_are_counted(ward, monkeypatch):
    monkeypatch.setenv("HOOK", "https://hooks.slack.com/services/T/B/verysecret")
    ward.configure(notifications={"slack_webhook_url": "${HOOK}"})
    assert ward.look(secrets) == [("ok", "references with a value: 1")]


def test_references_without_a_value_are_named(ward):
    ward.config_path.write_text('# ${COMMENT}\nnotifications:\n  slack_webhook_url: "${HOOK}"  # or ${OTHER}\n')
    found = ward.one(secrets)
    assert (found.result, found.detail) == ("fail", "the environment variable HOOK is not set")


def test_file_of_a_secret_that_others_can_read(ward):
    (ward.folder / "hook").write_text("https://hooks.slack.com/services/T/B/verysecret")
    (ward.folder / "hook").chmod(0o640)
    ward.configure(notifications={"slack_webhook_url": "${file:hook}"})
    assert ("warn", f"others than its owner can read {ward.folder / 'hook'}") in ward.look(secrets)
    (ward.folder / "hook").chmod(0o600)
    assert [result for result, _ in ward.look(secrets)] == ["ok"]


def test_state_folder(ward):
    folder = ward.folder / ".orchestrator"
    assert ward.look(state_folder) == [("ok", f"{folder} is made at the first start")]
    folder.mkdir(0o755)
    folder.chmod(0o755)
    assert ward.one(state_folder).remedy == f"chmod 700 {folder}"
    folder.chmod(0o700)
    assert ward.look(state_folder) == [("ok", f"{folder}")]


def test_state_folder_that_is_a_file(ward):
    (ward.folder / ".orchestrator").write_text("")
    assert ward.look(state_folder) == [("fail", f"{ward.folder / '.orchestrator'} is a file")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_state_folder_that_may_not_be_written(ward):
    (ward.folder / ".orchestrator").mkdir(0o500)
    assert ward.one(state_folder).result == "fail"


def test_state_folder_under_a_file_can_not_be_made(ward):
    (ward.folder / "file").write_text("")
    ward.configure(state_dir="file/state")
    assert ward.one(state_folder).result == "fail"


def test_disk(ward):
    assert ward.one(disk).result == "ok"
    ward.configure(health={"min_free_disk_mb": 10**9})
    found = ward.one(disk)
    assert (found.result, found.remedy) == ("fail", "make room: no engine starts before")


def test_disk_that_is_nearly_full(ward, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(free=300e6))
    assert ward.look(disk) == [("warn", "300 MB are free; health.min_free_disk_mb is 200")]


class Usage(NamedTuple):
    """Of a disk."""

    free: float


def test_log(ward):
    file = ward.folder / ".orchestrator" / "orchestrator.log"
    assert ward.look(logs) == [("ok", f"{file} is made at the first start")]
    file.parent.mkdir()
    file.write_text("")
    file.chmod(0o644)
    assert ward.one(logs).remedy == f"chmod 600 {file}"
    file.chmod(0o600)
    assert ward.look(logs) == [("ok", f"{file}")]
    ward.configure(logging={"file": ""})
    assert ward.look(logs) == [("ok", "to the standard output only")]


def test_backups(ward):
    assert ward.one(backups).result == "ok"
    ward.configure(housekeeping={"backup_dir": "backups"})
    assert ward.one(backups).detail == f"there is none in {ward.folder / 'backups'} yet"
    (ward.folder / "backups").mkdir()
    copy = ward.folder / "backups" / "orchestrator-2026-11-24.db"
    copy.write_text("")
    os.utime(copy, (ward.now.timestamp(), ward.now.timestamp()))
    assert ward.look(backups) == [("ok", f"the last one is {copy}")]
    ward.now += timedelta(days=3)
    assert ward.look(backups) == [("warn", f"the last one is {copy.name}")]


def test_targets(ward):
    (ward.folder / "mine.py").write_text("class Engine: ...\n")
    ward.configure(engine={"target": "mine:Engine"})
    assert ward.look(targets) == [("ok", "strategy equal_weight, engine mine:Engine")]
    ward.configure(engine={"target": "mine:Engin"}, schedule={"jobs": {"r": {"interval": "1h", "run": "gone:f"}}})
    found = list(targets(ward.patient()))
    assert [each.detail.partition(":")[0] for each in found] == ["engine.target", "schedule.jobs.r.run"]
    assert {each.result for each in found} == {"fail"}
