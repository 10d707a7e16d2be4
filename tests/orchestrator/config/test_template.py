"""The commented files that come with it: for paper, that a beginner starts from, and for real money."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.config import (
    ConfigError,
    embedded_defaults,
    load_file,
    load_text,
    state_dir,
    to_dict,
    warnings,
)
from orchestrator.config.template import TEMPLATES, commented_yaml, live_template, paper_template

FOLDER = Path(__file__).parents[3] / "config"
SHIPPED, LIVE = FOLDER / "config.paper.yaml", FOLDER / "config.live.yaml"
ENVIRON = {"IBKR_ACCOUNT": "U1234567", "SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T000/B000/XXXX"}


def test_the_shipped_file_is_the_template():
    assert SHIPPED.read_text(encoding="utf-8") == paper_template()


def test_the_shipped_file_is_what_there_is_without_a_file():
    assert load_file(SHIPPED) == embedded_defaults()


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_every_option_stands_in_it_with_its_doc(kind):
    text = TEMPLATES[kind]()
    for line in text.splitlines():
        assert not line or line.lstrip().startswith("#") or re.search(r"\S  +# \S", line), line
    for section, options in to_dict(embedded_defaults()).items():
        assert re.search(rf"(?m)^{section}: ", text)
        names = options if isinstance(options, dict) else {}
        assert all(re.search(rf"(?m)^  {name}: ", text) for name in names)


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_the_comments_of_a_section_stand_under_each_other(kind):
    columns = {line.index("  # ") for line in TEMPLATES[kind]().splitlines() if re.match(r" *\w+: \S.*  # ", line)}
    assert columns <= {38, 58}


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_lines_are_not_too_long_to_read(kind):
    assert max(map(len, TEMPLATES[kind]().splitlines())) <= 120


def test_sections_are_separated():
    text = paper_template()
    for section in ("schedule", "strategy", "risk", "broker", "data", "engine", "health", "notifications", "logging"):
        assert f"\n\n{section}:  # " in text
    assert "\n\nstate_dir: " in text
    assert "\n\n\n" not in text


def test_text_that_could_be_read_otherwise_is_quoted():
    text = paper_template()
    for line in (
        'version: "1.0.0"',
        'host: "127.0.0.1"',
        'maintenance_windows: ["23:45-00:45"]',
        "timezone: America/New_York",
    ):
        assert f"{line} " in text


def test_the_examples_are_valid():
    text = paper_template().replace("[console]", "[console, slack]")
    text = text.replace("slack_webhook_url: null", "slack_webhook_url: 'https://hooks.slack.com/services/A/B/C'")
    text = re.sub(r"(?m)^(  \w+:) (\{\}|\[\]) (.*(?:\n  #   .*)+)", r"\1 \3", text)
    text = re.sub(r"(?m)^  #   ", "    ", text).replace("[console, slack]", "[console, slack, phone]")
    config = load_text(text)
    assert set(config.schedule.calendar_overrides) == {"2026-07-02", "2025-01-09"}
    assert set(config.schedule.jobs) == {"heartbeat", "report", "post_market_end"}
    assert len(config.notifications.routes) == 2
    assert set(config.notifications.apprise) == {"phone"}


def test_a_value_in_place_of_an_example_drops_it():
    config = embedded_defaults()
    config.schedule.jobs = {"heartbeat": {"interval": "10m"}}
    text = commented_yaml(config)
    assert "  jobs:                                 # jobs by name" in text
    assert '\n    heartbeat:\n      interval: "10m"\n' in text
    assert "report:" not in text


def test_the_defaults_give_no_warning():
    assert warnings(embedded_defaults()) == []


# --- for real money ---


def test_the_shipped_file_for_real_money_is_its_template():
    assert LIVE.read_text(encoding="utf-8") == live_template()


@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_a_command_prints_it(kind):
    command = [sys.executable, "-m", "orchestrator.config.template", kind]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    assert done.stdout == TEMPLATES[kind]()


def test_without_its_variables_it_names_them():
    with pytest.raises(ConfigError) as caught:
        load_file(LIVE, environ={})
    assert [(problem.path, problem.message) for problem in caught.value.problems] == [
        ("broker.account_number", "the environment variable IBKR_ACCOUNT is not set"),
        ("notifications.slack_webhook_url", "the environment variable SLACK_WEBHOOK_URL is not set"),
    ]


def test_with_its_variables_it_is_for_real_money_and_nothing_is_said_against_it():
    config = load_file(LIVE, environ=ENVIRON)
    assert (config.mode, config.broker.broker_type, config.broker.paper_trading) == ("live", "ibkr", False)
    assert (config.broker.host, config.broker.port) == ("127.0.0.1", 7496)
    assert config.broker.account_number == ENVIRON["IBKR_ACCOUNT"]
    assert config.notifications.slack_webhook_url == ENVIRON["SLACK_WEBHOOK_URL"]
    assert config.notifications.channels == ["console", "slack"]
    assert [str(each) for each in warnings(config) if "this version" not in each.message] == []


def options(config):
    """Values by their dotted paths."""
    data = to_dict(config)
    sections = {name: inner for name, inner in data.items() if isinstance(inner, dict)}
    inner = {f"{name}.{key}": value for name, section in sections.items() for key, value in section.items()}
    return inner | {name: value for name, value in data.items() if name not in sections}


def test_apart_from_that_it_is_what_the_paper_file_is():
    live, paper = options(load_file(LIVE, environ=ENVIRON)), options(load_file(SHIPPED))
    differ = {path for path in live if live[path] != paper[path]}
    assert differ == {
        "mode",
        "state_dir",
        "broker.broker_type",
        "broker.port",
        "broker.account_number",
        "broker.paper_trading",
        "notifications.channels",
        "notifications.slack_webhook_url",
    }


def test_paper_and_real_money_keep_their_states_apart():
    live, paper = load_file(LIVE, environ=ENVIRON), load_file(SHIPPED)
    assert state_dir(live, FOLDER) != state_dir(paper, FOLDER)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"IBKR_ACCOUNT": "DU1234567"}, "broker.account_number"),
        ({"SLACK_WEBHOOK_URL": "https://example.com/T000"}, "notifications.channels[1]"),
        ({"SLACK_WEBHOOK_URL": "here"}, "notifications.slack_webhook_url"),
    ],
)
def test_variables_that_do_not_fit_are_refused_and_not_shown(change, path):
    with pytest.raises(ConfigError) as caught:
        load_file(LIVE, environ=ENVIRON | change)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert not any(value in str(caught.value) for value in change.values())


def test_it_says_how_it_is_started():
    head = live_template().partition("version:")[0]
    for word in ("REAL MONEY", "start --live", *ENVIRON, "${file:/run/secrets/NAME}"):
        assert word in head


def test_a_saved_config_shows_no_value_of_a_variable():
    text = commented_yaml(load_file(LIVE, environ=ENVIRON))
    assert not any(value in text for value in ENVIRON.values())
    assert all(f"${{{name}}}" in text for name in ENVIRON)
