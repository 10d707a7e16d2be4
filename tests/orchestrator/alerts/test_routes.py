"""Who gets what, and when they are left in peace."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from calendars import VirtualClock
from calendars.windows import DailyWindow
from notifiers import AlertLevel
from orchestrator.alerts.channels import channels
from orchestrator.alerts.routes import Routes
from orchestrator.config import NotificationConfig, RouteConfig

CRITICAL, WARNING, INFO = AlertLevel.CRITICAL, AlertLevel.WARNING, AlertLevel.INFO
ALL = ["info", "warning", "critical"]
NEW_YORK = ZoneInfo("America/New_York")


def local(text):
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def routes(*given, **options):
    config = NotificationConfig(
        **{
            "channels": ["console", "slack", "phone"],
            "slack_webhook_url": "https://e.org",
            "apprise": {"phone": "ntfy://topic"},
            "alert_levels": ALL,
            "routes": list(given),
            **options,
        }
    )
    return Routes(config, channels(config), NEW_YORK)


CRITICALS_TO_PHONE = RouteConfig(levels=["critical"], channels=["phone"])
ORDERS_TO_SLACK = RouteConfig(topics=["order"], channels=["slack"])
JOB_TROUBLE_TO_SLACK = RouteConfig(levels=["warning", "critical"], topics=["job"], channels=["slack"])

TARGETS = [
    ("no routes: all to all", [], INFO, "job", ["console", "slack", "phone"]),
    ("not routed: everything", [CRITICALS_TO_PHONE], INFO, "job", ["console", "slack"]),
    ("level that the route names", [CRITICALS_TO_PHONE], CRITICAL, "job", ["console", "slack", "phone"]),
    ("topic that the route names", [ORDERS_TO_SLACK], INFO, "order", ["console", "slack", "phone"]),
    ("topic that it does not name", [ORDERS_TO_SLACK], INFO, "job", ["console", "phone"]),
    ("one of two routes", [ORDERS_TO_SLACK, JOB_TROUBLE_TO_SLACK], WARNING, "job", ["console", "slack", "phone"]),
    ("neither of two routes", [ORDERS_TO_SLACK, JOB_TROUBLE_TO_SLACK], INFO, "job", ["console", "phone"]),
    ("nobody's warning is only kept", [CRITICALS_TO_PHONE, ORDERS_TO_SLACK], WARNING, "job", ["console"]),
    ("nobody's critical one is all's", [ORDERS_TO_SLACK, RouteConfig(topics=["risk"], channels=["phone"])], CRITICAL,
     "job", ["console", "slack", "phone"]),
]  # fmt: skip


@pytest.mark.parametrize(("given", "level", "topic", "targets"), [t[1:] for t in TARGETS], ids=[t[0] for t in TARGETS])
def test_targets(given, level, topic, targets):
    assert routes(*given).targets(level, topic) == targets


@pytest.mark.parametrize("topic", ["order", "risk", "engine", "config", "job", "heartbeat"])
@pytest.mark.parametrize("level", AlertLevel)
def test_every_level_and_topic_can_be_routed(level, topic):
    by_level = [RouteConfig(levels=[level.value], topics=[topic], channels=["slack"])]
    assert "slack" in routes(*by_level).targets(level, topic)
    for other in {"order", "risk", "engine", "config", "job", "heartbeat"} - {topic}:
        assert ("slack" in routes(*by_level).targets(level, other)) is False


@pytest.mark.parametrize("level", AlertLevel)
def test_level_that_is_not_sent_goes_nowhere(level):
    others = [each for each in ALL if each != level.value]
    assert routes(alert_levels=others).targets(level, "job") == []


# --- quiet hours ---

NIGHT = "22:00-07:00"
LUNCH = "12:00-13:00"

HOURS = [
    ("before", LUNCH, "2026-11-24T11:59", None),
    ("at the start", LUNCH, "2026-11-24T12:00", "2026-11-24T13:00"),
    ("at the end", LUNCH, "2026-11-24T13:00", None),
    ("over midnight, in the evening", NIGHT, "2026-11-24T23:00", "2026-11-25T07:00"),
    ("over midnight, in the morning", NIGHT, "2026-11-25T06:59", "2026-11-25T07:00"),
    ("over midnight, by day", NIGHT, "2026-11-25T07:00", None),
    ("until midnight", "22:00-00:00", "2026-11-24T23:59", "2026-11-25T00:00"),
    ("night of the spring change", NIGHT, "2026-03-07T23:00", "2026-03-08T07:00"),
    ("night of the autumn change", NIGHT, "2026-10-31T23:00", "2026-11-01T07:00"),
    ("end that the spring change skips", "22:00-02:30", "2026-03-08T01:59", "2026-03-08T03:30"),
    ("whole window that the spring change skips", "02:10-02:50", "2026-03-08T03:10", None),
]


@pytest.mark.parametrize(("window", "now", "end"), [each[1:] for each in HOURS], ids=[each[0] for each in HOURS])
def test_quiet_hours(window, now, end):
    assert DailyWindow.parse(window, NEW_YORK).until(local(now)) == (None if end is None else local(end))


def test_hour_that_comes_twice_ends_quiet_hours_each_time():
    quiet = DailyWindow.parse("01:00-01:30", NEW_YORK)
    first, second = (local("2026-11-01T01:10").replace(fold=fold) for fold in (0, 1))
    ends = [quiet.until(at).astimezone(UTC) for at in (first, second)]
    assert ends == [datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)]


def at_night(make_bench, **options):
    quiet = RouteConfig(quiet_hours=NIGHT, channels=["slack"])
    bench = make_bench(**{"routes": [quiet], "alert_levels": ALL, **options})
    bench.outbox.configure(config_of(bench, quiet), NEW_YORK)
    bench.clock.advance(local("2026-11-24T23:00") - bench.now)
    return bench


def config_of(bench, quiet, **options):
    return NotificationConfig(
        channels=["console", "slack", "webhook"],
        slack_webhook_url="https://e.org",
        webhook_url="https://e.org",
        alert_levels=ALL,
        routes=[quiet],
        **options,
    )


def test_what_can_wait_does_and_comes_as_one_digest_in_the_morning(make_bench):
    bench = at_night(make_bench)
    bench.put("Job scan failed")
    bench.put("Trading", INFO)
    bench.put("Trading interrupted", CRITICAL)
    bench.run(hours=7, minutes=59)
    assert bench.services.titles("slack") == ["Trading interrupted"]
    assert bench.services.titles("webhook") == ["Job scan failed", "Trading", "Trading interrupted"]
    bench.run(minutes=1)
    assert bench.services.titles("slack")[1:] == ["2 alerts in 1 s: 1 x Job scan failed, 1 x Trading"]


def test_one_that_waited_comes_by_itself(make_bench):
    bench = at_night(make_bench)
    bench.put("Job scan failed")
    wait = bench.step()
    assert wait is not None
    bench.run(hours=8)
    assert bench.services.titles("slack") == ["Job scan failed"]


def test_without_digests_each_comes_by_itself(make_bench):
    bench = at_night(make_bench)
    bench.outbox.configure(config_of(bench, RouteConfig(quiet_hours=NIGHT, channels=["slack"]), digest_after=0))
    bench.put("Job a failed")
    bench.put("Job b failed")
    bench.run(hours=8)
    assert bench.services.titles("slack") == ["Job a failed", "Job b failed"]


def test_route_that_is_not_quiet_lets_it_through(make_bench):
    routes = [RouteConfig(quiet_hours=NIGHT, channels=["slack"]), RouteConfig(topics=["risk"], channels=["slack"])]
    bench = at_night(make_bench, routes=routes)
    bench.outbox.configure(
        NotificationConfig(channels=["slack"], slack_webhook_url="https://e.org", routes=routes), NEW_YORK
    )
    bench.put("Limit breached", topic="risk")
    bench.put("Job scan failed", topic="job")
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Limit breached"]


def test_end_of_what_woke_somebody_is_told_at_once(make_bench):
    bench = at_night(make_bench)
    bench.put("Trading interrupted", CRITICAL, key="engine.interrupted")
    bench.run(minutes=5)
    bench.put("Trading again", INFO, closes="engine.interrupted")
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Trading interrupted", "Trading again"]


def test_end_of_what_waits_waits_too(make_bench):
    bench = at_night(make_bench)
    bench.put("Job scan failed", key="job.scan")
    bench.run(minutes=5)
    bench.put("Job scan is well again", INFO, closes="job.scan")
    bench.run(minutes=5)
    assert bench.services.titles("slack") == []
    bench.run(hours=8)
    (digest,) = bench.services.titles("slack")
    assert digest == "2 alerts in 5 min: 1 x Job scan failed, 1 x Job scan is well again"


def test_quiet_hours_hold_over_a_restart(make_bench):
    bench = at_night(make_bench)
    bench.put("Job scan failed")
    bench.put("Trading interrupted", CRITICAL)
    bench.history.flush()
    second = bench.restarted()
    second.outbox.configure(config_of(bench, RouteConfig(quiet_hours=NIGHT, channels=["slack"])), NEW_YORK)
    second.run(hours=1)
    assert second.services.titles("slack") == ["Trading interrupted"]
    second.run(hours=8)
    assert second.services.titles("slack") == ["Trading interrupted", "Job scan failed"]


@pytest.mark.parametrize("hours", [-2, 9])
def test_clock_that_is_set_out_of_the_quiet_hours_ends_them(make_bench, hours):
    bench = at_night(make_bench)
    bench.put("Job scan failed")
    bench.run(minutes=5)
    bench.clock.step_wall_clock(timedelta(hours=hours))
    bench.run(seconds=1)
    assert bench.services.titles("slack") == ["Job scan failed"]


def test_quiet_hours_are_those_of_the_exchange(make_bench):
    bench = at_night(make_bench)
    assert VirtualClock(bench.now).now() == datetime(2026, 11, 25, 4, 0, tzinfo=UTC)
    bench.outbox.configure(config_of(bench, RouteConfig(quiet_hours="03:30-04:30", channels=["slack"])), UTC)
    bench.put("Job scan failed")
    bench.run(minutes=29)
    assert bench.services.titles("slack") == []
    bench.run(minutes=1)
    assert bench.services.titles("slack") == ["Job scan failed"]
