"""orchestrator report: the report of any session, in words and in JSON, with the daemon up, down, or never there."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert

from calendars import VirtualClock
from orchestrator.cli.report import report
from orchestrator.store import equity

NEW_YORK = ZoneInfo("America/New_York")
SATURDAY = datetime(2026, 11, 28, 11, 0, tzinfo=NEW_YORK)
CONFIG = "broker: {broker_type: paper, starting_cash: 100000}\n"


@pytest.fixture
def command(workplace):
    """Runs the command, as on Saturday 28 November 2026 if nothing else is said."""
    workplace.configure(CONFIG)
    return lambda *words, now=SATURDAY: workplace.run(report, *words, clock=VirtualClock(now))


@pytest.fixture
def store(store):
    """A store with the equity of two sessions."""
    marks = [(25, 15, 100_100.0), (27, 12, 100_050.0)]
    rows = [
        {
            "at": datetime(2026, 11, day, hour, 55, tzinfo=NEW_YORK),
            "session": f"2026-11-{day}",
            "equity": worth,
            "cash": 25_000.0,
            "drawdown": 0.0,
        }
        for day, hour, worth in marks
    ]
    with store.engine.begin() as connection:
        connection.execute(insert(equity), rows)
    return store


def test_latest_session_is_reported(command, store):
    done = command()
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:5] == [
        "Fri 27 Nov: -50.00 (-0.05 %), no trades",
        "",
        "Day after Thanksgiving: closes 13:00",
        "",
        "Equity 100,050.00, -50.00 (-0.05 %) since Wed 25 Nov 15:55",
    ]
    assert lines[-1] == "Next session: Mon 30 Nov 09:30-16:00"


def test_any_session_is_reported_by_its_date(command, store):
    lines = command("--date", "2026-11-25").out.splitlines()
    assert lines[0] == "Wed 25 Nov: +100.00 (+0.10 %), no trades"
    assert lines[2] == "Equity 100,100.00, +100.00 (+0.10 %) since the start"
    document = command("--date", "2026-11-25", "--json").document
    assert document["session"] == "2026-11-25"
    assert (document["equity"]["change"], document["equity"]["since"]) == (100.0, None)
    assert document["next_session"]["session"] == "2026-11-27"


def test_session_that_goes_on_is_reported_so_far(command, store):
    done = command(now=datetime(2026, 11, 27, 12, 56, tzinfo=NEW_YORK))
    assert done.out.startswith("Fri 27 Nov so far: -50.00 ")


@pytest.mark.parametrize(
    ("day", "text"),
    [
        ("2026-11-26", "2026-11-26 has no session: Thanksgiving Day: closed"),
        ("2026-11-28", "2026-11-28 has no session: Saturday: closed"),
        ("2026-11-30", "the session of 2026-11-30 has not begun: it opens Mon 30 Nov 2026 09:30 EST"),
    ],
)
def test_day_without_a_report_says_why(command, store, day, text):
    done = command("--date", day)
    assert (done.code, done.out) == (1, "")
    assert text in done.err


def test_store_that_is_not_there_is_said_and_not_made(command, workplace):
    done = command()
    assert done.code == 0
    assert done.out.startswith("Fri 27 Nov: no equity recorded, no trades\n")
    assert done.err == f"note: no daemon has run on {workplace.store_path} yet\n"
    assert command("--json").document["equity"] is None
    assert not workplace.store_path.exists()


def test_wrong_config_does_not_hide_what_is_on_record(command, store, workplace):
    workplace.configure(CONFIG + "stratgy: {}\n")
    done = command()
    assert done.code == 0
    assert done.out.startswith("Fri 27 Nov: -50.00 ")
    assert done.err.startswith("warning: config.paper.yaml:2:1: stratgy: ")
