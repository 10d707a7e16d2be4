"""A daemon that follows on one that was killed says so, and nobody else does."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from orchestrator.daemon import TradingOrchestrator
from orchestrator.events import Alerted
from orchestrator.store import alerts

Rehearse = Callable[..., Any]
TITLE = "Daemon was killed"


@pytest.fixture
def desk(rehearse: Rehearse) -> Any:
    """A daemon whose every turn is on the disk, as on a real machine."""
    jobs = "schedule: {jobs: {scan: {cron: '*/5 * * * *', run: 'os:getpid'}, health_check: false}}"
    desk = rehearse("2026-11-24 10:00", jobs, disk=True)
    desk.machine.shared, desk.machine.unfailing = True, False
    return desk.until("2026-11-24 10:03:30")


def test_daemon_after_a_killed_one_says_since_when_and_what_it_does(desk: Any) -> None:
    desk.kill()
    desk.machine.clock.advance(desk.machine.clock.now() - desk.machine.clock.now().replace(minute=0, second=0))
    desk.until("2026-11-24 10:08")
    (alert,) = [each for each in desk.of(Alerted) if each.title == TITLE]
    assert (alert.level.value, alert.topic) == ("warning", "engine")
    assert alert.message.startswith("No daemon ran from Tue 24 Nov 10:0")
    assert "to Tue 24 Nov 10:07:00 EST (" in alert.message
    assert "the one before was killed, or the machine went down. Jobs that were due: scan;" in alert.message
    assert alert.message.endswith(
        "An engine is started, and goes on where the last one was; market trading until Tue 24 Nov 16:00 EST."
    )


def test_last_sign_is_the_last_thing_that_was_written(desk: Any) -> None:
    desk.kill()
    desk.until("2026-11-24 10:03:31")
    (alert,) = [each for each in desk.of(Alerted) if each.title == TITLE]
    assert "from Tue 24 Nov 10:03:00 to Tue 24 Nov 10:03:30 EST (30 s)" in alert.message


def test_it_says_that_trading_is_halted(desk: Any) -> None:
    desk.daemon.loop.operator.halt("strange prices", False, desk.now)
    desk.until("2026-11-24 10:03:40")
    desk.kill()
    desk.until("2026-11-24 10:03:50")
    (alert,) = [each for each in desk.of(Alerted) if each.title == TITLE]
    assert "Trading is halted: strange prices; market trading until" in alert.message


def test_neither_the_first_start_nor_an_orderly_end_is_told(desk: Any) -> None:
    desk.restart()
    desk.until("2026-11-24 10:05")
    assert TITLE not in desk.alerts()


def test_every_kill_is_told_by_the_daemon_that_follows_and_by_none_after_it(desk: Any) -> None:
    for _ in range(2):
        desk.kill()
        desk.daemon.open()
        desk.turn()
    desk.restart()
    desk.daemon.open()
    desk.turn()
    assert sum(row["count"] for row in desk.rows(select(alerts).where(alerts.c.title == TITLE))) == 2


def test_daemon_that_an_error_has_ended_did_not_end_in_order(rehearse: Rehearse, monkeypatch: Any) -> None:
    desk = rehearse("2026-11-24 10:00", disk=True)
    with monkeypatch.context() as broken:
        broken.setattr("orchestrator.loop.Loop.step", lambda loop, now: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            desk.daemon.start()
    desk.daemon = TradingOrchestrator(desk.file, world=desk.machine)
    desk.daemon.subscribe(desk.events.append)
    desk.until("2026-11-24 10:01")
    assert TITLE in desk.alerts("warning")
