"""What has been told already."""

from collections.abc import Callable, Iterable
from typing import Any

from orchestrator.store import Store

__all__ = ["Notices"]

KEY, FOR_EVER = "engine_notices", "engine_notices_for_ever"
"""Keys in ``meta``."""

KEPT = 1000
"""So many matters are remembered for ever; then the oldest may be told again."""


class Notices:
    """Remembers, across restarts, what has been said, so that it is said once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: dict[str, Any] = {"session": "", "notices": []}
        self._for_ever: list[str] = []

    def load(self) -> None:
        self._said = self._store.read_meta(KEY) or self._said
        self._for_ever = self._store.read_meta(FOR_EVER) or self._for_ever

    def first(self, session: str, notice: str) -> bool:
        """Whether this is the first time in the session; from then on it is not."""
        if self._knows(session, notice):
            return False
        self._remember(session, notice)
        return True

    def once(self, session: str, notice: str, tell: Callable[[], None]) -> None:
        """Tell it, if it has not been told in the session. If a kill comes in between it is told again, never lost."""
        if not self._knows(session, notice):
            tell()
            self._remember(session, notice)

    def new(self, matters: Iterable[str]) -> list[str]:
        """Those that :meth:`keep` does not know."""
        known = set(self._for_ever)
        return [matter for matter in dict.fromkeys(matters) if matter not in known]

    def keep(self, matters: Iterable[str]) -> None:
        """They have been told, and are not news in any session."""
        self._for_ever = [*self._for_ever, *matters][-KEPT:]
        self._store.write_meta(FOR_EVER, self._for_ever)

    def _knows(self, session: str, notice: str) -> bool:
        return self._said["session"] == session and notice in self._said["notices"]

    def _remember(self, session: str, notice: str) -> None:
        said = self._said["notices"] if self._said["session"] == session else []
        self._said = {"session": session, "notices": [*said, notice]}
        self._store.write_meta(KEY, self._said)
