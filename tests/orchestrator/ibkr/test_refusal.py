"""A guard rail, from the gateway to the exit code: what a whole daemon does when the account is not the right one."""

from datetime import UTC, datetime

import pytest


@pytest.fixture
def office(desk, gateway):
    """A desk whose broker is the gateway, at a market that never closes."""
    gateway.now = lambda: datetime.now(UTC)
    gateway.brokerage.accounts = ["U123456"]
    desk.configure(
        broker={"broker_type": "ibkr", "port": gateway.port, "maintenance_windows": []},
        strategy={"symbols": ["AAPL"]},
        data={"cache_enabled": False, "update_interval": 0.1},
        notifications={"channels": ["console"]},
    )
    return desk


def sent(gateway):
    """Request messages other than to begin, to end, and for the time."""
    return [fields[0] for fields in gateway.requests if fields[0] not in {"71", "49"}]


def test_a_daemon_in_paper_mode_ends_at_a_live_account(office, gateway):
    daemon = office.start()
    assert daemon.wait_for_end() == 6
    last = daemon.log.strip().splitlines()[-1]
    assert last.startswith("error: mode is paper, and U123456 at 127.0.0.1:")
    assert "Log in to the paper account" in last
    assert "Traceback" not in daemon.log
    alerts = office.alerts("critical")
    assert [alert["title"] for alert in alerts] == ["Refused to trade"]
    assert "U123456" in alerts[0]["message"]
    delivery = office.rows("SELECT state FROM deliveries WHERE alert_id = ?", alerts[0]["id"])
    assert delivery == [{"state": "sent"}]
    assert (gateway.placed, sent(gateway)) == ([], [])


def test_a_login_that_becomes_live_under_way_latches_and_the_daemon_stays(office, gateway):
    """It has traded, and its positions are to be seen; what is wrong is mended at the gateway."""
    gateway.brokerage.accounts = ["DU123456"]
    daemon = office.start_trading()
    office.wait_for(lambda: gateway.placed, "it trades")
    office.wait_for(
        lambda: "broker   account DU123456, ready" in office.run("status").stdout, "the status tells of the broker"
    )
    placed = len(gateway.placed)
    gateway.brokerage.accounts = ["U123456"]
    gateway.drop()
    status = office.wait_for_status(state="fatal")
    assert status["state"] == "error"
    assert "U123456" in status["engine"]["reason"]
    assert [each["title"] for each in office.alerts("critical")] == ["Refused to trade"]
    assert len(gateway.placed) == placed
    gateway.brokerage.accounts = ["DU123456"]
    assert office.run("engine", "start").returncode == 0
    office.wait_for_status(state="running")
    assert not daemon.ended
