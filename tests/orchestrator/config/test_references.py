"""``${NAME}``, ``${NAME:-default}`` and ``${file:PATH}`` in the texts of a config."""

import json
import os
import pickle
from contextlib import suppress
from copy import copy, deepcopy
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import ConfigError, embedded_defaults, from_dict, load_file, load_text, masked, to_dict
from orchestrator.config.loading import load_leniently
from orchestrator.config.plain import as_written, set_options
from orchestrator.config.references import (
    LARGEST_FILE,
    Referenced,
    ReferencedFloat,
    ReferencedInt,
    Surroundings,
    Unresolvable,
    escaped,
    malformed,
    resolve,
    watched_files,
)

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
TRICKY = st.text(st.sampled_from("${}:-aA1_ file"), max_size=20)
HOW = "write ${NAME}, ${NAME:-default} or ${file:PATH}, or $${ for a plain ${"


def read(text, environ=None, suffix=".yaml", base_dir=None):
    return load_text(text, suffix, "config.yaml", base_dir=base_dir, environ=environ or {})


def problems(text, environ=None, suffix=".yaml", base_dir=None):
    with pytest.raises(ConfigError) as caught:
        read(text, environ, suffix, base_dir)
    return str(caught.value).splitlines()


# --- what a text stands for ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${A}", "one"),
        ("https://hooks.slack.com/services/${A}", "https://hooks.slack.com/services/one"),
        ("${A}-${_B2}-${A}", "one-two-one"),
        ("${A}${_B2}", "onetwo"),
        ("${MISSING:-other}", "other"),
        ("${EMPTY:-other}", "other"),
        ("${A:-other}", "one"),
        ("${MISSING:-}", ""),
        ("${MISSING:-http://a:1/-b c}", "http://a:1/-b c"),
        ("$${A}", "${A}"),
        ("$${", "${"),
        ("$$${A}", "$${A}"),
        ("$${A}${A}", "${A}one"),
        ("$A $ $$ {A} }", "$A $ $$ {A} }"),
        ("${BRACES}", "${A}"),  # what a reference stands for is not read again
        ("${file}", "named file"),
    ],
)
def test_what_a_text_stands_for(text, value):
    environ = {"A": "one", "_B2": "two", "EMPTY": "", "BRACES": "${A}", "file": "named file"}
    assert resolve(text, Surroundings(environ=environ)) == value


@settings(max_examples=200, deadline=None, derandomize=True)
@given(TEXTS | TRICKY)
def test_a_text_without_a_reference_is_itself(text):
    if "${" not in text:
        assert resolve(text, Surroundings(environ={})) == text
        assert type(resolve(text, Surroundings(environ={}))) is str


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TEXTS | TRICKY)
def test_any_text_can_be_written(text):
    assert resolve(escaped(text), Surroundings(environ={})) == text


@settings(max_examples=300, deadline=None, derandomize=True)
@given(TRICKY)
def test_any_text_is_resolved_or_refused(text):
    resolved: str = Referenced("", text)
    with suppress(Unresolvable):
        resolved = resolve(text, Surroundings(environ={"A": "one", "_": "two"}))
    assert getattr(resolved, "reference", text) == text
    assert all(failure.remedy for failure in malformed(text))


# --- what carries a reference ---

CARRIED = [Referenced("s3cr3t", "a-${X}"), ReferencedInt(-7497, "${X}"), ReferencedFloat(0.25, "${X}")]
COPIES = [copy, deepcopy, *(lambda value, v=v: pickle.loads(pickle.dumps(value, v)) for v in range(2, 6))]


@pytest.mark.parametrize("value", CARRIED, ids=["text", "int", "float"])
@pytest.mark.parametrize("copied", COPIES, ids=["copy", "deepcopy", *(f"pickle {v}" for v in range(2, 6))])
def test_a_copy_is_the_same_and_remembers_its_reference(value, copied):
    made = copied(value)
    assert (type(made), made, made.reference) == (type(value), value, value.reference)


@pytest.mark.parametrize(("value", "plain"), [*zip(CARRIED, ["s3cr3t", -7497, 0.25], strict=True)])
def test_it_is_used_like_the_plain_value_and_shown_as_its_reference(value, plain):
    assert value == plain
    assert hash(value) == hash(plain)
    assert str(value) == f"{value}" == str(plain)
    assert json.dumps([value]) == json.dumps([plain])
    assert repr(value) == repr(value.reference)
    assert repr([value]) == f"[{value.reference!r}]"


@settings(max_examples=100, deadline=None, derandomize=True)
@given(TEXTS, TEXTS)
def test_any_text_survives_with_its_reference(value, reference):
    made = pickle.loads(pickle.dumps(deepcopy(Referenced(value, reference))))
    assert (made, made.reference, json.loads(json.dumps(made))) == (value, reference, value)


def test_repr_keeps_back_what_would_be_used_without_the_variable():
    assert repr(Referenced("s3cr3t", "${X:-s3cr3t}/${Y:-}/${file:z}")) == repr("${X:-***}/${Y:-}/${file:z}")


def test_a_config_remembers_its_references_whatever_is_done_to_it():
    text = "broker: {host: '${H}', port: '${P}', commission: '${C}'}"
    config = read(text, {"H": "s3cr3t", "P": "4002", "C": "0.25"})
    for made in (deepcopy(config), pickle.loads(pickle.dumps(config)), replace(config), from_dict(to_dict(config))):
        assert made == config
        assert as_written(made)["broker"] == {**to_dict(config)["broker"], "host": "${H}", "port": "${P}"} | {
            "commission": "${C}"
        }
    assert asdict(config)["broker"]["host"].reference == "${H}"
    assert "s3cr3t" not in repr(config)


# --- options ---

WHOLE = {
    ".yaml": "broker:\n  {name}: {value}\n",
    ".toml": "[broker]\n{name} = '{value}'\n",
    ".json": '{{"broker": {{"{name}": "{value}"}}}}',
}


@pytest.mark.parametrize("suffix", WHOLE)
@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "4002", 4002),
        ("use_gateway", "true", True),
        ("starting_cash", "5e4", 50_000.0),
        ("commission", "0.25", 0.25),
        ("commission", "1", 1.0),
        ("host", "0123", "0123"),
        ("host", "true", "true"),
        ("host", "12", "12"),
        ("account_number", "D12", "D12"),
        ("account_number", "null", None),
    ],
)
def test_the_option_says_what_a_text_is_read_as(suffix, name, text, value):
    document = WHOLE[suffix].format(name=name, value="${X}")
    found = getattr(read(document, {"X": text}, suffix).broker, name)
    assert found == value
    assert isinstance(found, type(value))


@pytest.mark.parametrize("suffix", WHOLE)
def test_a_length_of_time_may_be_one(suffix):
    document = WHOLE[suffix].replace("broker", "engine").format(name="start_timeout", value="${X}")
    assert read(document, {"X": "1m30s"}, suffix).engine.start_timeout == 90.0
    assert read(document, {"X": "5"}, suffix).engine.start_timeout == 5.0
    assert as_written(read(document, {"X": "5"}, suffix))["engine"]["start_timeout"] == "${X}"


def test_part_of_a_number_may_be_one():
    assert read("broker: {port: '74${X}'}", {"X": "96"}).broker.port == 7496


def test_where_there_may_be_none_nothing_is_none():
    text = "notifications: {smtp_host: '${X:-}', slack_channel: '${X:-null}'}\nlogging: {file: '${X:-}'}"
    config = read(text)
    assert (config.notifications.smtp_host, config.notifications.slack_channel) == (None, None)
    assert config.logging.file == ""


def test_lists_mappings_and_what_takes_anything():
    text = """
strategy:
  symbols: ["${A}", MSFT]
  params: {lookback: "${N}", deep: [{word: "${A}"}], on: "${B}", sure: "a-${N}", plain: "$${N}", none: "${M:-null}"}
notifications:
  webhook_headers: {"${KEY}": "Bearer ${N}"}
  routes: [{channels: ["${C:-console}"]}]
schedule: {calendar_overrides: {"2026-07-02": {close: "${T}"}}}
"""
    config = read(text, {"A": "AAPL", "N": "020", "B": "true", "T": "13:00"} | {"N": "20"})
    assert config.strategy.symbols == ["AAPL", "MSFT"]
    assert config.strategy.params == {
        "lookback": 20,
        "deep": [{"word": "AAPL"}],
        "on": True,
        "sure": "a-20",
        "plain": "${N}",
        "none": None,
    }
    assert config.notifications.webhook_headers == {"${KEY}": "Bearer 20"}  # keys are what they are
    assert config.notifications.routes[0].channels == ["console"]
    assert config.schedule.calendar_overrides == {"2026-07-02": {"close": "13:00"}}


def test_without_surroundings_it_is_the_process_and_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("SYMBOL", "TSLA")
    monkeypatch.chdir(tmp_path)
    Path("host").write_text("gateway\n")
    config = load_text("strategy: {symbols: ['${SYMBOL}']}\nbroker: {host: '${file:host}'}")
    assert (config.strategy.symbols, config.broker.host) == (["TSLA"], "gateway")


# --- files ---


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"one", "one"),
        (b"one\n", "one"),
        (b"one\r\n", "one"),
        (b"one\n\n", "one\n"),
        (b" one\r", " one\r"),
        ("schlüssel".encode(), "schlüssel"),
        (b"x" * LARGEST_FILE, "x" * LARGEST_FILE),
    ],
)
def test_what_a_file_stands_for(tmp_path, content, value):
    (tmp_path / "secret").write_bytes(content)
    assert resolve("${file:secret}", Surroundings(tmp_path)) == value


def test_the_ways_to_a_file(tmp_path, monkeypatch):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "a b").write_text("one\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("secrets/a b", "./secrets/../secrets/a b", f"{tmp_path}/secrets/a b"):
        assert resolve(f"<${{file:{path}}}>", Surroundings(tmp_path)) == "<one>"
    assert resolve("${file:~/secrets/a b}", Surroundings(Path("/"))) == "one"


def test_a_path_starts_at_the_config_file(tmp_path, monkeypatch):
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "host").write_text("gateway")
    (folder / "config.yaml").write_text("broker: {host: '${file:host}'}")
    (tmp_path / "link.yaml").symlink_to(folder / "config.yaml")
    monkeypatch.chdir(tmp_path)
    assert load_file("etc/config.yaml").broker.host == "gateway"
    assert load_file(tmp_path / "link.yaml").broker.host == "gateway"
    with pytest.raises(ConfigError, match=f"the file {tmp_path}/host can't be read"):
        load_file(folder / "config.yaml", base_dir=tmp_path)


def unreadable(folder):
    """Files that nothing is read from, and why."""
    (folder / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "empty").write_text("\n")
    (folder / "large").write_bytes(b"s3cr3t" * LARGEST_FILE)
    (folder / "latin").write_bytes("s3cr3t: schlüssel".encode("latin-1"))
    return {
        "missing": f"the file {folder}/missing can't be read: No such file or directory; put it there, or name another",
        "folder": f"the file {folder}/folder can't be read: Is a directory; put it there, or name another",
        "pipe": f"{folder}/pipe is no regular file; name one that holds the value and nothing else",
        "large": f"the file {folder}/large is larger than 64 KiB; name one that holds the value",
        "latin": f"the file {folder}/latin is not UTF-8; save it as UTF-8",
        "empty": f"the file {folder}/empty is empty; write the value into it",
    }


def test_a_file_that_can_t_be_used_is_named(tmp_path):
    for name, why in unreadable(tmp_path).items():
        said = problems(f"broker: {{host: '${{file:{name}}}'}}", base_dir=tmp_path)
        assert said == [f"config.yaml:1:16: broker.host: {why}"]


def test_the_files_to_be_watched(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/trader")
    text = "a: ${file:b} ${file:/run/secrets/x}\nc: '${file:b}${X:-y}' $${file:no} ${file:~/z}"
    assert watched_files(text, tmp_path) == (Path("/home/trader/z"), Path("/run/secrets/x"), tmp_path / "b")
    assert all(path.is_absolute() for path in watched_files(text, Path("rel")))
    assert watched_files("mode: paper", tmp_path) == ()


# --- what has no value ---


def test_a_missing_variable_is_named_with_its_place():
    text = "\n" * 10 + "notifications:\n  slack_webhook_url:   ${SLACK_URL}\n"
    assert problems(text) == [
        "config.yaml:12:24: notifications.slack_webhook_url: the environment variable SLACK_URL is not set; "
        "set it, or write ${SLACK_URL:-default}"
    ]


@pytest.mark.parametrize(
    ("text", "suffix", "place"),
    [("[broker]\nhost = '${X}'", ".toml", "2:8"), ('{"broker":\n {"host": "${X}"}}', ".json", "2:11")],
)
def test_in_every_format(text, suffix, place):
    why = "the environment variable X is empty; set it, or write ${X:-default}"
    assert problems(text, {"X": ""}, suffix) == [f"config.yaml:{place}: broker.host: {why}"]


def test_all_that_is_missing_is_said_at_once_beside_everything_else():
    text = """\
broker: {host: "${A}.${B}", port: "${C}"}
strategy: {symbols: [AAPL, "${D}"], max_position: 3}
notifications: {webhook_headers: {X: "${E}"}}
"""
    assert [line.partition(";")[0] for line in problems(text)] == [
        "config.yaml:1:16: broker.host: the environment variable A is not set",
        "config.yaml:1:16: broker.host: the environment variable B is not set",
        "config.yaml:1:35: broker.port: the environment variable C is not set",
        "config.yaml:2:28: strategy.symbols[1]: the environment variable D is not set",
        "config.yaml:2:37: strategy.max_position: there is no such option",
        "config.yaml:3:38: notifications.webhook_headers.X: the environment variable E is not set",
    ]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("${", "is not closed"),
        ("a ${X", "is not closed"),
        ("${X:-$${", "is not closed"),
        ("${}", "is no reference"),
        ("${1X}", "is no reference"),
        ("${ X }", "is no reference"),
        ("${X-y}", "is no reference"),
        ("${X:=y}", "is no reference"),
        ("${ä}", "is no reference"),
        ("${file:}", "is no reference"),
        ("${X:-${Y}}", "is no reference"),
        ("${file:${X}}", "is no reference"),
    ],
)
def test_what_is_no_reference_is_refused(text, what):
    assert problems(f"broker: {{host: '{text}'}}", {"X": "x"}) == [
        f"config.yaml:1:16: broker.host: a ${{ in it {what}; {HOW}"
    ]


def test_nothing_is_looked_up_for_what_no_option_holds():
    (said,) = problems("broker: {hots: '${X}'}")
    assert said == "config.yaml:1:10: broker.hots: there is no such option; did you mean host?"


@pytest.mark.parametrize(
    ("text", "value", "problem"),
    [
        ("broker: {port: '${X}'}", "gate", "the value of ${X} is not an integer; write a whole number from 1 to 65535"),
        ("broker: {port: '${X}'}", "null", "the value of ${X} is not an integer; write a whole number from 1 to 65535"),
        ("broker: {port: '${X}'}", "true", "the value of ${X} is not an integer; write a whole number from 1 to 65535"),
        ("broker: {port: '${X}'}", "70000", "the value of ${X} is more than 65535; write a whole number from 1 to 655"),
        ("broker: {port: '${X}'}", "0", "the value of ${X} is less than 1; write a whole number from 1 to 65535"),
        ("risk: {max_correlation: '${X}'}", "80", "the value of ${X} is more than 1; write a number from 0 to 1"),
        ("risk: {max_correlation: '${X}'}", "80%", "the value of ${X} is not a number; write a number from 0 to 1"),
        ("risk: {max_position_size: '${X}'}", "0", "the value of ${X} is not above 0; write a number above 0 and at"),
        ("schedule: {auto_start: '${X}'}", "on", "the value of ${X} is not true or false; write true or false"),
        ("schedule: {timezone: '${X}'}", "New_York", "the value of ${X} is not a known time zone; write an IANA name"),
        ("schedule: {calendar: '${X:-}'}", "", "the value of ${X:-} is empty; write some text"),
        ("mode: '${X}'", "papre", "the value of ${X} is not one of paper, live; choose one of these"),
        ("strategy: {symbols: [AAPL, '${X}']}", "AAPL", "the value of ${X} stands in the list twice; name it once"),
        ("strategy: {symbols: '${X}'}", "AAPL", "the value of ${X} is not a list; write a list, such as [a, b]"),
        ("notifications: '${X}'", "no", "the value of ${X} is not a mapping; write its keys under it"),
        ("engine: {stop_timeout: '${X}'}", "soon", "the value of ${X} is not a duration; write seconds, or text"),
        ("data: {path: 'a/${X}'}", "b\nc", "the value of a/${X} is not a path; write the path of a file or folder"),
        ("broker: {port: '${X:-7O}'}", "", "the value of ${X:-7O} is not an integer; write a whole number"),
    ],
)
def test_a_wrong_value_is_called_by_its_reference(text, value, problem):
    (said,) = problems(text, {"X": value})
    assert problem in said
    with pytest.raises(ConfigError) as caught:
        read(text, {"X": value})
    assert "${X" in str(caught.value.problems[0].value)


# --- jobs ---

JOB = "schedule:\n  jobs:\n    report: {{interval: 5m, command: [{}]}}\n"


def test_a_command_keeps_its_references(tmp_path):
    (tmp_path / "token").write_text("s3cr3t")
    words = ["sh", "${file:token}", "a-${TOKEN}", "$${HOME}", "plain"]
    config = read(JOB.format(json.dumps(words)[1:-1]), {"TOKEN": "s3cr3t"}, base_dir=tmp_path)
    assert config.schedule.jobs["report"]["command"] == words
    assert as_written(config)["schedule"]["jobs"]["report"]["command"] == words
    assert from_dict(to_dict(config)) == config
    assert "s3cr3t" not in repr(config)


def test_a_command_must_be_resolvable_when_it_is_read(tmp_path):
    words = '"sh", "${X}", "${file:x}", "${1}"'
    assert problems(JOB.format(words), base_dir=tmp_path) == [
        "config.yaml:3:44: schedule.jobs.report.command[1]: the environment variable X is not set; "
        "set it, or write ${X:-default}",
        f"config.yaml:3:52: schedule.jobs.report.command[2]: the file {tmp_path}/x can't be read: "
        "No such file or directory; put it there, or name another",
        f"config.yaml:3:65: schedule.jobs.report.command[3]: a ${{ in it is no reference; {HOW}",
    ]


def test_a_command_made_in_python_is_asked_only_whether_it_is_well_written():
    config = embedded_defaults()
    config.schedule.jobs = {"report": {"interval": "5m", "command": ["${X}"]}}
    assert from_dict(to_dict(config)) == config
    config.schedule.jobs["report"]["command"] = ["${X"]
    with pytest.raises(ConfigError, match=r"jobs.report.command\[0\]: a \$\{ in it is not closed"):
        from_dict(to_dict(config))


def test_the_rest_of_a_job_is_resolved():
    text = """
schedule:
  jobs:
    report: {
      cron: "${CRON}", run: "${RUN}", retries: "${N}", timeout: "${T}", notify: "${X:-never}", only_when: ["${S}"],
    }
    health_check: {interval: "${T}", enabled: "${ON}"}
    post_market_end: "${OFF}"
"""
    environ = {"CRON": "0 18 * * *", "RUN": "desk:report", "N": "2", "T": "90", "S": "trading", "ON": "false"}
    config = read(text, {**environ, "OFF": "off"})
    assert config.schedule.jobs == {
        "report": {
            "cron": "0 18 * * *",
            "run": "desk:report",
            "retries": 2,
            "timeout": 90,
            "only_when": ["trading"],
            "notify": "never",
        },
        "health_check": {"interval": 90, "enabled": False},
        "post_market_end": "off",
    }
    assert as_written(config)["schedule"]["jobs"]["report"]["cron"] == "${CRON}"


def test_only_the_command_of_a_job_may_name_a_file(tmp_path):
    (tmp_path / "run").write_text("s3cr3t:s3cr3t")
    text = "schedule: {jobs: {report: {interval: 5m, run: '${file:run}'}}}"
    assert problems(text, base_dir=tmp_path) == [
        "config.yaml:1:47: schedule.jobs.report.run: what a job says is stored with it, and a file may hold a secret; "
        "write ${NAME}, or the value itself; only command may name a file"
    ]


@pytest.mark.parametrize(
    ("job", "environ", "problem"),
    [
        ("{cron: '${X}', run: 'a:b'}", {"X": "s3cr3t"}, "cron: the value of ${X} is not a crontab line: write five"),
        ("{cron: '${X}', run: 'a:b'}", {"X": "s3cr3t * * * *"}, "cron: the value of ${X} does not fit here; write the"),
        ("{cron: '0 0 * * *', timezone: '${X}', run: 'a:b'}", {"X": "s3cr3t"}, "the value of ${X} is not a known time"),
        ("{interval: '${X}', run: 'a:b'}", {"X": "s3cr3t"}, "interval: the value of ${X} is not a duration; write one"),
        ("{interval: 5m, run: '${X}'}", {"X": "s3cr3t.s3cr3t"}, "run: the value of ${X} does not fit here; write the"),
        ("{interval: 5m, run: 'a:b', retries: '${X}'}", {"X": "7391"}, "retries: the value of ${X} is not a whole"),
        ("{interval: 5m, run: 'a:b', sekret: '${X}'}", {"X": "s3cr3t"}, "sekret: a job has no such key; known are"),
        ("{session: close, until: '${X}', every: 5m, run: 'a:b'}", {"X": "open + 7391s"}, "the value of ${X} does not"),
        ("'${X}'", {"X": "s3cr3t"}, "the value of ${X} is not a job; write a mapping"),
    ],
)
def test_what_is_wrong_with_a_job_is_said_without_the_value(job, environ, problem):
    (said,) = problems(f"schedule: {{jobs: {{report: {job}}}}}", environ)
    assert problem in said
    assert "s3cr3t" not in said
    assert "7391" not in said


@pytest.mark.parametrize(
    ("schedule", "environ", "problem"),
    [
        ("{calendar: '${X}'}", {"X": "s3cr3t"}, "schedule.calendar: unknown exchange the value of ${X}; known are"),
        (
            "{calendar_overrides: {'2026-07-02': '${X}'}}",
            {"X": "s3cr3t"},
            "calendar_overrides.2026-07-02: the value of ${X} is not known; right would be closed, open",
        ),
        (
            "{calendar_overrides: {'2026-07-02': {close: '${X}'}}}",
            {"X": "9:17"},
            "calendar_overrides.2026-07-02: the value of ${X} does not fit here; write the value itself in its place",
        ),
    ],
)
def test_what_is_wrong_with_the_calendar_is_said_without_the_value(schedule, environ, problem):
    (said,) = problems(f"schedule: {schedule}", environ)
    assert problem in said
    assert "s3cr3t" not in said
    assert "9:17" not in said


def test_one_job_s_reference_says_nothing_of_another_job():
    text = "schedule: {jobs: {a: {interval: '${X}', run: 'a:b'}, b: {interval: five, run: 'a:b'}}}"
    (said,) = problems(text, {"X": "5m"})
    assert "jobs.b.interval: 'five' is not a duration; write one such as 90s, 5m" in said


# --- rules between options ---


@pytest.mark.parametrize(
    ("text", "environ", "problem"),
    [
        (
            "risk: {circuit_breaker_threshold: '${X}', max_portfolio_drawdown: 0.1}",
            {"X": "0.7391"},
            "the value of ${X}",
        ),
        (
            "risk: {circuit_breaker_threshold: 0.9, max_portfolio_drawdown: '${X}'}",
            {"X": "0.7391"},
            "the value of ${X}",
        ),
        ("engine: {backoff_initial: '${X}'}", {"X": "7391s"}, "engine.backoff_initial: the value of ${X}"),
        (
            "broker: {account_number: '${X}'}",
            {"X": "U7391"},
            "the value of ${X} is no paper account, and mode is paper",
        ),
        ("strategy: {symbols: [abc, '${X}']}", {"X": "ABC"}, "the value of ${X} does not fit here"),
        ("notifications: {channels: ['${X}']}", {"X": "p7391"}, "there is no channel the value of ${X}; give it a URL"),
        (
            "notifications: {channels: [slack], slack_webhook_url: '${X}'}",
            {"X": "https://7391.example/services"},
            "notifications.channels[0]: the value of ${X} does not fit here; write the value itself in its place",
        ),
        (
            "notifications: {channels: [slack], smtp_host: '${X}'}",
            {"X": "slack"},
            "slack needs slack_webhook_url; write",
        ),
        ("mode: '${X}'\nbroker: {paper_trading: false}", {"X": "paper"}, "mode: paper trades no real money; write"),
    ],
)
def test_what_the_rules_say_has_nothing_of_the_value(text, environ, problem):
    (said,) = problems(text, environ)
    assert problem in said
    assert "7391" not in said


# --- writing and showing ---

WRITTEN = """mode: "${MODE}"
broker: {host: "gw-${H}", port: "${P}", use_gateway: "${G}", account_number: "D${file:account}"}
engine: {start_timeout: "${T:-2m}"}
strategy: {params: {key: "${KEY}", digits: "${DIGITS}", "${K}": "$${K}"}}
notifications: {smtp_username: me, smtp_password: "${PW:-other}", webhook_headers: {A: "Bearer ${PW}"}}
"""
ENVIRON = {"MODE": "paper", "H": "one", "P": "4002", "G": "true", "KEY": "s3cr3t", "DIGITS": "73917391", "PW": "s3cr3t"}


@pytest.fixture
def written(tmp_path):
    (tmp_path / "account").write_text("U1\n")
    return read(WRITTEN, ENVIRON, base_dir=tmp_path)


def test_what_is_written_has_the_references(written):
    data = as_written(written)
    assert data["mode"] == "${MODE}"
    assert (data["broker"]["host"], data["broker"]["port"]) == ("gw-${H}", "${P}")
    assert data["broker"]["account_number"] == "D${file:account}"
    assert data["broker"]["use_gateway"] is True  # true carries nothing
    assert data["engine"]["start_timeout"] == "${T:-2m}"
    assert data["strategy"]["params"] == {"key": "${KEY}", "digits": "${DIGITS}", "${K}": "$${K}"}
    assert data["notifications"]["smtp_password"] == "${PW:-other}"
    assert "s3cr3t" not in json.dumps(data)


def test_what_is_written_reads_back_as_the_same(written, tmp_path):
    assert read(json.dumps(as_written(written)), ENVIRON, ".json", tmp_path) == written


def test_set_options_are_written_without_the_nulls_of_sections(written):
    data = set_options(written)
    assert data["broker"]["port"] == "${P}"
    assert "path" not in data["data"]
    assert data == {
        name: value if not isinstance(value, dict) else {key: each for key, each in value.items() if each is not None}
        for name, value in as_written(written).items()
        if value is not None
    }


def test_a_changed_option_is_written_as_its_value(written):
    written.broker.port = 7497
    assert as_written(written)["broker"]["port"] == 7497


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.dictionaries(TEXTS, TEXTS | TRICKY, max_size=4))
def test_no_text_becomes_a_reference_by_being_written(params):
    config = embedded_defaults()
    config.strategy.params = params
    assert read(json.dumps(as_written(config)), suffix=".json") == config


def test_masked_shows_references_and_no_secrets(written):
    shown = masked(written)
    assert shown["broker"]["host"] == "gw-${H}"
    assert shown["broker"]["port"] == "${P}"
    assert shown["engine"]["start_timeout"] == "${T:-2m}"
    assert shown["strategy"]["params"]["digits"] == "${DIGITS}"
    assert shown["notifications"]["smtp_password"] == "${PW:-***}"
    assert shown["notifications"]["webhook_headers"] == {"A": "***"}


def test_the_engine_gets_the_values(written):
    sent = json.loads(json.dumps(to_dict(written)))
    assert sent["strategy"]["params"]["key"] == "s3cr3t"
    assert sent["broker"]["port"] == 4002
    assert from_dict(sent) == written


def test_plain_data_holds_no_references():
    assert from_dict({"strategy": {"params": {"x": "${X} $${"}}}).strategy.params == {"x": "${X} $${"}


# --- leniently ---


def test_what_has_no_value_has_its_default(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text(
        "broker: {host: '${H}', port: '${P}'}\n"
        "schedule: {jobs: {a: {interval: '${I}', run: 'a:b'}, b: {interval: 5m, command: ['${C}']}}}\n"
    )
    config, error = load_leniently(path, environ={"P": "4002"})
    assert (config.broker.host, config.broker.port) == ("127.0.0.1", 4002)
    assert config.schedule.jobs == {"b": {"interval": "5m", "command": ["${C}"]}}
    assert [problem.path for problem in error.problems] == [
        "broker.host",
        "schedule.jobs.a.interval",
        "schedule.jobs.b.command[0]",
    ]
    assert load_leniently(path, environ={"P": "1", "H": "h", "I": "5m", "C": "c"})[1] is None


def test_of_a_text_that_can_t_be_read_the_places_are_resolved(tmp_path):
    path = tmp_path / "config.yaml"
    (tmp_path / "place").write_text("state\n")
    path.write_text("state_dir: '${file:place}'\nstore_url: '${URL}'\nbroker: {\n")
    config, error = load_leniently(path, environ={})
    assert (config.state_dir, config.store_url) == ("state", None)
    assert "not valid YAML" in str(error)


def test_a_broken_job_twice_told_is_left_out_alone(tmp_path):
    path = tmp_path / "config.json"
    jobs = '{"a": {"interval": "5m", "interval": "5m", "run": "a:b"}, "b": {"interval": "5m", "run": "a:b"}}'
    path.write_text(f'{{"schedule": {{"jobs": {jobs}}}}}')
    assert list(load_leniently(path)[0].schedule.jobs) == ["b"]
    path.write_text(f'{{"schedule": {{"jobs": {jobs}}}, "schedule": null}}')
    assert load_leniently(path)[0].schedule.jobs == {}
