"""Processes by number: is that one still the one that was meant?"""

import os
import signal
from contextlib import suppress

__all__ = ["birth", "kill_group", "open_files", "rss_mb"]

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


def rss_mb(pid: int) -> float | None:
    """The memory of a process in MB (10^6 bytes); None if it is gone, or cannot be seen."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as statm:
            return round(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)
    except (OSError, IndexError):
        return None


def open_files(pid: int) -> int | None:
    """How many descriptors a process has open; None if it is gone, or cannot be seen."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
