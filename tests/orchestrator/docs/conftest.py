"""A desk on which everything has happened that commands can tell of."""

import json
import os
import signal
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs"
JOB = {"interval": "1s", "command": ["python", "-c", "print('hello')"]}


@pytest.fixture(scope="session")
def docs():
    """The folder of the documentation."""
    return DOCS


@pytest.fixture(scope="module")
def told(open_desk, tmp_path_factory):
    """What a command of a busy desk prints with ``--json``, as documents."""
    with open_desk(tmp_path_factory.mktemp("desk")) as desk:
        yield Told(desk)


class Told:
    """Asks a daemon that trades, was edited, and whose engine was killed."""

    def __init__(self, desk):
        self.desk = desk
        desk.configure(
            schedule={"calendar": "ALWAYS", "jobs": {"rebalance": {"interval": "1s"}, "hello": JOB}},
            notifications={"alert_levels": ["info", "warning", "critical"]},
        )
        desk.start_trading()
        desk.wait_for(lambda: desk.rows("SELECT * FROM fills"), "it trades")
        desk.wait_for(lambda: (desk.status() or {}).get("account"), "the account is told")
        desk.wait_for(lambda: desk.runs("hello"), "a job has run")
        self.run = desk.status()["engine"]["pid"]
        os.kill(self.run, signal.SIGKILL)
        desk.wait_for(lambda: desk.rows("SELECT * FROM incidents"), "the engine has failed")
        desk.wait_for(lambda: desk.rows("SELECT * FROM deliveries WHERE state = 'sent'"), "an alert has arrived")
        desk.wait_for_status(state="running")
        edited = desk.read("desk.yaml").replace("interval: 1s", "interval: 2s")
        desk.write("edited.yaml", edited + "strategy: {symbols: [AAPL]}\n")

    def first(self, table):
        """The id of a row."""
        return next(iter(self.desk.rows(f"SELECT * FROM {table} LIMIT 1")[0].values()))

    def __call__(self, *words):
        done = self.desk.run(*words, "--json")
        assert done.stderr == "" or "hello" not in done.stderr, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()] if words[0] == "simulate" else json.loads(done.stdout)
