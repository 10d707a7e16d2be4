"""Whole days, by what happens in them and when."""

from typing import Any

SEEN = ("daemon", "engine", "state", "alert    critical", "fault")


def told(day: Any) -> list[str]:
    """The lines of a timeline that say what became of daemon, engine and state, in short and to the minute."""
    kept = [line.strip() for line in day.lines if line.strip()[10:].startswith(SEEN)]
    return [f"{line[:5]} {' '.join(line[8:].split()).split(': ')[0]}" for line in kept]


USUAL = [
    "04:00 state stopped -> pre_market",
    "09:30 engine start",
    "09:30 engine ready",
    "09:30 state pre_market -> trading",
    "16:00 state trading -> post_market",
    "16:00 engine stop",
    "20:00 state post_market -> stopped",
]


def test_usual_day(rehearse_days: Any) -> None:
    day = rehearse_days("2026-11-24", "2026-11-24")
    assert told(day) == USUAL
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    assert day.alerts("warning", "critical") == []
    assert [day.runs(name) for name in ("rebalance", "daily_report")] == [[("09:35", "ok")], [("16:15", "ok")]]


HALF = ("2026-11-27", "2026-11-27")
SHORT = [
    *USUAL[:4],
    "13:00 state trading -> post_market",
    "13:00 engine stop",
    "17:00 state post_market -> stopped",
]


def test_half_day(rehearse_days: Any) -> None:
    day = rehearse_days(*HALF)
    assert told(day) == SHORT
    assert day.runs("daily_report") == [("13:15", "ok")]


def test_holiday_and_weekend(rehearse_days: Any) -> None:
    for first, last in (("2026-11-26", "2026-11-26"), ("2026-11-28", "2026-11-29")):
        days = rehearse_days(first, last)
        assert told(days) == []
        assert set(days.summary.fires) == {"heartbeat", "health_check", "config_reload", "housekeeping"}


def test_late_open(rehearse_days: Any) -> None:
    day = rehearse_days("2001-09-17", "2001-09-17")
    assert told(day)[1:4] == [
        "09:33 engine start",
        "09:33 engine ready",
        "09:33 state pre_market -> trading",
    ]
    assert day.runs("rebalance") == [("09:38", "ok")]


def test_clocks_go_forward(rehearse_days: Any) -> None:
    """On Sunday 8 March 2026 New York has no time from 02:00 to 03:00."""
    days = rehearse_days("2026-03-06", "2026-03-09")
    assert told(days) == [*USUAL, *USUAL]
    assert days.summary.fires["heartbeat"] == (4 * 24 - 1) * 12


def test_clocks_go_back(rehearse_days: Any) -> None:
    """On Sunday 1 November 2026 New York has the time from 01:00 to 02:00 twice."""
    days = rehearse_days("2026-10-30", "2026-11-02")
    assert told(days) == [*USUAL, *USUAL]
    assert days.summary.fires["heartbeat"] == (4 * 24 + 1) * 12


def test_crash_at_the_open(rehearse_days: Any) -> None:
    day = rehearse_days(*HALF, "at: open, fault: engine_crash")
    assert told(day) == [
        "00:00 daemon start",
        "04:00 state stopped -> pre_market",
        "09:30 fault engine_crash (no engine runs)",
        *SHORT[1:],
    ]


def test_crash_of_a_new_engine(rehearse_days: Any) -> None:
    day = rehearse_days(*HALF, "at: open + 1s, fault: engine_crash")
    assert told(day)[5:] == [
        "09:30 fault engine_crash",
        "09:30 engine crash",
        "09:30 state trading -> error",
        "09:30 alert critical",
        "09:30 engine restart",
        "09:30 engine ready",
        "09:30 state error -> trading",
        *SHORT[4:],
    ]
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    day.assert_sound()


def test_restart_in_session(rehearse_days: Any) -> None:
    day = rehearse_days(*HALF, 'at: "2026-11-27 11:00", fault: daemon_kill, down: 30s')
    assert told(day)[5:] == [
        "11:00 fault daemon_kill {down",
        "11:00 daemon kill",
        "11:00 daemon start",
        "11:00 engine start",
        "11:00 state stopped -> pre_market",
        "11:00 engine ready",
        "11:00 state pre_market -> trading",
        *SHORT[4:],
    ]
    assert day.sent() == ["BUY AAPL", "BUY MSFT"]
    assert day.runs("rebalance") == [("09:35", "ok")]
    day.assert_sound()


def test_config_edit_in_session(rehearse_days: Any) -> None:
    edit = "schedule.jobs: {rebalance: {session: close - 1h}}, strategy.rebalance_frequency: intraday"
    day = rehearse_days(*HALF, f'at: "2026-11-27 11:00", fault: config_edit, set: {{{edit}}}')
    assert [line for line in told(day) if "fault" not in line] == ["00:00 daemon start", *SHORT]
    assert day.runs("rebalance") == [("09:35", "ok"), ("12:00", "ok")]
    assert "strategy.rebalance_frequency" in day.alert("Config applied")
    day.assert_sound()


def test_circuit_breaker_day(rehearse_days: Any) -> None:
    """Prices halve: the stop losses sell, the breaker trips, and nothing is bought any more."""
    day = rehearse_days(*HALF, 'at: "2026-11-27 11:00", fault: price_shock, factor: 0.4')
    assert sorted(day.sent()) == ["BUY AAPL", "BUY MSFT", "SELL AAPL", "SELL MSFT"]
    assert any("ircuit breaker" in title for title in day.alerts("critical"))
    assert 0.11 < day.summary.worst_drawdown < 0.13
    day.assert_sound()
