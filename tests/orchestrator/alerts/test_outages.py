"""When in a session nothing traded, and why: told from the changes of state and the signs of life."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from calendars import MarketCalendar, Session
from orchestrator.alerts.report.outages import Uptime, uptime
from orchestrator.store import Store, equity, job_runs, transitions

NEW_YORK = ZoneInfo("America/New_York")
NYSE = MarketCalendar()
EVENING = "24 20:00"

Change = tuple[str, str, str, str]

NIGHT: list[Change] = [("23 20:00", "post_market", "stopped", "market closed: regular session 09:30-16:00")]
MORNING: list[Change] = [
    *NIGHT,
    ("24 04:00", "stopped", "pre_market", "market pre_market: regular session 09:30-16:00"),
    ("24 09:30", "pre_market", "trading", "market trading: regular session 09:30-16:00"),
]
CLOSE: Change = ("24 16:00", "trading", "post_market", "market post_market: regular session 09:30-16:00")
BACK = "engine starting"


def back(when: str) -> list[Change]:
    """A daemon that begins in the session."""
    return [(when, "stopped", "pre_market", BACK), (when, "pre_market", "trading", "engine running")]


def at(text: str) -> datetime:
    return datetime.strptime(f"2026-11-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=NEW_YORK)


def session_of(calendar: MarketCalendar = NYSE) -> Session:
    found = calendar.session(at("24 12:00").date())
    assert found is not None
    return found


@pytest.fixture
def store() -> Iterator[Store]:
    with Store("sqlite://") as made:
        yield made


def record(store: Store, changes: list[Change], *alive: tuple[str, str]) -> None:
    """Changes of state, and a heartbeat every five minutes from each first to each last time."""
    rows = [{"at": at(when), "from_state": old, "to_state": new, "cause": why} for when, old, new, why in changes]
    beats = [
        {"job": "heartbeat", "scheduled_at": moment, "finished_at": moment, "result": "ok"}
        for first, last in alive
        for moment in every_five_minutes(at(first), at(last))
    ]
    with store.engine.begin() as connection:
        if rows:
            connection.execute(insert(transitions), rows)
        if beats:
            connection.execute(insert(job_runs), beats)


def every_five_minutes(first: datetime, last: datetime) -> Iterator[datetime]:
    while first <= last:
        yield first
        first += timedelta(minutes=5)


def told(found: Uptime | None) -> list[str]:
    assert found is not None
    return [
        f"{each.start.astimezone(NEW_YORK):%H:%M}-{each.end.astimezone(NEW_YORK):%H:%M} {each.cause}"
        for each in found.outages
    ]


GONE = "the daemon was not running"
FAILED = "engine failed: it was ended by SIGKILL; restart 1 of 3 follows"

DAYS: list[tuple[str, list[Change], list[tuple[str, str]], list[str], str]] = [
    ("whole day", [*MORNING, CLOSE], [], [], "6:30:00"),
    (
        "crash and restart",
        [
            *MORNING,
            ("24 10:05", "trading", "error", FAILED),
            ("24 10:07", "error", "trading", "engine running"),
            CLOSE,
        ],
        [],
        [f"10:05-10:07 {FAILED}"],
        "6:28:00",
    ),
    (
        "given up until the close",
        [
            *MORNING,
            ("24 10:05", "trading", "error", FAILED),
            ("24 16:00", "error", "post_market", "market post_market"),
        ],
        [],
        [f"10:05-16:00 {FAILED}"],
        "0:35:00",
    ),
    (
        "killed at noon and back half an hour later",
        [
            *MORNING,
            ("24 12:31", "stopped", "pre_market", BACK),
            ("24 12:32", "pre_market", "trading", "engine running"),
            CLOSE,
        ],
        [("24 00:00", "24 12:00"), ("24 12:31", "24 20:00")],
        [f"12:00-12:32 {GONE}"],
        "5:58:00",
    ),
    (
        "killed at noon and back after the close",
        [*MORNING, ("24 16:30", "stopped", "post_market", "engine stopped")],
        [("24 00:00", "24 12:00"), ("24 16:30", "24 20:00")],
        [f"12:00-16:00 {GONE}"],
        "2:30:00",
    ),
    (
        "killed at noon and back in the night, which is no change of state",
        [*MORNING, ("25 04:00", "stopped", "pre_market", "market pre_market")],
        [("24 00:00", "24 12:00"), ("24 21:00", "25 04:00")],
        [f"12:00-16:00 {GONE}"],
        "2:30:00",
    ),
    (
        "killed at noon and never back",
        MORNING,
        [("24 00:00", "24 12:00")],
        [f"12:00-16:00 {GONE}"],
        "2:30:00",
    ),
    (
        "killed at noon, halted while it was down, and back: the state is stopped before and after",
        [*MORNING, ("24 16:00", "stopped", "post_market", "market post_market")],
        [("24 00:00", "24 12:00"), ("24 13:00", "24 20:00")],
        [f"12:00-16:00 {GONE}"],
        "2:30:00",
    ),
    (
        "killed before the open",
        [
            *NIGHT,
            MORNING[1],
            ("24 11:00", "stopped", "pre_market", BACK),
            ("24 11:00", "pre_market", "trading", ""),
            CLOSE,
        ],
        [("24 00:00", "24 06:00"), ("24 11:00", "24 20:00")],
        [f"09:30-11:00 {GONE}"],
        "5:00:00",
    ),
    (
        "stopped in order, and started again",
        [
            *MORNING,
            ("24 12:00", "trading", "stopped", "the daemon stops"),
            ("24 13:00", "stopped", "pre_market", BACK),
            ("24 13:00", "pre_market", "trading", "engine running"),
            CLOSE,
        ],
        [],
        ["12:00-13:00 the daemon stops"],
        "5:30:00",
    ),
    (
        "down since the night before",
        [*NIGHT, *back("24 11:00"), CLOSE],
        [("23 20:00", "24 02:00"), ("24 11:00", "24 20:00")],
        [f"09:30-11:00 {GONE}"],
        "5:00:00",
    ),
    (
        "started for the first time at eleven",
        [*back("24 11:00"), CLOSE],
        [],
        [f"09:30-11:00 {GONE}"],
        "5:00:00",
    ),
    (
        "halted and resumed",
        [
            *MORNING,
            ("24 11:00", "trading", "stopped", "halted: strange prices"),
            ("24 12:00", "stopped", "pre_market", BACK),
            ("24 12:00", "pre_market", "trading", "engine running"),
            CLOSE,
        ],
        [],
        ["11:00-12:00 halted: strange prices"],
        "5:30:00",
    ),
    (
        "halted since the day before, and resumed",
        [
            *MORNING[:2],
            ("24 09:30", "pre_market", "stopped", "market trading: regular session 09:30-16:00"),
            ("24 12:00", "stopped", "pre_market", BACK),
            ("24 12:00", "pre_market", "trading", "engine running"),
            CLOSE,
        ],
        [],
        ["09:30-12:00 the engine was not to start (halted, or auto_start is off)"],
        "4:00:00",
    ),
    (
        "slow start",
        [
            *MORNING[:2],
            ("24 09:45", "pre_market", "trading", "engine running"),
            CLOSE,
        ],
        [],
        ["09:30-09:45 the engine was starting"],
        "6:15:00",
    ),
    (
        "failure upon failure",
        [
            *MORNING,
            ("24 10:05", "trading", "error", FAILED),
            ("24 10:06", "error", "trading", "engine running"),
            ("24 11:00", "trading", "error", FAILED),
            ("24 11:10", "error", "stopped", "halted: enough"),
            ("24 16:00", "stopped", "post_market", "market post_market"),
        ],
        [],
        [f"10:05-10:06 {FAILED}", f"11:00-11:10 {FAILED}", "11:10-16:00 halted: enough"],
        "1:29:00",
    ),
]


@pytest.mark.parametrize(
    ("changes", "alive", "outages", "trading"), [row[1:] for row in DAYS], ids=[row[0] for row in DAYS]
)
def test_day(
    store: Store, changes: list[Change], alive: list[tuple[str, str]], outages: list[str], trading: str
) -> None:
    record(store, changes, *alive)
    found = uptime(store, session_of(), at(EVENING) + timedelta(days=2))
    assert told(found) == outages
    assert found is not None
    assert (str(found.trading), str(found.hours)) == (trading, "6:30:00")


def test_restart_is_a_failure_after_which_it_traded_again(store: Store) -> None:
    record(store, DAYS[-1][1])
    found = uptime(store, session_of(), at(EVENING))
    assert found is not None
    assert [each.failed for each in found.outages] == [True, True, False]
    assert found.restarts == 1


def test_halt_that_still_holds_tells_its_reason(store: Store) -> None:
    record(store, [*MORNING[:2], ("24 09:30", "pre_market", "stopped", "market trading: regular session")])
    store.write_meta("halt", {"reason": "away", "at": at("23 18:00").isoformat()})
    record(store, [], ("24 09:30", "24 16:00"))
    assert told(uptime(store, session_of(), at("24 16:15"))) == ["09:30-16:00 halted: away"]


def test_session_that_goes_on_counts_up_to_now(store: Store) -> None:
    record(store, MORNING, ("24 00:00", "24 11:55"))
    found = uptime(store, session_of(), at("24 12:00"))
    assert found is not None
    assert (told(found), str(found.trading), str(found.hours)) == ([], "2:30:00", "2:30:00")


def test_daemon_that_died_in_the_session_that_goes_on(store: Store) -> None:
    record(store, MORNING, ("24 00:00", "24 10:30"))
    assert told(uptime(store, session_of(), at("24 12:00"))) == [f"10:30-12:00 {GONE}"]


@pytest.mark.parametrize(("started", "outages"), [("24 08:00", []), ("24 11:00", [f"09:30-12:00 {GONE}"])])
def test_status_is_a_sign_of_life_of_the_daemon_that_wrote_it(store: Store, started: str, outages: list[str]) -> None:
    """With all periodic jobs switched off and an engine that keeps no equity it is the only one."""
    record(store, MORNING)
    status = {"started_at": at(started).isoformat(), "at": at("24 11:59").isoformat()}
    store.write_meta("status", status)
    assert told(uptime(store, session_of(), at("24 12:00"))) == outages


def test_equity_is_a_sign_of_life_too(store: Store) -> None:
    record(store, [*MORNING, *back("24 12:31"), CLOSE])
    row: dict[str, Any] = {"session": "2026-11-24", "equity": 1.0, "cash": 1.0, "drawdown": 0.0}
    with store.engine.begin() as connection:
        quarters = [at("24 09:30") + timedelta(minutes=15 * i) for i in range(10)]
        connection.execute(insert(equity), [row | {"at": moment} for moment in quarters])
    assert told(uptime(store, session_of(), at(EVENING))) == [f"11:45-12:31 {GONE}"]


def test_market_that_never_closes_has_no_change_for_weeks(store: Store) -> None:
    always = MarketCalendar("ALWAYS")
    record(store, back("03 10:00"))
    record(store, [], ("23 18:00", "24 19:15"))
    found = uptime(store, session_of(always), at("24 19:15"))
    assert (told(found), found and str(found.trading)) == ([], "1 day, 0:00:00")


def test_half_day_is_over_at_its_close(store: Store) -> None:
    record(
        store,
        [
            ("26 20:00", "post_market", "stopped", "market closed"),
            ("27 04:00", "stopped", "pre_market", "market pre_market"),
            ("27 09:30", "pre_market", "trading", "market trading"),
            ("27 13:00", "trading", "post_market", "market post_market"),
        ],
    )
    half_day = NYSE.session(at("27 12:00").date())
    assert half_day is not None
    found = uptime(store, half_day, at("27 13:15"))
    assert found is not None
    assert (found.outages, str(found.trading), str(found.hours)) == ((), "3:30:00", "3:30:00")


@pytest.mark.parametrize("now", ["24 09:00", "24 09:30", "24 16:15"])
def test_nothing_is_said_of_what_has_not_begun_or_was_never_recorded(store: Store, now: str) -> None:
    if now != "24 16:15":
        record(store, MORNING[:2])
    assert uptime(store, session_of(), at(now)) is None
