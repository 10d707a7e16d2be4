"""The account at the market's prices."""

from collections.abc import Sequence
from datetime import datetime

from orchestrator.engine.account import Account
from orchestrator.engine.broker import Broker
from orchestrator.engine.prices import Price, PriceSource
from orchestrator.engine.reporter import Reporter
from orchestrator.engine.watch import EquityWatch, Mark

__all__ = ["Portfolio"]


class Portfolio:
    """Values what the broker holds for us, and tells what it is worth. `account` is as of the last :meth:`refresh`."""

    def __init__(self, source: PriceSource, broker: Broker, watch: EquityWatch, reporter: Reporter) -> None:
        self.account = Account(0.0)
        self.symbols: Sequence[str] = ()
        self.watched: Sequence[str] = ()
        """The traded symbols and whatever else is held."""
        self._source, self._broker, self._watch, self._reporter = source, broker, watch, reporter
        self._mark: Mark | None = None

    def follow(self, symbols: Sequence[str]) -> None:
        self.symbols = symbols
        self.refresh()

    def refresh(self) -> None:
        """Ask the broker what there is."""
        self.account.cash, self.account.positions = self._broker.cash(), dict(self._broker.positions())
        others = [symbol for symbol in self.account.positions if symbol not in self.symbols]
        self.watched = [*self.symbols, *others]

    def prices(self, at: datetime) -> dict[str, Price]:
        return self._source.snapshot(self.watched, at)

    def past_price(self, symbol: str, at: datetime) -> float | None:
        price = self._source.price(symbol, at)
        return None if price is None else price.value

    def equity(self) -> float:
        """As of the last look."""
        return self.account.cash if self._mark is None else self._mark.equity

    def look(self, session: str, now: datetime, *, news: bool = False) -> dict[str, Price]:
        """Take the prices, value the account, and watch its loss; after `news` the value is told at once and kept."""
        prices = self.prices(now)
        mark = self._mark = self._watch.look(now, session, self.account.equity(prices), self.account.cash)
        if news:
            self._watch.keep(mark)
        self._reporter.equity(mark, self.account, prices, at_once=news)
        return prices

    def close(self) -> None:
        """Keep the last value."""
        if self._mark is not None:
            self._watch.keep(self._mark)
