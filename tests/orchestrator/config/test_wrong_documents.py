"""Every wrong document names the place, the value, and what would be right."""

import json
from pathlib import Path

import pytest

from orchestrator.config import ConfigError, load_text


def problems_of(text, suffix=".yaml"):
    with pytest.raises(ConfigError) as caught:
        load_text(text, suffix, f"config{suffix}")
    return str(caught.value).splitlines()


def corpus():
    """Name, document and problem of each entry in the file beside this: ``## name``, the document, ``=> problem``."""
    for entry in Path(__file__).with_name("wrong_yaml.txt").read_text(encoding="utf-8").split("\n\n"):
        name, _, rest = entry.strip().removeprefix("## ").partition("\n")
        document, _, problem = rest.rpartition("\n=> ")
        yield pytest.param(document + "\n", problem, id=name)


@pytest.mark.parametrize(("text", "problem"), list(corpus()))
def test_a_wrong_yaml_document_has_one_problem(text, problem):
    assert problems_of(text) == [f"config.yaml:{problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("strategy:\n\tmax_positions: 5\n", "2:1: a tab cannot stand here; use spaces"),
        ("mode:\tpaper\n", "1:6: a tab cannot stand here; use spaces"),
        ("mode: paper\t# yes\n", "1:12: a tab cannot stand here; use spaces"),
        ("mode: pa\x07per\n", "1:9: the character U+0007 cannot stand in YAML; remove it"),
        ("mode: paper\nversion: \ud800\n", "2:10: the character U+D800 cannot stand in YAML; remove it"),
    ],
)
def test_a_character_that_nobody_sees_is_pointed_at(text, problem):
    assert problems_of(text) == [f"config.yaml:{problem}"]


TOML = [
    ("a misspelled mode", 'mode = "lvie"\n', "1:8: mode: 'lvie' is not one of paper, live; write live"),
    (
        "text for an integer",
        '[strategy]\nmax_positions = "ten"\n',
        "2:17: strategy.max_positions: 'ten' is not an integer; write a whole number of at least 1",
    ),
    ("no end of a table", "[strategy\n", "1:10: not valid TOML: Expected ']' at the end of a table declaration"),
    ("no value", "mode = \n", "1:8: not valid TOML: Invalid value"),
    ("no end of a text", 'version = "1"\nmode = "paper', "2:14: not valid TOML: Unterminated string"),
    (
        "not a number",
        "[risk]\nmax_correlation = nan\n",
        "2:19: risk.max_correlation: nan is not a number; write a number from 0 to 1",
    ),
    (
        "an option twice",
        "[risk]\nmax_correlation = 0.5\nmax_correlation = 0.6\n",
        "3:22: not valid TOML: Cannot overwrite a value",
    ),
    ("a dotted key", "broker.prot = 5\n", "1:1: broker.prot: there is no such option; did you mean port?"),
    ("a quoted key", '"broker" . "prot" = 5\n', "1:1: broker.prot: there is no such option; did you mean port?"),
    (
        "a key in single quotes",
        "[ 'risk' ]\nmax_correlation = 2\n",
        "2:19: risk.max_correlation: 2 is more than 1; write 0.02 for 2%",
    ),
    (
        "the second of two tables",
        '[[notifications.routes]]\nchannels = ["console"]\n'
        '[[notifications.routes]]\nchanels = []\nchannels = ["console"]\n',
        "4:1: notifications.routes[1].chanels: there is no such option; did you mean channels?",
    ),
    (
        "a table in a line",
        '[notifications]\napprise = {phone = "topic"}\n',
        "2:1: notifications.apprise.phone: *** is not an Apprise URL; write one such as ntfy://topic",
    ),
    (
        "a line of a long text that looks like an option",
        '[data]\npath = """\\\nupdate_interval = 1"""\nupdate_interval = 0\n',
        "4:19: data.update_interval: 0 is not above 0; write seconds, or text such as 90s, 5m or 1h30m, above 0",
    ),
    (
        "a time without offset",
        "created_at = 2026-11-24T09:30:00\n",
        "1:14: created_at: '2026-11-24T09:30:00' is not a time with its offset; "
        "write one such as 2026-11-24T09:30:00-05:00",
    ),
]


@pytest.mark.parametrize(("text", "problem"), [row[1:] for row in TOML], ids=[row[0] for row in TOML])
def test_a_wrong_toml_document_says_where(text, problem):
    assert problems_of(text, ".toml")[0] == f"config.toml:{problem}"


JSON = [
    ("a misspelled mode", '{"mode": "lvie"}', "1:10: mode: 'lvie' is not one of paper, live; write live"),
    (
        "raw tabs between the values",
        '{\n\t"strategy": {\n\t\t"max_positions": "ten"\n\t}\n}',
        "3:20: strategy.max_positions: 'ten' is not an integer; write a whole number of at least 1",
    ),
    (
        "marks inside of text",
        '{"strategy": {"symbols": ["A,]}", "AAPL"]}}',
        "1:27: strategy.symbols[0]: 'A,]}' is not a symbol; write a ticker such as AAPL or BRK.B",
    ),
    (
        "a key twice",
        '{"mode": "paper",\n "mode": "live"}',
        "2:2: mode: 'mode' stands here twice, first on line 1; remove one of the two",
    ),
    (
        "not a number",
        '{"risk": {"max_correlation": NaN}}',
        "1:30: risk.max_correlation: nan is not a number; write a number from 0 to 1",
    ),
    ("a list as the document", "[1]", "1:1: a list is not a config; write options as key: value lines"),
    ("a missing colon", '{"mode" "paper"}', "1:9: not valid JSON: Expecting ':' delimiter"),
    (
        "half a character",
        '{"strategy": {"params": {"a": "\\ud800"}}}',
        "1:31: strategy.params.a: the text holds half a character; write the character itself",
    ),
    ("too deep", '{"a": ' + "[" * 60 + "]" * 60 + "}", "1:47: nested more than 40 deep; flatten it"),
    (
        "an empty object before the wrong one",
        '{"risk": {}, "broker": {"maintenance_windows": [], "port": 0}}',
        "1:60: broker.port: 0 is less than 1; write a whole number from 1 to 65535",
    ),
]


@pytest.mark.parametrize(("text", "problem"), [row[1:] for row in JSON], ids=[row[0] for row in JSON])
def test_a_wrong_json_document_says_where(text, problem):
    assert problems_of(text, ".json")[0] == f"config.json:{problem}"


@pytest.mark.parametrize(
    ("suffix", "text", "problem"),
    [
        (".json", '{"a": ' + "[" * 200_000, "config.json: nested too deeply; flatten it"),
        (".toml", "a = " + "[" * 3_000, "config.toml: nested too deeply; flatten it"),
        (".json", f'{{"a": {"9" * 5_000}}}', "config.json: a number has too many digits; write fewer"),
        (".toml", f"a = {'9' * 5_000}", "config.toml: a number has too many digits; write fewer"),
        (
            ".yaml",
            f"strategy: {{params: {'[' * 50}{']' * 50}}}",
            "config.yaml:1:59: nested more than 40 deep; flatten it",
        ),
    ],
)
def test_a_document_made_to_exhaust_the_reader_is_refused(suffix, text, problem):
    assert problems_of(text, suffix) == [problem]


def test_all_problems_are_told_at_once_in_the_order_of_the_file():
    text = """\
mode: lvie
schedule:
  timezone: America/NewYork
  calendar: NYES
  auto_start: on
  jobs:
    heartbeat: {interval: often}
strategy:
  max_positions: ten
  max_positions: 12
risk:
  max_positions: 5
  min_cash_buffer: 0.9
health:
  <<: *other
broker:
  port: 7497.5
notifications:
  channels: [slack, slak]
  smtp_port: 0
  smtp_username: me
stragety: {}
"""
    assert problems_of(text) == [
        "config.yaml:1:7: mode: 'lvie' is not one of paper, live; write live",
        "config.yaml:3:13: schedule.timezone: 'America/NewYork' is not a known time zone; write America/New_York",
        "config.yaml:4:13: schedule.calendar: unknown exchange 'NYES'; write NYSE",
        "config.yaml:5:15: schedule.auto_start: 'on' is not true or false; write true",
        "config.yaml:7:27: schedule.jobs.heartbeat.interval: 'often' is not a duration; "
        "write one such as 90s, 5m, 1h30m or 2d",
        "config.yaml:9:18: strategy.max_positions: 'ten' is not an integer; write a whole number of at least 1",
        "config.yaml:10:3: strategy.max_positions: 'max_positions' stands here twice, first on line 9; "
        "remove one of the two",
        "config.yaml:12:3: risk.max_positions: there is no such option; it belongs under strategy",
        "config.yaml:13:20: risk.min_cash_buffer: 0.9 is more than max_cash_buffer 0.8; write at most 0.8",
        "config.yaml:15:3: health: merge keys (<<) are not read; write the keys out",
        "config.yaml:17:9: broker.port: 7497.5 is not an integer; write a whole number from 1 to 65535",
        "config.yaml:18:1: notifications.smtp_password: a login is a name and a password; write both, or neither",
        "config.yaml:19:14: notifications.channels[0]: the channel slack needs slack_webhook_url; "
        "write it under notifications",
        "config.yaml:19:21: notifications.channels[1]: there is no channel 'slak'; write slack",
        "config.yaml:20:14: notifications.smtp_port: 0 is less than 1; write a whole number from 1 to 65535",
        "config.yaml:22:1: stragety: there is no such option; did you mean strategy?",
    ]


def test_a_rule_is_not_asked_about_an_option_that_is_wrong_by_itself():
    """max_portfolio_drawdown has no value here that circuit_breaker_threshold could be compared with."""
    assert problems_of("risk:\n  max_portfolio_drawdown: low\n  circuit_breaker_threshold: 0.9\n") == [
        "config.yaml:2:27: risk.max_portfolio_drawdown: 'low' is not a number; write a number above 0 and at most 1"
    ]


def test_a_problem_carries_its_parts():
    with pytest.raises(ConfigError) as caught:
        load_text("strategy:\n  max_positions: ten\n", name="config.yaml")
    (problem,) = caught.value.problems
    assert isinstance(caught.value, ValueError)
    assert (problem.file, problem.line, problem.column) == ("config.yaml", 2, 18)
    assert (problem.path, problem.value) == ("strategy.max_positions", "ten")
    assert (problem.message, problem.remedy) == ("'ten' is not an integer", "write a whole number of at least 1")


def test_a_long_value_is_cut_in_the_message_and_whole_in_the_problem():
    with pytest.raises(ConfigError) as caught:
        load_text(json.dumps({"mode": "x" * 500}), ".json", "config.json")
    assert caught.value.problems[0].value == "x" * 500
    assert "'" + "x" * 55 + "...'" in str(caught.value)


def test_an_unknown_suffix_is_refused():
    assert problems_of("", ".ini") == [
        "config.ini: '.ini' is no suffix of a config file; use .yaml, .yml, .toml, .json"
    ]
