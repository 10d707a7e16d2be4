"""The examples of the documentation do what it says of them."""

import shutil
from datetime import date

import pytest

from orchestrator.engine import OrderStatus
from orchestrator.engine.records import Action
from orchestrator.events import OrderFilled, OrderUpdated, Traded
from orchestrator.rehearsal.simulation import Simulation

DAYS = date(2012, 11, 21), date(2012, 11, 23)
"""A session, Thanksgiving, and a half day, of which there are prices."""

HISTORY = """
strategy:
  name: {name}
  symbols: [AAPL, MSFT]
  position_size_pct: 0.2
  rebalance_frequency: intraday
risk: {{max_position_size: 0.25, min_cash_buffer: 0.1, enable_volatility_targeting: false}}
broker: {{broker_type: paper}}
data: {{primary_source: csv, path: {prices}, update_interval: 60s}}
schedule:
  jobs:
    rebalance: {{session: "open + 5m", until: "close - 10m", every: 5m}}
    health_check: off
    config_reload: off
"""


@pytest.fixture
def simulate(docs, tmp_path, monkeypatch):
    """Runs the days with a strategy of the examples; returns the summary and what the engine told."""
    monkeypatch.syspath_prepend(docs / "examples")

    def run(name):
        config, heard = tmp_path / "desk.yaml", []
        config.write_text(HISTORY.format(name=name, prices=docs.parent / "config" / "prices"), encoding="utf-8")
        summary = Simulation(config, *DAYS, 0, heard.append).run()
        return summary, [event.event for event in heard if isinstance(event, Traded)]

    return run


def test_flat_overnight_is_flat_each_night_and_trades_each_day(simulate):
    summary, told = simulate("flat_overnight:FlatOvernight")
    fills = [event for event in told if isinstance(event, OrderFilled)]
    held = {}
    for fill in fills:
        held.setdefault(fill.at[:10], {}).setdefault(fill.symbol, 0)
        held[fill.at[:10]][fill.symbol] += fill.quantity if fill.action == Action.BUY else -fill.quantity
    assert sorted(held) == ["2012-11-21", "2012-11-23"]
    assert {shares for day in held.values() for shares in day.values()} == {0}
    assert max(fill.at for fill in fills if fill.at.startswith("2012-11-23")) < "2012-11-23T13:00"
    assert summary.equity == summary.cash


def test_dips_buys_by_limit_and_protects_by_stop(simulate):
    _, told = simulate("dips:Dips")
    statuses = {event.status for event in told if isinstance(event, OrderUpdated)}
    assert OrderStatus.FILLED in statuses
    assert OrderStatus.CANCELLED in statuses  # a stop that was not reached ends with its session


def test_counting_engine_is_hosted_counts_and_is_told_of(docs, desk):
    shutil.copy(docs / "examples" / "counting.py", desk.folder)
    desk.configure(
        engine={"target": "counting:CountingEngine"}, notifications={"alert_levels": ["info", "warning", "critical"]}
    )
    desk.start_trading()
    desk.wait_for(lambda: (desk.status()["engine"]["progress"] or {}).get("decisions"), "it was asked to rebalance")
    desk.wait_for(lambda: any("filled" in alert["title"].lower() for alert in desk.alerts("info")), "it is told of")
    assert desk.run("halt", "--reason", "enough").returncode == 0
    desk.wait_for_status(state="stopped")
