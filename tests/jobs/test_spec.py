"""What a job's mapping means, and what is said of one that means nothing."""

from datetime import timedelta
from typing import Any

import pytest

from calendars import MarketCalendar
from jobs import JobSpecError, Misfire, Notify, check_job, job_specs, parse_job
from jobs.builtin import BODIES, TABLE

NYSE = MarketCalendar()


def test_builtin_table_is_whole() -> None:
    specs = job_specs({}, NYSE)
    assert list(specs) == list(TABLE) == list(BODIES)
    assert {name: spec.schedule for name, spec in specs.items()} == {
        "pre_market": "session pre_open",
        "market_open": "session open",
        "rebalance": "session open + 5m",
        "market_close": "session close",
        "post_market_end": "session post_close",
        "heartbeat": "interval 5m",
        "health_check": "interval 60s",
        "config_reload": "interval 60s",
    }
    assert all(spec.builtin and spec.enabled and spec.source == "builtin" for spec in specs.values())


def test_config_merges_over_a_builtin_job() -> None:
    spec = parse_job("heartbeat", {"interval": "1h30m"}, NYSE)
    assert (spec.schedule, spec.action, spec.misfire, spec.notify) == (
        "interval 1h30m",
        "heartbeat",
        Misfire.SKIP,
        Notify.NEVER,
    )


def test_builtin_job_may_change_the_kind_of_its_schedule() -> None:
    spec = parse_job("rebalance", {"cron": "0 10 * * mon"}, NYSE)
    assert (spec.kind, spec.definition) == ("cron", {"misfire": "run_if_same_session", "cron": "0 10 * * mon"})


@pytest.mark.parametrize("off", [False, "off", {"enabled": False}])
def test_builtin_job_can_be_switched_off(off: object) -> None:
    spec = job_specs({"heartbeat": off}, NYSE)["heartbeat"]
    assert not spec.enabled


def test_command_job() -> None:
    raw = {"cron": "0 18 * * mon-fri", "command": ["python", "report.py"], "timeout": "5m", "notify": "always"}
    spec = job_specs({"report": raw}, NYSE)["report"]
    assert (spec.action, spec.timeout, spec.notify) == (("python", "report.py"), timedelta(minutes=5), Notify.ALWAYS)
    assert (spec.builtin, spec.source, spec.kind) == (False, "config", "cron")


def test_function_job_with_every_option() -> None:
    raw = {
        "session": "open + 30m",
        "until": "close - 30m",
        "every": "5m",
        "run": "my.module:flatten",
        "misfire": "run",
        "grace": "2m",
        "only_when": ["trading"],
        "trading_days_only": True,
    }
    spec = parse_job("flatten", raw, NYSE)
    assert spec.schedule == "session open + 30m until close - 30m every 5m"
    assert (spec.action, spec.misfire, spec.grace) == ("my.module:flatten", Misfire.RUN, timedelta(minutes=2))
    assert (spec.only_when, spec.trading_days_only) == (frozenset({"trading"}), True)


BAD: list[tuple[str, Any, tuple[str, ...], str]] = [
    ("job", 5, (), "5 is not a job: write a mapping such as {interval: 5m}, or off"),
    ("heartbaet", "off", (), "there is no built-in job 'heartbaet' to switch off; did you mean heartbeat?"),
    ("job", {"interval": "5m"}, (), 'a job needs run: "module:function" or command: [...]; this one has none'),
    ("job", {"command": ["x"]}, (), "a job has exactly one of cron, interval and session; this one has none"),
    (
        "job",
        {"command": ["x"], "cron": "@daily", "interval": 5},
        (),
        "a job has exactly one of cron, interval and session; this one has cron and interval",
    ),
    ("job", {"interval": "5x", "command": ["x"]}, ("interval",), "'5x' is not a duration"),
    ("job", {"interval": "0.5s", "command": ["x"]}, ("interval",), "'0.5s' is too short; the shortest interval is 1s"),
    ("job", {"interval": True, "command": ["x"]}, ("interval",), "True is not a duration"),
    ("job", {"cron": "* * * *", "command": ["x"]}, ("cron",), "'* * * *' is not a crontab line"),
    ("job", {"cron": 5, "command": ["x"]}, ("cron",), "5 is not text; put it in quotes"),
    ("job", {"cron": "@daily", "timezone": "Mars", "command": ["x"]}, ("timezone",), "'Mars' is not a time zone"),
    ("job", {"session": "noon", "command": ["x"]}, ("session",), "'noon' is not a moment of the session"),
    ("job", {"interval": "5m", "every": "5m", "command": ["x"]}, ("every",), "every goes with session only"),
    ("job", {"session": "open", "timezone": "UTC", "command": ["x"]}, ("timezone",), "timezone goes with cron only"),
    ("job", {"session": "open", "until": "close", "command": ["x"]}, ("until",), "until needs every"),
    ("job", {"interval": "5m", "command": "rm -rf"}, ("command",), "'rm -rf' is not a list of words"),
    ("job", {"interval": "5m", "command": []}, ("command",), "[] is not a list of words"),
    ("job", {"interval": "5m", "run": "module.function"}, ("run",), "'module.function' does not name a function"),
    ("job", {"interval": "5m", "run": "a:b", "command": ["x"]}, (), "this one has run and command"),
    ("heartbeat", {"run": "a:b"}, ("run",), "heartbeat is a built-in job; give yours another name"),
    ("job", {"interval": "5m", "run": "a:b", "misfire": "maybe"}, ("misfire",), "'maybe' is not one of skip, run"),
    ("job", {"interval": "5m", "run": "a:b", "enabled": "on"}, ("enabled",), "'on' is not true or false"),
    ("job", {"interval": "5m", "run": "a:b", "only_when": ["open"]}, ("only_when",), "is not a list of states"),
    ("job", {"interval": "5m", "run": "a:b", "timout": "5m"}, ("timout",), "no such key; did you mean timeout?"),
    (
        "job",
        {"session": "close - 30m", "until": "open", "every": "5m", "run": "a:b"},
        ("session",),
        "close - 30m until open never fires",
    ),
    (
        "job",
        {"session": "close + 8h", "run": "a:b", "only_when": ["trading"]},
        ("session",),
        "close + 8h is outside the trading day, where only_when never holds",
    ),
    *(
        ("job", {"interval": "5m", "run": "a:b", key: None}, (key,), "null says nothing; leave the key out")
        for key in ("timeout", "grace", "misfire", "notify", "only_when", "overlap", "jitter", "retries")
    ),
    ("job", {"interval": None, "run": "a:b"}, ("interval",), "null says nothing"),
    ("job", {"interval": "5m", "command": None}, ("command",), "null says nothing"),
    ("job", {"interval": "5m", "run": "a:b", "only_when": [["trading"]]}, ("only_when",), "is not a list of states"),
    ("heartbeat", {"timeout": "5m"}, ("timeout",), "timeout goes with run and command only"),
    ("job", {"interval": "5m", "run": "a:b", "retries": -1}, ("retries",), "-1 is not a whole number from 0 to 100"),
    ("job", {"interval": "5m", "run": "a:b", "overlap": "pile"}, ("overlap",), "'pile' is not one of skip, queue"),
    ("job", {"interval": "5m", "run": "a:b", "jitter": "x"}, ("jitter",), "'x' is not a duration"),
    ("job", {"interval": "5m", "run": "a:b", "notify": "sometimes"}, ("notify",), "is not one of never"),
    ("a job", {"interval": "5m", "run": "a:b"}, (), "a job's name is a letter, then letters"),
]


@pytest.mark.parametrize(("name", "raw", "path", "message"), BAD)
def test_bad_job_says_where_and_what(name: str, raw: Any, path: tuple[str, ...], message: str) -> None:
    problems = check_job(name, raw, NYSE)
    assert [(where, message in text) for where, _, text in problems] == [(path, True)], problems


def test_all_problems_of_a_job_are_found_at_once() -> None:
    raw = {"interval": "x", "run": "y", "grace": "z", "what": 1}
    assert {path for path, _, _ in check_job("job", raw, NYSE)} == {("interval",), ("run",), ("grace",), ("what",)}


def test_error_text_names_the_job_and_the_key() -> None:
    with pytest.raises(JobSpecError, match=r"^job\.interval: 'x' is not a duration"):
        parse_job("job", {"interval": "x", "run": "a:b"}, NYSE)
