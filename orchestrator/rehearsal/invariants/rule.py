"""What a rule is: it hears events, looks at turns, and answers with what is wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from calendars import MarketState
from orchestrator.states import EngineState, OrchestratorState, Policy, wanted

__all__ = ["Hearing", "Rule", "Turn"]

Hearing = Mapping[type, Callable[[Any], str]]
"""By kind of event: takes one, and answers with what is wrong with it; empty if nothing is."""


@dataclass(slots=True)
class Turn:
    """How the daemon stood at the end of one turn; nobody changes it.

    :param at: the wall clock, and `monotonic` the seconds of elapsed time.
    :param session: the exchange date.
    :param failing: the engine has failed, or may not be started, and has not run since.
    :param refused: why no engine may be started now; empty if one may.
    :param halted_at: since when an operator has halted trading, as ISO 8601 text; empty if he has not.
    """

    at: datetime
    monotonic: float
    session: str
    market: MarketState
    engine: EngineState
    policy: Policy
    failing: bool
    refused: str
    state: OrchestratorState
    halted_at: str = ""

    @property
    def wanted(self) -> bool:
        return wanted(self.market, self.engine, self.policy)


class Rule:
    """Something that must hold. What it hears, and whether it looks at turns, is up to the rule."""

    name: ClassVar[str]

    def hearing(self) -> Hearing:
        return {}

    def turn(self, turn: Turn) -> str:
        """What is wrong at the end of this turn; empty if nothing is."""
        return ""

    def end(self, turn: Turn) -> list[str]:
        """What is wrong at the end of the last turn, and at that of each day's first one."""
        return []
