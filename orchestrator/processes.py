"""Processes by number: is that one still the one that was meant?"""

import os
import signal
from contextlib import suppress

__all__ = ["birth", "kill_group"]

ALIVE = "alive"
"""All that can be said without /proc; too little to kill by."""


def birth(pid: int) -> str:
    """When the process was born, in kernel ticks; only that it lives, where there is no /proc; empty if it does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:
            fields = stat.read().rpartition(b")")[2].split()
        return "" if fields[0] == b"Z" else fields[19].decode()
    except OSError:
        pass  # no such process, or no /proc at all
    if os.path.exists("/proc/self/stat"):
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass  # it lives, and is somebody else's
    return ALIVE


def kill_group(pid: int, born: str) -> bool:
    """Kill the group that this process leads, if it still is the process that was born then; whether it was."""
    if born in {"", ALIVE} or birth(pid) != born:
        return False
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return True
