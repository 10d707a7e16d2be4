"""Chaos: cases are drawn, run, and made small; the same each time."""

import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calendars import MarketCalendar
from orchestrator.cli import main
from orchestrator.config.rules import market_calendar
from orchestrator.config.source import ConfigSource
from orchestrator.events import EngineMoved, Event, Traded
from orchestrator.rehearsal.chaos import Campaign, Case, draw_case, shrink
from orchestrator.rehearsal.invariants import OrdersOnce
from orchestrator.rehearsal.rehearsal import Rehearsal
from orchestrator.rehearsal.scenario import FAULTS, Fault, Once, Scenario, parse_scenario, write_scenario

START, END = date(2026, 11, 9), date(2026, 11, 22)
NYSE = MarketCalendar()
ROOT = Path(__file__).parents[4]


def fault(kind: str, at: str, lasts: float | None = None, **parameters: object) -> Fault:
    when = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("America/New_York"))
    return Fault(kind, Once(when), None if lasts is None else timedelta(seconds=lasts), parameters)


# --- drawing ---


def test_a_case_is_a_week_of_the_range_and_reads_back_from_its_file() -> None:
    for number in range(50):
        case = draw_case(1, number, date(2026, 1, 1), date(2026, 12, 31), NYSE)
        assert date(2026, 1, 1) <= case.start
        assert case.end == case.start + timedelta(days=6)
        assert case.end <= date(2026, 12, 31)
        assert parse_scenario(write_scenario(case.scenario, NYSE), ".yaml", "case", NYSE) == case.scenario


def test_a_range_that_is_shorter_than_a_week_is_the_case() -> None:
    case = draw_case(1, 1, date(2026, 11, 24), date(2026, 11, 25), NYSE)
    assert (case.start, case.end) == (date(2026, 11, 24), date(2026, 11, 25))


def test_a_case_depends_on_seed_and_number_alone() -> None:
    def draw(seed: int, number: int) -> Case:
        return draw_case(seed, number, START, END, NYSE)

    assert draw(1, 5) == draw(1, 5)
    assert len({repr(draw(seed, number)) for seed in (1, 2) for number in range(10)}) == 20


def test_every_fault_is_drawn_sooner_or_later() -> None:
    drawn = {each.kind for n in range(200) for each in draw_case(3, n, START, END, NYSE).scenario.faults}
    assert drawn == set(FAULTS)


# --- running ---


@pytest.mark.parametrize("number", range(2))
def test_some_days_of_chaos_break_nothing(desk_file: Path, number: int) -> None:
    calendar = market_calendar(ConfigSource(desk_file).load().config)
    campaign = Campaign(desk_file, START, END, 2026, calendar, days=3)
    failure = campaign.run(campaign.case(number))
    assert failure is None, campaign.document(failure, "")


def test_what_ends_a_rehearsal_is_a_failure_too(desk_file: Path) -> None:
    campaign = Campaign(desk_file, START, END, 2026, NYSE)
    outside = replace(campaign.case(0), start=date(2150, 1, 1), end=date(2150, 1, 2))
    failure = campaign.run(outside)
    assert failure is not None
    assert (failure.rule, failure.detail.partition(":")[0]) == ("raised", "ValueError")


# --- at the command line ---


@pytest.fixture
def simulate(
    desk_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs ``orchestrator simulate`` on the desk: its exit code, and what it printed."""
    monkeypatch.chdir(desk_file.parent)
    monkeypatch.setattr("sys.path", [*sys.path])

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["--config", desk_file.name, "simulate", *words])
        printed = capsys.readouterr()
        return int(end.value.code or 0), printed.out, printed.err

    yield run
    logging.disable(logging.NOTSET)


ONE_DAY = ("--from", "2026-11-10", "--to", "2026-11-10")


def test_chaos_that_breaks_nothing_says_so(simulate: Callable[..., tuple[int, str, str]]) -> None:
    assert simulate("--chaos", "1", "--seed", "5", *ONE_DAY) == (0, "1 scenario, seed 5: all invariants held\n", "")


def test_chaos_that_breaks_something_writes_the_smallest_scenario_that_does(
    simulate: Callable[..., tuple[int, str, str]], desk_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule is one that no daemon keeps: there must be no orders."""
    monkeypatch.setattr(OrdersOnce, "hearing", lambda rule: {Traded: lambda event: "there is an order"})
    code, out, _ = simulate("--chaos", "3", "--seed", "5", *ONE_DAY)
    assert code == 1
    first, *rest = out.splitlines()
    assert first == "scenario 0 of seed 5 breaks orders_once: there is an order"
    command = f"orchestrator --config {desk_file.name} simulate --from 2026-11-10 --to 2026-11-10"
    assert rest[-1] == (
        f"chaos-5-0.yaml has the smallest: 0 faults in 1 day; run it with: {command} --scenario chaos-5-0.yaml"
    )
    text = (desk_file.parent / "chaos-5-0.yaml").read_text()
    assert text.startswith(f"# orders_once: there is an order\n# Run it with: {command}")
    code, out, _ = simulate("--scenario", "chaos-5-0.yaml", *ONE_DAY, "--quiet")
    assert (code, "BROKEN: orders_once" in out) == (1, True)


def test_chaos_draws_its_own_scenarios(simulate: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = simulate("--chaos", "3", "--scenario", "week.yaml")
    assert (code, err) == (
        2,
        "error: --chaos draws its own scenarios and prints text; leave --scenario and --json out\n",
    )


# --- shrinking ---


def test_shrinking_finds_the_one_fault_that_matters_and_makes_it_small(desk_file: Path) -> None:
    """Of four faults in two days the engine hangs by one."""
    calendar = market_calendar(ConfigSource(desk_file).load().config)
    faults = (
        fault("price_shock", "2026-11-10 09:44:12", factor=0.9),
        fault("engine_hang", "2026-11-10 09:50:13", 100),
        fault("channel_outage", "2026-11-10 09:55:14", 600, channel="slack"),
        fault("engine_crash", "2026-11-11 09:45:15"),
    )
    runs: list[Case] = []

    def hangs(case: Case) -> bool:
        moves: list[str] = []

        def listen(event: Event) -> None:
            if isinstance(event, EngineMoved):
                moves.append(event.action)

        runs.append(case)
        Rehearsal(desk_file, case.start, case.end, None, listen, case.scenario).run()
        return "hang" in moves

    whole = Case(date(2026, 11, 10), date(2026, 11, 11), Scenario(faults, 1))
    assert hangs(whole)
    smallest = shrink(whole, hangs, calendar)
    assert smallest == Case(
        date(2026, 11, 10), date(2026, 11, 10), Scenario((fault("engine_hang", "2026-11-10 09:50"),), 1)
    )
    assert len(runs) == len({repr(case) for case in runs}) < 15, "no case is tried twice"


def counting(fails: Callable[[Case], bool]) -> tuple[list[Case], Callable[[Case], bool]]:
    tried: list[Case] = []

    def ask(case: Case) -> bool:
        tried.append(case)
        return fails(case)

    return tried, ask


def test_shrinking_keeps_two_faults_that_fail_only_together() -> None:
    faults = [fault("engine_crash", f"2026-11-10 10:{minute:02}") for minute in range(16)]
    needed = (faults[3], faults[12])
    tried, ask = counting(lambda case: all(each in case.scenario.faults for each in needed))
    smallest = shrink(Case(START, END, Scenario(tuple(faults))), ask, NYSE)
    assert smallest.scenario.faults == needed
    assert (smallest.start, smallest.end) == (date(2026, 11, 10), date(2026, 11, 10))
    assert len(tried) < 60


def test_shrinking_finds_that_no_fault_was_needed() -> None:
    case = Case(START, END, Scenario((fault("engine_crash", "2026-11-10 10:00"),)))
    assert shrink(case, lambda _: True, NYSE).scenario.faults == ()


def test_shrinking_halves_what_lasts_as_long_as_it_fails() -> None:
    case = Case(START, START, Scenario((fault("broker_disconnect", "2026-11-09 10:00:30", 1000),)))

    def is_long(case: Case) -> bool:
        return any(each.lasts is not None and each.lasts >= timedelta(seconds=60) for each in case.scenario.faults)

    smallest = shrink(case, is_long, NYSE)
    assert smallest.scenario.faults == (fault("broker_disconnect", "2026-11-09 10:00", 62),)


def test_shrinking_ends_when_it_may_try_no_more() -> None:
    tried, ask = counting(lambda case: len(case.scenario.faults) > 2)
    faults = tuple(fault("engine_crash", f"2026-11-10 10:{minute:02}") for minute in range(32))
    assert len(shrink(Case(START, END, Scenario(faults)), ask, NYSE, most=5).scenario.faults) > 2
    assert len(tried) == 5


# --- the same bytes ---

SCENARIO = """
seed: 7
faults:
  - {at: "2026-11-12 09:50", fault: engine_hang}
  - {at: "open + 20m", fault: broker_disconnect, for: 2m}
  - {every: 7h, fault: database_locked, for: 9s}
  - {random: 2, fault: daemon_kill, during: trading}
  - {at: "2026-11-12 10:45", fault: config_edit, set: {risk.max_position_size: much}}
  - {at: "2026-11-12 11:40", fault: database_error, for: 30s}
  - {at: "2026-11-13 09:35", fault: channel_outage, for: 20m}
  - {at: "2026-11-13 10:50", fault: clock_jump, by: "-10m", for: 5m}
"""
COMMAND = "from orchestrator.cli import main; main()"


def test_days_with_faults_are_the_same_to_the_byte_on_any_machine(desk_file: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "days.yaml"
    scenario.write_text(SCENARIO)
    words = ["--config", str(desk_file), "simulate", "--scenario", str(scenario), "--json"]
    days = ["--from", "2026-11-12", "--to", "2026-11-14"]
    outputs = []
    for hash_seed, zone, language in (("0", "UTC", "C"), ("4711", "Asia/Kolkata", "de_DE.UTF-8")):
        own = {"PYTHONHASHSEED": hash_seed, "TZ": zone, "LANG": language, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *words, *days],
            env={**os.environ, **own},
            cwd=tmp_path,
            capture_output=True,
            check=True,
        )
        outputs.append(done.stdout)
    assert len(outputs[0].splitlines()) > 1000
    assert outputs[0] == outputs[1]
