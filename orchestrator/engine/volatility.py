"""How much a portfolio may be expected to move in a year, and how much of it is held for that not to be too much.

A portfolio's return of a day is that of its positions at their weights, so its variance has all their covariances in
it. Weights are scaled down, never up, all alike, until the expected volatility is at the target; but no further than
``max_cash_buffer`` lets money lie in cash.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from orchestrator.engine.limits import Cut, Limits, Returns, Situation
from orchestrator.engine.returns import ENOUGH, covariance, deviations, shared_days

__all__ = ["Scaling", "scale_to_target"]

Weights = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Scaling:
    """How much of the movable weights is held: `share` from 0 to 1, why not all, and what could not be looked at."""

    share: float = 1.0
    cut: Cut | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """Variances a year: of the movable part with itself, of the two parts, and of the fixed part with itself."""

    movable: float
    mixed: float
    fixed: float

    def volatility(self, share: float) -> float:
        """Of the whole, if this share of the movable part is held."""
        return math.sqrt(max(self.movable * share**2 + 2 * self.mixed * share + self.fixed, 0.0))

    def share(self, target: float) -> float:
        """The largest share of the movable part, up to all of it, at which the volatility is the target at most."""
        if self.volatility(1.0) <= target or self.movable <= 0:
            return 1.0
        root = self.mixed**2 - self.movable * (self.fixed - target**2)
        return min(max((math.sqrt(root) - self.mixed) / self.movable, 0.0), 1.0) if root > 0 else 0.0


def scale_to_target(movable: Weights, fixed: Weights, situation: Situation) -> Scaling:
    """What of the movable weights may be held beside the fixed ones, which can't be changed now."""
    limits = situation.limits
    weights = {symbol: weight for symbol, weight in (*movable.items(), *fixed.items()) if weight}
    if limits.target_volatility is None or not any(movable.values()):
        return Scaling()
    known, remark = _known(weights, situation)
    if not known:
        return Scaling(remark=remark)
    estimate = _estimate(movable, fixed, known, limits.sessions_a_year)
    wanted = estimate.share(limits.target_volatility)
    share = max(wanted, _least(movable, fixed, limits))
    return Scaling(share, _cut(estimate, share, wanted, limits), remark)


def _known(weights: Weights, situation: Situation) -> tuple[dict[str, Returns], str]:
    """The returns of those symbols that have enough of them, on the same days, and a word on the others."""
    found = {symbol: situation.returns(symbol) for symbol in weights}
    known = {symbol: returns for symbol, returns in found.items() if len(returns) >= ENOUGH}
    while known and len(shared_days(known)) < ENOUGH:
        del known[min(known, key=lambda symbol: len(known[symbol]))]
    missing = [symbol for symbol in weights if symbol not in known]
    if not missing:
        return known, ""
    what = f"{', '.join(missing)}: fewer than {ENOUGH} daily returns are known"
    return known, f"{what}, so the expected volatility of the portfolio is reckoned without them"


def _estimate(movable: Weights, fixed: Weights, returns: Mapping[str, Returns], sessions: int) -> Estimate:
    days = shared_days(returns)
    moving, still = _series(movable, returns, days), _series(fixed, returns, days)
    return Estimate(*(sessions * covariance(*pair) for pair in ((moving, moving), (moving, still), (still, still))))


def _series(weights: Weights, returns: Mapping[str, Returns], days: Sequence[date]) -> list[float]:
    """The daily deviations of a portfolio with these weights."""
    parts = [
        [weights[symbol] * value for value in deviations(known, days)]
        for symbol, known in returns.items()
        if weights.get(symbol)
    ]
    return [math.fsum(day) for day in zip(*parts, strict=True)] if parts else [0.0] * len(days)


def _least(movable: Weights, fixed: Weights, limits: Limits) -> float:
    """The share at which as much is in cash as may be; all of it, if more is even without scaling."""
    invested = 1 - limits.max_cash_buffer - math.fsum(fixed.values())
    return min(max(invested / math.fsum(movable.values()), 0.0), 1.0)


def _cut(estimate: Estimate, share: float, wanted: float, limits: Limits) -> Cut | None:
    if wanted >= 1 or limits.target_volatility is None:
        return None
    before, target = estimate.volatility(1.0), limits.target_volatility
    told = f"the expected volatility is {before:.1%} a year, target_portfolio_volatility is {target:.1%}"
    if share == wanted:
        return Cut("target_portfolio_volatility", None, before, target, f"{told}: positions are scaled to {share:.0%}")
    after = estimate.volatility(share)
    floor = f"max_cash_buffer lets no more than {limits.max_cash_buffer:.0%} be cash"
    reason = f"{told}: positions are scaled to {share:.0%} only, as {floor}; {after:.1%} remain"
    return Cut("max_cash_buffer", None, after, target, reason)
