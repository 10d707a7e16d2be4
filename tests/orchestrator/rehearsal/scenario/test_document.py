"""Scenario files: what they may say, and what is said of them when they are wrong."""

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from calendars import MarketCalendar
from jobs.triggers import Anchor
from orchestrator.config import ConfigError
from orchestrator.rehearsal.scenario import (
    FAULTS,
    AtRandom,
    EachSession,
    Every,
    Fault,
    Once,
    Scenario,
    When,
    parse_scenario,
    read_scenario,
    write_scenario,
)

NYSE = MarketCalendar("NYSE")
NEW_YORK = NYSE.exchange_timezone


def parse(text: str, suffix: str = ".yaml") -> Scenario:
    return parse_scenario(text, suffix, f"week{suffix}", NYSE)


def complaints(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value).splitlines()


EXAMPLE = """
seed: 7
faults:
  - {at: "2026-11-27 10:05", fault: engine_hang}
  - {at: "open + 30m", fault: broker_disconnect, for: 10m}          # every session
  - {every: 2h, fault: database_locked, for: 9s}
  - {random: 3, fault: daemon_kill, during: trading}
  - {at: "2026-11-25 12:00", fault: config_edit, set: {risk.max_position_size: 0.05}}
  - {at: close, fault: clock_jump, by: -90s}
"""
MEANING = Scenario(
    (
        Fault("engine_hang", Once(datetime(2026, 11, 27, 10, 5, tzinfo=NEW_YORK))),
        Fault("broker_disconnect", EachSession(Anchor("open", timedelta(minutes=30))), timedelta(minutes=10)),
        Fault("database_locked", Every(7200.0), timedelta(seconds=9)),
        Fault("daemon_kill", AtRandom(3), during="trading"),
        Fault(
            "config_edit",
            Once(datetime(2026, 11, 25, 12, tzinfo=NEW_YORK)),
            parameters={"set": {"risk.max_position_size": 0.05}},
        ),
        Fault("clock_jump", EachSession(Anchor("close", timedelta(0))), parameters={"by": timedelta(seconds=-90)}),
    ),
    seed=7,
)


def test_reads_what_it_says() -> None:
    assert parse(EXAMPLE) == MEANING


def test_other_formats_say_the_same() -> None:
    toml = 'seed = 1\n[[faults]]\nevery = "2h"\nfault = "engine_crash"\n'
    json = '{"seed": 1, "faults": [{"every": "2h", "fault": "engine_crash"}]}'
    assert parse(toml, ".toml") == parse(json, ".json") == Scenario((Fault("engine_crash", Every(7200.0)),), 1)


def test_what_is_written_reads_back() -> None:
    assert parse(write_scenario(MEANING, NYSE)) == MEANING
    assert parse(write_scenario(Scenario(), NYSE)) == Scenario()


@pytest.mark.parametrize("kind", FAULTS)
def test_whatever_is_drawn_reads_back(kind: str) -> None:
    rng = random.Random(kind)
    occasions: list[When] = [
        Once(datetime(2026, 11, 1, 1, 30, 15, tzinfo=NEW_YORK)),
        EachSession(Anchor("pre_open", timedelta(seconds=-90))),
        Every(90.0),
        AtRandom(2),
    ]
    for when in occasions * 5:
        lasts, parameters = FAULTS[kind].draw(rng)
        scenario = Scenario((Fault(kind, when, lasts, parameters),))
        assert parse(write_scenario(scenario, NYSE)) == scenario


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert complaints(
        """sed: 7
faults:
  - {at: "2026-11-37 10:05", fault: engine_hnag}
  - {at: "opn + 30m", fault: broker_disconnect}
  - {every: 2, random: 1, fault: price_shock, factr: 2, for: soon}
  - {fault: engine_crash, for: 9s, at: open}
  - {random: 3, fault: config_edit, set: {risk.max_positon_size: 0.05}, during: tradin}
  - {every: 0s, fault: clock_jump, by: later}
  - {random: 0, fault: price_shock, factor: 0, symbols: [AAPL, 3]}
  - hello
"""
    ) == [
        "week.yaml:1:1: sed: a scenario has no such key; did you mean seed?",
        "week.yaml:3:10: faults[0].at: '2026-11-37 10:05' is not a time; "
        'write one such as "2026-11-27 10:05", exchange time',
        "week.yaml:3:37: faults[0].fault: there is no fault 'engine_hnag'; did you mean engine_hang?",
        "week.yaml:4:5: faults[1]: broker_disconnect needs for; write how long it lasts, as in for: 10m",
        "week.yaml:4:10: faults[1].at: 'opn + 30m' is neither a time nor one of a session; "
        'write a time such as "2026-11-27 10:05", or a moment of every session such as "open + 30m"',
        "week.yaml:5:5: faults[2]: a fault has exactly one of at, every, random; this one has every and random; "
        "keep one of them",
        "week.yaml:5:5: faults[2]: price_shock needs factor; write factor: 0.8",
        "week.yaml:5:47: faults[2].factr: price_shock has no such key; did you mean factor?",
        "week.yaml:5:62: faults[2].for: 'soon' is not a duration; write one such as 90s, 5m, 1h30m or 2d",
        "week.yaml:6:27: faults[3].for: engine_crash has no duration; leave it out",
        "week.yaml:7:42: faults[4].set: 'risk.max_positon_size' is no option of the config; "
        "did you mean risk.max_position_size?",
        "week.yaml:7:81: faults[4].during: 'tradin' is neither any nor trading; write trading",
        "week.yaml:8:13: faults[5].every: '0s' is too short; the shortest is 1s",
        "week.yaml:8:40: faults[5].by: 'later' is not a duration; write one such as 90s, 5m, 1h30m or 2d",
        "week.yaml:9:14: faults[6].random: 0 is not a whole number from 1 to 10000; write how often, such as 3",
        "week.yaml:9:45: faults[6].factor: 0 is not between 0.01 and 100; write 0.8 for a fall by a fifth",
        "week.yaml:9:64: faults[6].symbols[1]: 3 is not a symbol; write a ticker such as AAPL",
        "week.yaml:10:5: faults[7]: 'hello' is not a fault; "
        'write one such as {at: "open + 30m", fault: engine_crash}',
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "null is not a scenario; write faults: and below it"),
        ("- a\n", "a list is not a scenario; write faults: and below it"),
        ("seed: 3\n", "there are no faults; write faults: and below"),
        ("faults: none\n", "'none' is not a list of faults; write faults: and below"),
        ("seed: x\nfaults: []\n", "seed: 'x' is not a whole number; write one such as 7"),
        ("faults: [{at: open}]\n", "it does not say which fault; write fault: and one of engine_crash, "),
        ("faults: [{fault: resume}]\n", "this one has none; write one such as at:"),
        ("faults: [{at: 930, fault: resume}]\n", "930 is not a time; write a time such as"),
        (
            'faults: [{at: "2026-11-24 10:00", fault: resume, during: trading}]\n',
            "during goes with what comes more than once; leave it out",
        ),
        ("faults: [{at: open, fault: resume, during: [any]}]\n", "a list is neither any nor trading; write trading"),
        ("faults: [{at: open, fault: halt, flatten: maybe}]\n", "'maybe' is not true or false; write true or false"),
        ("faults: [{at: open, fault: config_edit, set: {risks.x: 1}}]\n", "did you mean risk?"),
        ("faults: [{at: open, fault: data_stall, for: 0s}]\n", "'0s' is no time at all"),
        ("faults: [\n", "not valid YAML"),
    ],
)
def test_one_thing_that_is_wrong(text: str, complaint: str) -> None:
    (only,) = complaints(text)
    assert complaint in only


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no scenario file .*week\.yaml; examples are in config/scenarios"):
        read_scenario(tmp_path / "week.yaml", NYSE)
    with pytest.raises(IsADirectoryError, match="is a folder; name the scenario file in it"):
        read_scenario(tmp_path, NYSE)
