"""Completion, asked for by real shells."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import main

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a config, and the command in a folder beside it."""
    folder = tmp_path_factory.mktemp("completion")
    config = "schedule: {jobs: {market_report: {cron: '0 18 * * *', command: [date]}}}\nbroker: {broker_type: paper}\n"
    config += "notifications: {channels: [console, phone], apprise: {phone: 'ntfy://x'}}\n"
    (folder / "config.paper.yaml").write_text(config)
    program = folder / "bin" / "orchestrator"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m orchestrator "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture
def run(folder):
    """Runs a command there; returns what it says."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ORCHESTRATOR_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}

    def run(*command):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=True)
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.fixture
def offered(folder, monkeypatch, capsys):
    """What is offered for the last of some words, asked as the script of bash asks."""
    monkeypatch.chdir(folder)

    def ask(words):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        monkeypatch.setenv("_ORCHESTRATOR_COMPLETE", "bash_complete")
        with pytest.raises(SystemExit):
            main([])
        said = capsys.readouterr()
        assert said.err == ""
        return [line.partition(",")[2] for line in said.out.split()]

    return ask


WORDS = {
    "orchestrator cal": ["calendar"],
    "orchestrator jobs show market_": ["market_open", "market_close", "market_report"],
    "orchestrator notify test ": ["console", "phone"],
    "orchestrator service show s": ["supervisord", "systemd"],
    "orchestrator --config absent.yaml jobs show market_r": [],
    "orchestrator incidents show ": [],
}


@pytest.mark.parametrize("words", WORDS)
def test_words_are_completed(offered, words):
    assert offered(words) == WORDS[words]


def test_nothing_is_made_and_nothing_said_where_the_config_is_broken(offered, folder):
    config = folder / "config.paper.yaml"
    before = config.read_text()
    config.write_text("schedule: [")
    try:
        assert offered("orchestrator jobs show market_o") == ["market_open"]
    finally:
        config.write_text(before)
    assert sorted(os.listdir(folder)) == ["bin", "config.paper.yaml"]


def test_bash_completes(run):
    script = """
        source <(orchestrator completion bash)
        COMP_WORDS=(orchestrator jobs show market_); COMP_CWORD=3
        _orchestrator_completion orchestrator
        echo "${COMPREPLY[@]}"
    """
    assert run("bash", "-c", script) == "market_open market_close market_report\n"


def test_what_the_store_knows_is_completed(offered, desk):
    daemon = desk.start_trading()
    order = desk.wait_for(lambda: desk.rows("SELECT order_ref FROM orders ORDER BY order_ref"), "it trades")[0]
    daemon.kill()
    assert order["order_ref"] in offered(
        f"orchestrator --config {desk.config_path} orders show {order['order_ref'][:10]}"
    )
    version = desk.rows("SELECT version FROM config_versions")[0]["version"]
    assert offered(f"orchestrator --config {desk.config_path} config rollback ") == [version]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_takes_the_script(run):
    script = """
        autoload -U compinit && compinit -D -u
        source <(orchestrator completion zsh)
        print $_comps[orchestrator]
        words=(orchestrator jobs show market_r); CURRENT=4
        _describe() { print -l "${completions_with_descriptions[@]}" }
        compadd() { }
        _orchestrator_completion
    """
    named, offered = run("zsh", "-f", "-c", script).splitlines()
    assert named == "_orchestrator_completion"
    assert offered == "market_report:cron 0 18 * * *"


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_completes(run):
    script = "orchestrator completion fish | source; complete --do-complete 'orchestrator jobs show market_r'"
    assert run("fish", "--no-config", "-c", script).split()[0] == "market_report"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_says_how_it_is_taken_up(capsys, shell):
    with pytest.raises(SystemExit):
        main(["completion", shell])
    script = capsys.readouterr().out
    assert f"#   {'source <(' if shell != 'fish' else ''}orchestrator completion {shell}" in script
    assert script.startswith("#compdef orchestrator\n") is (shell == "zsh")
