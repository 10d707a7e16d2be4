"""A campaign of kills: daemon and engine are ended with SIGKILL at any moment while orders flow.

A longer one: ``CAMPAIGN_KILLS=25 CAMPAIGN_SEED=7 pytest -s tests/orchestrator/test_campaign.py``
"""

import os
import random
import signal
import time
from collections import Counter

import pytest

KILLS = int(os.environ.get("CAMPAIGN_KILLS", "6"))
SEED = int(os.environ.get("CAMPAIGN_SEED", "1"))
STARTING_CASH = 100_000

CHURN = """
from orchestrator.engine import Strategy

class Churn(Strategy):
    \"\"\"Buys at one decision what it sells at the next.\"\"\"

    def target_weights(self, timestamp, data):
        return {"AAPL": 0.1, "MSFT": 0.0} if timestamp.second % 2 else {"AAPL": 0.0, "MSFT": 0.1}
"""


@pytest.fixture
def churning(desk):
    """A desk that trades twice a second or so."""
    desk.write("churn.py", CHURN)
    desk.configure(
        strategy={"name": "churn:Churn", "rebalance_frequency": "intraday"},
        engine={"max_restart_attempts": 1000, "backoff_max": 0.2},
        risk={"max_orders_per_minute": 1000},
    )
    return desk


def test_kills_at_any_moment_neither_double_nor_lose_an_order(churning):
    desk, rng, victims, seconds = churning, random.Random(SEED), Counter(), []
    daemon = desk.start_trading()
    for _ in range(KILLS):
        fills = len(desk.rows("SELECT fill_id FROM fills"))
        desk.wait_for(lambda before=fills: len(desk.rows("SELECT fill_id FROM fills")) > before, "it trades")
        _linger(rng, desk)
        victim, position, began = rng.choice(["daemon", "engine", "both"]), len(daemon.log), time.monotonic()
        _kill(desk, daemon, victim)
        if victim != "engine":
            daemon, position = desk.start(), 0
        daemon.wait_for("-> trading", position)
        seconds.append(time.monotonic() - began)
        victims[victim] += 1
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_for_end() == 0
    assert_every_intent_has_one_fate(desk)
    assert_account_is_the_sum_of_its_fills(desk)
    assert_every_filled_order_was_told_once(desk)
    assert not desk.family()
    figures = ", ".join(f"{count} x {victim}" for victim, count in sorted(victims.items()))
    fills = len(desk.rows("SELECT fill_id FROM fills"))
    print(f"\n{figures}; {fills} fills; trading again after {min(seconds):.2f} to {max(seconds):.2f} s")


def _linger(rng, desk):
    """Up to half a second, anywhere between two decisions."""
    deadline = time.monotonic() + rng.uniform(0, 0.5)
    desk.wait_for(lambda: time.monotonic() >= deadline, "a moment passes")


def _kill(desk, daemon, victim):
    engine = desk.status()["engine"]["pid"]
    if victim in {"engine", "both"} and engine is not None:
        os.kill(engine, signal.SIGKILL)
    if victim in {"daemon", "both"}:
        daemon.kill()
        desk.wait_for(lambda: not desk.family(), "nothing it started outlives it")


def assert_every_intent_has_one_fate(desk):
    orders = desk.rows("SELECT order_ref, session, decision, symbol, total_quantity, status FROM orders")
    twice = Counter((each["session"], each["decision"], each["symbol"]) for each in orders)
    assert twice.most_common(1)[0][1] == 1
    filled = Counter()
    for fill in desk.rows("SELECT order_ref, quantity FROM fills"):
        filled[fill["order_ref"]] += fill["quantity"]
    for order in orders:
        expected = order["total_quantity"] if order["status"] == "Filled" else 0
        assert filled[order["order_ref"]] == pytest.approx(expected), order


def assert_every_filled_order_was_told_once(desk):
    filled = desk.rows("SELECT order_ref FROM orders WHERE status = 'Filled'")
    assert len([alert for alert in desk.alerts() if alert["title"].startswith("Order filled")]) == len(filled)
    assert desk.rows("SELECT * FROM untold") == []


def assert_account_is_the_sum_of_its_fills(desk):
    cash, held = STARTING_CASH, Counter()
    for fill in desk.rows("SELECT * FROM fills"):
        sign = {"BUY": 1, "SELL": -1}[fill["action"]]
        cash -= sign * fill["quantity"] * fill["price"] + fill["commission"]
        held[fill["symbol"]] += sign * fill["quantity"]
    account = desk.status()["account"]
    assert account["cash"] == pytest.approx(cash, abs=0.01)
    shown = {each["symbol"]: each["quantity"] for each in account["positions"]}
    assert shown == pytest.approx({symbol: quantity for symbol, quantity in held.items() if abs(quantity) > 1e-9})
