"""What the daemon says of itself, in the file and in the store: when it is another, and once a minute in any case."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from orchestrator.status.file import StatusFile
from orchestrator.status.status import snapshot, stopped, whole
from orchestrator.store import WRITE_META

if TYPE_CHECKING:
    from orchestrator.loop import Loop

__all__ = ["Bulletin"]

SAY_EVERY = timedelta(seconds=60)
"""The status is written at least this often: an old one is the sign of a loop that does not turn."""


class Bulletin:
    """Keeps the status that others read; written only where others look at the store."""

    def __init__(self, loop: "Loop", file: StatusFile) -> None:
        self._loop, self._file = loop, file
        self._changed, self._told_at = True, loop.started_at
        self._deliveries: dict[str, Any] = {}

    def mark_changed(self) -> None:
        """The status is another now, and is written down at the end of the turn."""
        self._changed = True

    def step(self, now: datetime) -> None:
        """Write it down if it is another, or has not been written for long."""
        if not self._loop.world.shared:
            return
        if self._deliveries != (deliveries := self._loop.outbox.counts()):
            self._deliveries, self._changed = deliveries, True
        if self._changed or now - self._told_at >= SAY_EVERY:
            self._say(now)

    def _say(self, now: datetime) -> None:
        """Write how it is into the file, and into the store unless that fails just now: then again at the next turn."""
        history, said = self._loop.history, snapshot(self._loop, now)
        self._file.write(whole(self._loop, said, now))
        self._changed = history.failing != ""
        if not self._changed:
            self._told_at = now
            history.add(WRITE_META, {"key": "status", "value": said})

    def close(self, now: datetime) -> None:
        """Write that the daemon has come to its end."""
        if self._loop.world.shared:
            said = snapshot(self._loop, now)
            self._loop.history.add(WRITE_META, {"key": "status", "value": said})
            self._file.write(stopped(whole(self._loop, said, now)))
