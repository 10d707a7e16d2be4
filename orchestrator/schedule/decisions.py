"""The trading decisions of a session, on their way to the engine: each by its name, none lost, none made twice."""

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.history import History
from orchestrator.store import WRITE_META

__all__ = ["Decisions"]


class Decisions:
    """Remembers the last decision, and whether an engine was told of it.

    :param remembered: ``{session, label, told}`` as an earlier daemon left it; empty if none did.
    :param command: gives a running engine a command; False if none runs.
    :param by_name: whether the engine of now knows decisions by name, makes none twice, and completes one that it had
        begun. Any other engine is told of each only once.
    """

    def __init__(
        self,
        remembered: Mapping[str, Any],
        command: Callable[[Mapping[str, Any]], bool],
        history: History,
        by_name: Callable[[], bool],
    ) -> None:
        self._last = dict(remembered)
        self._command, self._history, self._by_name = command, history, by_name

    def decide(self, session: str, label: str) -> bool:
        """Have the engine make the decision of this name, now or as soon as it runs; whether it was told now."""
        decision = {"session": session, "label": label}
        if not decision.items() <= self._last.items():
            self._last = {**decision, "told": False}
            self._hand_over()
        elif self._is_to_tell():
            self._hand_over()
        return bool(self._last["told"])

    def remind(self, session: str) -> bool:
        """Tell a new engine of the decision of this session, if there was one; whether there was."""
        if self._last.get("session") != session:
            return False
        if self._is_to_tell():
            self._hand_over()
        return True

    def _is_to_tell(self) -> bool:
        return self._by_name() or not self._last["told"]

    def _hand_over(self) -> None:
        told = self._command({"command": "rebalance", "decision": self._last["label"]})
        self._last["told"] = told or self._last["told"]
        self._history.add(WRITE_META, {"key": "decision", "value": dict(self._last)})
        self._history.flush(force=True)  # its fire is claimed: from here on only this row remembers it
