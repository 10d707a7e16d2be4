"""The watch on the account's value: its peak, the loss from there, and the circuit breaker.

The breaker trips when the loss from the peak reaches its threshold. It stays tripped to the end of the session,
whatever the equity does and however often the engine is started again. In the next session the loss is looked at anew:
if it is still beyond the threshold, the breaker trips again at the first look, before anything is bought. So
purchases begin again by themselves only after the equity has recovered.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from notifiers import RiskNotificationAdapter
from orchestrator.config import RiskConfig
from orchestrator.engine.notices import Notices
from orchestrator.store import Store, equity

__all__ = ["EquityWatch", "drawdown"]

REPLACE = insert(equity).prefix_with("OR REPLACE")

BREAKER, PEAK = "circuit_breaker", "equity_peak"
"""Keys in ``meta``."""

WORTH_WRITING = 0.001
"""A rise of the peak by less than this fraction is not written at once: so much may be forgotten when killed."""

ROW_EVERY = timedelta(minutes=15)
"""At least so often, while the engine trades, a row of the equity is kept."""


def drawdown(peak: float, equity: float) -> float:
    """The loss from the peak, as a fraction of it; 0 at the peak."""
    return max(0.0, round(1 - equity / peak, 6)) if peak > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """The account at a moment."""

    at: datetime
    session: str
    equity: float
    cash: float
    drawdown: float


class EquityWatch:
    """:param starting_cash: of the config. If it says another sum than before, the difference counts as paid in or
        taken out, and not as profit or loss.
    :param begun_with: what the account began with; `starting_cash` if not given, 0 if the first look tells it.
    """

    def __init__(
        self,
        store: Store,
        risk: RiskConfig,
        alerts: RiskNotificationAdapter,
        notices: Notices,
        starting_cash: float,
        begun_with: float | None = None,
    ) -> None:
        self.risk = risk
        self._store, self._alerts, self._notices, self._starting_cash = store, alerts, notices, starting_cash
        self._peak = self._written = starting_cash if begun_with is None else begun_with
        self._tripped_in = ""
        self._row_due: datetime | None = None

    def load(self) -> None:
        """Take up what an earlier run has left."""
        breaker: dict[str, Any] = self._store.read_meta(BREAKER) or {}
        self._tripped_in = breaker.get("session", "")
        peak = self._store.read_meta(PEAK)
        if peak is not None:
            self._peak = self._written = peak["peak"] + self._starting_cash - peak["starting_cash"]

    def tripped(self, session: str) -> bool:
        """Whether the breaker forbids purchases in this session."""
        return self._tripped_in == session

    def look(self, at: datetime, session: str, equity: float, cash: float) -> Mark:
        """Compare with the peak; warn, and trip the breaker, if it is so far."""
        if equity > self._peak:
            self._rise(equity)
        mark = Mark(at, session, equity, cash, drawdown(self._peak, equity))
        self._warn(mark)
        if self._row_due is None or at >= self._row_due:
            self.keep(mark)
        return mark

    def keep(self, mark: Mark) -> None:
        """Write the row of the account's history."""
        self._row_due = mark.at + ROW_EVERY
        row = {"at": mark.at, "session": mark.session, "equity": mark.equity, "cash": mark.cash}
        with self._store.engine.begin() as connection:
            connection.execute(REPLACE, row | {"drawdown": mark.drawdown})

    def _rise(self, peak: float) -> None:
        self._peak = peak
        if peak >= self._written * (1 + WORTH_WRITING):
            self._written = peak
            self._store.write_meta(PEAK, {"peak": peak, "starting_cash": self._starting_cash})

    def _warn(self, mark: Mark) -> None:
        risk, loss = self.risk, mark.drawdown
        if risk.enable_circuit_breaker and loss >= risk.circuit_breaker_threshold and not self.tripped(mark.session):
            self._trip(mark)
        if loss >= risk.max_portfolio_drawdown and self._notices.first(mark.session, "max_portfolio_drawdown"):
            self._alerts.on_portfolio_drawdown_warning(loss, risk.max_portfolio_drawdown)

    def _trip(self, mark: Mark) -> None:
        threshold = self.risk.circuit_breaker_threshold
        # Told first: a kill in between makes it be told twice, and not never.
        self._alerts.on_circuit_breaker_triggered(
            f"Equity {mark.equity:.2f} is {mark.drawdown:.2%} below its peak {self._peak:.2f}: "
            f"no purchases for the rest of session {mark.session}",
            drawdown=mark.drawdown,
            threshold=threshold,
        )
        self._tripped_in = mark.session
        row = {"session": mark.session, "at": mark.at.isoformat(), "drawdown": mark.drawdown, "threshold": threshold}
        self._store.write_meta(BREAKER, row)
