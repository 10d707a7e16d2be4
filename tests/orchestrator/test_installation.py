"""The files by which others run the daemon: they are what they say, for this installation, and replace nothing."""

import configparser
import json
import logging
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from orchestrator.cli import main
from orchestrator.exit_codes import FINAL, MEANINGS, ExitCode
from orchestrator.installation import FILES, SHIPPED, Unwritable, render

CONFIG = Path(__file__).parents[2] / "config"
ODD = replace(
    SHIPPED,
    program=["/opt/my 100%/bin/orchestrator"],
    config=Path("/opt/my 100%/$x.yaml"),
    writable=[Path("/opt/my 100%"), Path("/var/lib/state")],
    stop_timeout=90.5,
    live=True,
)


@pytest.mark.parametrize("kind", list(FILES))
def test_shipped_file_is_the_template(kind):
    assert (CONFIG / FILES[kind]).read_text(encoding="utf-8") == render(kind, SHIPPED)


# --- exit codes ---


def test_every_exit_code_has_a_meaning():
    assert set(MEANINGS) == set(ExitCode)


@pytest.mark.parametrize("kind", ["supervisord", "systemd"])
def test_only_what_a_human_must_mend_is_not_started_again(kind):
    listed = {"supervisord": r"\nexitcodes = (.*)", "systemd": r"\nRestartPreventExitStatus=(.*)"}[kind]
    codes = {int(code) for code in re.findall(r"\d+", re.search(listed, render(kind, SHIPPED))[1])}
    assert codes | {0} == set(FINAL)
    assert ExitCode.FAILED not in codes


# --- supervisord ---


def supervisord(installation):
    """The program's section, as supervisord reads it."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=True)
    parser.read_string(render("supervisord", installation))
    section = parser["program:trading-orchestrator"]
    return {key: value.replace("%%", "%") for key, value in section.items()}


def test_supervisord_gets_odd_paths_whole_and_waits_long_enough():
    program = supervisord(ODD)
    assert shlex.split(program["command"]) == [*ODD.program, "--config", str(ODD.config), "start", "--live"]
    assert program["directory"] == "/opt/my 100%"
    assert float(program["stopwaitsecs"]) > ODD.stop_timeout


@pytest.mark.parametrize("sign", [" ;", " #", "\n", '"'])
def test_path_that_supervisord_would_cut_is_refused(sign):
    with pytest.raises(Unwritable, match="use a path without"):
        render("supervisord", replace(SHIPPED, config=Path(f"/opt/a{sign}b.yaml")))


# --- systemd ---


def unit(installation):
    """Its settings; those that are given twice are lists of both."""
    found = {}
    for line in render("systemd", installation).splitlines():
        if line and line[0] not in "#[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_unit_gets_odd_paths_whole_and_waits_long_enough():
    settings = unit(ODD)
    assert settings["ExecStart"] == ['"/opt/my 100%%/bin/orchestrator" --config "/opt/my 100%%/$$x.yaml" start --live']
    assert settings["WorkingDirectory"] == ["/opt/my 100%%"]
    assert settings["ReadWritePaths"] == settings["RequiresMountsFor"] == ['"/opt/my 100%%" /var/lib/state']
    assert float(settings["TimeoutStopSec"][0]) > ODD.stop_timeout


def test_unit_is_watched_hardened_and_never_given_up():
    settings = {key: values[-1] for key, values in unit(SHIPPED).items()}
    assert (
        settings.items()
        >= {
            "Type": "notify",
            "Restart": "on-failure",
            "KillMode": "mixed",
            "StartLimitIntervalSec": "0",
            "OOMPolicy": "continue",
            "NoNewPrivileges": "true",
            "ProtectSystem": "strict",
            "PrivateTmp": "true",
            "CapabilityBoundingSet": "",
            "UMask": "0077",
        }.items()
    )
    assert float(settings["WatchdogSec"]) > 60, "the loop may wait for a minute"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("odd", [False, True])
def test_systemd_understands_the_unit(tmp_path, odd):
    folder = tmp_path / ("my 100%" if odd else "plain")
    folder.mkdir()
    program = folder / "orchestrator"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    here = replace(SHIPPED, program=[str(program)], config=folder / "c.yaml", writable=[folder], user="root")
    file = tmp_path / FILES["systemd"]
    file.write_text(render("systemd", here))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if line.startswith(("trading-orchestrator", str(file)))]
    assert (done.returncode, complaints) == (0, [])


def test_unit_with_a_line_break_in_a_path_is_refused():
    with pytest.raises(Unwritable, match="without line breaks"):
        render("systemd", replace(SHIPPED, config=Path("/opt/a\nExecStart=/bin/false")))


# --- docker ---

INSTRUCTIONS = {
    *("FROM", "ARG", "COPY", "RUN", "ENV", "USER", "WORKDIR", "VOLUME", "STOPSIGNAL"),
    *("HEALTHCHECK", "ENTRYPOINT", "CMD"),
}


def instructions(installation=SHIPPED):
    lines = render("docker", installation).splitlines()
    return [tuple(line.split(" ", 1)) for line in lines if line and not line.startswith("#")]


def test_image_has_two_stages_an_unprivileged_user_and_words_for_a_shell_nowhere_else_than_in_run():
    found = instructions()
    assert {word for word, _ in found} == INSTRUCTIONS
    assert [rest for word, rest in found if word == "FROM"] == ["python:3.13-slim AS build", "python:3.13-slim"]
    after = [word for word, _ in found]
    assert after.index("USER") < after.index("CMD")
    assert [rest for word, rest in found if word == "USER"] == ["trader"]
    last = dict(found)
    assert json.loads(last["CMD"]) == ["orchestrator", "start"]
    assert json.loads(last["ENTRYPOINT"]) == ["tini", "-s", "--"]
    assert json.loads(last["HEALTHCHECK"].partition("CMD ")[2]) == ["orchestrator", "status", "--healthcheck"]
    assert json.loads(dict(instructions(ODD))["CMD"]) == ["orchestrator", "start", "--live"]


def test_compose_gives_the_daemon_the_time_it_takes_to_stop():
    document = yaml.safe_load(render("compose", ODD))
    service = document["services"]["orchestrator"]
    assert service["stop_grace_period"] == "106s"
    assert service["volumes"] == ["state:/data"]
    assert set(document["volumes"]) == {"state"}
    assert (service["read_only"], service["cap_drop"], service["restart"]) == (True, ["ALL"], "unless-stopped")


# --- the commands ---


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Runs the command line in an empty folder; returns its exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ORCHESTRATOR_CONFIG", raising=False)
    monkeypatch.setenv("SUDO_USER", "nobody")
    (tmp_path / "config.paper.yaml").write_text("engine: {stop_timeout: 50}\nbroker: {broker_type: paper}\n")

    def run(*words):
        with pytest.raises(SystemExit) as end:
            main(list(words))
        return (end.value.code, *capsys.readouterr())

    yield run
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", list(FILES))
def test_show_prints_what_install_writes(command, tmp_path, kind):
    code, shown, err = command("service", "show", kind)
    assert (code, err) == (0, "")
    if kind != "docker":
        assert "65" in shown, "15 seconds more than stop_timeout"
    target = tmp_path / "elsewhere"
    target.mkdir()
    code, out, err = command("service", "install", kind, "--path", str(target))
    assert (code, err) == (0, "")
    assert out.startswith(f"wrote {target / FILES[kind]}\nnext:\n  ")
    assert (target / FILES[kind]).read_text() == shown
    assert stat.S_IMODE((target / FILES[kind]).stat().st_mode) == 0o644


def test_paths_are_those_of_this_installation(command, tmp_path):
    shown = command("service", "show", "supervisord")[1]
    program = shlex.split(re.search(r"\ncommand = (.*)", shown)[1])
    assert program[-3:] == ["--config", str(tmp_path / "config.paper.yaml"), "start"]
    assert os.access(program[0], os.X_OK)
    assert Path(program[0]).parent == Path(sys.executable).parent
    assert f"\ndirectory = {tmp_path}\nuser = nobody\n" in shown


def test_state_elsewhere_may_be_written_too(command, tmp_path):
    state = tmp_path.parent / f"{tmp_path.name}-state"
    (tmp_path / "config.paper.yaml").write_text(f"state_dir: {state}\nbroker: {{broker_type: paper}}\n")
    assert f"\nReadWritePaths={tmp_path} {state}\n" in command("service", "show", "systemd")[1]
    out = command("service", "install", "systemd", "--path", str(tmp_path / "u.service"))[1]
    assert f"mkdir -p {state}" in out


def test_backups_and_log_elsewhere_may_be_written_too(command, tmp_path):
    elsewhere = tmp_path.parent / f"{tmp_path.name}-elsewhere"
    config = f"housekeeping: {{backup_dir: {elsewhere}/backups}}\nlogging: {{file: {elsewhere}/logs/desk.log}}\n"
    (tmp_path / "config.paper.yaml").write_text(f"{config}broker: {{broker_type: paper}}\n")
    shown = command("service", "show", "systemd")[1]
    assert f"\nReadWritePaths={tmp_path} {elsewhere}/backups {elsewhere}/logs\n" in shown


def test_file_that_says_something_else_is_kept_unless_forced(command, tmp_path):
    words = ("service", "install", "supervisord")
    (tmp_path / "supervisord.conf").write_text("mine")
    code, out, err = command(*words)
    assert (code, out) == (1, "")
    assert "exists and says something else" in err
    assert (tmp_path / "supervisord.conf").read_text() == "mine"
    assert command(*words, "--force")[0] == 0
    assert command(*words)[1].startswith(f"{tmp_path / 'supervisord.conf'} is up to date\n")


def test_dry_run_writes_nothing(command, tmp_path):
    code, out, _ = command("service", "install", "compose", "--dry-run")
    assert (code, out.splitlines()[0]) == (
        0,
        f"would write {tmp_path / 'compose.yaml'}; to see it: the same with show in place of install",
    )
    assert os.listdir(tmp_path) == ["config.paper.yaml"]


def test_real_money_needs_two_signs_here_too(command, tmp_path):
    live = "mode: live\nbroker: {broker_type: ibkr, port: 7496, paper_trading: false, account_number: U1234567}\n"
    (tmp_path / "config.paper.yaml").write_text(live)
    code, _, err = command("service", "show", "systemd")
    assert (code, "orchestrator service install systemd --live" in err) == (6, True)
    assert "start --live\n" in command("service", "show", "systemd", "--live")[1]
    (tmp_path / "config.paper.yaml").write_text("broker: {broker_type: paper}\n")
    assert command("service", "show", "systemd", "--live")[0] == 6


def test_root_is_warned_of_and_a_stranger_refused(command, monkeypatch):
    code, _, err = command("service", "show", "systemd", "--user", "no-such-user")
    assert (code, "there is no user 'no-such-user'" in err) == (1, True)
    assert "it would run as root" in command("service", "show", "systemd", "--user", "root")[2]


def test_without_a_config_the_first_step_is_said(command, tmp_path):
    (tmp_path / "config.paper.yaml").unlink()
    code, out, err = command("service", "show", "systemd")
    assert (code, f"--config {tmp_path}/config.paper.yaml start" in out) == (0, True)
    assert f"orchestrator config init {tmp_path}/config.paper.yaml" in err
