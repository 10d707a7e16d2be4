"""A text in which options are changed as somebody edits a file by hand: right or wrong."""

import pytest

from orchestrator.config import ConfigError
from orchestrator.config.editing import with_options

YAML = """\
# mine
risk:
  max_position_size: 0.1   # not more
strategy: {name: momentum, params: {lookback_days: 30}}
"""


def test_the_rest_keeps_its_bytes():
    changed = with_options(YAML, ".yaml", "a.yaml", {"risk.max_position_size": 0.05})
    assert changed == YAML.replace("0.1 ", "0.05 ")


def test_what_is_not_there_is_added():
    changed = with_options(YAML, ".yaml", "a.yaml", {"engine.backoff_max": 5, "strategy.params.lookback_days": 60})
    assert "engine:\n  backoff_max: 5\n" in changed
    assert "{name: momentum, params: {lookback_days: 60}}" in changed


def test_nothing_is_checked():
    changed = with_options("", ".yaml", "a.yaml", {"risk.max_position_size": "much", "un.known.thing": True})
    assert changed == "risk:\n  max_position_size: much\nun:\n  known:\n    thing: true\n"


@pytest.mark.parametrize(
    ("suffix", "text", "changed"),
    [
        (".toml", "[risk]\nmax_position_size = 0.1 # not more\n", "[risk]\nmax_position_size = 0.05 # not more\n"),
        (".json", '{"risk": {"max_position_size": 0.1}}', '{"risk": {"max_position_size": 0.05}}'),
    ],
)
def test_other_formats(suffix, text, changed):
    assert with_options(text, suffix, f"a{suffix}", {"risk.max_position_size": 0.05}) == changed


def test_a_text_that_cannot_be_read_is_refused():
    with pytest.raises(ConfigError, match="not valid YAML"):
        with_options("risk: {", ".yaml", "a.yaml", {"mode": "live"})
