"""The state of the whole, row by row."""

from itertools import product

import pytest

from calendars import MarketState
from orchestrator.states import EngineState, OrchestratorState, Policy, derive, wanted

CLOSED, PRE, TRADING, POST = (
    MarketState.CLOSED,
    MarketState.PRE_MARKET,
    MarketState.TRADING,
    MarketState.POST_MARKET,
)
E, O = EngineState, OrchestratorState  # noqa: E741
USUAL, EXTENDED = Policy(), Policy(enable_pre_market=True, enable_post_market=True)
HALTED, MANUAL, LEAVING = Policy(halted=True), Policy(auto_start=False), Policy(stopping=True)
HEALTHY = (E.STOPPED, E.STARTING, E.RUNNING, E.STOPPING)

ROWS = [
    # market, engine, policy, state
    (TRADING, E.BACKOFF, USUAL, O.ERROR),
    (TRADING, E.FATAL, USUAL, O.ERROR),
    (PRE, E.BACKOFF, EXTENDED, O.ERROR),
    (PRE, E.FATAL, EXTENDED, O.ERROR),
    (POST, E.BACKOFF, EXTENDED, O.ERROR),
    (POST, E.FATAL, EXTENDED, O.ERROR),
    (TRADING, E.RUNNING, USUAL, O.TRADING),
    (TRADING, E.STARTING, USUAL, O.PRE_MARKET),
    (TRADING, E.STOPPED, USUAL, O.PRE_MARKET),
    (TRADING, E.STOPPING, USUAL, O.PRE_MARKET),
    (TRADING, E.STOPPED, HALTED, O.STOPPED),
    (TRADING, E.STOPPING, HALTED, O.STOPPED),
    (TRADING, E.BACKOFF, HALTED, O.STOPPED),
    (TRADING, E.FATAL, HALTED, O.STOPPED),
    (TRADING, E.STOPPED, MANUAL, O.STOPPED),
    (TRADING, E.RUNNING, MANUAL, O.TRADING),
    (TRADING, E.STOPPED, LEAVING, O.STOPPED),
    *((PRE, engine, USUAL, O.PRE_MARKET) for engine in HEALTHY),
    (PRE, E.RUNNING, EXTENDED, O.TRADING),
    (PRE, E.STARTING, EXTENDED, O.PRE_MARKET),
    (PRE, E.BACKOFF, USUAL, O.PRE_MARKET),
    *((POST, engine, USUAL, O.POST_MARKET) for engine in HEALTHY),
    (POST, E.RUNNING, EXTENDED, O.TRADING),
    (POST, E.STARTING, EXTENDED, O.POST_MARKET),
    (POST, E.FATAL, USUAL, O.POST_MARKET),
    *((CLOSED, engine, USUAL, O.STOPPED) for engine in E),
]


@pytest.mark.parametrize(("market", "engine", "policy", "state"), ROWS)
def test_row_of_the_state_table(
    market: MarketState, engine: EngineState, policy: Policy, state: OrchestratorState
) -> None:
    assert derive(market, engine, policy) is state


def test_restart_after_a_failure_does_not_end_the_error() -> None:
    assert derive(TRADING, E.STARTING, USUAL, failing=True) is O.ERROR
    assert derive(TRADING, E.STARTING, HALTED, failing=True) is O.STOPPED
    assert derive(CLOSED, E.STOPPED, USUAL, failing=True) is O.STOPPED


WANTED = [
    # market, engine, policy, wanted
    (TRADING, E.STOPPED, USUAL, True),
    (PRE, E.STOPPED, USUAL, False),
    (PRE, E.STOPPED, EXTENDED, True),
    (POST, E.RUNNING, USUAL, False),
    (POST, E.RUNNING, EXTENDED, True),
    (CLOSED, E.RUNNING, EXTENDED, False),
    (TRADING, E.RUNNING, HALTED, False),
    (TRADING, E.RUNNING, LEAVING, False),
    (TRADING, E.STOPPED, MANUAL, False),
    (TRADING, E.RUNNING, MANUAL, True),
    (TRADING, E.BACKOFF, MANUAL, True),
    (CLOSED, E.RUNNING, Policy(auto_stop=False), True),
    (CLOSED, E.STOPPED, Policy(auto_stop=False), False),
    (CLOSED, E.BACKOFF, Policy(auto_stop=False), False),
]


@pytest.mark.parametrize(("market", "engine", "policy", "expected"), WANTED)
def test_when_the_engine_is_wanted(market: MarketState, engine: EngineState, policy: Policy, expected: bool) -> None:
    assert wanted(market, engine, policy) is expected


def test_nothing_is_an_error_while_the_engine_is_not_wanted() -> None:
    for market, engine in product(MarketState, E):
        assert derive(market, engine, HALTED, failing=True) is not O.ERROR
