"""Saves configs in child processes of its own: one that kills itself, or fails, at any system call that one likes.

It reads a line of JSON for each save and answers with one: the status of the child and what it said. What the child
needs is imported here, so that the fork has only the save to do.
"""

import fcntl
import json
import os
import resource
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from calendars import VirtualClock
from orchestrator.config import ConfigManager

CALLS = ("open", "mkdir", "listdir", "scandir", "fchmod", "fchown", "fsync", "replace", "unlink", "rmdir", "truncate")


class Steps:
    """Counts where a save can be killed, before and after each system call, or where a call can fail.

    At the one with a number it happens.
    """

    def __init__(self, at, act):
        self.at, self.act, self.passed = at, ACTS[act], 0
        self.after = act == "kill"
        for name in CALLS:
            setattr(os, name, self.watched(getattr(os, name)))
        fcntl.flock = self.watched(fcntl.flock)

    def watched(self, call):
        def watching(*args, **kwargs):
            self.step()
            done = call(*args, **kwargs)
            if self.after:
                self.step()
            return done

        return watching

    def step(self):
        self.passed += 1
        if self.passed == self.at:
            self.act()


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def fail():
    raise OSError(28, "No space left on device")


ACTS = {"kill": kill, "fail": fail}


def save(wanted):
    """One save, and what became of it."""
    clock = VirtualClock(datetime(2026, 11, 24, 14, 30, tzinfo=UTC))
    manager = ConfigManager(Path(wanted["path"]), version_dir=wanted.get("version_dir"), clock=clock)
    config = manager.load()
    config.strategy.max_positions = wanted["positions"]
    if "limit" in wanted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wanted["limit"], wanted["limit"]))
    if "user" in wanted:
        os.setgroups([])
        os.setgid(wanted["user"])
        os.setuid(wanted["user"])
    steps = Steps(wanted["at"], wanted["act"]) if "at" in wanted else None
    try:
        manager.save(config)
    except OSError as error:
        return {"error": str(error), "kind": type(error).__name__}
    return {"saved": steps is None or steps.passed < steps.at}


def in_child(wanted):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.write(writer, json.dumps(save(wanted)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        answer = json.loads(said.read() or "{}")
    return {"status": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), **answer}


def count_up(path, times):
    """Add 1 to a number in the config, so many times, beginning anew whenever somebody else was faster."""
    from orchestrator.config.manager import ConfigConflict

    manager, conflicts = ConfigManager(path), 0
    while times:
        config = manager.load()
        config.strategy.params["count"] = config.strategy.params.get("count", 0) + 1
        try:
            manager.save(config)
            times -= 1
        except ConfigConflict:
            conflicts += 1
    return {"conflicts": conflicts}


def warm_up():
    """Import here what a save imports, not in each child."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.yaml")
        path.write_text("mode: paper")
        for positions in (15, 16):
            save({"path": path, "positions": positions})


if __name__ == "__main__":
    warm_up()
    for line in sys.stdin:
        order = json.loads(line)
        answer = count_up(order["path"], order["count"]) if "count" in order else in_child(order)
        print(json.dumps(answer), flush=True)
