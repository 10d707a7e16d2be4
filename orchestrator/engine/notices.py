"""What has been told in this session already."""

from typing import Any

from orchestrator.store import Store

__all__ = ["Notices"]

KEY = "engine_notices"


class Notices:
    """Remembers, across restarts, what has been said in a session, so that it is said once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: dict[str, Any] = {"session": "", "notices": []}

    def load(self) -> None:
        self._said = self._store.read_meta(KEY) or self._said

    def first(self, session: str, notice: str) -> bool:
        """Whether this is the first time in the session; from then on it is not."""
        said = self._said["notices"] if self._said["session"] == session else []
        if notice in said:
            return False
        self._said = {"session": session, "notices": [*said, notice]}
        self._store.write_meta(KEY, self._said)
        return True
