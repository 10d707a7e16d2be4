"""What a rehearsal looks like to a reader."""

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from calendars import MarketCalendar
from notifiers import AlertLevel
from orchestrator.events import Alerted, EngineMoved, InvariantBroken, OrderFilled, OrderUpdated, StateChanged, Traded
from orchestrator.rehearsal.invariants import OrdersOnce, Trail
from orchestrator.rehearsal.rehearsal import Rehearsal
from orchestrator.rehearsal.summary import Summary, summary_lines, why_no_session
from orchestrator.rehearsal.timeline import Timeline, as_document
from orchestrator.states import OrchestratorState

NYSE = MarketCalendar("NYSE")
NEW_YORK = ZoneInfo("America/New_York")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def lines(calendar: MarketCalendar, *events: object, full: bool = False) -> list[str]:
    timeline = Timeline(calendar, full=full)
    return [line for event in events for line in timeline.lines(event)]


def moved(when: str, action: str = "start") -> EngineMoved:
    return EngineMoved(at(when), action, "run")


def test_each_session_has_a_heading_and_its_lines_do_not_repeat_it() -> None:
    opened = StateChanged(
        at("2026-11-27 04:00"),
        OrchestratorState.STOPPED,
        OrchestratorState.PRE_MARKET,
        "market pre_market: Day after Thanksgiving: closes 13:00",
    )
    assert lines(NYSE, moved("2026-11-25 09:30"), opened) == [
        "Wed 25 Nov 2026  NYSE: regular session 09:30-16:00",
        "  09:30:00  engine   start",
        "",
        "Thu 26 Nov 2026  NYSE: Thanksgiving Day: closed",
        "",
        "Fri 27 Nov 2026  NYSE: Day after Thanksgiving: closes 13:00",
        "  04:00:00  state    stopped -> pre_market: market pre_market",
    ]


def test_a_session_that_begins_on_the_day_before_says_so() -> None:
    always = MarketCalendar("ALWAYS", timezone="America/New_York")
    assert lines(always, moved("2026-11-24 19:00"), moved("2026-11-25 09:30", "stop")) == [
        "Wed 25 Nov 2026  ALWAYS: regular session 00:00-24:00 UTC, which is Tue 19:00 to Wed 19:00 EST",
        "  Tue 19:00:00  engine   start",
        "  Wed 09:30:00  engine   stop",
    ]


def test_long_good_news_is_cut_to_its_title_unless_all_is_asked_for() -> None:
    report = Alerted(at("2026-11-25 16:15"), AlertLevel.INFO, "heartbeat", "Wed 25 Nov: +5.00", "Equity 5\nNo trades")
    assert lines(NYSE, report)[1:] == ["  16:15:00  alert    info: Wed 25 Nov: +5.00"]
    assert lines(NYSE, report, full=True)[1].splitlines() == [
        "  16:15:00  alert    info: Wed 25 Nov: +5.00",
        "                     Equity 5",
        "                     No trades",
    ]
    trouble = Alerted(at("2026-11-25 16:15"), AlertLevel.WARNING, "config", "Config rejected", "one\ntwo")
    assert len(lines(NYSE, trouble)[1].splitlines()) == 3


def order(status: str, when: str) -> Traded:
    return Traded(at(when), OrderUpdated("ref", "AAPL", "BUY", 10, status, at(when).isoformat()))


def test_a_broken_rule_is_shown_with_what_led_to_it() -> None:
    trail, rule = Trail(), OrdersOnce()
    fill = Traded(at("2026-11-25 09:36"), OrderFilled("ref", "ref-1", "AAPL", "BUY", 10, 20.0, 0.2, ""))
    other = Traded(at("2026-11-25 09:36"), OrderUpdated("other", "MSFT", "BUY", 1, "Submitted", ""))
    events = [moved("2026-11-25 09:30"), order("Submitted", "2026-11-25 09:35"), fill, other]
    again = order("Submitted", "2026-11-25 09:40")
    for event in (*events, again):
        trail.note(event)
    complaints = [rule.hearing()[Traded](event) for event in (events[1], again)]
    broken = InvariantBroken(again.at, rule.name, complaints[1], trail.of([("order", "ref")]))
    assert lines(NYSE, broken)[1:] == [
        "  09:40:00  BROKEN   orders_once: ref was sent at 2026-11-25T09:35:00-05:00, "
        "and again at 2026-11-25T09:40:00-05:00",
        "            25 Nov 09:30:00  engine   start",
        "            25 Nov 09:35:00  order    BUY 10 AAPL Submitted",
        "            25 Nov 09:36:00  fill     BUY 10 AAPL at 20.00, commission 0.20",
        "            25 Nov 09:40:00  order    BUY 10 AAPL Submitted",
    ]
    document = as_document(broken, NYSE)
    assert document is not None
    assert set(document) == {"at", "kind", "name", "detail", "trail"}
    assert [each["kind"] for each in document["trail"]] == ["engine", "order", "fill", "order"]


@pytest.mark.parametrize(
    ("start", "end", "why"),
    [
        ("2026-11-28", "2026-11-28", "Sat 28 Nov 2026: weekend"),
        ("2026-11-26", "2026-11-26", "Thu 26 Nov 2026: Thanksgiving Day"),
        ("2026-11-28", "2026-11-29", "Sat 28 Nov 2026: weekend; Sun 29 Nov 2026: weekend"),
        ("2026-11-27", "2026-11-29", ""),
    ],
)
def test_a_range_without_a_session_says_why(start: str, end: str, why: str) -> None:
    assert why_no_session(NYSE, date.fromisoformat(start), date.fromisoformat(end)) == why


def test_a_summary_counts_in_plain_words() -> None:
    day = date(2026, 11, 27)
    summary = Summary(day, day, sessions=1, starting_equity=1000.0, equity=1010.0, worst_drawdown=0.012)
    summary.fires.update({"heartbeat": 1200, "rebalance": 1})
    summary.missed, summary.engine_starts, summary.restarts = 1, 3, 2
    summary.orders, summary.fills, summary.commission = 1, 2, 0.5
    summary.alerts.update({"warning": 1, "critical": 2})
    summary.faults.update({"engine_hang": 2})
    summary.invariants = ["orders_once", "halt_holds"]
    assert summary_lines(summary) == [
        "1 session, Fri 27 Nov 2026",
        "  jobs        1,201 fires: heartbeat 1,200, rebalance 1",
        "  missed      1 fire",
        "  engine      3 starts, 2 of them after a failure",
        "  alerts      2 critical, 1 warning",
        "  orders      1 order, 2 fills, commission 0.50",
        "  account     equity 1,010.00, profit +10.00 (+1.00%), worst drawdown 1.20%",
        "  faults      engine_hang 2",
        "  invariants  2 checked, all held",
    ]
    summary.broken["halt_holds"] += 1
    assert summary_lines(summary)[-1] == "  invariants  BROKEN: halt_holds 1; 2 checked"


def test_a_rule_that_breaks_in_a_running_daemon_is_told_of_and_counted(tmp_path: Path) -> None:
    """An operator's hand in the store: an alert's row is gone before anybody looks."""
    config = tmp_path / "config.yaml"
    config.write_text("broker: {broker_type: paper}\nschedule: {jobs: {health_check: off, config_reload: off}}\n")
    told: list[InvariantBroken] = []

    def listen(event: object) -> None:
        if isinstance(event, InvariantBroken):
            told.append(event)
        elif isinstance(event, Alerted) and event.title == "Trading":
            loop = rehearsal.simulation.orchestrator.loop  # type: ignore[union-attr]
            loop.history.flush(force=True)
            with loop.store.engine.begin() as connection:
                connection.exec_driver_sql("DELETE FROM deliveries")
                connection.exec_driver_sql("DELETE FROM alerts")

    rehearsal = Rehearsal(config, date(2026, 11, 27), date(2026, 11, 27), 0, listen)
    summary = rehearsal.run()
    assert [(each.name, each.detail) for each in told] == [
        ("alerts_arrive", "alert 'Trading' of 2026-11-27T14:30:00+00:00 is not in the store")
    ]
    assert summary.broken == {"alerts_arrive": 1}
