"""The scenarios that are shipped show what they say."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import orchestrator
from calendars import MarketCalendar
from orchestrator.events import StateChanged
from orchestrator.rehearsal.scenario import FAULTS, Scenario, read_scenario

FOLDER = Path(orchestrator.__file__).parents[1] / "config" / "scenarios"


def scenario(name: str) -> Scenario:
    return read_scenario(FOLDER / f"{name}.yaml", MarketCalendar("NYSE"))


def test_worst_week(rehearse_days: Any) -> None:
    week = rehearse_days("2026-11-23", "2026-11-27", scenario=scenario("worst_week"))
    assert week.alerts("critical") == ["Trading interrupted"] * 3
    assert [title for title in week.alerts("warning") if "Job" not in title] == [
        "Daemon was killed",
        "Stop loss: AAPL",
        "Stop loss: MSFT",
        "Channel phone does not deliver",
        *["Clock jumped"] * 3,
    ]
    assert week.daemon() == ["00:00 start", "12:00 kill", "12:03 start"]
    for day in ("2026-11-23", "2026-11-24", "2026-11-25", "2026-11-27"):
        closing = next(each for each in week.on(day).of(StateChanged) if each.new == "post_market")
        assert closing.old == "trading", f"{day}: whatever went wrong, it traded until the close"
    assert week.sent() == [*BUYS, *[f"SELL {symbol}" for symbol in ("AAPL", "MSFT")], *BUYS]
    week.assert_sound()


BUYS = ["BUY AAPL", "BUY MSFT"]


def test_flaky_gateway(rehearse_days: Any) -> None:
    day = rehearse_days("2026-11-23", "2026-11-23", scenario=scenario("flaky_gateway"))
    assert day.faults()[0] == "09:30 engine_refused"
    assert len(day.faults()) == 2 * 10
    assert "Engine given up" not in day.alerts()
    assert day.states()[-2:] == ["16:00 post_market", "20:00 stopped"]
    lost = [each.at for each in day.of(StateChanged) if each.new == "error"]
    back = [each.at for each in day.of(StateChanged) if each.new == "trading"]
    assert len(lost) == len(back) == 5, "the refused start, and what stays away for a minute; the rest costs nothing"
    longest = max(found - gone for gone, found in zip(lost, back, strict=True))
    assert timedelta(minutes=19) < longest < timedelta(minutes=21)
    assert day.sent() == BUYS
    day.assert_sound()


def test_operator_mistakes(rehearse_days: Any) -> None:
    day = rehearse_days("2026-11-24", "2026-11-24", scenario=scenario("operator_mistakes"))
    assert day.alerts("critical") == ["Trading interrupted", "Config rolled back", "Trading halted"]
    assert day.alerts("warning") == [*["Config rejected"] * 2, "Daemon was killed", "Trading resumed"]
    assert [state for state in day.states() if "13:00" <= state < "15"] == [
        "13:00 stopped",
        "14:00 pre_market",
        "14:00 trading",
    ]
    assert day.sent() == [*BUYS, "SELL AAPL", "SELL MSFT"]
    day.assert_sound()


@pytest.mark.parametrize("path", sorted(FOLDER.iterdir()), ids=lambda path: path.stem)
def test_each_says_how_to_see_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert f"--scenario config/scenarios/{path.name}" in text
    assert all(fault.kind in FAULTS for fault in scenario(path.stem).faults)
