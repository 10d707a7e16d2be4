"""Every wrong document names the place, the value, and what would be right, in whatever way it is met."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.config import ConfigError, load_text

FORMATS = ("yaml", "toml", "json")


def problems_of(text, suffix=".yaml"):
    with pytest.raises(ConfigError) as caught:
        load_text(text, suffix, f"config{suffix}")
    return str(caught.value).splitlines()


def corpus():
    """The entries of the files beside this: ``## name``, the document, and ``=> problem`` once or several times."""
    for form in FORMATS:
        text = Path(__file__).with_name(f"wrong_{form}.txt").read_text(encoding="utf-8")
        for entry in text.rstrip("\n").split("\n\n"):
            name, *lines = entry.split("\n")
            document = [line for line in lines if not line.startswith("=> ")]
            problems = [f"config.{form}:{line.removeprefix('=> ')}" for line in lines[len(document) :]]
            name = name.removeprefix("## ")
            yield pytest.param(f"config.{form}", "\n".join(document) + "\n", problems, id=f"{form}-{name}")


CORPUS = list(corpus())


def test_the_corpus_is_read_whole():
    assert len(CORPUS) > 400
    assert len({row.id for row in CORPUS}) == len(CORPUS)
    assert all(row.values[2] for row in CORPUS)


@pytest.mark.parametrize(("name", "text", "problems"), CORPUS)
def test_a_wrong_document_says_what_and_where(name, text, problems):
    assert problems_of(text, Path(name).suffix) == problems


def orchestrator(capsys, *words):
    """Run a command in this process; returns its exit code and what it wrote."""
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    return ended.value.code, *capsys.readouterr()


@pytest.mark.parametrize(("name", "text", "problems"), CORPUS)
def test_a_wrong_file_is_refused_by_every_command_in_the_same_words(
    name, text, problems, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(text, encoding="utf-8")
    errors = "".join(f"error: {problem}\n" for problem in problems)
    assert orchestrator(capsys, "config", "validate", name) == (3, "", errors)
    assert orchestrator(capsys, "--config", name, "start") == (3, "", errors)
    code, out, err = orchestrator(capsys, "config", "validate", name, "--json")
    assert (code, err) == (3, "")
    assert told(json.loads(out)) == problems
    assert [path.name for path in tmp_path.iterdir()] == [name]  # nothing was begun


def told(document):
    """The problems in an error document, as they are said without --json."""
    error = document["error"]
    assert set(document) == {"error"}
    assert set(error) == {"code", "message", "details"}
    assert error["code"] == 3
    lines = [line_of(detail) for detail in error["details"]]
    assert error["message"].splitlines() == lines
    return lines


def line_of(detail):
    place = ":".join(str(detail[key]) for key in ("file", "line", "column") if detail[key] is not None)
    said = "; ".join(filter(None, (detail["message"], detail["remedy"])))
    return ": ".join(filter(None, (place, detail["path"], said)))


@pytest.mark.parametrize("words", [("config", "validate"), ("start",)])
def test_a_real_process_refuses_it_too(words, tmp_path):
    (tmp_path / "config.paper.yaml").write_text("mode: lvie\nbroker: {port: '7497'}\n")
    command = [sys.executable, "-c", "from orchestrator.cli import main; main()", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == (
        "error: config.paper.yaml:1:7: mode: 'lvie' is not one of paper, live; write live\n"
        "error: config.paper.yaml:2:16: broker.port: '7497' is not an integer; write 7497 without quotes\n"
    )


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("config.yaml", b"\xff\xfem\x00o\x00", "config.yaml:1:1: the byte 0xff is not UTF-8; save the file as UTF-8"),
        ("config.toml", b"# caf\xe9\n", "config.toml:1:6: the byte 0xe9 is not UTF-8; save the file as UTF-8"),
        ("config.yaml", b"mode: \x00\n", "config.yaml:1:7: the character U+0000 cannot stand in YAML; remove it"),
        ("config", b"", "config: the file's name has no suffix; use .yaml, .yml, .toml, .json"),
        ("config.ini", b"", "config.ini: '.ini' is no suffix of a config file; use .yaml, .yml, .toml, .json"),
        ("config.yaml", None, "no config file config.yaml; write one with: orchestrator config init config.yaml"),
    ],
)
def test_a_file_that_is_no_text_is_refused_as_well(name, content, problem, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    for words in (("config", "validate", name), ("--config", name, "start")):
        assert orchestrator(capsys, *words) == (3, "", f"error: {problem}\n")


def test_a_folder_is_no_config(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").mkdir()
    problem = "error: config.yaml is a folder; name the config file in it\n"
    for words in (("config", "validate", "config.yaml"), ("--config", "config.yaml", "start")):
        assert orchestrator(capsys, *words) == (3, "", problem)


def test_a_comma_too_many_in_json_is_pointed_at():
    (problem,) = problems_of('{"mode": "paper",}', ".json")  # Python has other words for it since 3.13
    assert problem.startswith(("config.json:1:17: not valid JSON: ", "config.json:1:18: not valid JSON: "))
    assert problem.endswith("; remove the comma before the end")


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


def test_a_document_too_deep_for_a_config_is_refused():
    problem = "config.json:1:47: nested more than 40 deep; flatten it"
    assert problems_of('{"a": ' + "[" * 60 + "]" * 60 + "}", ".json") == [problem]


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


NEARLY_WRONG = {
    "a breaker that is off may be set to anything": (
        "risk: {enable_circuit_breaker: false, max_portfolio_drawdown: 0.05, circuit_breaker_threshold: 0.5}"
    ),
    "real money may be traded by files that somebody keeps up to date": (
        "mode: live\nbroker: {paper_trading: false, port: 7496, account_number: U1}\n"
        "data: {primary_source: csv, path: prices}"
    ),
    "an engine of the user's brings its own prices": (
        "mode: live\nbroker: {broker_type: 'desk:Broker', paper_trading: false, account_number: U1}\n"
        "engine: {target: 'desk:Engine'}"
    ),
    "quiet hours hold back what is not critical": (
        "notifications: {routes: [{levels: [warning, critical], quiet_hours: '22:00-07:00', channels: [console]}]}"
    ),
    "two routes to one channel": (
        "notifications: {routes: [{levels: [critical], channels: [console]}, {topics: [order], channels: [console]}]}"
    ),
    "a channel that is not used may be set to anything": (
        "notifications: {slack_webhook_url: 'https://example.com/x'}"
    ),
    "notifications that are off need nothing": (
        "notifications: {enabled: false, channels: [slack], slack_webhook_url: 'https://example.com/x'}"
    ),
    "an override of hours with a reason": (
        "schedule: {calendar_overrides: {2026-07-02: {close: '13:00', reason: storm}}}"
    ),
    "a job without a timeout of its own": "schedule: {jobs: {mine: {interval: 1s, jitter: 0.5s, run: 'a:b'}}}",
    "a state as a word": "schedule: {jobs: {mine: {interval: 5m, only_when: trading, run: 'a:b'}}}",
}


@pytest.mark.parametrize("text", NEARLY_WRONG.values(), ids=NEARLY_WRONG)
def test_what_is_nearly_wrong_is_right(text):
    load_text(text)


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
