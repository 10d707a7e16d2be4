"""Whatever happens to channels, courier, clock, config and daemon, every alert is accounted for.

Random days, the same for a seed: alerts of all kinds, channels that come and go, kills between any two turns.
"""

import random
from datetime import timedelta

import pytest
from sqlalchemy import select

from notifiers import AlertLevel
from orchestrator.config import NotificationConfig, RouteConfig
from orchestrator.store import alerts, deliveries

LEVELS = [level.value for level in AlertLevel]
TROUBLES = (
    {"detail": "HTTP 500"},
    {"detail": "HTTP 404", "permanent": True},
    {"detail": "HTTP 429", "retry_after": 900.0},
)
MATTERS = ("job.a", "job.b", "engine.interrupted")


def config(rng, names=("slack", "webhook", "phone"), **options):
    routes = [RouteConfig(quiet_hours="16:00-18:00", channels=["webhook"])] if rng.random() < 0.5 else []
    return NotificationConfig(
        channels=["console", *names],
        slack_webhook_url="https://e.org",
        webhook_url="https://e.org",
        apprise={"phone": "ntfy://topic"},
        alert_levels=LEVELS,
        routes=[route for route in routes if "webhook" in names],
        **options,
    )


class Day:
    """A bench to which things happen; it is replaced when it is killed."""

    def __init__(self, bench, seed):
        self.rng = random.Random(seed)
        self.options = {"digest_after": self.rng.choice((0, 3, 20)), "dedupe_window": self.rng.choice((0, 60, 300))}
        self.bench = bench.restarted(config(self.rng, **self.options))
        self.down = {}

    def live(self, turns):
        deeds = (self.tell, self.tell, self.close, self.flood, self.change_channels, self.kill, self.lose_courier)
        for _ in range(turns):
            self.rng.choice(deeds)()
            self.pass_time(self.rng.choice((0, 1, 10, 90)))
        self.down = {}
        self.bench.outbox.configure(config(self.rng, **self.options))
        self.bench.run(hours=6)

    def pass_time(self, seconds):
        self.bench.clock.advance(timedelta(seconds=seconds))
        for _ in range(self.rng.randrange(4)):
            self.bench.turn()
            for parcel in list(self.bench.services.under_way):
                if self.rng.random() < 0.8:
                    trouble = self.down.get(parcel["channel"])
                    self.bench.answer(parcel["channel"], trouble is None, **(trouble or {}))

    def tell(self):
        level = self.rng.choice(list(AlertLevel))
        if self.rng.random() < 0.6:
            self.bench.put("Trouble", level, str(self.rng.random()), key=self.rng.choice(MATTERS))
        else:
            self.bench.put("Order filled", level, str(self.rng.choice((1, 2))), topic="order")

    def close(self):
        self.bench.put("Well again", AlertLevel.INFO, closes=" ".join(self.rng.sample(MATTERS, 2)))

    def flood(self):
        for _ in range(self.rng.randrange(12)):
            self.tell()

    def change_channels(self):
        channel = self.rng.choice(("slack", "webhook", "phone"))
        if self.rng.random() < 0.5:
            self.down[channel] = self.rng.choice(TROUBLES)
        else:
            self.down.pop(channel, None)
        if self.rng.random() < 0.1:
            names = self.rng.sample(("slack", "webhook", "phone"), self.rng.randrange(4))
            self.bench.outbox.configure(config(self.rng, names, **self.options))

    def kill(self):
        self.bench.history.flush()
        self.bench = self.bench.restarted(config(self.rng, **self.options))

    def lose_courier(self):
        self.bench.services.under_way.clear()
        self.bench.outbox.ended(-9, self.bench.now)
        if self.rng.random() < 0.3:
            self.bench.clock.step_wall_clock(timedelta(minutes=self.rng.randrange(-60, 60)))


@pytest.mark.parametrize("seed", range(12))
def test_every_alert_is_sent_or_told_by_another_that_is(bench, seed):
    day = Day(bench, seed)
    day.live(150)
    store = day.bench.store
    day.bench.history.flush()
    rows = {row["id"]: row for row in store.rows(select(deliveries))}
    counts = day.bench.outbox.counts()
    assert (counts["pending"], counts["failed"]) == (0, 0)
    assert all(each["pending"] == 0 for each in counts["channels"].values())

    assert {row["state"] for row in rows.values()} <= {"sent", "collapsed", "expired"}
    told = {}
    for row in rows.values():
        if row["channel"] != "console":
            told.setdefault(row["alert_id"], set()).add(end_of(row, rows)["state"])
    mattering = [row["id"] for row in store.rows(select(alerts)) if row["level"] != "info" and row["id"] in told]
    assert len(mattering) > 50
    assert [each for each in mattering if "sent" not in told[each]] == []


def end_of(row, rows):
    """The delivery that tells it in the end."""
    for _ in range(len(rows)):
        if row["state"] != "collapsed":
            return row
        row = rows[row["last_error"].split()[-1]]
    raise AssertionError("it goes round in a circle")
