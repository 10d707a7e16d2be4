"""The states, and the two pure functions that compute them.

Nothing sets a state: at every turn the loop asks :func:`wanted` whether the engine ought to run, the supervisor moves
the engine towards that, and :func:`derive` says what the whole is. A daemon that wakes at 11:00 therefore knows that
it should be trading, whatever it missed.
"""

from enum import StrEnum
from typing import NamedTuple

from calendars import MarketState

__all__ = ["EngineState", "OrchestratorState", "Policy", "derive", "wanted"]


class OrchestratorState(StrEnum):
    STOPPED = "stopped"
    PRE_MARKET = "pre_market"
    TRADING = "trading"
    POST_MARKET = "post_market"
    ERROR = "error"


class EngineState(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    BACKOFF = "backoff"
    FATAL = "fatal"


ACTIVE = frozenset({EngineState.STARTING, EngineState.RUNNING})
FAILED = frozenset({EngineState.BACKOFF, EngineState.FATAL})
WAITING = frozenset({EngineState.STOPPED, EngineState.BACKOFF})
"""From these an engine that is wanted is started."""


class Policy(NamedTuple):
    """What config and operator say of the engine's hours."""

    auto_start: bool = True
    auto_stop: bool = True
    enable_pre_market: bool = False
    enable_post_market: bool = False
    halted: bool = False
    selling: bool = False
    """Halted, and what is held is still to be sold: that takes an engine, which does nothing else."""
    stopping: bool = False
    """The daemon itself is going down."""
    wish: str = ""
    """What the operator has ordered for this session: start, stop, or nothing."""

    def hours(self, market: MarketState) -> bool:
        """Whether the engine's working hours include this market state."""
        if market is MarketState.PRE_MARKET:
            return self.enable_pre_market
        if market is MarketState.POST_MARKET:
            return self.enable_post_market
        return market is MarketState.TRADING


def wanted(market: MarketState, engine: EngineState, policy: Policy) -> bool:
    """Whether the engine ought to run now."""
    if policy.stopping:
        return False
    if policy.halted:  # an engine that runs already is told to sell as it is stopped
        return policy.selling and market is MarketState.TRADING and engine is not EngineState.RUNNING
    if policy.wish == "stop":  # of trading: what a halt is to sell is sold all the same
        return False
    if policy.hours(market):
        return policy.auto_start or policy.wish == "start" or engine is not EngineState.STOPPED
    return not policy.auto_stop and engine in ACTIVE


def derive(market: MarketState, engine: EngineState, policy: Policy, *, failing: bool = False) -> OrchestratorState:
    """The state of the whole, from the market's, the engine's and what is wanted.

    :param failing: the engine has failed and has not run since; a restart that is under way does not end an ERROR.
    """
    is_wanted = not policy.halted and wanted(market, engine, policy)
    if is_wanted and (engine in FAILED or failing):
        return OrchestratorState.ERROR
    if market is MarketState.CLOSED:
        return OrchestratorState.STOPPED
    if policy.hours(market) and engine is EngineState.RUNNING:
        return OrchestratorState.TRADING
    if market is MarketState.TRADING:
        return OrchestratorState.PRE_MARKET if is_wanted else OrchestratorState.STOPPED
    return OrchestratorState.PRE_MARKET if market is MarketState.PRE_MARKET else OrchestratorState.POST_MARKET
