"""Each rule, as it holds and as it is broken: what a right daemon tells, and what a wrong one would tell."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calendars import MarketCalendar, MarketState
from jobs import JobRun, RunResult, job_specs
from notifiers import AlertLevel
from orchestrator.config import EngineConfig
from orchestrator.engine.records import Action, Fill, Split
from orchestrator.events import (
    Alerted,
    DaemonMoved,
    EngineMoved,
    EquityMarked,
    JobRan,
    OrderFilled,
    OrderUpdated,
    StateChanged,
    Traded,
)
from orchestrator.rehearsal.invariants import (
    AccountIsFills,
    AlertsArrive,
    EngineInHours,
    FiresByRule,
    HaltHolds,
    OrdersOnce,
    StateIsDerived,
    TradesAgain,
    Turn,
)
from orchestrator.rehearsal.invariants.alerts import Post
from orchestrator.rehearsal.invariants.money import Ledger
from orchestrator.rehearsal.invariants.rule import Rule
from orchestrator.states import EngineState, OrchestratorState, Policy
from orchestrator.store import Store, alerts, deliveries

NEW_YORK = ZoneInfo("America/New_York")
CALENDAR = MarketCalendar("NYSE")
CONFIG = EngineConfig()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


TEN = at("2026-11-25 10:00")


def hear(rule: Rule, *events: Any) -> list[str]:
    """All complaints."""
    return [complaint for event in events if (complaint := rule.hearing()[type(event)](event))]


# --- orders and money ---


def order(
    ref: str = "r", status: str = "Submitted", quantity: float = 10, action: str = "BUY", when: datetime = TEN
) -> Traded:
    return Traded(when, OrderUpdated(ref, "AAPL", action, quantity, status, when.isoformat()))


def fill(ref: str = "r", number: int = 1, quantity: float = 10, price: float = 20.0, action: str = "BUY") -> Traded:
    event = OrderFilled(ref, f"{ref}-{number}", "AAPL", action, quantity, price, 1.0, TEN.isoformat())
    return Traded(TEN, event)


def mark(cash: float, shares: float) -> Traded:
    held = [{"symbol": "AAPL", "quantity": shares, "avg_price": 20.0, "price": 21.0}] if shares else []
    return Traded(TEN, EquityMarked(TEN.isoformat(), cash + 21 * shares, cash, 0.0, held))


def test_an_order_that_is_sent_once_and_filled_in_parts_is_right() -> None:
    events = [order(), fill(number=1, quantity=4), order(status="PartiallyFilled"), fill(number=2, quantity=6)]
    assert hear(OrdersOnce(), *events, order(status="Filled"), order("other")) == []


def test_an_order_that_is_sent_twice_is_told_of() -> None:
    assert hear(OrdersOnce(), order(), order(when=TEN + timedelta(minutes=1))) == [
        "r was sent at 2026-11-25T10:00:00-05:00, and again at 2026-11-25T10:01:00-05:00"
    ]


def test_more_fills_than_were_ordered_are_told_of() -> None:
    found = hear(OrdersOnce(), order(), fill(number=1), fill(number=2))
    assert found == ["20 of r were filled, and 10 were ordered"]


def test_a_fill_that_is_told_again_after_a_kill_is_right_and_one_with_other_figures_is_not() -> None:
    rule = OrdersOnce()
    assert hear(rule, order(), fill(), fill()) == []
    assert hear(rule, fill(price=21.0)) == ["fill r-1 was told with other figures before"]


def stored(number: int = 1, quantity: float = 10, price: float = 20.0) -> Fill:
    """As the store has what :func:`fill` tells."""
    return Fill(f"r-{number}", "r", "AAPL", Action.BUY, quantity, price, 1.0, TEN)


def account_rule(*fills: Fill, splits: Iterable[Split] = (), untold: Iterable[str] = ()) -> AccountIsFills:
    return AccountIsFills(lambda: Ledger(1000.0, fills, list(splits), list(untold)))


def test_an_account_that_is_what_the_fills_add_up_to_is_right() -> None:
    rule = account_rule()
    assert hear(rule, mark(1000.0, 0)) == []
    assert hear(rule, fill(quantity=10), mark(799.0, 10), fill("s", action="SELL", price=30.0), mark(1098.0, 0)) == []


def test_an_account_that_is_not_what_the_fills_add_up_to_is_told_of() -> None:
    assert hear(account_rule(stored()), fill(), mark(800.0, 10)) == [
        "the engine tells of cash 800.00 and 10 AAPL, and the fills come to cash 799.00 and 10 AAPL"
    ]


def test_an_account_without_a_fill_that_was_told_is_told_of() -> None:
    found = hear(account_rule(stored(1), stored(2)), fill(number=1), fill(number=2), mark(799.0, 10))
    assert found == ["the engine tells of cash 799.00 and 10 AAPL, and the fills come to cash 598.00 and 20 AAPL"]


def test_what_the_store_has_and_was_not_told_yet_may_be_counted_or_not() -> None:
    for cash, shares in ((1000.0, 0), (799.0, 10), (598.0, 20)):
        assert hear(account_rule(stored(1), stored(2)), mark(cash, shares)) == []


def test_shares_that_were_split_are_right() -> None:
    rule = account_rule(stored(), splits=[Split("AAPL", TEN + timedelta(days=1), 4.0, 5.0)])
    assert hear(rule, fill(), mark(799.0, 40), fill(), mark(799.0, 40)) == []


def test_a_fill_that_was_never_told_is_told_of_unless_the_next_engine_will_tell_it() -> None:
    late = turn(at("2026-11-25 12:00"))
    assert account_rule(stored()).end(late) == ["fill r-1 is in the store, and was never told"]
    assert account_rule(stored(), untold=["r-1"]).end(late) == []
    rule = account_rule()
    hear(rule, fill())
    assert rule.end(late) == ["fill r-1 was told, and is not in the store"]


def test_a_fill_that_was_never_told_is_told_of_at_whatever_time_it_was() -> None:
    """Its time is in the future when the clock was set back since."""
    assert account_rule(stored()).end(turn(TEN - timedelta(hours=1))) == [
        "fill r-1 is in the store, and was never told"
    ]


def test_a_fill_that_a_kill_came_before_is_told_before_the_next_engine_is_ready() -> None:
    kill, ready = DaemonMoved(TEN, "kill", ""), EngineMoved(TEN, "ready", "run")
    assert hear(account_rule(stored(), untold=["r-1"]), kill, fill(), ready, kill, ready) == []
    assert hear(account_rule(stored(), untold=["r-1"]), kill, ready, ready) == [
        "the engine has not told fill r-1, which a kill came before"
    ]


# --- state and engine ---


def turn(when: datetime = TEN, **facts: Any) -> Turn:
    market = CALENDAR.get_market_state(when)
    known = {
        "market": market,
        "engine": EngineState.RUNNING,
        "policy": Policy(),
        "failing": False,
        "refused": "",
        "state": OrchestratorState.TRADING,
        "halted_at": "",
    }
    return Turn(when, (when - TEN).total_seconds(), f"{when:%Y-%m-%d}", **{**known, **facts})


def test_the_state_that_follows_is_right_and_any_other_is_not() -> None:
    rule = StateIsDerived()
    assert rule.turn(turn()) == ""
    assert rule.turn(turn(engine=EngineState.BACKOFF, state=OrchestratorState.ERROR, failing=True)) == ""
    assert rule.turn(turn(state=OrchestratorState.PRE_MARKET)) == (
        "the state is pre_market, and with market trading and engine running it ought to be trading"
    )


def test_an_engine_that_stops_after_the_close_is_right() -> None:
    rule, close = EngineInHours(lambda: CONFIG), at("2026-11-25 16:00")
    moves = (
        (0, EngineState.RUNNING),
        (20, EngineState.STOPPING),
        (30, EngineState.STOPPED),
        (3600, EngineState.STOPPED),
    )
    assert [rule.turn(turn(close + timedelta(seconds=s), engine=engine)) for s, engine in moves] == [""] * 4


def test_an_engine_that_lives_on_after_the_close_is_told_of() -> None:
    rule, close = EngineInHours(lambda: CONFIG), at("2026-11-25 16:00")
    assert rule.turn(turn(close)) == ""
    assert rule.turn(turn(close + timedelta(seconds=300))) == (
        "the engine is running 300 s after it was wanted no more (market post_market)"
    )


def test_a_halt_holds_until_an_order_to_buy_is_sent() -> None:
    rule = HaltHolds()
    halted = (TEN - timedelta(seconds=5)).isoformat()
    rule.turn(turn(halted_at=halted))
    earlier, later = TEN - timedelta(seconds=5), TEN
    assert hear(rule, order(when=earlier), order(action="SELL", when=later), order(status="Filled", when=later)) == []
    assert hear(rule, order(when=later)) == [
        "r was sent at 2026-11-25T10:00:00-05:00, and trading was halted at 2026-11-25T09:59:55-05:00"
    ]
    rule.turn(turn())
    assert hear(rule, order("s", when=later)) == []


def wait(rule: TradesAgain, minutes: Iterable[float], **facts: Any) -> list[str]:
    return [rule.turn(turn(TEN + timedelta(minutes=m), **facts)) for m in minutes]


DOWN: dict[str, Any] = {"engine": EngineState.BACKOFF, "failing": True, "state": OrchestratorState.ERROR}


def test_an_engine_that_is_up_again_in_time_is_right() -> None:
    rule = TradesAgain(lambda: CONFIG)
    assert wait(rule, [0, 1, 5], **DOWN) + wait(rule, [6, 300]) == [""] * 5


def test_an_engine_that_is_not_started_again_is_told_of() -> None:
    rule = TradesAgain(lambda: CONFIG)
    assert wait(rule, [0]) == [""]
    assert wait(rule, [1, 2, 20], **DOWN) == [
        "",
        "",
        "the state is error (engine backoff), 1140 s after nothing stood in the way any more",
    ]


def test_an_engine_that_was_given_up_is_left_alone_for_its_session_only() -> None:
    rule = TradesAgain(lambda: CONFIG)
    wait(rule, [0])
    hear(rule, EngineMoved(TEN, "fatal", "run", "broken"))
    fatal = {**DOWN, "engine": EngineState.FATAL}
    assert wait(rule, [1, 60, 300], **fatal) == [""] * 3
    monday = [at("2026-11-30 09:30"), at("2026-11-30 10:00")]
    told = [rule.turn(turn(each, **fatal)) for each in monday]
    assert "the state is error (engine fatal)" in told[1]


# --- fires ---

JOBS: dict[str, Any] = {
    "scan": {"session": "open + 1h", "command": ["true"], "only_when": ["trading"]},
    "noon": {"cron": "0 12 * * *", "command": ["true"], "trading_days_only": True},
}
SPECS = job_specs(JOBS, CALENDAR)


def ran(job: str, scheduled: str, *, late: float = 0, result: RunResult = RunResult.OK, reason: str = "") -> JobRan:
    due = at(scheduled)
    begun = None if result in {RunResult.MISSED, RunResult.SKIPPED} else due + timedelta(seconds=late)
    return JobRan(begun or due, JobRun(job, due, begun, begun, result, reason))


@pytest.fixture
def fires() -> FiresByRule:
    rule = FiresByRule(lambda: SPECS, lambda: CALENDAR)
    rule.begin(at("2026-11-25 00:00"))
    hear(rule, StateChanged(at("2026-11-25 09:30"), OrchestratorState.STOPPED, OrchestratorState.TRADING, ""))
    return rule


def test_fires_of_the_schedule_are_right(fires: FiresByRule) -> None:
    good = [ran("heartbeat", "2026-11-25 10:05"), ran("heartbeat", "2026-11-25 10:10"), ran("scan", "2026-11-25 10:30")]
    late = [ran("scan", "2026-11-24 10:30", result=RunResult.MISSED), ran("noon", "2026-11-25 12:00")]
    asked = ran("heartbeat", "2026-11-25 12:01", reason="asked for by an operator; state trading")
    assert hear(fires, *good, *late, asked) == []


@pytest.mark.parametrize(
    ("run", "complaint"),
    [
        (
            ran("heartbeat", "2026-11-25 10:06"),
            "heartbeat ok for 2026-11-25T10:06:00-05:00, which is no fire of interval 5m",
        ),
        (
            ran("scan", "2026-11-26 10:30"),
            "scan ok for 2026-11-26T10:30:00-05:00, which is no fire of session open + 1h",
        ),
        (ran("noon", "2026-11-28 12:00"), "noon ran at 2026-11-28T12:00:00-05:00, which is on no trading day"),
        (ran("heartbeat", "2026-11-25 10:05", late=90), "heartbeat ran 90 s late, and misfire: skip allows 60 s"),
        (ran("mystery", "2026-11-25 10:05"), "mystery is no job"),
    ],
)
def test_a_fire_outside_its_rule_is_told_of(fires: FiresByRule, run: JobRan, complaint: str) -> None:
    assert hear(fires, run) == [complaint]


def test_a_fire_that_begins_twice_is_told_of(fires: FiresByRule) -> None:
    twice = ran("heartbeat", "2026-11-25 10:05")
    assert hear(fires, twice, ran("heartbeat", "2026-11-25 10:10"), twice) == [
        "heartbeat began a second time for 2026-11-25T10:05:00-05:00"
    ]


def test_an_interval_comes_again_after_the_clock_was_set_back_and_a_moment_of_the_session_does_not(
    fires: FiresByRule,
) -> None:
    beat, scan = ran("heartbeat", "2026-11-25 10:30"), ran("scan", "2026-11-25 10:30")
    assert hear(fires, beat, scan) == []
    fires.tick(at("2026-11-25 10:35"))
    fires.tick(at("2026-11-25 10:20"))
    assert hear(fires, beat, scan) == ["scan began a second time for 2026-11-25T10:30:00-05:00"]


def test_a_run_in_a_state_in_which_the_job_may_not_run_is_told_of(fires: FiresByRule) -> None:
    hear(fires, StateChanged(at("2026-11-25 10:29"), OrchestratorState.TRADING, OrchestratorState.ERROR, ""))
    assert hear(fires, ran("scan", "2026-11-25 10:30", result=RunResult.SKIPPED)) == []
    assert hear(fires, ran("scan", "2026-11-25 10:30")) == [
        "scan ran in the state error, and it runs only when trading"
    ]


def test_a_fire_of_the_schedule_before_an_edit_is_right() -> None:
    tables = [SPECS]
    rule = FiresByRule(lambda: tables[-1], lambda: CALENDAR)
    assert hear(rule, ran("heartbeat", "2026-11-25 10:05")) == []
    tables.append(job_specs({"heartbeat": {"interval": "1h"}}, CALENDAR))
    assert hear(rule, ran("heartbeat", "2026-11-25 10:10"), ran("heartbeat", "2026-11-25 11:00")) == []
    assert len(hear(rule, ran("heartbeat", "2026-11-25 11:01"))) == 1


# --- alerts ---


class Box:
    """A store with alerts and deliveries, and what has arrived."""

    def __init__(self, store: Store) -> None:
        self.store, self.arrived = store, set[str]()
        self.rule = AlertsArrive(lambda level, topic: ["slack"], lambda: Post(self.store, self.arrived))
        self.event = Alerted(TEN, AlertLevel.WARNING, "job", "Job scan failed", "exit code 1")

    def raise_alert(self, level: AlertLevel = AlertLevel.WARNING) -> None:
        self.event = Alerted(TEN, level, "job", "Job scan failed", "exit code 1")
        hear(self.rule, self.event)

    def write_alert(self, *, closes: str | None = None) -> None:
        event = self.event
        row = {"id": "a", "at": event.at, "level": event.level.value, "topic": event.topic, "title": event.title}
        rest = {"message": event.message, "metadata": {}, "key": "job.scan", "closes": closes, "count": 1}
        with self.store.engine.begin() as connection:
            connection.execute(alerts.insert(), {**row, **rest})

    def write_delivery(self, state: str, last_error: str = "", name: str = "d", channel: str = "slack") -> None:
        row = {"id": name, "alert_id": "a", "channel": channel, "state": state, "attempts": 1, "next_attempt": None}
        with self.store.engine.begin() as connection:
            connection.execute(deliveries.insert(), {**row, "last_error": last_error})

    def end(self, hours: float = 1) -> list[str]:
        """What is wrong after so many hours, without the words that name the alert."""
        head = "alert 'Job scan failed' of 2026-11-25T10:00:00-05:00 "
        return [complaint.removeprefix(head) for complaint in self.rule.end(turn(TEN + timedelta(hours=hours)))]


@pytest.fixture
def box() -> Iterator[Box]:
    with Store("sqlite://") as store:
        yield Box(store)


def test_an_alert_that_arrived_is_right(box: Box) -> None:
    box.raise_alert()
    box.write_alert()
    box.write_delivery("sent")
    box.arrived.add("d")
    assert box.end() == []


def test_an_alert_that_is_not_in_the_store_is_told_of(box: Box) -> None:
    box.raise_alert()
    assert box.end() == ["is not in the store"]


def test_an_alert_that_the_store_could_not_take_before_a_kill_is_excused(box: Box) -> None:
    box.raise_alert()
    box.rule.excused_until = TEN
    assert box.end() == []


def test_an_alert_that_goes_to_no_channel_is_told_of(box: Box) -> None:
    box.raise_alert()
    box.write_alert()
    box.write_delivery("sent", channel="console")
    assert box.end() == ["goes to slack, and has no delivery there"]


def test_the_end_of_a_matter_goes_to_those_that_heard_of_it(box: Box) -> None:
    box.raise_alert()
    box.write_alert(closes="job.scan")
    assert box.end() == []


def test_an_alert_that_is_called_sent_and_never_arrived_is_told_of(box: Box) -> None:
    box.raise_alert()
    box.write_alert()
    box.write_delivery("sent")
    assert box.end() == ["is called sent, and never arrived at slack"]


def test_an_alert_may_wait_for_a_channel_that_is_out_and_not_without_a_reason(box: Box) -> None:
    box.raise_alert()
    box.write_alert()
    box.write_delivery("pending")
    box.rule.troubled_at = TEN + timedelta(hours=5)
    assert box.end(hours=1) == []
    assert box.end(hours=9) == []
    assert box.end(hours=11) == ["still waits for slack after 11:00:00, and nothing is in its way"]


def test_an_alert_that_another_delivery_tells_is_right_if_there_is_one(box: Box) -> None:
    box.raise_alert()
    box.write_alert()
    box.write_delivery("collapsed", "in digest e")
    assert box.end() == ["is told at slack by no delivery ('in digest e')"]
    box.raise_alert()
    box.write_delivery("sent", name="e")
    box.arrived.add("e")
    assert box.end() == []


def test_an_alert_is_given_up_when_it_is_old_and_not_critical(box: Box) -> None:
    box.raise_alert()
    box.write_alert()
    box.write_delivery("expired")
    assert box.end(hours=25) == []
    box.raise_alert()
    assert box.end(hours=1) == ["was given up at slack after 1:00:00"]


def test_a_critical_alert_is_never_given_up(box: Box) -> None:
    box.raise_alert(AlertLevel.CRITICAL)
    box.write_alert()
    box.write_delivery("expired")
    assert box.end(hours=25) == ["is critical, and was given up at slack"]


def test_a_market_that_is_closed_wants_no_engine() -> None:
    assert not turn(at("2026-11-25 20:30").astimezone(UTC)).wanted
    assert turn().market is MarketState.TRADING
