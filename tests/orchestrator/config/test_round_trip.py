"""What is written reads back as the same config, in every format."""

import json
import tomllib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config import ConfigError, RouteConfig, embedded_defaults, load_text, to_dict, to_text

SUFFIXES = (".yaml", ".toml", ".json")

TRAPS = ["", " ", "9:30", "16:00", "on", "NO", "y", "~", "null", "010", "1e3", "0x1", ".inf", "2026-11-24", "<<", "="]
MARKS = [
    "#",
    "- a",
    "a: b",
    "'",
    '"',
    "\\",
    "\n",
    "a\nb\n",
    "\t",
    "\x00",
    "\x1b",
    "\x7f",
    "\x85",
    "\xa0",
    "\ufeff",
    "\u2028",
    "😀",
]
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20) | st.sampled_from([*TRAPS, *MARKS])
SCALARS = TEXTS | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(allow_nan=False, allow_infinity=False)
PARAMS = st.dictionaries(
    TEXTS,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
    ),
    max_size=4,
)


def rich():
    """A config with something in every place that can hold more than one value."""
    config = embedded_defaults()
    config.schedule.calendar_overrides = {"2026-07-02": {"close": "13:00"}, "2025-01-09": "closed"}
    config.schedule.jobs = {
        "heartbeat": {"interval": "10m"},
        "post_market_end": False,
        "a.b": {"cron": "0 18 * * mon-fri", "command": ["python", "-c", "print('x')"], "only_when": []},
    }
    config.strategy.symbols = ["Y", "ON", "BRK.B", *(f"S{number}" for number in range(60))]
    config.notifications.apprise = {"phone": "ntfy://topic"}
    config.notifications.channels = ["console", "phone"]
    config.notifications.routes = [
        RouteConfig(levels=["critical"], channels=["phone"]),
        RouteConfig(topics=["order"], quiet_hours="22:00-07:00", channels=["console"]),
    ]
    config.notifications.webhook_headers = {"X-Token": "a: b # c", "": "on"}
    config.notifications.slack_channel = "#alerts"
    config.engine.backoff_max = 12.5
    config.strategy.params = {"a key of a hundred letters to escape".ljust(100, "\x80"): [], "long": {"x" * 100: {}}}
    config.strategy.params |= {"tiny": 1e-7, "huge": 1e300, "whole": 12.0, "negative": -2.5e-9}
    config.broker.account_number = "D010"
    config.created_at = "2026-11-24T14:30:00+00:00"
    return config


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_rich_config_survives(suffix):
    assert load_text(to_text(rich(), suffix), suffix) == rich()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(PARAMS)
def test_anything_a_user_may_put_into_params_survives(params):
    config = embedded_defaults()
    config.strategy.params = params
    for suffix in SUFFIXES:
        assert load_text(to_text(config, suffix), suffix).strategy.params == params


def test_other_readers_read_the_same():
    """YAML 1.1 too, where 16:00 is a number and on is true. Days are written as days in YAML."""
    config = rich()
    ages = {"job_runs": "30d", "transitions": "365d", "alerts": "90d", "incidents": "90d", "equity": "30d"}
    written = to_dict(config)
    written["housekeeping"] |= {**ages, "requests": "7d"}
    assert yaml.safe_load(to_text(config, ".yaml")) == written
    assert json.loads(to_text(config, ".json")) == to_dict(config)
    assert tomllib.loads(to_text(config, ".toml"))["notifications"]["webhook_headers"] == {
        "X-Token": "a: b # c",
        "": "on",
    }


def test_null_inside_a_list_cannot_be_written_as_toml():
    config = embedded_defaults()
    config.strategy.params = {"levels": [1, None], "stop": None}
    with pytest.raises(ConfigError) as caught:
        to_text(config, ".toml", "config.toml")
    assert str(caught.value).splitlines() == [
        "config.toml: strategy.params.levels[1]: TOML has no null; leave it out",
        "config.toml: strategy.params.stop: TOML has no null; leave it out",
    ]


def test_an_unknown_suffix_cannot_be_written():
    with pytest.raises(ConfigError, match=r"'\.ini' is no suffix of a config file; use .yaml, .yml, .toml, .json"):
        to_text(embedded_defaults(), ".ini")
