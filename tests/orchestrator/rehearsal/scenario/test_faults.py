"""Each fault, and what the daemon makes of it."""

from typing import Any

from sqlalchemy import select

from orchestrator.events import DaemonMoved, EquityMarked, OrderFilled
from orchestrator.rehearsal.scenario import FAULTS
from orchestrator.rehearsal.scenario.saboteur import BEGINS
from orchestrator.store import deliveries, incidents, transitions


def test_every_fault_of_the_table_can_be_made() -> None:
    assert list(BEGINS) == list(FAULTS)


# --- the engine ---


def test_crashed_engine_is_started_again_and_decides_what_is_due(perform: Any) -> None:
    day = perform('at: "open + 4m", fault: engine_crash').until("09:40")
    assert day.engine() == ["09:30 start", "09:30 ready", "09:34 crash", "09:34:01 restart", "09:34:01 ready"]
    assert day.alerts("critical") == ["Trading interrupted"]
    assert day.alert("Trading interrupted") == "engine failed: it was ended by SIGKILL; restart 1 of 3 follows"
    assert day.states()[-2:] == ["09:34 error", "09:34:01 trading"]
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


def test_crash_after_a_decision_makes_it_no_second_time(perform: Any) -> None:
    day = perform('at: "open + 5m", fault: engine_crash', 'at: "open + 6m", fault: engine_crash').until("09:50")
    assert day.engine().count("09:36 crash") == 1
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


def test_crash_without_an_engine_says_so(perform: Any) -> None:
    day = perform('at: "pre_open + 1h", fault: engine_crash', start="04:30").until("05:10")
    assert day.faults() == ["05:00 engine_crash (no engine runs)"]
    assert day.alerts() == []


def test_hung_engine_is_noticed_by_its_beat_and_killed(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: engine_hang').until("09:45")
    assert day.engine()[2:] == ["09:40:20 hang", "09:40:23 restart", "09:40:23 ready"]
    assert day.alert("Trading interrupted") == "engine failed: no beat for 30 s; it is ended and started again"
    rows = day.rows(select(incidents.c.kind, incidents.c.cause))
    assert [(row["kind"], row["cause"]) for row in rows] == [("hang", "no beat for 30 s")]
    assert day.alerts()[-1] == "Trading again"
    day.assert_sound()


def test_hang_that_is_shorter_than_the_patience_costs_nothing(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: engine_hang, for: 15s').until("09:45")
    assert day.engine() == ["09:30 start", "09:30 ready"]
    assert day.alerts("critical", "warning") == []


def test_heartbeat_timeout_of_the_config_is_the_patience(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: engine_hang', config="engine: {heartbeat_timeout: 2m}\n").until("09:45")
    assert "09:41:50 hang" in day.engine()


def test_refused_engine_is_tried_until_it_gets_through(perform: Any) -> None:
    day = perform('at: "open", fault: engine_refused, for: 2s').until("09:40")
    assert day.engine()[:2] == ["09:30 start", "09:30 crash"]
    assert day.engine()[-1] > "09:30:02"
    assert "could not connect: connection refused" in day.alert("Trading interrupted")
    assert day.states()[-1].endswith(" trading")
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]


def test_engine_that_is_refused_for_long_is_given_up_for_the_session(perform: Any) -> None:
    day = perform('at: "open", fault: engine_refused, for: 1h').until("11:00")
    assert day.engine()[-1].endswith(" fatal")
    assert day.alerts("critical") == ["Trading interrupted", "Engine given up"]
    assert day.states()[-1].endswith(" error")


def test_strategy_that_raises_once_decides_after_the_restart(perform: Any) -> None:
    day = perform('at: "open + 4m", fault: strategy_exception, text: "no such key"').until("09:45")
    assert "failed in target_weights: RuntimeError: no such key" in day.alert("Trading interrupted")
    assert day.engine()[-1] == "09:35:01 ready"
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


def test_strategy_that_goes_on_raising_is_given_up(perform: Any) -> None:
    day = perform('at: "open + 4m", fault: strategy_exception, for: 10m').until("09:50")
    assert day.alerts("critical") == ["Trading interrupted", "Engine given up"]
    assert day.sent() == []


# --- broker and market ---


def test_short_loss_of_the_broker_costs_nothing(perform: Any) -> None:
    day = perform('at: "open + 4m", fault: broker_disconnect, for: 15s').until("09:40")
    assert day.engine() == ["09:30 start", "09:30 ready"]
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]


def test_decision_waits_for_the_broker(perform: Any) -> None:
    day = perform('at: "open + 4m55s", fault: broker_disconnect, for: 15s').until("09:40")
    assert day.engine() == ["09:30 start", "09:30 ready"]
    assert day.runs("rebalance") == [("09:35", "ok")]
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


def test_engine_without_its_broker_is_replaced_and_waits_for_it(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: broker_disconnect, for: 50s').until("09:50")
    assert day.engine()[2:4] == ["09:40:20 hang", "09:40:21 restart"]
    assert day.engine()[-1].endswith(" ready")
    assert "not connected to its broker for 30 s" in day.alert("Trading interrupted")
    assert day.alerts()[-1] in {"Trading again", "Job health_check is well again"}
    day.assert_sound()


def test_long_absence_of_the_broker_is_outlived_and_told_of_once(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: broker_disconnect, for: 30m').until("10:30")
    assert "10:10" <= day.states()[-1] < "10:12", "within a pause between two tries"
    assert day.states()[-1].endswith(" trading")
    assert day.alerts("critical") == ["Trading interrupted"]
    assert day.alerts("info")[-2:] == ["Trading again", "Job health_check is well again"]
    assert day.alerts().count("Job health_check is well again") == 1, "to be starting is not to be well"
    day.assert_sound()


def test_old_prices_are_told_of_and_nothing_fills(perform: Any) -> None:
    day = perform('at: "open + 4m", fault: data_stall, for: 10m').until("09:50")
    assert "health.max_data_age 120" in day.alert("Job health_check failed")
    assert "Job health_check is well again" in day.alerts("info")
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    assert [fill.at[11:16] >= "09:44" for fill in day.trades(OrderFilled)] == [True, True]
    day.assert_sound()


def test_shock_of_one_symbol_sells_that_one(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: price_shock, factor: 0.8, symbols: [AAPL]').until("09:50")
    assert day.sent() == ["BUY AAPL", "BUY MSFT", "SELL AAPL"]
    assert day.alerts("warning") == ["Stop loss: AAPL"]
    day.assert_sound()


def test_prices_are_back_after_a_shock_that_ends(perform: Any) -> None:
    day = perform('at: "open + 3m", fault: price_shock, factor: 2, for: 5m').until("09:50")
    prices = {fill.symbol: fill.price for fill in day.trades(OrderFilled)}
    (mark,) = day.trades(EquityMarked)[-1:]
    for position in mark.positions:
        assert 0.4 < position["price"] / prices[position["symbol"]] < 0.6


# --- the store and the disk ---


def test_locked_database_delays_a_decision_and_loses_nothing(perform: Any) -> None:
    day = perform('at: "open + 4m30s", fault: database_locked, for: 1m').until("09:45")
    assert day.alerts("warning")[:1] == ["Job store failed"]
    assert "Job store works again" in day.alerts("info")
    ((ran, result),) = day.runs("rebalance")
    assert ("09:35:30" <= ran <= "09:35:40", result) == (True, "ok")
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    assert len(day.rows(select(transitions))) == len(day.states())
    day.assert_sound()


def test_nothing_can_be_read_or_written_for_a_while(perform: Any) -> None:
    day = perform('at: "open + 4m30s", fault: database_error, for: 1m, text: "database disk image is malformed"')
    day.until("09:45")
    assert "database disk image is malformed" in day.alert("Job store failed")
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    assert len(day.rows(select(transitions))) == len(day.states())
    day.assert_sound()


def test_engine_is_not_started_while_the_disk_is_full(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: disk_full, for: 5m', 'at: "open + 11m", fault: engine_crash')
    day.until("09:50")
    assert "0 MB of disk are free" in day.alert("Trading interrupted")
    assert next(move for move in day.engine() if move.endswith("restart")) >= "09:45"
    assert day.engine()[-1].endswith(" ready")
    day.assert_sound()


def test_engine_that_cannot_write_says_why_in_one_line(perform: Any) -> None:
    day = perform(
        'at: "open + 10m", fault: database_error, for: 1m',
        'at: "open + 10m", fault: price_shock, factor: 0.8',
    ).until("09:50")
    crashes = [each.detail for each in day.events if getattr(each, "action", "") == "crash"]
    assert crashes
    assert set(crashes) == {"the store: disk I/O error"}
    assert sorted(day.sent()) == ["BUY AAPL", "BUY MSFT", "SELL AAPL", "SELL MSFT"]
    day.assert_sound()


# --- alerts ---


PHONE = 'notifications: {channels: [phone], apprise: {phone: "ntfy://rehearsal"}}\n'


def test_outage_without_a_channel_says_so(perform: Any) -> None:
    day = perform('at: "open + 1m", fault: channel_outage, for: 5m').until("09:32")
    assert day.faults() == ["09:31 channel_outage (alerts go to the log only)"]


def test_alerts_arrive_after_an_outage_of_their_channel(perform: Any) -> None:
    day = perform(
        'at: "open + 9m", fault: channel_outage, for: 5m', 'at: "open + 10m", fault: engine_crash', config=PHONE
    ).until("09:41")
    assert day.world.notifier.messages == []
    assert {row["state"] for row in day.rows(select(deliveries.c.state))} == {"pending"}
    day.until("10:30")
    assert "Trading interrupted" in {message.title for message in day.world.notifier.messages}
    assert {row["state"] for row in day.rows(select(deliveries.c.state))} <= {"sent", "collapsed"}


def test_outage_of_another_channel_delays_nothing(perform: Any) -> None:
    day = perform(
        'at: "open + 9m", fault: channel_outage, for: 5m, channel: slack',
        'at: "open + 10m", fault: engine_crash',
        config=PHONE,
    ).until("09:41")
    assert "Trading interrupted" in {message.title for message in day.world.notifier.messages}


# --- the config file ---


def test_edit_is_taken_up_and_undone(perform: Any) -> None:
    day = perform('at: "open + 1m", fault: config_edit, for: 10m, set: {risk.max_position_size: 0.05}').until(
        "09:35:30"
    )
    assert day.alert("Config applied") == "risk.max_position_size: 0.1 -> 0.05 (now)"
    assert day.alerts("warning") == ["Position limited: AAPL", "Position limited: MSFT"]
    day.until("09:45")
    assert day.loop.config.risk.max_position_size == 0.1
    assert day.file.read_text() == PAPER_TEXT, "the user's own file is not touched"


PAPER_TEXT = "broker: {broker_type: paper}\n"


def test_wrong_edit_changes_nothing(perform: Any) -> None:
    day = perform('at: "open + 1m", fault: config_edit, set: {risk.max_position_size: much}').until("09:40")
    assert "'much' is not a number" in day.alert("Config rejected")
    assert day.loop.config.risk.max_position_size == 0.1
    assert day.states()[-1] == "09:30 trading"


def test_broken_file_changes_nothing_and_is_told_of_once(perform: Any) -> None:
    day = perform('at: "open + 1m", fault: config_broken, for: 10m').until("09:45")
    assert day.alerts("warning") == ["Config rejected"]
    assert day.alerts("info")[-1] == "Config is good again"


def test_daemon_that_is_killed_over_a_broken_file_goes_on_with_the_config_that_was_in_force(perform: Any) -> None:
    day = perform(
        'at: "open + 10m", fault: config_broken, for: 10m', 'at: "open + 12m", fault: daemon_kill, down: 5s'
    ).until("10:00")
    assert day.daemon() == ["09:29 start", "09:42 kill", "09:42:05 start"]
    assert day.states()[-1] == "09:42:05 trading"
    assert "the last in force, is used until the file is corrected." in day.alert("Config file is wrong")
    assert day.alerts("info")[-1] == "Config is good again"
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


# --- the operator ---


def test_halt_sells_and_holds_over_a_kill_until_it_is_lifted(perform: Any) -> None:
    day = perform(
        'at: "open + 10m", fault: halt, reason: "strange prices", flatten: true',
        'at: "open + 15m", fault: daemon_kill',
        'at: "open + 30m", fault: resume',
    ).until("10:10")
    assert day.sent() == ["BUY AAPL", "BUY MSFT", "SELL AAPL", "SELL MSFT"]
    assert day.alert("Trading halted") == "strange prices; all positions are being sold"
    assert day.alert("Trading resumed") == "The halt was lifted; its reason was: strange prices"
    assert [state for state in day.states() if state > "09:40"] == [
        "09:40 stopped",
        "10:00 pre_market",
        "10:00 trading",
    ]
    day.assert_sound()


def test_halt_that_lasts_is_lifted_by_the_operator(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: halt, for: 5m').until("09:50")
    assert [state for state in day.states() if state > "09:40"] == [
        "09:40 stopped",
        "09:45 pre_market",
        "09:45 trading",
    ]


def test_resume_without_a_halt_says_so(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: resume').until("09:41")
    assert day.faults() == ["09:40 resume (trading is not halted)"]
    assert day.alerts("warning") == []


def test_halt_is_asked_for_again_while_the_database_is_locked(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: database_locked, for: 20s', 'at: "open + 10m", fault: halt').until("09:50")
    (stopped,) = [state for state in day.states() if state.endswith("stopped")]
    assert "09:40:20" <= stopped <= "09:40:40"


def test_halt_is_asked_for_until_a_daemon_is_there(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: daemon_kill, down: 30s', 'at: "open + 10m5s", fault: halt').until("09:50")
    assert "09:40:05 halt (no daemon runs)" in day.faults()
    assert day.alerts("critical") == ["Trading halted"]


# --- clock, machine, daemon ---


def test_clock_that_is_set_forward_and_right_again(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: clock_jump, by: +1h, for: 10m').until("10:20")
    jumps = [message for message in day.alerts("warning") if message == "Clock jumped"]
    assert len(jumps) == 2
    assert day.engine() == ["09:30 start", "09:30 ready"], "elapsed time has not jumped, so no beat is missing"
    assert day.alerts("warning") == ["Clock jumped"] * 2, "and no price is an hour old"
    assert day.world.clock.now() == day.world.clock.true()
    day.assert_sound()


def test_clock_that_is_set_back_before_the_open_stops_trading(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: clock_jump, by: -1h').until("09:50")
    assert day.states()[-1] == "08:40 pre_market"
    assert day.engine()[-1] == "08:40 stop"


def test_machine_that_has_lost_its_clock_starts_no_engine(perform: Any) -> None:
    day = perform('at: "open + 10m", fault: clock_jump, by: -400d', 'at: "open + 11m", fault: engine_crash')
    day.until("09:50")
    assert "the clock of this machine says 2025-10-20; set it" in day.alert("Trading interrupted")
    assert "restart" not in " ".join(day.engine())


def test_suspended_machine_catches_up(perform: Any) -> None:
    day = perform('at: "open + 4m", fault: host_sleep, for: 10m').until("09:50")
    assert day.runs("rebalance") == [("09:44", "ok")]
    assert day.engine() == ["09:30 start", "09:30 ready"]
    assert day.alerts("warning") == ["Clock jumped"], "no price is called old that was fresh when it fell asleep"
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


def test_killed_daemon_resumes_and_sends_nothing_twice(perform: Any) -> None:
    day = perform('at: "open + 5m", fault: daemon_kill', 'at: "open + 10m", fault: daemon_kill, down: 3m').until(
        "09:55"
    )
    assert day.daemon() == ["09:29 start", "09:35 kill", "09:35:10 start", "09:40 kill", "09:43 start"]
    assert day.states()[-1] == "09:43 trading"
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


def test_what_a_killed_daemon_had_not_written_is_lost_and_what_it_had_is_there(perform: Any) -> None:
    day = perform(
        'at: "open + 10m", fault: database_locked, for: 1m',
        'at: "open + 10m10s", fault: engine_crash',
        'at: "open + 10m30s", fault: daemon_kill, down: 1m',
    ).until("09:50")
    kept = [row["to_state"] for row in day.rows(select(transitions).order_by(transitions.c.id))]
    assert kept == ["pre_market", "trading", "pre_market", "trading"], "the error was never committed"
    assert [state for state in day.states() if state.startswith("09:40:1") and state.endswith(" error")]


def test_daemon_that_finds_no_database_is_started_until_it_does(perform: Any) -> None:
    day = perform(
        'at: "open + 10m", fault: database_error, for: 35s', 'at: "open + 10m1s", fault: daemon_kill, down: 4s'
    ).until("09:50")
    assert day.daemon()[1:] == ["09:40:01 kill", "09:40:05 exit", "09:40:15 exit", "09:40:25 exit", "09:40:35 start"]
    assert day.states()[-1] == "09:40:35 trading"
    reasons = {each.detail for each in day.of(DaemonMoved) if each.action == "exit"}
    assert len(reasons) == 1
    assert "orchestrator.db: disk I/O error" in reasons.pop(), (
        "and no temporary folder, which would be another each time"
    )
