"""A campaign of kills on the virtual clock: the whole daemon, its engine and its scheduler, over days.

A longer one: ``REHEARSED_KILLS=150 CAMPAIGN_SEED=7 pytest -s tests/orchestrator/rehearsal/test_rehearsed_campaign.py``
"""

import os
import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from orchestrator.engine.paper import PaperBroker
from orchestrator.states import OrchestratorState
from orchestrator.store import alerts, fills, orders, untold

NEW_YORK = ZoneInfo("America/New_York")
KILLS = int(os.environ.get("REHEARSED_KILLS", "25"))
SEED = int(os.environ.get("CAMPAIGN_SEED", "1"))
STARTING_CASH = 100_000

CHURN = """
from orchestrator.engine import Strategy

class Churn(Strategy):
    \"\"\"Buys at one decision what it sells at the next.\"\"\"

    def target_weights(self, timestamp, data):
        return {"AAPL": 0.1, "MSFT": 0.0} if timestamp.minute % 10 else {"AAPL": 0.0, "MSFT": 0.1}
"""

CONFIG = """
strategy: {name: "churn:Churn", symbols: [AAPL, MSFT], rebalance_frequency: intraday}
schedule:
  jobs:
    rebalance: {session: "open + 5m", until: "close - 5m", every: 5m}
    health_check: false
    config_reload: false
engine: {max_restart_attempts: 1000, backoff_initial: 0.5, backoff_max: 1}
risk: {max_orders_per_minute: 1000, enable_circuit_breaker: false, max_portfolio_drawdown: 1.0, position_stop_loss: 1.0}
"""


@pytest.fixture
def desk(rehearse: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A daemon whose every turn is on the disk; `sent` is what has reached the broker, and `twice` what has again."""
    (tmp_path / "churn.py").write_text(CHURN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "churn", raising=False)
    desk = rehearse("2026-11-23 09:30", CONFIG, disk=True)
    desk.machine.shared, desk.machine.unfailing, desk.zone = True, False, NEW_YORK
    desk.sent, desk.twice = set(), []
    submit = PaperBroker.submit

    def submitted(broker: PaperBroker, record: Any, now: datetime) -> None:
        [row] = desk.daemon.loop.store.rows(select(orders).where(orders.c.order_ref == record.order_ref))
        if row["status"] != "Pending":  # it keeps its orders in the store, and has this one already
            desk.twice.append(record.order_ref)
        submit(broker, record, now)
        desk.sent.add(record.order_ref)

    monkeypatch.setattr(PaperBroker, "submit", submitted)
    return desk


def test_kills_at_random_turns_and_commits_change_nothing_but_the_time(desk: Any) -> None:
    rng, victims = random.Random(SEED), Counter()
    desk.until("2026-11-23 09:34")
    while sum(victims.values()) < KILLS:
        move_on(desk, sleep=sum(victims.values()) % 6 == 5)
        victims[kill_somebody(desk, rng)] += 1
        wait_until_it_trades(desk)
    check_orders(desk)
    check_account(desk)
    check_alerts(desk)
    figures = ", ".join(f"{number} x {victim}" for victim, number in sorted(victims.items()))
    count = len(desk.rows(select(fills)))
    print(f"\n{figures}; {len(desk.sent)} orders, {count} fills until {desk.now.astimezone(NEW_YORK):%a %d %b %H:%M}")
    assert len(victims) == 4


def move_on(desk: Any, *, sleep: bool) -> None:
    """To shortly before the next decision; to sleep is to have no daemon before the next morning."""
    at = desk.now + timedelta(minutes=5)
    at -= timedelta(minutes=at.minute % 5, seconds=at.second + 1, microseconds=at.microsecond)
    calendar = desk.daemon.loop.calendar
    if sleep or not calendar.is_market_open(at + timedelta(minutes=20)):
        opens = calendar.get_next_market_open(at)
        desk.restart()
        desk.machine.clock.advance(opens - desk.now)
        at = opens + timedelta(minutes=4, seconds=59)
    run(desk, at)


def run(desk: Any, end: datetime) -> None:
    desk.until(f"{end.astimezone(desk.zone):%Y-%m-%dT%H:%M:%S.%f}")


def kill_somebody(desk: Any, rng: random.Random) -> str:
    """Within the decision: the daemon between two turns or at a commit, the engine by itself, or both."""
    victim = rng.choice(["daemon", "engine", "commit", "commit", "both"])
    if victim == "commit":
        with desk.fuse({rng.randint(1, 20)}):
            run(desk, desk.now + timedelta(seconds=3))
        if desk.was_killed:
            return victim
        victim = "daemon"
    for _ in range(rng.randint(0, 12)):
        wake = desk.turn()
        desk.machine.clock.wait(desk.daemon.loop.inbox, min(wake, desk.now + timedelta(seconds=1)))
    if victim in {"engine", "both"} and desk.daemon.loop.supervisor.link is not None:
        desk.daemon.loop.supervisor.link.kill()
    if victim in {"daemon", "both"}:
        desk.kill()
    return victim


def wait_until_it_trades(desk: Any) -> None:
    """Again, before anything else is done to it."""
    run(desk, desk.now + timedelta(seconds=3))
    assert desk.daemon.get_state() is OrchestratorState.TRADING


def check_orders(desk: Any) -> None:
    """None was sent twice; each has the fills that it says it has, and none that it did not ask for."""
    assert desk.twice == []
    filled = Counter()
    for row in desk.rows(select(fills)):
        filled[row["order_ref"]] += row["quantity"]
    known = {row["order_ref"]: row for row in desk.rows(select(orders))}
    assert set(filled) <= desk.sent <= set(known)
    assert {ref: row["filled_quantity"] for ref, row in known.items() if row["filled_quantity"]} == dict(filled)
    assert all(filled[ref] <= known[ref]["total_quantity"] for ref in filled)
    assert len(filled) > KILLS / 2


def check_account(desk: Any) -> None:
    cash, held = STARTING_CASH, Counter()
    for row in desk.rows(select(fills)):
        signed = row["quantity"] if row["action"] == "BUY" else -row["quantity"]
        cash -= signed * row["price"] + row["commission"]
        held[row["symbol"]] += signed
    account = desk.daemon.loop.account
    assert account.cash == pytest.approx(cash, abs=0.01)
    assert {each["symbol"]: each["quantity"] for each in account.positions} == {s: q for s, q in held.items() if q}


def check_alerts(desk: Any) -> None:
    """Each order that was filled was told once, and nothing is left to be told."""
    filled = [row["order_ref"] for row in desk.rows(select(orders).where(orders.c.status == "Filled"))]
    titles = [row["title"] for row in desk.rows(select(alerts))]
    assert len([title for title in titles if title.startswith("Order filled")]) == len(filled)
    assert desk.rows(select(untold)) == []
