"""The commented file that a beginner starts from."""

import re
from pathlib import Path

from orchestrator.config import embedded_defaults, load_file, load_text, warnings
from orchestrator.config.template import commented_yaml, paper_template

SHIPPED = Path(__file__).parents[3] / "config" / "config.paper.yaml"


def test_the_shipped_file_is_the_template():
    assert SHIPPED.read_text(encoding="utf-8") == paper_template()


def test_the_shipped_file_is_what_there_is_without_a_file():
    assert load_file(SHIPPED) == embedded_defaults()


def test_every_option_stands_in_it_with_its_doc():
    for line in paper_template().splitlines()[3:]:
        assert not line or line.lstrip().startswith("#") or re.search(r"\S  +# \S", line), line


def test_the_comments_of_a_section_stand_under_each_other():
    columns = {line.index("  # ") for line in paper_template().splitlines() if re.match(r" *\w+: \S.*  # ", line)}
    assert columns == {38}


def test_lines_are_not_too_long_to_read():
    assert max(map(len, paper_template().splitlines())) <= 120


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
