"""A save changes what differs, and nothing else, in files as people write them."""

import re
from datetime import UTC, datetime
from difflib import ndiff
from pathlib import Path

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calendars import VirtualClock
from orchestrator.config import ConfigError, ConfigManager, RouteConfig, from_dict, load_file, to_dict
from orchestrator.config.editing.merging import agree
from orchestrator.config.editing.place import Place, edited

SHIPPED = (Path(__file__).parents[3] / "config" / "config.paper.yaml").read_text(encoding="utf-8")
STAMP = "2026-11-24T14:30:00+00:00"
NOW = datetime(2026, 11, 24, 14, 30, tzinfo=UTC)

ODD_YAML = """\
%YAML 1.1
---
# a file that grew over the years

schedule:
    timezone:   'America/New_York'
    jobs:          # mine
        # more often than the default
        heartbeat: {interval: 5m}        # beat
        report:
            cron: "0 18 * * mon-fri"     # evening
            command:
            - python
            # the script
            - report.py     # that one
            timeout: 10m
    calendar_overrides:
        "2026-07-02": {close: "13:00"}
strategy: {symbols: [AAPL,   # first
    # the middle
    MSFT,
    TSLA], max_positions: 10, params: {note: 'it''s'}}

# how I am told
notifications:
    channels: # where to
    - console          # always

    # and
    - phone
    alert_levels: [ critical,  warning ]
    webhook_url: "${HOOK}"
    webhook_headers: {X-Token: "${HOOK_TOKEN}", Plain: "no"}
    smtp_username: >-
        a folded
        name
    smtp_password: |
        two
        lines
    apprise: {phone: "ntfy://topic"}
    routes:
      - levels: [critical]     # the worst
        channels: [phone]
      # everything
      - channels:
          - console
engine: {start_timeout: 1m, restart_cooldown: 5m}
data:
# nothing to say
...
"""

ODD_TOML = """\
# a file that grew over the years
version = '1.0.0'    # v

[schedule]   # when
timezone = "America/New_York"

[schedule.jobs]
# more often than the default
heartbeat = { interval = "5m" }    # beat

[schedule.jobs.report]
cron = "0 18 * * mon-fri"
command = [
    "python",   # this one
    # the script
    "report.py",
]

[strategy]
max_positions = 0x0A
symbols = ["AAPL",
  "MSFT"]   # what
params.note = "it's"

# how I am told
[notifications]
channels = ["console", "phone"]
webhook_url = "${HOOK}"
webhook_headers = {X-Token = "${HOOK_TOKEN}"}
smtp_username = "me"
smtp_password = \"\"\"
two
lines\"\"\"

[notifications.apprise]
phone = "ntfy://topic"

[[notifications.routes]]   # the worst
levels = ["critical"]
channels = ["phone"]

# everything
[[notifications.routes]]
channels = ["console"]

[engine]
start_timeout = "1m"
restart_cooldown = "5m"
# the end"""

ODD_JSON = """\
{ "version":"1.0.0",
\t"schedule": {"jobs": {"heartbeat": {"interval": "5m"},
\t\t"report": {"cron": "0 18 * * mon-fri", "command": ["python", "report.py"]}}},
\t"strategy": {
\t\t"symbols": [ "AAPL", "MSFT" ],
\t\t"params": {"note": "it's \\u0023 that"},
\t\t"max_positions" : 10
\t},
\t"notifications": {
\t\t"channels": ["console", "phone"], "apprise": {"phone": "ntfy://topic"},
\t\t"webhook_url": "${HOOK}", "webhook_headers": {"X-Token": "${HOOK_TOKEN}"},
\t\t"smtp_username": "me", "smtp_password": "two\\nlines",
\t\t"routes": [
\t\t\t{"levels": ["critical"], "channels": ["phone"]},
\t\t\t{"channels": ["console"], "topics": []}
\t\t]
\t},
\t"engine": {"start_timeout": "1m", "restart_cooldown": "5m"}
}"""

FILES = {"shipped.yaml": SHIPPED, "odd.yaml": ODD_YAML, "odd.toml": ODD_TOML, "odd.json": ODD_JSON}
FILES["windows.yaml"] = ODD_YAML.replace("\n", "\r\n")
FILES["windows.toml"] = ODD_TOML.replace("\n", "\r\n")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("HOOK", "https://example.com/hunter2")
    monkeypatch.setenv("HOOK_TOKEN", "hunter2")


def saved(tmp_path, name, text, change):
    """What a file says after a change was saved, and the lines of it that are gone and that are new."""
    path = tmp_path / name
    path.write_bytes(text.encode())
    manager = ConfigManager(path, clock=VirtualClock(NOW))
    config = manager.load()
    change(config)
    manager.save(config)
    after = path.read_bytes().decode()
    assert load_file(path) == config
    lines = list(ndiff(text.splitlines(keepends=True), after.splitlines(keepends=True)))
    return after, [line[2:] for line in lines if line[0] == "-"], [line[2:] for line in lines if line[0] == "+"]


def fewer(config):
    config.strategy.max_positions = 5


def test_in_the_shipped_file_three_lines_change(tmp_path):
    _, gone, new = saved(tmp_path, "config.yaml", SHIPPED, fewer)
    assert gone == [
        "  max_positions: 10                     # most positions held at once\n",
        "created_at: null                        # written by save\n",
        "updated_at: null                        # written by save\n",
    ]
    assert new == [
        "  max_positions: 5                     # most positions held at once\n",
        f'created_at: "{STAMP}"                        # written by save\n',
        f'updated_at: "{STAMP}"                        # written by save\n',
    ]


STAMPS = {
    ".yaml": [f'created_at: "{STAMP}"', f'updated_at: "{STAMP}"'],
    ".toml": [f'created_at = "{STAMP}"', f'updated_at = "{STAMP}"'],
    ".json": [f'\t"created_at": "{STAMP}",', f'\t"updated_at": "{STAMP}"'],
}


@pytest.mark.parametrize("name", FILES)
def test_in_any_file_one_number_changes(tmp_path, name):
    text = FILES[name]
    after, gone, new = saved(tmp_path, name, text, fewer)
    changed = [line for line in gone if "max_positions" in line]
    assert len(changed) == 1
    assert [re.sub(r"\b(10|0x0A)\b", "5", line) for line in changed] == [
        line for line in new if "max_positions" in line
    ]
    newline = "\r\n" if "windows" in name else "\n"
    assert {line for line in after.split(newline) if "_at" in line and STAMP in line}
    assert after.count("\r") == (after.count("\n") if "windows" in name else 0)
    assert after.endswith("\n") == text.endswith("\n")
    assert "hunter2" not in after


def test_a_byte_order_mark_stays(tmp_path):
    after, _, _ = saved(tmp_path, "config.yaml", "\ufeffmode: paper\n", fewer)
    assert after.startswith("\ufeffmode: paper\nstrategy:\n  max_positions: 5\n")


def everything(config):
    """A change of each kind."""
    jobs, strategy, said = config.schedule.jobs, config.strategy, config.notifications
    del jobs["heartbeat"]
    jobs["report"]["command"] += ["--brief"]
    jobs["flatten"] = {"session": "close - 5m", "run": "my.module:flatten"}
    config.schedule.calendar_overrides = {"2026-07-02": "closed"}
    strategy.symbols = ["MSFT", "TSLA", "NVDA"]
    strategy.params = {"note": "9:30", "on": {"deep": [1, 2.5, None]}}
    said.channels = ["email", "console", "phone"]
    said.smtp_host, said.email_from, said.email_to = "localhost", "a@example.com", ["b@example.com"]
    said.apprise["pager"] = "ntfy://pager"
    said.routes[0].channels.append("console")
    said.routes.append(RouteConfig(topics=["order"], channels=["console"]))
    said.webhook_headers["Plain"] = "yes"
    config.health.max_data_age = 90
    config.engine.start_timeout = 120


def test_every_kind_of_change_in_lines(tmp_path):
    after, _, _ = saved(tmp_path, "odd.yaml", ODD_YAML, everything)
    assert (
        after
        == f"""\
%YAML 1.1
---
# a file that grew over the years

schedule:
    timezone:   'America/New_York'
    jobs:          # mine
        # more often than the default
        report:
            cron: "0 18 * * mon-fri"     # evening
            command:
            - python
            # the script
            - report.py     # that one
            - "--brief"
            timeout: 10m
        flatten:
            session: "close - 5m"
            run: "my.module:flatten"
    calendar_overrides:
        "2026-07-02": closed
strategy: {{symbols: [   # first
    # the middle
    MSFT,
    TSLA, NVDA], max_positions: 10, params: {{note: '9:30', "on": {{deep: [1, 2.5, null]}}}}}}

# how I am told
notifications:
    channels: # where to
    - email
    - console          # always

    # and
    - phone
    alert_levels: [ critical,  warning ]
    webhook_url: "${{HOOK}}"
    webhook_headers: {{X-Token: "${{HOOK_TOKEN}}", Plain: "yes"}}
    smtp_username: >-
        a folded
        name
    smtp_password: |
        two
        lines
    apprise: {{phone: "ntfy://topic", pager: "ntfy://pager"}}
    routes:
      - levels: [critical]     # the worst
        channels: [phone, console]
      # everything
      - channels:
          - console
      - topics: [order]
        channels: [console]
    smtp_host: localhost
    email_from: "a@example.com"
    email_to: ["b@example.com"]
engine: {{start_timeout: 120, restart_cooldown: 5m}}
data:
# nothing to say
health:
    max_data_age: 90
created_at: "{STAMP}"
updated_at: "{STAMP}"
...
"""
    )


def test_every_kind_of_change_in_toml(tmp_path):
    def possible(config):
        config.schedule.calendar_overrides = {"2026-07-02": "open"}
        everything(config)
        config.strategy.params["on"] = {"deep": [1, 2.5]}

    after, _, _ = saved(tmp_path, "odd.toml", ODD_TOML, possible)
    comments = re.findall("#.*", ODD_TOML)
    assert [line for line in comments if line not in after] == ["# beat"]
    assert 'webhook_url = "${HOOK}"' in after
    assert after.endswith("# the end") or "# the end\n" in after
    assert 'smtp_password = """\ntwo\nlines"""' in after


def test_every_kind_of_change_in_json(tmp_path):
    after, _, _ = saved(tmp_path, "odd.json", ODD_JSON, everything)
    assert '{ "version":"1.0.0",\n\t"schedule": {"jobs": {\n\t\t"report": {' in after
    assert '"symbols": [ "MSFT", "TSLA", "NVDA" ]' in after
    assert '"max_positions" : 10\n' in after
    assert '{"channels": ["console"], "topics": []},\n' in after


# -- whatever is changed -----------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    ["x", "it's", "yes", "16:00", "# no", "a: b", "1e3", "~", "ü", "\x85", "two\nlines\n", "${", "-"]
)
LEAVES = WORDS | st.booleans() | st.integers(-5, 500) | st.sampled_from([0.1, 2.5e-9, 12.0])
NAMES = st.sampled_from(["note", "a", "b.c", "on", "9:30"])
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=6
)
SYMBOLS = st.lists(st.sampled_from(["AAPL", "MSFT", "TSLA", "ON", "Y", "BRK.B"]), min_size=1, max_size=5, unique=True)
JOBS = st.dictionaries(
    st.sampled_from(["heartbeat", "report", "flatten"]),
    st.sampled_from(
        [{"interval": "1h"}, {"session": "close - 5m", "command": ["a", "b"]}, {"cron": "@daily", "run": "a.b:c"}]
    ),
)
ROUTES = st.lists(
    st.builds(
        RouteConfig,
        levels=st.lists(st.sampled_from(["info", "critical"]), unique=True),
        quiet_hours=st.sampled_from([None, "22:00-07:00"]),
        channels=st.just(["console"]),
    ),
    max_size=3,
)
CHANGES = {
    "strategy.max_positions": st.integers(1, 99),
    "strategy.position_size_pct": st.sampled_from([0.1, 0.05, 1.0, 2.5e-9]),
    "strategy.symbols": SYMBOLS,
    "strategy.params": st.dictionaries(NAMES, ANYTHING, max_size=3),
    "engine.start_timeout": st.sampled_from([60.0, 90.0, 0.5]),
    "engine.restart_cooldown": st.sampled_from([300.0, 301.0]),
    "risk.enable_circuit_breaker": st.booleans(),
    "schedule.jobs": JOBS,
    "schedule.calendar_overrides": st.dictionaries(
        st.sampled_from(["2026-07-02", "2026-07-03"]), st.sampled_from(["closed", "open", {"close": "13:00"}])
    ),
    "notifications.channels": st.sampled_from([["console"], ["phone", "console"], ["console", "phone"]]),
    "notifications.apprise": st.dictionaries(st.sampled_from(["fax", "pager"]), st.just("ntfy://x")).map(
        {"phone": "ntfy://y"}.__or__
    ),
    "notifications.webhook_headers": st.dictionaries(NAMES, WORDS, max_size=3),
    "notifications.routes": ROUTES,
    "notifications.smtp_username": WORDS,
    "notifications.smtp_password": WORDS,
    "notifications.email_to": st.lists(st.sampled_from(["a@b.c", "d@e.f", "y@n"]), unique=True),
    "health.ping_url": st.sampled_from([None, "https://example.com"]),
    "logging.file": st.sampled_from(["", "orchestrator.log", "x # y"]),
    "updated_at": st.just(STAMP),
}


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_whatever_is_changed_reads_back_and_leaves_comments_and_order(name, data):
    text, place = FILES[name], Place(name, Path(name).suffix, Path())
    old, new = place.read(text), place.read(text)
    for path in data.draw(st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=4, unique=True)):
        *section, option = path.split(".")
        setattr(getattr(new, section[0]) if section else new, option, data.draw(CHANGES[path]))
    assume(is_right(new))
    after = edited(text, old, new, place)
    assert agree(place.read(after), new)
    assert "hunter2" not in after
    if name == "shipped.yaml":
        assert yaml.safe_load(after)["strategy"] == to_dict(new)["strategy"]  # as a reader of YAML 1.1 has it
    if not name.endswith("json"):
        gone = {"# the script"} if "command" not in new.schedule.jobs.get("report", ()) else set()
        if "toml" in name and new.notifications.routes != old.notifications.routes:
            gone.add("# everything")  # tomlkit has it in the table before, which may be gone
        assert own_lines(text, gone) == own_lines(after, gone)


def is_right(config):
    try:
        return bool(from_dict(to_dict(config)))
    except ConfigError:
        return False


def own_lines(text, gone):
    """The comments that have a line of their own, without those inside of what is gone."""
    return [line for line in re.findall(r"^\s*(#.*?)\r?$", text, re.MULTILINE) if line not in gone]


# -- what is not edited value by value ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "strategy",
    [
        "strategy: &mine\n  max_positions: 10\n",
        "strategy: &mine {max_positions: 10}\n",
        "strategy: {max_positions: 10, params: {a: [b: 1]}}\n",
        "strategy:\n  max_positions: 10\n  params: {a, b: 1}\n",
    ],
    ids=["an anchor", "an anchor before braces", "a pair without braces", "a key without a colon"],
)
def test_a_section_that_is_written_oddly_is_written_anew_and_the_others_stay(tmp_path, strategy):
    def other(config):
        config.strategy.max_positions = 5
        config.strategy.params = {"a": [{"b": 2}]}

    text = f"# mine\n{strategy}# between\nmode: paper  # as it was\n"
    after, gone, _ = saved(tmp_path, "config.yaml", text, other)
    assert after == (
        "# mine\n"
        "# between\n"
        "mode: paper  # as it was\n"
        "strategy:\n"
        "  max_positions: 5\n"
        "  params:\n"
        "    a:\n"
        "      - {b: 2}\n"
        f'created_at: "{STAMP}"\n'
        f'updated_at: "{STAMP}"\n'
    )
    assert "".join(gone) == strategy


def test_an_odd_section_beside_the_change_stays_as_it_is(tmp_path):
    text = "strategy: &mine\n  params: {a: [b: 1], c, d: 1}\nrisk:\n  ? min_cash_buffer\n  : 0.2\n"

    def bolder(config):
        config.risk.min_cash_buffer = 0.1

    after, gone, _ = saved(tmp_path, "config.yaml", text, bolder)
    assert gone == ["  : 0.2\n"]
    assert after.startswith(text.replace("0.2", "0.1"))


def test_a_file_that_cannot_be_edited_is_written_whole_with_its_references(tmp_path):
    after, _, _ = saved(tmp_path, "config.yaml", '&all\nnotifications: {webhook_url: "${HOOK}"}\n', fewer)
    assert after.startswith("# Configuration of the trading orchestrator.")
    assert '  webhook_url: "${HOOK}"  ' in after
    assert "hunter2" not in after


@pytest.mark.parametrize("name", ["config.yaml", "config.toml", "config.json"])
def test_a_new_file_has_references_and_not_what_they_stand_for(tmp_path, name):
    config = Place("config.yaml", ".yaml", tmp_path).read('notifications: {webhook_url: "${HOOK}", smtp_host: "$${"}')
    ConfigManager(tmp_path / name).save(config)
    assert "${HOOK}" in (tmp_path / name).read_text()
    assert "hunter2" not in (tmp_path / name).read_text()
    assert load_file(tmp_path / name) == config


def test_a_value_given_for_a_reference_takes_its_place(tmp_path):
    def other(config):
        config.notifications.webhook_url = "https://example.com/${x}"

    text = 'notifications: {webhook_url: "${HOOK}"}  # told\n'
    after, _, _ = saved(tmp_path, "config.yaml", text, other)
    assert after.startswith('notifications: {webhook_url: "https://example.com/$${x}"}  # told\n')


def test_a_reference_stays_when_what_it_stands_for_has_changed_meanwhile(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    path.write_text('notifications: {webhook_url: "${HOOK}"}\nlogging: {max_mb: "${SIZE:-5}"}\n')
    manager = ConfigManager(path)
    config = manager.load()
    monkeypatch.setenv("HOOK", "https://example.com/rotated")
    config.strategy.max_positions = 5
    manager.save(config)
    assert path.read_text().startswith('notifications: {webhook_url: "${HOOK}"}\nlogging: {max_mb: "${SIZE:-5}"}\n')
    assert load_file(path).notifications.webhook_url == "https://example.com/rotated"


@pytest.mark.parametrize(
    ("name", "params", "said"),
    [
        ("config.yaml", {"n": 10**20}, "there is a value in the config that would not be read again as it is"),
        ("config.toml", {"n": None}, "strategy.params.n: TOML has no null; leave it out"),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, name, params, said):
    path = tmp_path / name
    path.write_text("# mine\n")
    manager = ConfigManager(path)
    config = manager.load()
    config.strategy.params = params
    with pytest.raises(ConfigError, match=said):
        manager.save(config)
    assert path.read_text() == "# mine\n"
    assert manager.list_versions() == []


LEAST = "strategy:\n  max_positions: 5\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("# c", f"# c\n{LEAST}"),
        ("---\n# c\n...\n", f"---\n# c\n{LEAST}...\n"),
        ("---", f"---\n{LEAST}"),
        ("--- ~\n", f"--- \n{LEAST}"),
        ("null\n", LEAST),
        ("{}  # c\n", "{strategy: {max_positions: 5}}  # c\n"),
        ("{ # c\n}", "{strategy: {max_positions: 5}  # c\n}"),
        ("strategy:", LEAST),
        ("strategy: ~  # c\n", "strategy:  # c\n  max_positions: 5\n"),
        ("strategy: # c\n  {}\n", "strategy: # c\n  {max_positions: 5}\n"),
        ("'strategy' : {\n}\n", "'strategy' :\n  max_positions: 5\n"),
        ("  mode: paper\n\n# c\n", "  mode: paper\n  strategy:\n    max_positions: 5\n\n# c\n"),
        ("mode: paper\n\n# c\n", f"mode: paper\n\n# c\n{LEAST}"),
        ("strategy:\n  name: momentum\n  # c\n# d\n", "strategy:\n  name: momentum\n  # c\n  max_positions: 5\n# d\n"),
        ("strategy:\n  params: {}\n  # - c\n", "strategy:\n  params: {}\n  # - c\n  max_positions: 5\n"),
    ],
)
def test_where_there_is_next_to_nothing_a_section_begins(text, after):
    place = Place("config.yaml", ".yaml", Path())
    new = place.read(text)
    new.strategy.max_positions = 5
    assert edited(text, place.read(text), new, place) == after.removesuffix("" if text.endswith("\n") else "\n")


def test_what_would_swallow_a_new_line_stays_the_last():
    text, place = (
        "strategy:\n  params:\n    note: |\n      no line break at the end",
        Place("config.yaml", ".yaml", Path()),
    )
    new = place.read(text)
    new.strategy.max_positions = 5
    after = edited(text, place.read(text), new, place)
    assert after == text.replace("  params", "  max_positions: 5\n  params")


def test_empty_lines_that_are_text_stay_so():
    text, place = (
        "strategy:\n  params:\n    note: |+\n      x\n\n\nmode: paper\n",
        Place("config.yaml", ".yaml", Path()),
    )
    new = place.read(text)
    new.strategy.params["more"] = 1
    after = edited(text, place.read(text), new, place)
    assert after == text.replace("mode", "    more: 1\nmode")
