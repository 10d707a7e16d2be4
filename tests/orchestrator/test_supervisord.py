"""The daemon under the real supervisord, by the file that is written for it."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

PROGRAM = "trading-orchestrator"
PATIENCE = 60.0


class Supervisord:
    """A supervisord of its own for one desk."""

    def __init__(self, desk):
        self.desk, self.file = desk, desk.folder / "supervisord.conf"
        text = desk.run("service", "show", "supervisord").stdout
        program, _, rest = text.partition("stdout_logfile_maxbytes = 10MB")
        self.file.write_text(f"{program}stdout_logfile_maxbytes = 1KB{rest}", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(self.file)],
            stdout=subprocess.DEVNULL,
            env=desk.environment,
            cwd="/",
        )

    def control(self, *words):
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self.file), *words]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, env=self.desk.environment, cwd="/", check=False
        )
        return done.stdout

    @property
    def log(self):
        return self.desk.read("supervisord.log")

    def wait_for_log(self, pattern):
        """Wait until its log matches."""
        self.desk.wait_for(lambda: re.search(pattern, self.log), f"supervisord logs {pattern}")

    def close(self):
        self.process.kill()
        self.process.wait(PATIENCE)


QUIET = {"schedule": {"calendar": "NYSE", "auto_start": False, "jobs": {}}}


@pytest.fixture
def supervisord(desk):
    desk.configure(**QUIET)
    supervisord = Supervisord(desk)
    yield supervisord
    supervisord.close()


def wait_for_daemon(desk, *, other_than=0):
    """Wait for the word of another daemon; returns its process id."""

    def said():
        status = desk.status()
        return status is not None and status["pid"] != other_than and not status["engine"]["pid"] and status["pid"]

    return desk.wait_for(said, "a daemon is up")


def test_daemon_lives_under_supervisord(desk, supervisord):
    first = wait_for_daemon(desk)
    assert re.match(rf"{PROGRAM} +RUNNING +pid {first},", supervisord.control("status"))

    os.kill(first, signal.SIGKILL)
    second = wait_for_daemon(desk, other_than=first)
    supervisord.wait_for_log("terminated by SIGKILL; not expected")

    assert supervisord.control("stop", PROGRAM) == f"{PROGRAM}: stopped\n"
    assert f"stopped: {PROGRAM} (exit status 0)" in supervisord.log
    assert json.loads(desk.read(".orchestrator/status.json"))["pid"] is None
    assert desk.family() == [supervisord.process.pid], "nothing is left of the daemon"

    desk.config_path.write_text("schedule: {calendar: NOWHERE}", encoding="utf-8")
    supervisord.control("start", PROGRAM)
    supervisord.wait_for_log(r"exit status 3; expected")
    assert "EXITED" in supervisord.control("status")

    desk.configure(**QUIET)
    supervisord.control("start", PROGRAM)
    wait_for_daemon(desk, other_than=second)
    supervisord.process.terminate()
    assert supervisord.process.wait(PATIENCE) == 0
    assert supervisord.log.count(f"spawned: '{PROGRAM}'") == 4, "what was final was not started again"
    assert supervisord.log.count(f"stopped: {PROGRAM} (exit status 0)") == 2
    assert (desk.folder / f"{PROGRAM}.out.1").exists(), "its output is rotated"
