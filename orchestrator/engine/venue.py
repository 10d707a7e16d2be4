"""Where orders go and prices come from: as the config says."""

from pathlib import Path
from typing import NamedTuple, Protocol

from calendars import Clock, MarketCalendar
from notifiers import Notifier
from orchestrator.config import TradingConfig
from orchestrator.engine.broker import Broker
from orchestrator.engine.data import price_source
from orchestrator.engine.journal import Journal
from orchestrator.engine.paper import PaperBroker
from orchestrator.engine.prices import PriceSource
from orchestrator.store import Store

__all__ = ["Line", "Venue", "open_venue"]


class Line(Protocol):
    """What lies between the engine and the world outside, in a rehearsal that has faults."""

    def prices(self, source: PriceSource) -> PriceSource: ...

    def broker(self, broker: Broker) -> Broker: ...


class Venue(NamedTuple):
    """`begun_with` is the cash that the account began with; 0 where the first look at a real account tells it."""

    prices: PriceSource
    broker: Broker
    begun_with: float


def open_venue(
    config: TradingConfig,
    journal: Journal,
    store: Store,
    calendar: MarketCalendar,
    base_dir: Path,
    clock: Clock,
    notifier: Notifier,
    seed: int,
    line: Line | None = None,
) -> Venue:
    """For a config that ``check_supported`` has found good. Nothing is connected to yet.

    :param seed: of synthetic prices.
    :param line: what the paper broker and its prices are reached through, if anything.
    """
    live, costs = config.broker.broker_type == "ibkr", config.broker
    if not live and config.data.primary_source != "ibkr":
        prices = price_source(config, base_dir, calendar, seed)
    else:
        from orchestrator.engine.ibkr import Ibkr  # who does not need it need not have its library

        ibkr = Ibkr(config, calendar, base_dir, clock, notifier)
        prices = ibkr.prices()
        if live:
            return Venue(prices, ibkr.broker(journal, store), 0.0)
    if line is not None:
        prices = line.prices(prices)
    paper: Broker = PaperBroker(journal, prices, costs.starting_cash, costs.slippage, costs.commission)
    return Venue(prices, paper if line is None else line.broker(paper), costs.starting_cash)
