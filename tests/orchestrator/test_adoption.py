"""How an edit of the config comes into force, or does not."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from orchestrator.events import Alerted, ConfigApplied, OrderUpdated, Traded
from orchestrator.states import OrchestratorState
from orchestrator.store import config_versions

NEW_YORK = ZoneInfo("America/New_York")
PAPER = "broker: {broker_type: paper}\n"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


Rehearse = Callable[..., Any]

FRAGILE = "strategy: {name: 'fragile:Fragile'}\n"
"""An edit with which the engine does not start."""


def test_edited_schedule_moves_its_job_and_no_other(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00", disk=True).until("2026-11-24 10:01")
    before = {job.id: job.next_run_time for job in daemon.daemon.loop.schedule.scheduler.get_jobs()}
    daemon.edit("schedule: {jobs: {heartbeat: {interval: 7m}, market_close: off}}")
    daemon.until("2026-11-24 10:02:02")
    after = {job.id: job.next_run_time for job in daemon.daemon.loop.schedule.scheduler.get_jobs()}
    assert {name for name in before if before[name] != after.get(name)} == {
        *("heartbeat", "market_close", "health_check", "config_reload")  # the last two had a fire at 10:02
    }
    assert after["heartbeat"] == datetime.fromtimestamp((at("2026-11-24 10:02").timestamp() // 420 + 1) * 420, UTC)
    assert [event.changes for event in daemon.of(ConfigApplied)] == [
        [
            "schedule.jobs.heartbeat: changed (now)",
            "schedule.jobs.market_close: changed (now; the job does not run any more)",
        ]
    ]


def test_bad_edit_changes_nothing_and_is_told_once(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    loop = daemon.daemon.loop
    before = loop.config
    daemon.edit("schedule: {jobs: {heartbeat: {interval: soon}}}\nstrategy: {max_positions: 3}")
    daemon.until("2026-11-24 10:05")
    assert loop.config is before
    assert daemon.alerts("warning") == ["Config rejected"]
    assert daemon.runs("config_reload")[-3:] == [("24 10:03", "failed"), ("24 10:04", "failed"), ("24 10:05", "failed")]
    daemon.edit("schedule: {jobs: {heartbeat: {interval: 1m}}}")
    daemon.until("2026-11-24 10:07")
    assert loop.config.schedule.jobs == {"heartbeat": {"interval": "1m"}}
    assert daemon.runs("config_reload")[-1] == ("24 10:07", "ok")


def test_file_that_is_gone_for_a_moment_is_no_edit(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    text = daemon.file.read_text()
    daemon.file.unlink()
    daemon.until("2026-11-24 10:02")
    assert (daemon.alerts("warning"), daemon.runs("config_reload")[-1]) == ([], ("24 10:02", "ok"))
    daemon.until("2026-11-24 10:05")
    assert daemon.alerts("warning") == ["Config rejected"]
    daemon.file.write_text(text)
    daemon.until("2026-11-24 10:06")
    assert daemon.runs("config_reload")[-2:] == [("24 10:05", "failed"), ("24 10:06", "ok")]
    assert daemon.daemon.loop.adoption.rejected == ""


def test_emptied_file_is_no_config(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00", "strategy: {max_positions: 3}").until("2026-11-24 10:01")
    daemon.file.write_text("  \n")
    daemon.until("2026-11-24 10:02:02")
    assert daemon.daemon.loop.config.strategy.max_positions == 3
    (alert,) = [e for e in daemon.of(Alerted) if e.title == "Config rejected"]
    assert "the file is empty" in alert.message


def test_paper_does_not_become_live_under_a_running_daemon(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    before = daemon.daemon.loop.config
    daemon.file.write_text(
        "mode: live\nbroker: {broker_type: ibkr, paper_trading: false, port: 7496, account_number: U1}\n"
    )
    daemon.until("2026-11-24 10:02:02")
    assert daemon.daemon.loop.config is before
    (alert,) = [e for e in daemon.of(Alerted) if e.title == "Config rejected"]
    assert "mode is paper and can't become live while the daemon runs" in alert.message


def test_what_only_a_restart_may_change_waits_for_it(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    daemon.edit("logging: {max_mb: 3}\nstrategy: {max_positions: 3}")
    daemon.until("2026-11-24 10:02:02")
    loop = daemon.daemon.loop
    assert (loop.config.logging.max_mb, loop.config.strategy.max_positions) == (10, 3)
    assert daemon.of(ConfigApplied)[-1].changes == [
        "strategy.max_positions: 10 -> 3 (at the next start of the engine)",
        "logging.max_mb: 10 -> 3 (after a restart of the daemon)",
    ]
    assert loop.adoption.waiting == ["logging.max_mb"]


def test_store_does_not_move_away_under_a_running_daemon(rehearse: Rehearse) -> None:
    """No command would find the daemon any more."""
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    daemon.edit("state_dir: elsewhere\nstrategy: {max_positions: 3}")
    daemon.until("2026-11-24 10:02:02")
    assert daemon.daemon.loop.config.strategy.max_positions == 10
    (alert,) = [e for e in daemon.of(Alerted) if e.title == "Config rejected"]
    assert "state_dir is .orchestrator and can't become elsewhere while the daemon runs" in alert.message


def test_commands_and_parameters_are_not_shown_in_alerts(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    daemon.edit(
        "schedule: {jobs: {report: {cron: '@daily', command: [curl, -H, 'Authorization: SECRET']}}}\n"
        "strategy: {name: momentum, params: {lookback_days: 739.1739}}"
    )
    daemon.until("2026-11-24 10:02:02")
    assert [e.title for e in daemon.of(Alerted)][-1] == "Config applied"
    assert "739.1739" not in str(daemon.events)
    assert "SECRET" not in str(daemon.events)


def test_engine_that_was_given_up_is_tried_again_after_an_edit_that_may_mend_it(
    rehearse: Rehearse, strategies: Path
) -> None:
    daemon = rehearse("2026-11-24 09:30", "strategy: {name: 'fragile:Fragile'}").until("2026-11-24 10:00")
    assert daemon.engine()[-1].endswith("fatal")
    daemon.edit("")
    daemon.until("2026-11-24 10:02:02")
    assert daemon.daemon.get_state() is OrchestratorState.TRADING


def test_limits_that_are_edited_reach_the_engine_at_once(rehearse: Rehearse) -> None:
    jobs = "schedule: {jobs: {rebalance: {interval: 30m}}}\nstrategy: {rebalance_frequency: intraday}\n"
    daemon = rehearse("2026-11-24 09:30", jobs + "risk: {max_position_size: 0.05}").until("2026-11-24 10:10")
    (first,) = {e.event.quantity for e in daemon.of(Traded) if _is_order(e.event, "AAPL", "Submitted")}
    daemon.edit(jobs + "risk: {max_position_size: 0.10}")
    daemon.until("2026-11-24 10:45")
    bought = [e.event.quantity for e in daemon.of(Traded) if _is_order(e.event, "AAPL", "Submitted")]
    assert len(bought) == 2
    assert sum(bought) == pytest.approx(2 * first, rel=0.05)


def _is_order(event: object, symbol: str, status: str) -> bool:
    return isinstance(event, OrderUpdated) and (event.symbol, event.status) == (symbol, status)


# --- the moment of an edit ---


def test_edit_written_in_two_steps_is_taken_up_whole(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01:59")
    daemon.edit("risk: {max_position_size: 0.05}\n")  # half of it, and a config by itself
    daemon.until("2026-11-24 10:02:01")
    daemon.edit("risk: {max_position_size: 0.05}\nstrategy: {position_size_pct: 0.05}\n")
    daemon.until("2026-11-24 10:02:03")
    assert daemon.of(ConfigApplied) == []
    daemon.until("2026-11-24 10:02:05")
    (applied,) = daemon.of(ConfigApplied)
    assert [change.partition(":")[0] for change in applied.changes] == [
        "strategy.position_size_pct",
        "risk.max_position_size",
    ]


def test_ten_edits_in_ten_seconds_are_one_new_config(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:00:30")
    for second in range(10):
        daemon.edit(f"strategy: {{max_positions: {second + 10}}}")
        daemon.daemon.loop.adoption.look(daemon.now, asked=True)
        daemon.until(f"2026-11-24 10:00:{31 + second}")
    daemon.until("2026-11-24 10:00:45")
    assert [event.changes[0].partition(" (")[0] for event in daemon.of(ConfigApplied)] == [
        "strategy.max_positions: 10 -> 19"
    ]


def test_edit_that_is_taken_back_before_it_has_rested_is_none(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01:59")
    text = daemon.file.read_text()
    daemon.edit("strategy: {max_positions: 3}")
    daemon.until("2026-11-24 10:02:01")
    daemon.file.write_text(text)
    daemon.until("2026-11-24 10:05")
    assert daemon.of(ConfigApplied) == []


def test_edit_at_the_close_neither_keeps_the_engine_nor_stops_it_twice(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 15:58").until("2026-11-24 15:59:30")
    daemon.edit("strategy: {max_positions: 3}")
    daemon.until("2026-11-24 16:10")
    assert daemon.engine() == ["24 15:58 start", "24 15:58 ready", "24 16:00 stop"]
    assert daemon.daemon.loop.config.strategy.max_positions == 3


def test_close_that_is_moved_into_the_past_closes_at_once(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 13:58").until("2026-11-24 13:59:30")
    daemon.edit("schedule: {calendar_overrides: {2026-11-24: {close: '13:00', reason: 'power cut'}}}")
    daemon.until("2026-11-24 14:01")
    assert daemon.engine()[-1] == "24 14:00 stop"
    assert daemon.daemon.get_state() is OrchestratorState.POST_MARKET


def test_edit_during_a_halt_is_taken_up_and_the_halt_stays(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:00:30")
    daemon.daemon.loop.operator.halt("looking at something", False, daemon.now)
    daemon.edit("strategy: {max_positions: 3, symbols: [IBM]}")
    daemon.until("2026-11-24 10:05")
    loop = daemon.daemon.loop
    assert (loop.config.strategy.symbols, loop.supervisor.state) == (["IBM"], "stopped")
    assert loop.operator.halted is not None
    assert daemon.daemon.get_state() is OrchestratorState.STOPPED


def test_edit_of_a_comment_is_another_version_and_no_news(rehearse: Rehearse) -> None:
    daemon = rehearse("2026-11-24 10:00").until("2026-11-24 10:01")
    before = daemon.daemon.loop.adoption.version
    daemon.edit("# tuned in November\n")
    daemon.until("2026-11-24 10:03")
    assert daemon.daemon.loop.adoption.version != before
    assert (daemon.of(ConfigApplied), "Config applied" in daemon.alerts()) == ([], False)


def test_secret_that_is_rotated_in_its_file_is_taken_up(rehearse: Rehearse, tmp_path: Path) -> None:
    secret = tmp_path / "hook.txt"
    secret.write_text("https://example.com/first")
    config = "notifications: {channels: [webhook], webhook_url: '${file:hook.txt}'}"
    daemon = rehearse("2026-11-24 10:00", config).until("2026-11-24 10:01")
    adoption = daemon.daemon.loop.adoption
    before = adoption.version
    secret.write_text("https://example.com/second")
    daemon.until("2026-11-24 10:03")
    assert adoption.config.notifications.webhook_url == "https://example.com/second"
    (applied,) = daemon.of(ConfigApplied)
    assert applied.changes == ["notifications.webhook_url: another secret (now)"]
    assert adoption.version == before
    assert "example.com" not in str(daemon.rows(select(config_versions)))


def test_secret_whose_file_is_gone_rejects_the_reload_until_it_is_back(rehearse: Rehearse, tmp_path: Path) -> None:
    secret = tmp_path / "hook.txt"
    secret.write_text("https://example.com/first")
    config = "notifications: {channels: [webhook], webhook_url: '${file:hook.txt}'}"
    daemon = rehearse("2026-11-24 10:00", config).until("2026-11-24 10:01")
    secret.rename(tmp_path / "away.txt")
    daemon.until("2026-11-24 10:05")
    adoption = daemon.daemon.loop.adoption
    assert "hook.txt" in adoption.rejected
    assert adoption.config.notifications.webhook_url == "https://example.com/first"
    (tmp_path / "away.txt").rename(secret)
    daemon.until("2026-11-24 10:10")
    assert adoption.rejected == ""


def test_secret_that_was_rejected_is_taken_up_when_it_is_right(rehearse: Rehearse, tmp_path: Path) -> None:
    secret = tmp_path / "hook.txt"
    secret.write_text("https://example.com/first")
    config = "notifications: {channels: [webhook], webhook_url: '${file:hook.txt}'}"
    daemon = rehearse("2026-11-24 10:00", config).until("2026-11-24 10:01")
    secret.write_text("half")
    daemon.until("2026-11-24 10:05")
    assert daemon.daemon.loop.adoption.rejected
    secret.write_text("https://example.com/second")
    daemon.until("2026-11-24 10:07")
    assert daemon.daemon.loop.config.notifications.webhook_url == "https://example.com/second"


def test_strategy_that_is_not_there_is_found_at_the_reload_and_not_at_the_open(
    rehearse: Rehearse, strategies: Path
) -> None:
    daemon = rehearse("2026-11-24 18:00").until("2026-11-24 18:01")
    daemon.edit("strategy: {name: 'fragile:Fragil'}")
    daemon.until("2026-11-24 18:05")
    adoption = daemon.daemon.loop.adoption
    assert adoption.config.strategy.name == "equal_weight"
    assert "config.yaml:2:18: strategy.name: strategies/fragile.py has no 'Fragil'; write Fragile" in adoption.rejected


# --- going back ---


def versions(daemon: Any) -> dict[str, Any]:
    """The record: of each version its author and whether an engine has run with it."""
    rows = daemon.rows(select(config_versions).order_by(config_versions.c.at, config_versions.c.version))
    return {row["version"]: (row["author"], row["worked_at"] is not None) for row in rows}


def broken_at_the_next_open(rehearse: Rehearse, extra: str = "", *, disk: bool = False) -> Any:
    """A daemon that has traded on Tuesday, and has taken up an edit with which no engine starts on Wednesday."""
    daemon = rehearse("2026-11-24 15:00", extra, disk=disk).until("2026-11-24 15:01")
    daemon.good = daemon.daemon.loop.adoption.version
    daemon.edit(extra + FRAGILE)
    daemon.until("2026-11-24 15:05")
    daemon.bad = daemon.daemon.loop.adoption.version
    assert daemon.bad != daemon.good
    return daemon


def test_config_with_which_the_engine_does_not_start_is_rolled_back(rehearse: Rehearse, strategies: Path) -> None:
    daemon = broken_at_the_next_open(rehearse).until("2026-11-25 09:40")
    loop = daemon.daemon.loop
    assert (daemon.daemon.get_state(), loop.config.strategy.name) == (OrchestratorState.TRADING, "equal_weight")
    assert loop.adoption.version == daemon.good
    assert daemon.alerts("critical") == ["Trading interrupted", "Config rolled back"]
    (alert,) = [e for e in daemon.of(Alerted) if e.title == "Config rolled back"]
    assert "no flag" in alert.message
    assert "- strategy.name" in alert.message
    assert versions(daemon) == {daemon.good: ("start", True), daemon.bad: ("reload", False)}


def test_edit_that_was_rolled_back_is_not_taken_up_again_until_the_file_changes(
    rehearse: Rehearse, strategies: Path
) -> None:
    daemon = broken_at_the_next_open(rehearse).until("2026-11-25 12:00")
    adoption = daemon.daemon.loop.adoption
    assert adoption.version == daemon.good
    assert adoption.look(daemon.now) == "the file still holds the edit that was rolled back"
    daemon.edit("strategy: {max_positions: 3}")
    daemon.until("2026-11-25 12:02")
    assert (adoption.config.strategy.max_positions, adoption.rolled_back) == (3, None)


def test_edit_that_was_rolled_back_is_tried_again_when_somebody_asks(rehearse: Rehearse, strategies: Path) -> None:
    daemon = broken_at_the_next_open(rehearse).until("2026-11-25 12:00")
    (strategies / "fragile.flag").touch()
    daemon.daemon.loop.adoption.reload(daemon.now)
    daemon.until("2026-11-26 00:00").until("2026-11-27 10:00")
    assert daemon.daemon.loop.adoption.version == daemon.bad
    assert daemon.daemon.get_state() is OrchestratorState.TRADING
    assert versions(daemon)[daemon.bad] == ("reload", True)


def test_rollback_holds_over_a_restart_and_is_said(rehearse: Rehearse, strategies: Path) -> None:
    daemon = broken_at_the_next_open(rehearse, disk=True).until("2026-11-25 12:00")
    daemon.restart()
    daemon.until("2026-11-25 12:10")
    loop = daemon.daemon.loop
    assert (loop.adoption.version, loop.config.strategy.name) == (daemon.good, "equal_weight")
    assert daemon.alerts("warning")[-1] == "Config still rolled back"
    assert daemon.alerts("critical").count("Config rolled back") == 1


def test_trial_goes_on_after_a_restart(rehearse: Rehearse, strategies: Path) -> None:
    daemon = broken_at_the_next_open(rehearse, disk=True).until("2026-11-24 22:00")
    daemon.restart()
    daemon.until("2026-11-25 09:40")
    assert daemon.daemon.loop.adoption.version == daemon.good
    assert daemon.daemon.get_state() is OrchestratorState.TRADING


def test_rollback_that_does_not_help_is_the_only_one(rehearse: Rehearse, strategies: Path) -> None:
    """What keeps the engine down is not the edit."""
    (strategies / "fragile.flag").touch()
    daemon = rehearse("2026-11-24 15:00", FRAGILE).until("2026-11-24 15:01")
    daemon.edit("strategy: {name: 'fragile:Fragile', max_positions: 3}")
    daemon.until("2026-11-24 20:00")
    (strategies / "fragile.flag").unlink()
    daemon.until("2026-11-25 12:00")
    assert daemon.daemon.loop.config.strategy.max_positions == 10
    assert daemon.alerts("critical") == [
        *("Trading interrupted", "Config rolled back"),
        *("Trading interrupted", "Engine given up"),
    ]


def test_rollback_can_be_switched_off(rehearse: Rehearse, strategies: Path) -> None:
    daemon = broken_at_the_next_open(rehearse, "engine: {auto_rollback: false}\n").until("2026-11-25 12:00")
    assert daemon.daemon.loop.adoption.version == daemon.bad
    assert daemon.alerts("critical") == ["Trading interrupted", "Engine given up"]


def test_edit_that_no_engine_minds_is_not_blamed(rehearse: Rehearse, strategies: Path) -> None:
    (strategies / "fragile.flag").touch()
    daemon = rehearse("2026-11-24 15:00", FRAGILE).until("2026-11-24 15:01")
    daemon.edit(FRAGILE + "notifications: {alert_levels: [critical]}")
    daemon.until("2026-11-24 20:00")
    (strategies / "fragile.flag").unlink()
    daemon.until("2026-11-25 12:00")
    assert daemon.daemon.loop.config.notifications.alert_levels == ["critical"]
    assert "Config rolled back" not in daemon.alerts()


def test_config_that_never_worked_is_not_gone_back_to(rehearse: Rehearse, strategies: Path) -> None:
    daemon = rehearse("2026-11-23 22:00", "engine: {backoff_max: 30}").until("2026-11-23 22:01")
    daemon.edit(FRAGILE)
    daemon.until("2026-11-24 12:00")
    assert daemon.daemon.loop.config.strategy.name == "fragile:Fragile"
    assert daemon.alerts("critical") == ["Trading interrupted", "Engine given up"]


def test_config_that_is_mended_while_on_trial_goes_on_with_the_same_way_back(
    rehearse: Rehearse, strategies: Path
) -> None:
    daemon = broken_at_the_next_open(rehearse)
    daemon.edit(FRAGILE + "notifications: {alert_levels: [critical]}")
    daemon.until("2026-11-25 12:00")
    assert daemon.daemon.loop.adoption.version == daemon.good
    assert daemon.daemon.get_state() is OrchestratorState.TRADING


def test_trial_ends_when_what_the_engine_minds_is_as_it_was(rehearse: Rehearse, strategies: Path) -> None:
    """What fails the next day is not the edit, and the limit that was tightened stays tight."""
    (strategies / "fragile.flag").touch()
    daemon = rehearse("2026-11-24 15:00", FRAGILE).until("2026-11-24 15:01")
    daemon.edit("strategy: {name: 'fragile:Fragile', max_positions: 3}")
    daemon.until("2026-11-24 15:05")
    daemon.edit(FRAGILE + "risk: {max_correlation: 0.5}")
    daemon.until("2026-11-24 20:00")
    (strategies / "fragile.flag").unlink()
    daemon.until("2026-11-25 12:00")
    assert daemon.daemon.loop.config.risk.max_correlation == 0.5
    assert daemon.alerts("critical") == ["Trading interrupted", "Engine given up"]


def test_rollback_is_forgotten_when_the_file_is_put_right(rehearse: Rehearse, strategies: Path) -> None:
    daemon = rehearse("2026-11-24 15:00").until("2026-11-24 15:01")
    good = daemon.file.read_text()
    daemon.edit(FRAGILE)
    daemon.until("2026-11-25 10:00")
    assert daemon.daemon.loop.adoption.rolled_back is not None
    daemon.file.write_text(good)
    daemon.until("2026-11-25 10:05")
    assert daemon.daemon.loop.adoption.rolled_back is None
    daemon.daemon.loop.history.flush(force=True)
    assert daemon.daemon.loop.store.read_meta("config_rollback") is None
