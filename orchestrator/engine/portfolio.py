"""The account at the market's prices."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from orchestrator.engine.account import Account, Position
from orchestrator.engine.alerts import RiskAlerts
from orchestrator.engine.broker import Broker
from orchestrator.engine.prices import Doubt, Price, PriceSource
from orchestrator.engine.records import Split
from orchestrator.engine.reporter import Reporter
from orchestrator.engine.watch import EquityWatch, Mark

__all__ = ["Portfolio"]


class Portfolio:
    """Values what the broker holds for us, and tells what it is worth. `account` is as of the last :meth:`refresh`."""

    def __init__(
        self, source: PriceSource, broker: Broker, watch: EquityWatch, reporter: Reporter, alerts: RiskAlerts
    ) -> None:
        self.account = Account(0.0)
        self.symbols: Sequence[str] = ()
        self.watched: Sequence[str] = ()
        """The traded symbols and whatever else is held."""
        self._source, self._broker, self._watch = source, broker, watch
        self._reporter, self._alerts = reporter, alerts
        self._doubts: Mapping[str, Doubt] = {}
        self._mark: Mark | None = None
        self._now: datetime | None = None

    def follow(self, symbols: Sequence[str]) -> None:
        self.symbols = symbols
        self.refresh()

    def refresh(self) -> None:
        """Ask the broker what there is."""
        self.account.cash, self.account.positions = self._broker.cash(), dict(self._broker.positions())
        others = [symbol for symbol in self.account.positions if symbol not in self.symbols]
        self.watched = [*self.symbols, *others]

    def prices(self, at: datetime) -> dict[str, Price]:
        """Those of shares that can't be told are stale: the position is valued at it and left alone."""
        doubted = {symbol: doubt.last for symbol, doubt in self._doubts.items()}
        return {**self._source.snapshot(self.watched, at), **doubted}

    def why_not(self, symbol: str, at: datetime) -> str:
        """Why a symbol has no fresh price."""
        doubt = self._doubts.get(symbol)
        return self._source.why_not(symbol, at) if doubt is None else doubt.why

    def past_price(self, symbol: str, at: datetime) -> float | None:
        """For a share as it is at the last look."""
        price = self._source.past(symbol, at, at if self._now is None else self._now)
        return None if price is None else price.value

    def equity(self) -> float:
        """As of the last look."""
        return self.account.cash if self._mark is None else self._mark.equity

    def loss(self) -> float:
        """From the highest equity, as a fraction, as of the last look."""
        return 0.0 if self._mark is None else self._mark.drawdown

    def look(self, session: str, now: datetime, *, news: bool = False) -> dict[str, Price]:
        """Take the prices, value the account, and watch its loss; after `news` the value is told at once and kept."""
        self._adjust(now)
        self.refresh()
        prices, worth = self.prices(now), self._broker.net_liquidation()
        equity = self.account.equity(prices) if worth is None else worth
        mark = self._mark = self._watch.look(now, session, equity, self.account.cash)
        if news:
            self._watch.keep(mark)
        self._reporter.equity(mark, self.account, prices, at_once=news)
        return prices

    def close(self) -> None:
        """Keep the last value."""
        if self._mark is not None:
            self._watch.keep(self._mark)

    def _adjust(self, now: datetime) -> None:
        """Shares that have become others must not look like a gain or a loss."""

        def tell(split: Split, position: Position) -> None:
            self._alerts.split(split, position, now)

        self._now, self._doubts = now, self._broker.adjust(now, tell)
