"""Which alerts are raised, of which matter, and what ends it."""

from datetime import UTC, datetime, timedelta

import pytest

from calendars import MarketCalendar
from jobs import JobRun, RunResult, parse_job
from notifiers import AlertLevel
from orchestrator.alerts.alarms import Alarms
from orchestrator.events import AlertRaised, EngineMoved, StateChanged
from orchestrator.states import OrchestratorState

NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
CALENDAR = MarketCalendar()
ERROR, TRADING, PRE_MARKET = OrchestratorState.ERROR, OrchestratorState.TRADING, OrchestratorState.PRE_MARKET


class Heard:
    """Alerts as they were put; the keys in `open` are those of open matters."""

    def __init__(self):
        self.put_ones, self.open = [], set()
        self.alarms = Alarms(self.put, self.open.__contains__)

    def put(self, message, topic, *, key=None, closes=None):
        self.put_ones.append((message.level.value, topic, message.title, key, closes))
        self.open -= set((closes or "").split())
        if key is not None:
            self.open.add(key)


@pytest.fixture
def heard():
    return Heard()


def spec(name="scan", **more):
    own = {} if name in {"heartbeat", "health_check"} else {"command": ["true"], "interval": "5m"}
    return parse_job(name, {**own, **more}, CALENDAR)


def run(spec, result, reason="exit code 1"):
    return JobRun(spec.name, NOW, NOW, NOW + timedelta(seconds=1), result, reason)


def test_interruption_of_trading_and_its_end(heard):
    heard.alarms.state_changed(StateChanged(NOW, TRADING, ERROR, "engine failed"))
    heard.alarms.engine_moved(EngineMoved(NOW, "fatal", "run-1", "engine failed"))
    heard.alarms.state_changed(StateChanged(NOW, ERROR, TRADING, "engine running"))
    assert heard.put_ones == [
        ("critical", "engine", "Trading interrupted", "engine.interrupted", None),
        ("critical", "engine", "Engine given up", "engine.given_up", None),
        ("info", "engine", "Trading again", None, "engine.interrupted engine.given_up"),
    ]
    assert heard.open == set()


def test_interruption_that_the_session_did_not_see_the_end_of_ends_with_the_next(heard):
    heard.alarms.state_changed(StateChanged(NOW, TRADING, ERROR, "engine failed"))
    heard.alarms.state_changed(StateChanged(NOW, PRE_MARKET, TRADING, "engine running"))
    heard.alarms.state_changed(StateChanged(NOW, PRE_MARKET, TRADING, "engine running"))
    assert [title for _, _, title, _, _ in heard.put_ones] == ["Trading interrupted", "Trading again", "Trading"]


def test_failing_job_and_its_end(heard):
    scan = spec()
    for reason in ("180 s old", "240 s old"):
        heard.alarms.job_ran(scan, run(scan, RunResult.FAILED, reason), NOW)
    heard.alarms.job_ran(scan, run(scan, RunResult.OK), NOW)
    heard.alarms.job_ran(scan, run(scan, RunResult.OK), NOW)
    assert heard.put_ones == [
        ("warning", "job", "Job scan failed", "job.scan", None),
        ("info", "job", "Job scan is well again", None, "job.scan"),
    ]


def test_job_that_an_earlier_process_told_to_fail_is_told_to_be_well(heard):
    heard.open.add("job.scan")
    scan = spec()
    heard.alarms.job_ran(scan, run(scan, RunResult.OK), NOW)
    assert heard.put_ones == [("info", "job", "Job scan is well again", None, "job.scan")]


@pytest.mark.parametrize("result", RunResult)
def test_heartbeat_raises_no_alert_by_itself(heard, result):
    heartbeat = spec("heartbeat")
    heard.open.add("job.heartbeat")
    heard.alarms.job_ran(heartbeat, run(heartbeat, result), NOW)
    assert heard.put_ones == []


def test_heartbeat_that_somebody_asked_to_hear_has_its_own_topic(heard):
    heartbeat = spec("heartbeat", notify="always")
    heard.alarms.job_ran(heartbeat, run(heartbeat, RunResult.OK), NOW)
    assert heard.put_ones == [("info", "heartbeat", "Job heartbeat: ok", None, None)]


def test_all_other_matters(heard):
    alarms = heard.alarms
    alarms.job_store_failed(OSError("locked"), NOW)
    alarms.job_store_recovered(NOW)
    alarms.job_parked("scan", "unreadable", NOW)
    alarms.clock_jumped(3600, NOW)
    alarms.config_rejected("no", NOW)
    alarms.config_applied(["risk: changed"], NOW)
    alarms.raise_alert(AlertLevel.CRITICAL, "engine", "Trading halted", "me", NOW, key="halt")
    alarms.raise_alert(AlertLevel.WARNING, "engine", "Trading resumed", "me", NOW, closes="halt")
    assert [each[2:] for each in heard.put_ones] == [
        ("Job store failed", "job_store", None),
        ("Job store works again", None, "job_store"),
        ("Job scan is parked", "parked.scan", None),
        ("Clock jumped", "clock", None),
        ("Config rejected", "config", None),
        ("Config applied", None, "config"),
        ("Trading halted", "halt", None),
        ("Trading resumed", None, "halt"),
    ]


def test_config_that_is_put_back_ends_its_rejection_and_else_says_nothing(heard):
    heard.alarms.config_restored(NOW)
    heard.alarms.config_rejected("no", NOW)
    heard.alarms.config_restored(NOW)
    assert [each[2:] for each in heard.put_ones] == [
        ("Config rejected", "config", None),
        ("Config is good again", None, "config"),
    ]


def test_alerts_of_the_engine_have_its_topic_and_are_facts_of_their_own(heard):
    heard.alarms.from_engine(AlertRaised("info", "order", "Order filled: AAPL", "10 at 150", {"order_id": 1}), NOW)
    assert heard.put_ones == [("info", "order", "Order filled: AAPL", None, None)]
