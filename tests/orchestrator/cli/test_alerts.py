"""orchestrator alerts: listed, shown, tried again; with the daemon up, down, or never there."""

import os
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from sqlalchemy import insert

from calendars import SystemClock, VirtualClock
from orchestrator.cli.alerts import alerts
from orchestrator.cli.settings import Settings
from orchestrator.cli.terminal import fit
from orchestrator.control import answer, unanswered
from orchestrator.lock import StoreLock
from orchestrator.store import alerts as alerts_table
from orchestrator.store import deliveries

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 24, 16, 30, tzinfo=NEW_YORK)
KEYS = {"id", "at", "level", "topic", "title", "message", "metadata", "count", "deliveries"}
DELIVERY_KEYS = {"id", "channel", "state", "attempts", "last_error", "next_attempt"}


def ids(done):
    """The first column of the table."""
    return [line.split()[0] for line in done.out.splitlines()[1:]]


@pytest.fixture
def command(workplace):
    """Runs a command as at half past four on Tuesday 24 November 2026 in New York."""
    return lambda *words, clock=None: workplace.run(alerts, *words, clock=clock or VirtualClock(NOW))


ROWS = [
    # id, minutes ago, level, topic, title, count, deliveries (channel, state, attempts, error, next attempt in minutes)
    ("a1000000-1", 300, "info", "engine", "Trading", 1, []),
    ("a2000000-1", 200, "warning", "job", "Job report failed", 3, [("mail", "expired", 40, "refused", None)]),
    (
        "b1000000-1",
        100,
        "critical",
        "risk",
        "Circuit breaker\x1b[2J tripped",
        1,
        [("mail", "sent", 1, "", None), ("slack", "pending", 7, "HTTP 500: oops", 5)],
    ),
    ("b2000000-1", 10, "warning", "engine", "Clock jumped", 1, [("mail", "pending", 0, "", 0)]),
    ("b2000000-2", 5, "warning", "engine", "Again", 1, [("mail", "sent", 1, "", None), ("slack", "sent", 2, "", None)]),
]


@pytest.fixture
def filled(store):
    with store.engine.begin() as connection:
        for key, ago, level, topic, title, count, delivered in ROWS:
            row = {"id": key, "at": NOW - timedelta(minutes=ago), "level": level, "topic": topic, "title": title}
            connection.execute(
                insert(alerts_table), {**row, "message": "one\ntwo", "metadata": {"run": "r1"}, "count": count}
            )
            for channel, state, attempts, error, following in delivered:
                at = None if following is None else NOW + timedelta(minutes=following)
                row = {"id": f"d-{channel}-{key}", "alert_id": key, "channel": channel, "state": state}
                connection.execute(
                    insert(deliveries), {**row, "attempts": attempts, "last_error": error, "next_attempt": at}
                )
    return store


@contextmanager
def daemon(store, replies):
    """Holds the lock as a daemon does, in this process, and answers requests; what was asked is in its list."""
    asked, done = [], threading.Event()
    lock = StoreLock(store.path)
    lock.acquire(datetime.now(UTC))
    started = datetime.now(UTC) - timedelta(seconds=1)

    def serve():
        while not done.wait(0.01):
            for request in unanswered(store, datetime.now(UTC), started):
                asked.append((request.kind, request.args))
                answer(store, request, datetime.now(UTC), *replies)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        done.set()
        thread.join()
        lock.release()


# --- list ---


def test_alerts_are_listed_newest_first_with_what_has_not_arrived(command, filled):
    done = command("list")
    assert (done.code, done.err) == (0, "")
    assert [[cell.strip() for cell in line.split("  ") if cell] for line in done.out.splitlines()] == [
        ["id", "at", "level", "topic", "deliveries", "alert"],
        ["b2000000", "Tue 24 Nov 16:25:00 EST", "warning", "engine", "sent", "Again"],
        ["b2000000", "Tue 24 Nov 16:20:00 EST", "warning", "engine", "mail pending", "Clock jumped"],
        ["b1000000", "Tue 24 Nov 14:50:00 EST", "critical", "risk", "slack failing (7)", "Circuit breaker tripped"],
        ["a2000000", "Tue 24 Nov 13:10:00 EST", "warning", "job", "mail expired", "Job report failed (x 3)"],
        ["a1000000", "Tue 24 Nov 11:30:00 EST", "info", "engine", "-", "Trading"],
    ]


def test_list_as_json_has_its_keys(command, filled):
    found = {each["id"]: each for each in command("list", "--json").document}
    assert list(found) == ["b2000000-2", "b2000000-1", "b1000000-1", "a2000000-1", "a1000000-1"]
    assert all(set(each) == KEYS for each in found.values())
    assert all(set(each) == DELIVERY_KEYS for alert in found.values() for each in alert["deliveries"])
    breaker = found["b1000000-1"]
    assert (breaker["at"], breaker["metadata"], breaker["count"]) == ("2026-11-24T14:50:00-05:00", {"run": "r1"}, 1)
    assert breaker["deliveries"] == [
        {
            "id": "d-mail-b1000000-1",
            "channel": "mail",
            "state": "sent",
            "attempts": 1,
            "last_error": None,
            "next_attempt": None,
        },
        {
            "id": "d-slack-b1000000-1",
            "channel": "slack",
            "state": "pending",
            "attempts": 7,
            "last_error": "HTTP 500: oops",
            "next_attempt": "2026-11-24T16:35:00-05:00",
        },
    ]


def test_alerts_of_one_moment_are_in_the_order_in_which_they_were_said(command, store):
    titles = ["Trading interrupted", "Engine given up", "Again"]
    with store.engine.begin() as connection:
        for key, title in zip("bca", titles, strict=True):
            row = {"id": key, "at": NOW, "level": "info", "topic": "engine", "title": title, "message": "m"}
            connection.execute(insert(alerts_table), {**row, "metadata": {}})
    assert [each["title"] for each in command("list", "--json").document] == titles[::-1]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--last", "2"], ["b2000000-2", "b2000000-1"]),
        (["--level", "critical"], ["b1000000-1"]),
        (["--topic", "engine", "--last", "2"], ["b2000000-2", "b2000000-1"]),
        (["--channel", "slack"], ["b2000000-2", "b1000000-1"]),
        (["--pending"], ["b2000000-1", "b1000000-1"]),
        (["--failed"], ["b1000000-1", "a2000000-1"]),
        (["--failed", "--channel", "mail"], ["a2000000-1"]),
        (["--pending", "--level", "info"], []),
        (["--channel", "nobody"], []),
    ],
    ids=" ".join,
)
def test_list_is_narrowed(command, filled, words, ids):
    assert [each["id"] for each in command("list", *words, "--json").document] == ids


def test_table_goes_whole_into_a_file_and_cut_lines_fit_a_terminal(command, filled, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    table = command("list").out
    assert max(map(len, table.splitlines())) > 60
    master, slave = os.openpty()
    with open(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        lines = fit(table).splitlines()
        monkeypatch.undo()
    os.close(master)
    assert max(map(len, lines)) == 60
    assert lines[1].endswith("…")


def test_nothing_to_list_is_said(command, store):
    assert command("list") == (0, "no alerts\n", "")
    assert command("list", "--pending") == (0, "no such alerts\n", "")
    assert command("list", "--json").document == []


def test_store_that_is_not_there_is_said_and_not_made(command, workplace):
    done = command("list")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"no alerts: no daemon has run on {workplace.store_path} yet\n"
    assert command("list", "--json").document == []
    done = command("show", "b1")
    assert (done.code, done.out) == (1, "")
    assert "no alert 'b1'; to see what there is: orchestrator alerts list" in done.err
    assert not workplace.store_path.exists()


def test_unknown_level_is_a_usage_error(command):
    done = command("list", "--level", "loud")
    assert (done.code, done.out) == (2, "")


# --- show ---


@pytest.mark.parametrize("name", ["b1000000-1", "b1", "d-slack-b1", "d-slack-b1000000-1"])
def test_alert_is_shown_by_the_beginning_of_its_id_or_of_a_delivery_s(command, filled, name):
    done = command("show", name)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:6] == [
        "id     b1000000-1",
        "at     Tue 24 Nov 14:50:00 EST",
        "level  critical",
        "topic  risk",
        "count  1",
        "run    r1",
    ]
    assert lines[6:11] == ["", "Circuit breaker tripped", "one", "two", ""]
    assert lines[11].split() == ["channel", "state", "attempts", "next", "attempt", "delivery", "last", "error"]
    assert [cell.strip() for cell in lines[13].split("  ") if cell] == [
        "slack",
        "pending",
        "7",
        "Tue 24 Nov 16:35:00 EST",
        "d-slack-b1000000-1",
        "HTTP 500: oops",
    ]
    assert command("show", name, "--json").document["id"] == "b1000000-1"


def test_whole_id_goes_before_a_longer_one(command, filled):
    with filled.engine.begin() as connection:
        row = {"id": "b1000000-11", "at": NOW, "level": "info", "topic": "job", "title": "t", "message": "m"}
        connection.execute(insert(alerts_table), {**row, "metadata": {}})
    assert command("show", "b1000000-1", "--json").document["title"].startswith("Circuit breaker")


def test_beginning_of_several_ids_is_refused(command, filled):
    done = command("show", "b2")
    assert (done.code, done.out) == (1, "")
    assert "'b2' begins the ids of several alerts; write more of it" in done.err


def test_alert_of_no_channel_says_why(command, filled):
    assert command("show", "a1").out.endswith("to no channel: its level or its topic is not sent\n")


# --- retry ---


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["b1"], ["d-slack-b1000000-1"]),
        (["b1", "a2"], ["d-slack-b1000000-1", "d-mail-a2000000-1"]),
        (["--channel", "mail"], ["d-mail-b2000000-1", "d-mail-a2000000-1"]),
        (["a2", "b1", "--channel", "mail"], ["d-mail-a2000000-1"]),
        (["--all"], None),
    ],
    ids=lambda value: " ".join(value or ["everything"]),
)
def test_retry_asks_the_daemon_for_what_has_not_arrived(command, filled, words, ids):
    with daemon(filled, (True, 2)) as asked:
        done = command("retry", *words, clock=SystemClock())
    assert (done.code, done.err) == (0, "")
    assert asked == [("retry alerts", {"ids": ids})]
    assert done.out == "2 deliveries are tried again now; to see how it ends: orchestrator alerts list --failed\n"


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 delivery is tried again now; "), (0, "there is nothing to try again\n")]
)
def test_retry_says_how_many(command, filled, count, text):
    with daemon(filled, (True, count)):
        assert command("retry", "--all", clock=SystemClock()).out.startswith(text)


def test_refusal_of_the_daemon_is_told(command, filled):
    with daemon(filled, (False, "this daemon knows no request 'retry alerts'")):
        settings = Settings(None, verbose=False, quiet=False)
        done = CliRunner().invoke(alerts, ["retry", "--all"], obj=settings)
    assert str(done.exception) == "this daemon knows no request 'retry alerts'"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["b2000000-2"], "nothing to try again; to see what became of alerts: orchestrator alerts list"),
        (["b1", "--channel", "mail"], "nothing to try again on channel 'mail'; "),
        (["--channel", "nobody"], "nothing to try again on channel 'nobody'; "),
        (["zz"], "no alert 'zz'; "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_tried_again_is_not_asked_for(command, filled, words, text):
    with daemon(filled, (True, 1)) as asked:
        done = command("retry", *words)
    assert (done.code, done.out, asked) == (1, "", [])
    assert text in done.err


@pytest.mark.parametrize(("words", "text"), [([], "name alerts by their ids"), (["b1", "--all"], "--all goes with")])
def test_retry_of_nothing_and_of_everything_and_more_is_a_usage_error(command, filled, words, text):
    done = command("retry", *words)
    assert done.code == 2
    assert text in done.err


@pytest.mark.parametrize("there", [True, False])
def test_without_a_daemon_nobody_sends_until_one_starts(command, request, workplace, there):
    if there:
        request.getfixturevalue("filled")
    done = command("retry", "--all")
    assert (done.code, done.out) == (4, "")
    assert "no daemon is running on " in done.err
    assert done.err.endswith("start one with: orchestrator start; it sends what is pending anyway\n")
