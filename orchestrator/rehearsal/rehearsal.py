"""A simulation under watch: what must always hold is looked after, and counted in the summary."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

from orchestrator.events import Event, InvariantBroken
from orchestrator.rehearsal.invariants import Invariants
from orchestrator.rehearsal.scenario import Scenario
from orchestrator.rehearsal.simulation import Simulation
from orchestrator.rehearsal.summary import Summary

__all__ = ["Rehearsal"]


class Rehearsal:
    """Lets the daemon live through some days; parameters and errors as of :class:`Simulation`.

    :param listener: hears every event, and of each rule that is broken, after the turn in which that was seen.
    """

    def __init__(
        self,
        config_path: Path | None,
        start: date,
        end: date,
        seed: int | None,
        listener: Callable[[Event], None],
        scenario: Scenario | None = None,
    ) -> None:
        self._listener = listener
        self._watch = Invariants(self._broken)
        self.simulation = Simulation(config_path, start, end, seed, self._hear, scenario, self._watch.inspect)
        self.simulation.summary.invariants = [rule.name for rule in self._watch.rules]

    def run(self) -> Summary:
        """Let the whole range pass."""
        try:
            return self.simulation.run()
        finally:
            self._watch.close()

    def _hear(self, event: Event) -> None:
        self._watch.hear(event)
        self._listener(event)

    def _broken(self, event: InvariantBroken) -> None:
        self.simulation.summary.count(event)
        self._listener(event)
