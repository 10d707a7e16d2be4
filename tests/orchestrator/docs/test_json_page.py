"""docs/json.rst says which keys there are; a real daemon on a real store says so too."""

import json
import logging
import re
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner

from calendars import MarketCalendar
from orchestrator.cli import cli
from orchestrator.cli.manual import commands
from orchestrator.events import ConfigApplied
from orchestrator.rehearsal.timeline import as_document

NO_TABLE = {"config show"}
"""Its keys are those of the config, which has a page of its own."""

LINES = {"simulate"}
"""They print JSON lines."""

ACTIONS = {"backup", "restore"}
"""They show what they have done, which is looked at where they are tested."""

ARGUMENTS = {
    "jobs show": lambda told: ["hello"],
    "jobs explain": lambda told: ["hello"],
    "orders show": lambda told: [told.first("orders")],
    "alerts show": lambda told: [told.first("alerts")],
    "incidents show": lambda told: [told.first("incidents")],
    "config plan": lambda told: [told.edited()],
    "notify test": lambda told: ["console"],
}


def with_json():
    """The commands that take ``--json``."""
    for context in commands():
        if any("--json" in param.opts for param in context.command.params if isinstance(param, click.Option)):
            yield context.command_path.removeprefix("orchestrator ")


def sections(page):
    """The text of each section of a page."""
    parts = re.split(r"^(\S.*)\n-+\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(page, name):
    """Each key of a command, with its type."""
    text = sections(page)[name]
    keys = dict(re.findall(r"^   \* - ``(\S+)``\n     - (.*)$", text, flags=re.MULTILINE))
    base = re.search(r"as ``(.+) \[\]``", keys.pop("...", ""))
    inherited = documented(page, base[1]) if base else {}
    return {key.removeprefix("[]."): kind for key, kind in inherited.items()} | keys


def keys_of(value, kinds, path=""):
    """Every path in a document; what is documented as a mapping, or as any value, is not looked into."""
    if kinds.get(path, "").startswith(("mapping", "any value", "list of")):
        return {path}
    if value in ({}, []) and not any(key.startswith(f"{path}[]") for key in kinds):
        return {path}
    if isinstance(value, dict):
        inner = set().union(*(keys_of(each, kinds, f"{path}.{key}".lstrip(".")) for key, each in value.items()))
        return inner | ({path} if path in kinds else set())
    if isinstance(value, list):
        return set().union(*(keys_of(each, kinds, f"{path}[]") for each in value))
    return {path}


@pytest.fixture(scope="module")
def page(docs):
    return (docs / "json.rst").read_text()


def test_every_command_that_takes_json_is_documented(page):
    assert set(with_json()) <= set(sections(page))


@pytest.mark.parametrize("name", sorted(set(with_json()) - NO_TABLE - LINES - ACTIONS - {"status"}))
def test_a_command_prints_the_documented_keys(name, page, told):
    kinds = documented(page, name)
    arguments = ARGUMENTS.get(name, lambda told: [])(told)
    assert keys_of(told(*name.split(), *arguments), kinds) == kinds.keys()


def test_config_show_prints_every_option(told):
    assert {"mode", "schedule", "risk", "broker", "notifications", "state_dir"} <= told("config", "show").keys()


def test_status_prints_the_documented_keys_halted_or_not(page, told):
    kinds = documented(page, "status")
    trading = told("status")
    assert told.desk.run("halt", "--reason", "it was asked for").returncode == 0
    halted = told.desk.wait_for(lambda: (found := told("status"))["halted"] and found, "it is halted")
    assert keys_of(trading, kinds) == keys_of(halted, kinds) == kinds.keys()
    assert trading["halted"] is None
    assert {"reason", "at", "flatten"} <= halted["halted"].keys()


def test_an_error_has_the_documented_keys(page, told):
    kinds = documented(page, "Errors")
    wrong = told.desk.folder / "wrong.yaml"
    wrong.write_text("risk: {max_position_size: 3}\n", encoding="utf-8")
    assert keys_of(told("config", "validate", str(wrong)), kinds) == kinds.keys()


@pytest.fixture
def loud():
    """``simulate`` silences the log of its process."""
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("loud")
def test_simulate_prints_the_documented_lines(page, tmp_path):
    (tmp_path / "desk.yaml").write_text("broker: {broker_type: paper}\n", encoding="utf-8")
    words = ["--config", str(tmp_path / "desk.yaml"), "simulate", "--from", "2026-11-27", "--json"]
    printed = CliRunner().invoke(cli, words).stdout
    applied = ConfigApplied(datetime(2026, 11, 27, 15, 0, tzinfo=UTC), ["data.path: null -> prices"])
    lines = [*map(json.loads, printed.splitlines()), as_document(applied, MarketCalendar())]
    found = {line["kind"]: set(line) - {"kind"} for line in lines}
    rows = re.split(r"^   \* - ", sections(page)["simulate"], flags=re.MULTILINE)[2:]
    written = {words[0]: set(words[1:]) for words in (re.findall(r"``(\w+)``", row) for row in rows)}
    assert found.pop("summary") <= written["summary"]
    assert found == {kind: written.get(kind) for kind in found}
