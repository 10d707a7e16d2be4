"""The operator's orders: they hold at once, and over restarts."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from orchestrator.control import RequestRefused
from orchestrator.events import Alerted, StateChanged
from orchestrator.states import OrchestratorState
from orchestrator.store import orders, requests

Rehearse = Callable[..., Any]

NEW_YORK = ZoneInfo("America/New_York")


def operator(daemon: Any) -> Any:
    return daemon.daemon.loop.operator


def test_halt_stops_trading_over_a_restart_until_it_is_lifted(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True).until("2026-11-24 10:00")
    operator(daemon).halt("strange prices", False, daemon.now)
    daemon.until("2026-11-24 10:01")
    assert daemon.daemon.get_state() is OrchestratorState.STOPPED
    assert daemon.of(StateChanged)[-1].cause == "halted: strange prices"
    daemon.restart()
    daemon.until("2026-11-25 10:00")
    assert daemon.engine()[-1] == "24 10:00 stop"
    assert operator(daemon).resume("strange prices", daemon.now) == "resumed"
    daemon.until("2026-11-25 10:01")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING
    assert daemon.alerts("critical") == ["Trading halted"]


def test_halt_is_lifted_only_by_somebody_who_knows_its_reason(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    operator(daemon).halt("strange prices", False, daemon.now)
    with pytest.raises(RequestRefused, match="it is halted for another reason: strange prices"):
        operator(daemon).resume("whatever", daemon.now)
    daemon.until("2026-11-24 10:05")
    assert daemon.daemon.get_state() is OrchestratorState.STOPPED


def test_second_halt_keeps_the_reason_of_the_first_and_one_that_sells_adds_its_own(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    operator(daemon).halt("strange prices", False, daemon.now)
    assert operator(daemon).halt("going to bed", False, daemon.now) == "it is halted already: strange prices"
    operator(daemon).halt("going to bed", True, daemon.now)
    assert operator(daemon).halted["reason"] == "strange prices; going to bed"
    assert operator(daemon).halted["flatten"]


def test_flatten_while_the_market_is_closed_sells_when_it_opens_and_does_nothing_else(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-23 09:30").until("2026-11-23 18:00")
    held = daemon.daemon.loop.account.positions
    said = operator(daemon).halt("strange prices", True, daemon.now)
    text = "strange prices; all positions are sold when the market opens, Tue 24 Nov 09:30 EST"
    assert said == f"halted: {text}"
    (alert,) = [e for e in daemon.of(Alerted) if e.title == "Trading halted"]
    assert alert.message == text
    daemon.until("2026-11-24 12:00")
    assert daemon.engine()[-3:] == ["24 09:30 start", "24 09:30 ready", "24 09:30 stop"]
    assert held
    assert daemon.daemon.loop.account.positions == []
    assert daemon.states()[-1] == "24 09:30 stopped"
    assert daemon.alerts("critical") == ["Trading halted"]


def test_engine_that_is_stopped_stays_down_for_the_session_and_no_longer(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True).until("2026-11-24 10:00")
    assert operator(daemon).stop_engine(daemon.now).startswith("the engine is stopped for Tue 24 Nov")
    daemon.until("2026-11-24 10:01")
    assert daemon.of(StateChanged)[-1].cause == "the operator has stopped the engine"
    daemon.restart()
    daemon.until("2026-11-25 10:00")
    assert daemon.engine()[-3:] == ["24 10:00 stop", "25 09:30 start", "25 09:30 ready"]


def test_engine_that_was_stopped_can_be_started_again(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    operator(daemon).stop_engine(daemon.now)
    daemon.until("2026-11-24 10:05")
    assert operator(daemon).start_engine(daemon.now) == "the engine is started"
    daemon.until("2026-11-24 10:06")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING


def test_engine_without_auto_start_runs_when_it_is_told_to(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", "schedule: {auto_start: false}").until("2026-11-24 10:00")
    assert daemon.engine() == []
    operator(daemon).start_engine(daemon.now)
    daemon.until("2026-11-25 12:00")
    assert daemon.engine() == ["24 10:00 start", "24 10:00 ready", "24 16:00 stop"]


def test_engine_that_was_given_up_is_tried_again_when_it_is_told_to(rehearse: Rehearse, strategies: Any) -> None:
    daemon = rehearse("2026-11-24 09:30", "strategy: {name: 'fragile:Fragile'}").until("2026-11-24 10:00")
    assert daemon.engine()[-1].endswith("fatal")
    (strategies / "fragile.flag").touch()
    operator(daemon).start_engine(daemon.now)
    daemon.until("2026-11-24 10:01")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING


def test_engine_is_not_started_while_the_market_is_closed(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-26 12:00").until("2026-11-26 12:01")
    with pytest.raises(ValueError, match=r"the market is closed: Thanksgiving.*; it opens Fri 27 Nov 09:30 EST"):
        operator(daemon).start_engine(daemon.now)


def test_engine_is_not_started_during_a_halt(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    operator(daemon).halt("strange prices", False, daemon.now)
    with pytest.raises(RequestRefused, match="halted: strange prices; lift that with: orchestrator resume"):
        operator(daemon).start_engine(daemon.now)


def test_restart_of_the_engine_costs_no_budget(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    assert operator(daemon).restart_engine(daemon.now) == "the engine is stopped and started again"
    daemon.until("2026-11-24 10:01")
    assert daemon.engine()[-3:] == ["24 10:00 stop", "24 10:00 start", "24 10:00 ready"]
    assert daemon.daemon.loop.supervisor.restarts == 0
    assert daemon.alerts("critical") == []


def test_orders_hold_while_the_store_is_locked(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True).until("2026-11-24 10:00")
    with daemon.daemon.loop.store.engine.begin():  # somebody else's transaction
        operator(daemon).halt("strange prices", False, daemon.now)
    daemon.until("2026-11-24 10:01")
    daemon.restart()
    daemon.until("2026-11-24 11:00")
    assert operator(daemon).halted["reason"] == "strange prices"
    assert datetime.fromisoformat(operator(daemon).halted["at"]).hour == 10


def test_engine_that_was_stopped_and_is_restarted_in_the_same_moment_runs(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    operator(daemon).stop_engine(daemon.now)
    operator(daemon).restart_engine(daemon.now)
    daemon.until("2026-11-24 10:30")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING


def test_flatten_sells_all_and_is_settled(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True).until("2026-11-24 10:00")
    assert daemon.daemon.loop.account.positions
    operator(daemon).halt("strange prices", True, daemon.now)
    daemon.until("2026-11-24 10:05")
    assert daemon.daemon.loop.account.positions == []
    assert operator(daemon).halted["sold"]
    daemon.restart()
    daemon.until("2026-11-24 11:00")
    assert daemon.alerts("critical") == ["Trading halted"]


def test_flatten_that_the_daemon_did_not_survive_is_told_of_and_finished(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True).until("2026-11-24 10:00")
    operator(daemon).halt("strange prices", True, daemon.now)
    daemon.restart()
    daemon.until("2026-11-24 10:30")
    assert daemon.alerts("critical") == ["Trading halted", "Positions may still be held"]
    assert daemon.daemon.loop.account.positions == []
    assert operator(daemon).halted["sold"]
    assert daemon.alerts()[-1] == "Positions sold"


def test_engine_that_fails_as_it_sells_is_told_of_and_started_again_to_sell(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    engine = daemon.daemon.loop.supervisor.link._host._engine
    engine.halt = lambda flatten: 1 / 0
    operator(daemon).halt("strange prices", True, daemon.now)
    daemon.until("2026-11-24 10:30")
    assert daemon.engine()[-4:] == ["24 10:00 crash", "24 10:00 restart", "24 10:00 ready", "24 10:00 stop"]
    assert daemon.daemon.loop.account.positions == []
    assert daemon.alerts("critical") == ["Trading halted", "Positions may still be held"]


def test_what_could_not_be_sold_before_the_close_is_sold_in_the_next_session(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 15:59:30")
    engine = daemon.daemon.loop.supervisor.link._host._engine
    engine.halt = lambda flatten: daemon.now.astimezone(NEW_YORK).hour >= 16
    operator(daemon).halt("strange prices", True, daemon.now)
    daemon.until("2026-11-25 10:00")
    assert daemon.alerts("critical") == ["Trading halted", "Positions may still be held"]
    assert daemon.daemon.loop.account.positions == []
    assert daemon.engine()[-3:] == ["25 09:30 start", "25 09:30 ready", "25 09:30 stop"]


def test_resume_before_the_market_opens_ends_the_order_to_sell(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-23 09:30").until("2026-11-23 18:00")
    operator(daemon).halt("strange prices", True, daemon.now)
    operator(daemon).resume("strange prices", daemon.now)
    daemon.until("2026-11-24 12:00")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING
    assert daemon.daemon.loop.account.positions


@pytest.mark.parametrize("point", range(1, 7))
def test_halt_that_was_answered_holds_over_a_kill(rehearse: Rehearse, point: int) -> None:
    daemon = rehearse("2026-11-24 09:58", disk=True)
    daemon.machine.shared, daemon.machine.unfailing = True, False
    daemon.until("2026-11-24 10:00")
    asked = {"at": daemon.now, "kind": "halt", "args": {"reason": "strange prices"}}
    with daemon.daemon.loop.store.engine.begin() as connection:
        connection.execute(insert(requests).values(asked))
    daemon.daemon.loop.requests.look_now()
    with daemon.fuse({point}):
        daemon.turn()
    assert daemon.was_killed
    daemon.until("2026-11-24 10:01")
    (request,) = daemon.rows(select(requests))
    if request["answered_at"] is not None:
        assert operator(daemon).halted["reason"] == "strange prices"


def test_what_a_halt_is_to_sell_is_sold_though_the_engine_was_stopped_before(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30").until("2026-11-24 10:00")
    operator(daemon).stop_engine(daemon.now)
    daemon.until("2026-11-24 10:05")
    said = operator(daemon).halt("strange prices", True, daemon.now)
    assert said == "halted: strange prices; an engine is started to sell all positions"
    daemon.until("2026-11-24 10:10")
    assert daemon.daemon.loop.account.positions == []
    said = operator(daemon).resume("strange prices", daemon.now)
    assert said == "resumed; the engine stays stopped until: orchestrator engine start"
    daemon.until("2026-11-24 10:15")
    assert daemon.engine()[-1] == "24 10:05 stop"


def rest(daemon: Any) -> None:
    """Have an order rest at the broker, of which the engine of now does not know."""
    with daemon.daemon.loop.store.engine.begin() as connection:
        known = select(orders).where(orders.c.symbol == "MSFT")
        row = dict(connection.execute(known).mappings().one())
        row |= {"order_ref": "20261124-forgotten", "order_id": 99, "status": "Submitted"}
        connection.execute(insert(orders).values(row))


def test_order_that_a_halt_leaves_at_the_broker_is_told_of_by_each_daemon(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True).until("2026-11-24 10:00")
    rest(daemon)
    operator(daemon).halt("strange prices", False, daemon.now)
    daemon.until("2026-11-24 10:05")
    daemon.restart()
    daemon.until("2026-11-24 10:10")
    title = "Orders may still rest"
    assert daemon.alerts("critical") == ["Trading halted", title, title]
    assert all("20261124-forgotten" in each.message for each in daemon.of(Alerted) if each.title == title)
    daemon.restart()
    daemon.until("2026-11-25 10:00")  # orders are good for a day
    daemon.restart()
    daemon.until("2026-11-25 10:05")
    assert daemon.alerts("critical").count(title) == 3


def test_halt_without_an_engine_tells_of_orders_that_rest(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True).until("2026-11-24 10:00")
    operator(daemon).stop_engine(daemon.now)
    daemon.until("2026-11-24 10:05")
    rest(daemon)
    operator(daemon).halt("strange prices", False, daemon.now)
    assert daemon.alerts("critical") == ["Trading halted", "Orders may still rest"]


def test_halt_is_heard_after_the_clock_was_set_back_behind_the_start(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 09:30", disk=True)
    daemon.machine.shared, daemon.machine.unfailing = True, False
    daemon.until("2026-11-24 10:00")
    daemon.machine.clock.step_wall_clock(timedelta(hours=-2))
    daemon.turn()
    daemon.machine.clock.advance(timedelta(seconds=1))
    with daemon.daemon.loop.store.engine.begin() as connection:
        asked = {"at": daemon.now, "kind": "halt", "args": {"reason": "strange prices"}}
        connection.execute(insert(requests).values(asked))
    daemon.daemon.loop.requests.look_now()
    daemon.turn()
    assert operator(daemon).halted["reason"] == "strange prices"
