"""The schema for editors lets through what the check lets through, and marks what is wrong by itself."""

import ast
import json
from dataclasses import fields
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from jobs.builtin import TABLE
from jobs.spec import OPTIONS
from jobs.values import READERS
from orchestrator.config import ConfigError, TradingConfig, load_text, to_dict
from orchestrator.config.json_schema import DEFINITIONS, JOB_KEYS, json_schema
from orchestrator.config.options import is_section, option_of, types_of
from orchestrator.config.schema import findings
from orchestrator.config.yaml_text import read

HERE = Path(__file__).parent
SHIPPED = sorted((HERE.parents[2] / "config").glob("config.*.yaml"))
SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def says(document):
    """The places that the schema finds wrong, from the top."""
    return [".".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(document)]


def test_it_is_a_schema_and_json():
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_a_shipped_file_is_valid(path):
    assert says(read(path.read_text(encoding="utf-8"), path.name).data) == []


def test_there_are_shipped_files():
    assert {path.name for path in SHIPPED} >= {"config.paper.yaml", "config.live.yaml", "config.history.yaml"}


def good_documents():
    """Every text in the tests beside this that is a config, and not an empty one."""
    for path in sorted(HERE.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and ":" in node.value:
                data = accepted(node.value)
                if data:
                    yield pytest.param(data, id=f"{path.name}:{node.lineno}")


def accepted(text):
    try:
        load_text(text)
    except ConfigError:
        return None
    return read(text, "config.yaml").data


GOOD = list(good_documents())


@pytest.mark.parametrize("data", GOOD)
def test_a_good_document_is_valid(data):
    assert says(data) == []


def test_there_are_good_documents():
    assert len(GOOD) > 30


@pytest.mark.parametrize("config", [TradingConfig()])
def test_the_defaults_are_valid(config):
    assert says(to_dict(config)) == []


WRONG = [
    ("mode: lvie", "mode"),
    ("stragety: {}", ""),
    ("version: 1.0", "version"),
    ("strategy: {max_postions: 5}", "strategy"),
    ("strategy: {max_positions: ten}", "strategy"),
    ("strategy: {symbols: AAPL}", "strategy"),
    ("strategy: {symbols: [AAPL, AAPL]}", "strategy"),
    ("strategy: {name: equal_wieght}", "strategy"),
    ("broker: {port: 70000}", "broker"),
    ("broker: {port: '7497'}", "broker"),
    ("risk: {max_portfolio_drawdown: 12}", "risk"),
    ("engine: {start_timeout: a minute}", "engine"),
    ("engine: {backoff_max: 0}", "engine"),
    ("schedule: {auto_start: on}", "schedule"),
    ("schedule: {jobs: {heartbeat: {intervall: 5m}}}", "schedule"),
    ("schedule: {jobs: {heartbeat: {run: 'a:b'}}}", "schedule"),
    ("schedule: {jobs: {mine: off}}", "schedule"),
    ("schedule: {jobs: {mine: {interval: 5m}}}", "schedule"),
    ("schedule: {jobs: {mine: {interval: 5m, cron: '@daily', run: 'a:b'}}}", "schedule"),
    ("schedule: {jobs: {mine: {interval: 5m, command: python}}}", "schedule"),
    ("schedule: {jobs: {mine: {interval: 5m, run: 'a:b', only_when: [open]}}}", "schedule"),
    ("schedule: {jobs: {mine: {session: noon, run: 'a:b'}}}", "schedule"),
    ("schedule: {calendar_overrides: {2026-07-02: shut}}", "schedule"),
    ("schedule: {calendar_overrides: {2026-07-02: {close: 9 am}}}", "schedule"),
    ("schedule: {calendar_overrides: {tomorrow: closed}}", "schedule"),
    ("notifications: {alert_levels: [panic]}", "notifications"),
    ("notifications: {routes: [{levels: [info]}, {chanels: [console]}]}", "notifications"),
    ("notifications: {routes: [{channels: []}]}", "notifications"),
    ("notifications: {apprise: {'my phone': 'ntfy://x'}}", "notifications"),
    ("notifications: {apprise: {phone: my-topic}}", "notifications"),
    ("store_url: postgresql://db/x", "store_url"),
    ("store_url: 'sqlite:///x.db?timeout=5'", "store_url"),
    ("logging: {level: debug}", "logging"),
]


@pytest.mark.parametrize(("text", "place"), WRONG)
def test_a_wrong_document_is_marked(text, place):
    assert says(read(text, "config.yaml").data) == [place]


PROBES = [None, True, False, 0, 1, -1, 2.5, 0.5, 7497, 70_000, "", "x", "A:B", "a.b:C", "5m", "0s", "12:00-13:00"]
PROBES += ["America/New_York", "https://example.com/x", "a@b.c", "1.0.0", "2026-11-24T09:30:00Z", "sqlite:///x.db"]
PROBES += ["/srv", "ntfy://x", "#alerts", [], ["info"], ["order", "order"], [1], ["A", "B"], {}, {"a": "b"}, {"a": 1}]


def options():
    """Every option but those whose insides the rules check, with its own rules."""
    for each in fields(TradingConfig):
        kind = types_of(TradingConfig)[each.name]
        for inner in fields(kind) if is_section(kind) else (each,):
            path = (each.name, inner.name) if is_section(kind) else (each.name,)
            if path not in {("schedule", "jobs"), ("schedule", "calendar_overrides")}:
                yield pytest.param(path, option_of(inner).rules, id=".".join(path))


@pytest.mark.parametrize(("path", "rules"), list(options()))
def test_it_agrees_with_the_check_on_every_option_by_itself(path, rules):
    """But for text whose shape no pattern tells, and for a length of time that is none."""
    shapeless = "duration" in rules or ("format" in rules and not rules["format"].regex)
    for value in PROBES:
        document = {path[0]: {path[1]: value}} if len(path) > 1 else {path[0]: value}
        right, valid = not findings(document), not says(document)
        assert right == valid or (valid and shapeless and isinstance(value, str)), value


@pytest.mark.parametrize(
    "document",
    [
        {"broker": {"account_number": "${IBKR_ACCOUNT}", "port": "${PORT:-7496}", "paper_trading": "${PAPER}"}},
        {"notifications": {"slack_webhook_url": "${file:/run/secrets/slack}", "email_to": ["${ME}"]}},
        {"notifications": {"webhook_headers": {"Authorization": "Bearer ${TOKEN}"}}},
        {"mode": "${MODE}", "logging": {"level": "${LEVEL:-INFO}"}, "store_url": "sqlite:///${HOME}/x.db"},
        {"schedule": {"jobs": {"mine": {"interval": "${EVERY}", "command": ["${SHELL}", "x"], "retries": "${N}"}}}},
        {"engine": {"start_timeout": "${PATIENCE}"}},
        {"schedule": {"jobs": {"heartbeat": "${HEARTBEAT:-off}"}}},
    ],
)
def test_a_value_may_be_a_reference(document):
    assert says(document) == []


def test_every_option_says_what_it_means_and_what_it_is_by_default():
    defaults = to_dict(TradingConfig())
    for name, section in SCHEMA["properties"].items():
        inner = section.get("anyOf", [{}])[0].get("properties", {})
        for key, schema in inner.items():
            assert schema["description"], f"{name}.{key}"
            assert schema["default"] == defaults[name][key]
        assert inner or section["default"] == defaults[name]


def test_it_knows_every_key_of_a_job_and_every_built_in_job():
    assert list(JOB_KEYS) == list(READERS)
    assert {key for key, schema in SCHEMA["$defs"]["job"]["properties"].items() if "default" in schema} == set(OPTIONS)
    assert set(SCHEMA["properties"]["schedule"]["anyOf"][0]["properties"]["jobs"]["anyOf"][0]["properties"]) == set(
        TABLE
    )


@pytest.mark.parametrize("name", list(DEFINITIONS))
def test_every_definition_is_used(name):
    assert json.dumps(SCHEMA).count(f'"#/$defs/{name}"') > 0
