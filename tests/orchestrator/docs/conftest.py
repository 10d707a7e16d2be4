"""A desk on which everything has happened that commands can tell of."""

import json
import os
import signal
import sqlite3
from contextlib import closing, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

from orchestrator.cli import main

DOCS = Path(__file__).parents[3] / "docs"
JOBS = {
    "rebalance": {"interval": "1s"},
    "hello": {"interval": "1s", "command": ["python", "-c", "print('hello')"]},
    "bad": {"interval": "1s", "command": ["python", "-c", "raise SystemExit(3)"]},
}
NOBODY_LISTENS = "http://127.0.0.1:9/"
MARK = "INSERT INTO equity VALUES ('2020-01-01T12:00:00.000000+00:00', '2020-01-01', 100000, 100000, 0)"


@pytest.fixture(scope="session")
def docs():
    """The folder of the documentation."""
    return DOCS


@pytest.fixture(scope="module")
def told(open_desk, tmp_path_factory):
    """What a command prints with ``--json``, as a document: of a daemon that trades and whose engine was killed."""
    with open_desk(tmp_path_factory.mktemp("desk")) as desk:
        make_busy(desk)
        yield Told(desk)


def make_busy(desk):
    """Trade, fail and recover; with a channel that works and one that does not."""
    desk.environment["NO_PROXY"] = "*"
    desk.configure(
        schedule={"calendar": "ALWAYS", "jobs": JOBS},
        notifications={
            "alert_levels": ["info", "warning", "critical"],
            "channels": ["console", "webhook"],
            "webhook_url": NOBODY_LISTENS,
        },
    )
    desk.start_trading()
    desk.wait_for(lambda: desk.rows("SELECT * FROM fills"), "it trades")
    desk.wait_for(lambda: {"ok", "failed"} <= results(desk), "jobs have run")
    os.kill(desk.status()["engine"]["pid"], signal.SIGKILL)
    desk.wait_for(lambda: desk.rows("SELECT * FROM incidents"), "the engine has failed")
    desk.wait_for_status(state="running")
    desk.wait_for(lambda: {"sent", "pending"} <= deliveries(desk), "one channel delivers, and the other has failed")
    desk.wait_for(lambda: (desk.status()["account"] or {}).get("positions"), "the account is told")
    with closing(sqlite3.connect(desk.store_path)) as store, store:
        store.execute(MARK)


def results(desk):
    return {row["result"] for row in desk.rows("SELECT result FROM job_runs WHERE job IN ('hello', 'bad')")}


def deliveries(desk):
    tried = desk.rows("SELECT state FROM deliveries WHERE attempts > 0")
    return {row["state"] for row in tried}


class Told:
    """Asks the command line, in this process."""

    def __init__(self, desk):
        self.desk = desk

    def __call__(self, *words):
        with redirect_stdout(StringIO()) as printed, pytest.raises(SystemExit):
            main(["--config", str(self.desk.config_path), *words, "--json"])
        return json.loads(printed.getvalue())

    def first(self, table):
        """The id of a row."""
        return next(iter(self.desk.rows(f"SELECT * FROM {table} LIMIT 1")[0].values()))

    def edited(self):
        """The path of an edit of the config that moves a job."""
        path = self.desk.folder / "edited.yaml"
        path.write_text(self.desk.read("desk.yaml").replace("interval: 1s", "interval: 7h"), encoding="utf-8")
        return str(path)
