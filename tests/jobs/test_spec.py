"""What a job's mapping means, and what is said of one that means nothing."""

from datetime import timedelta
from typing import Any

import pytest

from calendars import MarketCalendar
from jobs import JobSpecError, Misfire, Notify, check_job, job_specs, parse_job
from jobs.builtin import BODIES, TABLE
from jobs.values import meant_zone

NYSE = MarketCalendar()


def test_builtin_table_is_whole() -> None:
    specs = job_specs({}, NYSE)
    assert list(specs) == list(TABLE) == list(BODIES)
    assert {name: spec.schedule for name, spec in specs.items()} == {
        "pre_market": "session pre_open",
        "market_open": "session open",
        "rebalance": "session open + 5m",
        "market_close": "session close",
        "daily_report": "session close + 15m",
        "post_market_end": "session post_close",
        "heartbeat": "interval 5m",
        "health_check": "interval 60s",
        "config_reload": "interval 60s",
        "housekeeping": "cron 15 3 * * *",
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


BAD: list[tuple[str, Any, list[str]]] = [
    ("job", 5, ["job: 5 is not a job; write a mapping such as {interval: 5m}, or off to switch a built-in job off"]),
    (
        "job",
        None,
        ["job: null is not a job; write a mapping such as {interval: 5m}, or off to switch a built-in job off"],
    ),
    (
        "job",
        True,
        ["job: true is not a job; write a mapping such as {interval: 5m}, or off to switch a built-in job off"],
    ),
    (
        "job",
        [1],
        ["job: a list is not a job; write a mapping such as {interval: 5m}, or off to switch a built-in job off"],
    ),
    (
        "job",
        "@daily",
        ["job: '@daily' is not a job; write a mapping such as {interval: 5m}, or off to switch a built-in job off"],
    ),
    ("heartbaet", "off", ["heartbaet: there is no built-in job 'heartbaet' to switch off; did you mean heartbeat?"]),
    (
        "zzz",
        False,
        [
            f"zzz: there is no built-in job 'zzz' to switch off; built in are {', '.join(TABLE)}; "
            "a job of yours is left out instead"
        ],
    ),
    (
        "job",
        {"interval": "5m"},
        ['job: a job needs run: "module:function" or command: [...]; this one has none; write what it is to do'],
    ),
    (
        "heartbeet",
        {"interval": "10m"},
        [
            'heartbeet: a job needs run: "module:function" or command: [...]; this one has none; write what it '
            "is to do, or did you mean the job heartbeat?"
        ],
    ),
    (
        "job",
        {"command": ["x"]},
        ["job: a job has exactly one of cron, interval and session; this one has none; write one such as interval: 5m"],
    ),
    (
        "job",
        {"command": ["x"], "cron": "@daily", "interval": 5},
        ["job: a job has exactly one of cron, interval and session; this one has cron and interval; keep one of them"],
    ),
    (
        "job",
        {"every": "5m", "command": ["x"]},
        [
            "job: a job has exactly one of cron, interval and session; this one has none; write one such as "
            "interval: 5m",
            "job.every: every goes with session only; to repeat all day, write interval instead",
        ],
    ),
    (
        "job",
        {"interval": "5x", "run": "a:b"},
        ["job.interval: '5x' is not a duration; write one such as 90s, 5m, 1h30m or 2d"],
    ),
    ("job", {"interval": "0.5s", "run": "a:b"}, ["job.interval: '0.5s' is too short; the shortest is 1s"]),
    (
        "job",
        {"interval": True, "run": "a:b"},
        ["job.interval: true is not a duration; write one such as 90s, 5m or 1h30m"],
    ),
    ("job", {"interval": 0, "run": "a:b"}, ["job.interval: 0 is too short; the shortest is 1s"]),
    ("job", {"interval": -5, "run": "a:b"}, ["job.interval: -5 is not a duration: it must be from 0 to 36500d"]),
    (
        "job",
        {"interval": "1:30", "run": "a:b"},
        ["job.interval: '1:30' is not a duration; write one such as 90s, 5m, 1h30m or 2d"],
    ),
    (
        "job",
        {"interval": "1e3", "run": "a:b"},
        ["job.interval: '1e3' is not a duration; write one such as 90s, 5m, 1h30m or 2d"],
    ),
    (
        "job",
        {"cron": "* * * *", "run": "a:b"},
        [
            "job.cron: '* * * *' is not a crontab line: write five fields (minute hour day-of-month month "
            "weekday) or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"
        ],
    ),
    (
        "job",
        {"cron": "0 0 18 * * *", "run": "a:b"},
        [
            "job.cron: '0 0 18 * * *' is not a crontab line: write five fields (minute hour day-of-month month "
            "weekday) or one of @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually"
        ],
    ),
    ("job", {"cron": 5, "run": "a:b"}, ['job.cron: 5 is not text; write it in quotes: "5"']),
    ("job", {"cron": "61 * * * *", "run": "a:b"}, ["job.cron: minute '61' is not in 0 to 59"]),
    ("job", {"cron": "0 0 31 2 *", "run": "a:b"}, ["job.cron: '0 0 31 2 *' never fires: no such day exists"]),
    ("job", {"cron": "0 18 * * mon-fry", "run": "a:b"}, ["job.cron: weekday 'fry' is not in 0 to 7"]),
    (
        "job",
        {"cron": "0 18 * * fri-mon", "run": "a:b"},
        ["job.cron: weekday 'fri-mon' names no value: write the smaller end first, a step from 1"],
    ),
    (
        "job",
        {"cron": "@daily", "timezone": "Mars", "run": "a:b"},
        ["job.timezone: 'Mars' is not a known time zone; write an IANA name such as America/New_York"],
    ),
    (
        "job",
        {"cron": "@daily", "timezone": "America/NewYork", "run": "a:b"},
        ["job.timezone: 'America/NewYork' is not a known time zone; write America/New_York"],
    ),
    ("job", {"cron": "@daily", "timezone": 5, "run": "a:b"}, ['job.timezone: 5 is not text; write it in quotes: "5"']),
    (
        "job",
        {"session": "noon", "run": "a:b"},
        [
            "job.session: 'noon' is not a moment of the session: write open, close, pre_open or post_close, and "
            'a distance if you like, as in "close - 5m"'
        ],
    ),
    (
        "job",
        {"session": "close - 5", "run": "a:b"},
        ["job.session: '5' is not a duration; write one such as 90s, 5m, 1h30m or 2d"],
    ),
    (
        "job",
        {"session": "close -5x", "run": "a:b"},
        ["job.session: '5x' is not a duration; write one such as 90s, 5m, 1h30m or 2d"],
    ),
    ("job", {"session": 9.5, "run": "a:b"}, ['job.session: 9.5 is not text; write it in quotes: "9.5"']),
    ("job", {"interval": "5m", "run": "a:b", "every": "5m"}, ["job.every: every goes with session only; leave it out"]),
    (
        "job",
        {"session": "open", "timezone": "UTC", "run": "a:b"},
        ["job.timezone: timezone goes with cron only; leave it out"],
    ),
    (
        "job",
        {"session": "open", "until": "close", "run": "a:b"},
        ["job.until: until needs every; write how often, as in every: 5m, or leave it out"],
    ),
    (
        "job",
        {"interval": "5m", "command": "python 'my report.py'"},
        ['job.command: "python \'my report.py\'" is not a list of words; write ["python", "my report.py"]'],
    ),
    (
        "job",
        {"interval": "5m", "command": "it's"},
        ['job.command: "it\'s" is not a list of words; write ["python", "report.py"]'],
    ),
    ("job", {"interval": "5m", "command": []}, ['job.command: the list is empty; write ["python", "report.py"]']),
    ("job", {"interval": "5m", "command": ["x", 5, True]}, ['job.command.1: 5 is not text; write it in quotes: "5"']),
    (
        "job",
        {"interval": "5m", "command": {"x": 1}},
        ['job.command: a mapping is not a list of words; write ["python", "report.py"]'],
    ),
    (
        "job",
        {"interval": "5m", "run": "module.function"},
        ["job.run: 'module.function' does not name a function; write \"module:function\""],
    ),
    ("job", {"interval": "5m", "run": "a.b:c()"}, ["job.run: 'a.b:c()' does not name a function; write \"a.b:c\""]),
    (
        "job",
        {"interval": "5m", "run": "desk"},
        ["job.run: 'desk' does not name a function; write \"package.module:function\""],
    ),
    ("job", {"interval": "5m", "run": 5}, ['job.run: 5 is not text; write it in quotes: "5"']),
    (
        "job",
        {"interval": "5m", "run": "a:b", "command": ["x"]},
        ['job: a job needs run: "module:function" or command: [...]; this one has run and command; keep one of them'],
    ),
    (
        "heartbeat",
        {"run": "a:b"},
        ["heartbeat.run: heartbeat is a built-in job and has its own work; give yours another name"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "misfire": "maybe"},
        ["job.misfire: 'maybe' is not one of skip, run, run_if_same_session; choose one of these"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "misfire": "Run"},
        ["job.misfire: 'Run' is not one of skip, run, run_if_same_session; write run"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "misfire": True},
        ["job.misfire: true is not one of skip, run, run_if_same_session; choose one of these"],
    ),
    ("job", {"interval": "5m", "run": "a:b", "enabled": "on"}, ["job.enabled: 'on' is not true or false; write true"]),
    (
        "job",
        {"interval": "5m", "run": "a:b", "enabled": "true"},
        ["job.enabled: 'true' is not true or false; write true without quotes"],
    ),
    ("job", {"interval": "5m", "run": "a:b", "enabled": 1}, ["job.enabled: 1 is not true or false; write true"]),
    (
        "job",
        {"interval": "5m", "run": "a:b", "only_when": ["trading", "open"]},
        ["job.only_when.1: 'open' is not one of stopped, pre_market, trading, post_market, error; choose one of these"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "only_when": "TRADING"},
        ["job.only_when: 'TRADING' is not one of stopped, pre_market, trading, post_market, error; write trading"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "only_when": 5},
        ["job.only_when: 5 is not a list of states; choose from stopped, pre_market, trading, post_market, error"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "only_when": [["trading"]]},
        ["job.only_when.0: a list is not one of stopped, pre_market, trading, post_market, error; choose one of these"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "only_when": {"a": 1}},
        [
            "job.only_when: a mapping is not a list of states; choose from stopped, pre_market, trading, "
            "post_market, error"
        ],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "timout": "5m"},
        ["job.timout: a job has no such key; did you mean timeout?"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "schedule": "x"},
        [
            "job.schedule: a job has no such key; known are cron, interval, session, every, until, timezone, "
            "run, command, enabled, misfire, grace, overlap, timeout, retries, jitter, only_when, "
            "trading_days_only, notify"
        ],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "retries": -1},
        ["job.retries: -1 is not a whole number from 0 to 100; write one such as 3"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "retries": 2.5},
        ["job.retries: 2.5 is not a whole number from 0 to 100; write one such as 3"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "retries": "3"},
        ["job.retries: '3' is not a whole number from 0 to 100; write 3 without quotes"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "retries": True},
        ["job.retries: true is not a whole number from 0 to 100; write one such as 3"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "overlap": "pile"},
        ["job.overlap: 'pile' is not one of skip, queue; choose one of these"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "jitter": "x"},
        ["job.jitter: 'x' is not a duration; write one such as 90s, 5m, 1h30m or 2d"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "jitter": "5m"},
        ["job.jitter: '5m' is not less than the interval of 300 s; write less, or a longer interval"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "notify": "sometimes"},
        ["job.notify: 'sometimes' is not one of never, failure, always; choose one of these"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "notify": None},
        ["job.notify: null says nothing; leave the key out, or give it a value"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "grace": "1 minute"},
        ["job.grace: '1 minute' is not a duration; write one such as 90s, 5m, 1h30m or 2d"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "timeout": 0},
        ["job.timeout: 0 would end every run as it begins; write one such as 90s, 5m or 1h30m"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "timeout": "0s"},
        ["job.timeout: '0s' would end every run as it begins; write one such as 90s, 5m or 1h30m"],
    ),
    (
        "job",
        {"interval": "5m", "run": "a:b", "grace": -1},
        ["job.grace: -1 is not a duration: it must be from 0 to 36500d"],
    ),
    (
        "job",
        {"session": "close - 30m", "until": "open", "every": "5m", "run": "a:b"},
        [
            "job.session: close - 30m until open never fires: in a regular session it ends before it begins; "
            "write an until that comes later"
        ],
    ),
    (
        "job",
        {"session": "close + 8h", "run": "a:b", "only_when": ["trading"]},
        [
            "job.session: close + 8h is outside the trading day, where only_when never holds; move it, or leave "
            "only_when out"
        ],
    ),
    (
        "job",
        {"session": "open", "run": "a:b", "only_when": 5},
        ["job.only_when: 5 is not a list of states; choose from stopped, pre_market, trading, post_market, error"],
    ),
    (
        "job",
        {"interval": None, "run": "a:b"},
        ["job.interval: null says nothing; leave the key out, or give it a value"],
    ),
    (
        "heartbeat",
        {"timeout": "5m"},
        ["heartbeat.timeout: timeout goes with run and command only; heartbeat is short and built in; leave it out"],
    ),
    (
        "a job",
        {"interval": "5m", "run": "a:b"},
        ["a job: 'a job' is not a job's name; write a letter, then letters, digits, '_', '-' or '.', 64 at most"],
    ),
    (
        "1job",
        {"interval": "5m", "run": "a:b"},
        ["1job: '1job' is not a job's name; write a letter, then letters, digits, '_', '-' or '.', 64 at most"],
    ),
]


@pytest.mark.parametrize(("name", "raw", "problems"), BAD)
def test_bad_job_says_where_and_what(name: str, raw: Any, problems: list[str]) -> None:
    found = check_job(name, raw, NYSE)
    assert [f"{'.'.join(map(str, (name, *each.path)))}: {each}" for each in found] == problems


def test_problem_has_the_value_at_its_path() -> None:
    raw = {"interval": "5m", "command": ["sleep", 5], "timout": "5m", "only_when": ["open"]}
    problems = check_job("job", raw, NYSE)
    assert [(each.path, each.value, each.at_key) for each in problems] == [
        (("timout",), "timout", True),
        (("only_when", 0), "open", False),
        (("command", 1), 5, False),
    ]


def test_problem_tells_what_is_wrong_from_what_would_be_right() -> None:
    (problem,) = check_job("job", {"interval": "often", "run": "a:b"}, NYSE)
    assert problem.message == "'often' is not a duration"
    assert problem.remedy == "write one such as 90s, 5m, 1h30m or 2d"


def test_long_value_is_cut() -> None:
    (problem,) = check_job("job", {"interval": "5m", "run": "x" * 500}, NYSE)
    assert problem.message == f"'{'x' * 55}...' does not name a function"


@pytest.mark.parametrize("jitter", ["4m", "0s", 299])
def test_jitter_below_the_interval_is_right(jitter: object) -> None:
    assert check_job("job", {"interval": "5m", "jitter": jitter, "run": "a:b"}, NYSE) == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("EDT", "America/New_York"),
        ("pt", "America/Los_Angeles"),
        ("New York", "America/New_York"),
        ("America/NewYork", "America/New_York"),
        ("europe/berlin", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("America", None),
        ("here", None),
    ],
)
def test_time_zone_is_guessed_from_what_people_call_it(text: str, meant: str | None) -> None:
    assert meant_zone(text) == meant


def test_all_problems_of_a_job_are_found_at_once() -> None:
    raw = {"interval": "x", "run": "y", "grace": "z", "what": 1}
    assert {each.path for each in check_job("job", raw, NYSE)} == {("interval",), ("run",), ("grace",), ("what",)}


def test_error_text_names_the_job_and_the_key() -> None:
    with pytest.raises(JobSpecError, match=r"^job\.interval: 'x' is not a duration"):
        parse_job("job", {"interval": "x", "run": "a:b"}, NYSE)


def test_session_job_of_an_exchange_that_is_known_since_this_year_only() -> None:
    spec = parse_job("flatten", {"session": "close - 5m", "command": ["true"]}, MarketCalendar("XBUE"))
    assert spec.schedule == "session close - 5m"
