"""The watch on the account's value: its peak, the loss from there, and the circuit breaker.

The breaker trips when the loss from the peak reaches its threshold. That is committed, and then told, and the daemon
halts. It stays tripped, whatever the equity does and however often the engine is started again, until an operator has
resumed trading. The first look after that begins the peak anew: losses are counted from what is left.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert

from notifiers import RiskNotificationAdapter
from orchestrator.breaker import clear_trip, is_resumed, read_trip, record_trip
from orchestrator.config import RiskConfig
from orchestrator.engine.notices import Notices
from orchestrator.events import BreakerTripped, EngineEvent
from orchestrator.store import WRITE_META, Store, equity

__all__ = ["EquityWatch", "drawdown"]

REPLACE = insert(equity).prefix_with("OR REPLACE")

PEAK = "equity_peak"
"""Key in ``meta``."""

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
    """:param emit: takes the event BreakerTripped.
    :param starting_cash: of the config. If it says another sum than before, the difference counts as paid in or taken
        out, and not as profit or loss.
    :param begun_with: what the account began with; `starting_cash` if not given, 0 if the first look tells it.
    """

    def __init__(
        self,
        store: Store,
        risk: RiskConfig,
        alerts: RiskNotificationAdapter,
        emit: Callable[[EngineEvent], None],
        notices: Notices,
        starting_cash: float,
        begun_with: float | None = None,
    ) -> None:
        self.risk = risk
        self._store, self._alerts, self._emit, self._notices = store, alerts, emit, notices
        self._starting_cash = starting_cash
        self._peak = self._written = starting_cash if begun_with is None else begun_with
        self.tripped = False
        """Whether the breaker forbids purchases."""
        self._begins_anew = False
        self._row_due: datetime | None = None

    def load(self) -> None:
        """Take up what an earlier run has left; a trip that it may not have told is told."""
        peak, trip = self._store.read_meta(PEAK), read_trip(self._store)
        if peak is not None:
            self._peak = self._written = peak["peak"] + self._starting_cash - peak["starting_cash"]
        self._begins_anew = trip is not None and is_resumed(self._store, trip)
        self.tripped = trip is not None and not self._begins_anew
        if trip is not None and self.tripped:
            self._emit(trip)

    def look(self, at: datetime, session: str, equity: float, cash: float) -> Mark:
        """Compare with the peak; warn, and trip the breaker, if it is so far."""
        if self._begins_anew:
            self._begin_anew(equity)
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

    def _begin_anew(self, peak: float) -> None:
        with self._store.engine.begin() as connection:
            connection.execute(WRITE_META, {"key": PEAK, "value": self._peak_row(peak)})
            clear_trip(connection)
        self._peak = self._written = peak
        self._begins_anew = False

    def _rise(self, peak: float) -> None:
        self._peak = peak
        if peak >= self._written * (1 + WORTH_WRITING):
            self._written = peak
            self._store.write_meta(PEAK, self._peak_row(peak))

    def _peak_row(self, peak: float) -> dict[str, float]:
        return {"peak": peak, "starting_cash": self._starting_cash}

    def _warn(self, mark: Mark) -> None:
        risk, loss = self.risk, mark.drawdown
        if risk.enable_circuit_breaker and loss >= risk.circuit_breaker_threshold and not self.tripped:
            self._trip(mark)
        if loss >= risk.max_portfolio_drawdown and self._notices.first(mark.session, "max_portfolio_drawdown"):
            self._alerts.on_portfolio_drawdown_warning(loss, risk.max_portfolio_drawdown)

    def _trip(self, mark: Mark) -> None:
        threshold = self.risk.circuit_breaker_threshold
        reason = (
            f"circuit breaker: equity {mark.equity:,.2f} is {mark.drawdown:.2%} below its peak {self._peak:,.2f}, "
            f"and the threshold is {threshold:.2%}"
        )
        trip = BreakerTripped(mark.at.isoformat(), reason, mark.drawdown, threshold, self.risk.flatten_on_breaker)
        record_trip(self._store, trip)
        self.tripped = True
        self._emit(trip)
