"""When faults come."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from calendars import MarketCalendar, MarketState
from orchestrator.rehearsal.scenario import Injection, Scenario, parse_scenario, plan, without_occasion

NYSE = MarketCalendar("NYSE")
ZONE = NYSE.exchange_timezone
WEEK = (datetime(2026, 11, 23, tzinfo=ZONE), datetime(2026, 11, 30, tzinfo=ZONE))
"""Of Thanksgiving: closed on Thursday 26, open to 13:00 on Friday."""


def scenario(*faults: str) -> Scenario:
    return parse_scenario("faults: [" + ", ".join("{" + each + "}" for each in faults) + "]", ".yaml", "x", NYSE)


def planned(*faults: str, seed: int = 1, calendar: MarketCalendar = NYSE) -> list[Injection]:
    return plan(scenario(*faults), *WEEK, calendar, seed)


def times(*faults: str, seed: int = 1) -> list[str]:
    return [f"{each.at.astimezone(ZONE):%a %H:%M}" for each in planned(*faults, seed=seed)]


def test_at_a_time_of_the_exchange() -> None:
    assert times('at: "2026-11-24 10:05", fault: engine_crash') == ["Tue 10:05"]
    assert times('at: "2026-12-24 10:05", fault: engine_crash') == []


def test_at_a_moment_of_every_session() -> None:
    assert times("at: close - 1h, fault: engine_crash") == ["Mon 15:00", "Tue 15:00", "Wed 15:00", "Fri 12:00"]
    before = times("at: open - 20h, fault: engine_crash")
    assert before == ["Mon 13:30", "Tue 13:30", "Thu 13:30", "Sun 13:30"], "the last belongs to the Monday after"


def test_every_so_often_in_the_whole_range() -> None:
    every = planned("every: 12h, fault: engine_crash")
    assert len(every) == 13
    assert {second.at - first.at for first, second in pairwise(every)} == {timedelta(hours=12)}


def test_every_so_often_while_the_market_is_open() -> None:
    assert times("every: 12h, during: trading, fault: engine_crash") == [
        "Mon 12:00",
        "Tue 12:00",
        "Wed 12:00",
        "Fri 12:00",
    ]


def test_at_random_by_the_seed() -> None:
    fault = "random: 20, fault: engine_crash"
    assert times(fault) == times(fault)
    assert len(times(fault)) == 20
    assert times(fault, seed=2) != times(fault)


def test_at_random_while_the_market_is_open() -> None:
    drawn = planned("random: 200, during: trading, fault: engine_crash")
    assert {NYSE.get_market_state(each.at) for each in drawn} == {MarketState.TRADING}
    days = [each.at.astimezone(ZONE).date().day for each in drawn]
    assert all(days.count(day) > 30 for day in (23, 24, 25))
    assert 10 < days.count(27) < 40, "a half day is drawn half as often"


def test_another_fault_does_not_move_those_before_it() -> None:
    fault = "random: 5, fault: engine_crash"
    beside = [each.at for each in planned(fault, "random: 5, fault: resume") if each.fault == "engine_crash"]
    assert beside == [each.at for each in planned(fault)]


def test_in_order_and_complete() -> None:
    found = planned('at: "2026-11-24 10:00", fault: halt', "at: open, fault: daemon_kill, down: 3m")
    assert [each.at for each in found] == sorted(each.at for each in found)
    (halt,) = [each for each in found if each.fault == "halt"]
    assert halt.parameters == {"reason": "rehearsed", "flatten": False}
    assert found[0].parameters == {"down": timedelta(minutes=3)}


def test_market_that_never_closes() -> None:
    always = MarketCalendar("ALWAYS")
    assert len(planned("random: 9, during: trading, fault: engine_crash", calendar=always)) == 9


def test_faults_without_an_occasion_are_named() -> None:
    given = scenario('at: "2027-01-04 10:00", fault: halt', "at: open, fault: engine_crash")
    assert without_occasion(given, *WEEK, NYSE) == [given.faults[0]]


def test_days_that_a_scenario_names() -> None:
    assert scenario("at: open, fault: resume").days() is None
    named = scenario('at: "2026-11-27 10:00", fault: resume', 'at: "2026-11-24 10:00", fault: halt').days()
    assert [str(day) for day in named or ()] == ["2026-11-24", "2026-11-27"]


@pytest.mark.parametrize("day", ["2026-03-08", "2026-11-01"])
def test_days_of_another_length(day: str) -> None:
    first = datetime.fromisoformat(day).replace(tzinfo=ZONE)
    last = (first + timedelta(days=1)).replace(tzinfo=ZONE)
    hours = plan(scenario("every: 1h, fault: engine_crash"), first, last, NYSE, 1)
    assert len(hours) == {"2026-03-08": 22, "2026-11-01": 24}[day]
