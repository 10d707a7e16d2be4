"""A config made or changed in Python is held to the same rules as a file."""

import math
from datetime import date
from pathlib import Path

import pytest

from orchestrator.config import ConfigError, TradingConfig, embedded_defaults, from_dict, load_text, masked, to_dict
from orchestrator.config.plain import as_written
from orchestrator.config.references import Referenced, ReferencedFloat, ReferencedInt


def problems_after(section, name, value):
    config = embedded_defaults()
    setattr(getattr(config, section), name, value)
    with pytest.raises(ConfigError) as caught:
        from_dict(to_dict(config))
    return str(caught.value)


@pytest.mark.parametrize(
    ("section", "name", "value", "problem"),
    [
        ("strategy", "max_positions", True, "true is not an integer; write a whole number of at least 1"),
        ("risk", "max_correlation", math.nan, "nan is not a number; write a number from 0 to 1"),
        ("broker", "starting_cash", math.inf, "inf is not a number; write a number above 0"),
        (
            "engine",
            "start_timeout",
            None,
            "null is not a duration; write seconds, or text such as 90s, 5m or 1h30m, above 0, or leave it out",
        ),
        (
            "engine",
            "start_timeout",
            math.nan,
            "nan is not a duration; write seconds, or text such as 90s, 5m or 1h30m, above 0",
        ),
        ("strategy", "symbols", "AAPL", "'AAPL' is not a list; write [AAPL]"),
        ("schedule", "auto_start", 1, "1 is not true or false; write true"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(section, name, value, problem):
    assert problems_after(section, name, value) == f"config: {section}.{name}: {problem}"


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"day": date(2026, 11, 24)}, "strategy.params.day: a date cannot be kept in a file"),
        ({"folder": Path("x")}, "strategy.params.folder: a PosixPath cannot be kept in a file"),
        ({"deep": [{"x": math.inf}]}, "strategy.params.deep[0].x: inf is not a finite number"),
        ({"deep": {1: "one"}}, "strategy.params.deep.1: the key 1 is not text of at most 100 characters"),
        ({"text": "\udc80"}, "strategy.params.text: the text holds half a character"),
    ],
)
def test_what_no_file_can_hold_is_refused(params, problem):
    assert problems_after("strategy", "params", params).startswith(f"config: {problem}; ")


def test_what_is_nested_too_deeply_to_be_read_again_is_refused():
    nested: list = []
    for _ in range(50):
        nested = [nested]
    assert problems_after("strategy", "params", {"x": nested}).endswith(": nested more than 40 deep; flatten it")


def test_a_key_too_long_to_be_read_again_is_refused():
    problem = problems_after("strategy", "params", {"x" * 101: 1})
    assert problem.endswith("is not text of at most 100 characters; shorten it, or put it in quotes")


def test_tuples_are_taken_as_lists():
    config = TradingConfig()
    config.strategy.symbols = ("AAPL", "TSLA")
    assert from_dict(to_dict(config)).strategy.symbols == ["AAPL", "TSLA"]


@pytest.mark.parametrize(
    ("section", "name", "value", "problem"),
    [
        ("broker", "host", Referenced("s3 cr3t", "${HOST}"), "the value of ${HOST} is not a host; write a name or an"),
        ("broker", "port", ReferencedInt(73917, "${PORT}"), "the value of ${PORT} is more than 65535; write a whole"),
        ("broker", "port", Referenced("73917", "${PORT}"), "the value of ${PORT} is not an integer; write a whole"),
        ("risk", "max_correlation", ReferencedFloat(7.3917, "${C}"), "the value of ${C} is more than 1; write a num"),
        ("risk", "max_correlation", ReferencedFloat(math.nan, "${C}"), "the value of ${C} is not a number; write a n"),
        ("notifications", "smtp_password", Referenced("", "x${P}"), "*** is empty; write some text"),
        ("notifications", "smtp_password", Referenced("", "${P:-s3cr3t}"), "the value of ${P:-***} is empty; write so"),
        ("strategy", "params", {"x": ReferencedFloat(math.inf, "${X}")}, "the value of ${X} is not a finite number"),
        ("strategy", "params", {"x": Referenced("\udc80", "${X}")}, "the text holds half a character"),
    ],
)
def test_what_came_from_a_reference_is_not_told(section, name, value, problem):
    said = problems_after(section, name, value)
    assert problem in said
    assert not any(part in said for part in ("s3", "7391", "3917"))


def test_a_reference_may_be_put_into_a_config_to_be_saved():
    config = embedded_defaults()
    config.notifications.smtp_username = "me"
    config.notifications.smtp_password = Referenced("s3cr3t", "${SMTP_PASSWORD}")
    assert as_written(config)["notifications"]["smtp_password"] == "${SMTP_PASSWORD}"
    assert masked(config)["notifications"]["smtp_password"] == "${SMTP_PASSWORD}"


def test_a_text_that_looks_like_a_reference_is_a_text():
    config = embedded_defaults()
    config.strategy.params = {"format": "${X} and $${Y}"}
    assert from_dict(to_dict(config)).strategy.params == {"format": "${X} and $${Y}"}
    assert as_written(config)["strategy"]["params"] == {"format": "$${X} and $$${Y}"}
    assert load_text('strategy: {params: {format: "$${X} and $$${Y}"}}', environ={}).strategy.params == {
        "format": "${X} and $${Y}"
    }
