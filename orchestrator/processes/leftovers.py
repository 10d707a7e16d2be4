"""Processes that must not outlive the daemon, noted down for the next one to see to it.

Each of our children ends when its parent is gone; but one that is stuck may not notice, and a user's program does not
know. Two engines, or a job twice at a time, must not be.
"""

import logging
from collections.abc import Sequence
from typing import Any

from orchestrator.history import History
from orchestrator.processes.pids import birth, kill_group
from orchestrator.store import WRITE_META, Store

__all__ = ["Leftovers"]

logger = logging.getLogger("orchestrator")

KEY = "children"


class Leftovers:
    """The note of the running children, by number and birth."""

    def __init__(self, store: Store, history: History) -> None:
        self._store, self._history = store, history
        self._noted: list[list[Any]] = []

    def note(self, pids: Sequence[int]) -> None:
        """Write down which processes run now, if they are others than before."""
        if [pid for pid, _ in self._noted] != sorted(pids):
            self._noted = [[pid, birth(pid)] for pid in sorted(pids)]
            self._history.add(WRITE_META, {"key": KEY, "value": self._noted})

    def end(self) -> None:
        """Kill what an earlier daemon left behind."""
        for pid, born in self._store.read_meta(KEY) or []:
            if kill_group(pid, born):
                logger.warning("process %d of an earlier daemon still ran; it was killed", pid)
