"""Rehearsals: real days, real prices, the same daemon; and the same bytes each time."""

import hashlib
import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from orchestrator.events import Event
from orchestrator.rehearsal.simulation import Simulation, Summary
from orchestrator.rehearsal.timeline import Timeline, as_document

ROOT = Path(__file__).parents[3]
HISTORY = ROOT / "config" / "config.history.yaml"


SELDOM = """
schedule: {jobs: {heartbeat: {interval: 1h}, health_check: {interval: 10m}, config_reload: {interval: 10m}}}
"""
"""For days of which only the sessions matter."""


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """The config of days that were, with the jobs that look and beat running seldom."""
    file = tmp_path / "config.yaml"
    text = HISTORY.read_text(encoding="utf-8").replace("path: prices", f"path: {HISTORY.parent / 'prices'}")
    file.write_text(text + SELDOM, encoding="utf-8")
    return file


def rehearse(config: Path | None, start: str, end: str, seed: int = 0) -> tuple[list[Event], Summary, Timeline]:
    events: list[Event] = []
    simulation = Simulation(config, date.fromisoformat(start), date.fromisoformat(end), seed, events.append)
    return events, simulation.run(), Timeline(simulation.calendar)


def lines(events: list[Event], timeline: Timeline) -> list[str]:
    return [line for event in events for line in timeline.lines(event)]


def test_september_2001_on_real_prices(history: Path) -> None:
    events, summary, timeline = rehearse(history, "2001-09-10", "2001-09-21")
    shown = lines(events, timeline)
    assert [line for line in shown if "  NYSE: " in line] == [
        "Mon 10 Sep 2001  NYSE: regular session 09:30-16:00",
        "Tue 11 Sep 2001  NYSE: Closed following Attacks on the World Trade Center: closed",
        "Wed 12 Sep 2001  NYSE: Closed following Attacks on the World Trade Center: closed",
        "Thu 13 Sep 2001  NYSE: Closed following Attacks on the World Trade Center: closed",
        "Fri 14 Sep 2001  NYSE: Closed following Attacks on the World Trade Center: closed",
        "Mon 17 Sep 2001  NYSE: Silence for the victims of September 11: opens 09:33",
        "Tue 18 Sep 2001  NYSE: regular session 09:30-16:00",
        "Wed 19 Sep 2001  NYSE: regular session 09:30-16:00",
        "Thu 20 Sep 2001  NYSE: regular session 09:30-16:00",
        "Fri 21 Sep 2001  NYSE: regular session 09:30-16:00",
    ]
    assert "  09:33:00  engine   start" in shown
    assert (summary.sessions, summary.engine_starts, summary.restarts) == (6, 6, 0)
    assert summary.equity is not None
    assert summary.equity < 100_000 * 0.96, "the week after was a bad one"


def test_thanksgiving_week_of_2012_on_real_prices() -> None:
    events, summary, timeline = rehearse(HISTORY, "2012-11-21", "2012-11-26")
    shown = lines(events, timeline)
    assert "Thu 22 Nov 2012  NYSE: Thanksgiving Day: closed" in shown
    half_day = shown[shown.index("Fri 23 Nov 2012  NYSE: Day after Thanksgiving: closes 13:00") :]
    assert "  13:00:00  engine   stop" in half_day
    assert summary.to_dict()["fires"] == {
        "config_reload": 8640,
        "daily_report": 3,
        "health_check": 8640,
        "heartbeat": 1728,
        "housekeeping": 6,
        "market_close": 3,
        "market_open": 3,
        "post_market_end": 3,
        "pre_market": 3,
        "rebalance": 3,
    }
    assert summary.missed == 0


def test_storm_of_2012_closes_two_days(history: Path) -> None:
    events, summary, timeline = rehearse(history, "2012-10-26", "2012-10-31")
    assert summary.sessions == 2
    headings = [line for line in lines(events, timeline) if "  NYSE: " in line]
    assert [heading.split("  ")[0] for heading in headings] == [
        "Fri 26 Oct 2012",
        "Mon 29 Oct 2012",
        "Tue 30 Oct 2012",
        "Wed 31 Oct 2012",
    ]
    assert "Sandy" in headings[1]


def test_equity_at_the_end_is_cash_and_positions_at_their_prices(history: Path) -> None:
    events, summary, _ = rehearse(history, "2012-11-19", "2012-11-21")
    documents = [event.event for event in events if type(event).__name__ == "Traded"]
    mark = [event for event in documents if type(event).__name__ == "EquityMarked"][-1]
    worth = sum(position["quantity"] * position["price"] for position in mark.positions)
    assert mark.cash + worth == pytest.approx(mark.equity)
    fills = [event for event in documents if type(event).__name__ == "OrderFilled"]
    spent = sum(f.quantity * f.price * (1 if f.action == "BUY" else -1) + f.commission for f in fills)
    assert mark.cash == pytest.approx(100_000 - spent)
    assert summary.equity == mark.equity


SCRIPT = """
import json, sys
from datetime import date
from orchestrator.rehearsal.simulation import Simulation
from orchestrator.rehearsal.timeline import as_document
lines = []
simulation = Simulation(None, date(2026, 11, 25), date(2026, 11, 27), 7,
                        lambda event: lines.append(as_document(event, simulation.calendar)))
summary = simulation.run()
print("\\n".join(json.dumps(line) for line in [*lines, summary.to_dict()]))
"""


def test_same_seed_same_bytes_whatever_the_environment() -> None:
    digests = set()
    for hash_seed, zone in (("0", "UTC"), ("random", "Asia/Tokyo")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": zone}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, cwd=ROOT, capture_output=True, check=True
        )
        assert len(done.stdout.splitlines()) > 5000
        digests.add(hashlib.sha256(done.stdout).hexdigest())
    assert len(digests) == 1


def test_another_seed_has_other_prices() -> None:
    results = {rehearse(None, "2026-11-24", "2026-11-24", seed)[1].equity for seed in (1, 2)}
    assert len(results) == 2


def test_every_event_line_has_its_documented_keys() -> None:
    events, _, timeline = rehearse(HISTORY, "2012-11-23", "2012-11-23")
    keys: dict[str, set[str]] = {}
    for event in events:
        if (line := as_document(event, timeline._calendar)) is not None:
            json.dumps(line)
            keys.setdefault(line["kind"], set()).update(line)
    assert keys == {
        "transition": {"at", "kind", "from", "to", "cause"},
        "engine": {"at", "kind", "action", "run", "detail"},
        "job": {"at", "kind", "name", "scheduled_at", "result", "reason"},
        "order": {"at", "kind", "order_ref", "symbol", "action", "quantity", "status"},
        "fill": {"at", "kind", "order_ref", "fill_id", "quantity", "price", "commission"},
        "alert": {"at", "kind", "level", "topic", "title", "message"},
    }


def test_simulation_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rehearse(None, "2026-11-24", "2026-11-24")
    assert list(tmp_path.iterdir()) == []


def test_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="the end 2026-11-23 is before the start 2026-11-24"):
        rehearse(None, "2026-11-24", "2026-11-23")
