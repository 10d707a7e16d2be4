"""Positions that move together are one position: what is too much like something else is not opened."""

from collections.abc import Iterable

from orchestrator.engine.limits import Cut, Plan, Situation
from orchestrator.engine.returns import ENOUGH, correlation

__all__ = ["is_crowded"]


def is_crowded(symbol: str, beside: Iterable[str], situation: Situation, plan: Plan) -> bool:
    """Whether a new position's daily returns are correlated with those of one beside it by more than
    ``max_correlation``. Where the correlation is not known it does not forbid anything, and the plan says so."""
    most = situation.limits.max_correlation
    if most >= 1:
        return False
    for other in beside:
        if other == symbol:
            continue
        found = correlation(situation.returns(symbol), situation.returns(other))
        if found is None:
            what = f"{symbol} and {other} share fewer than {ENOUGH} daily returns, or one of them does not move"
            plan.remarks.append(f"{what}, so max_correlation is not looked at")
        elif found > most:
            reason = f"{symbol} is not bought: its correlation with {other} is {found:.2f}, max_correlation {most:.2f}"
            plan.cuts.append(Cut("max_correlation", symbol, found, most, reason))
            return True
    return False
