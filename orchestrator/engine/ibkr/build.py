"""Puts broker and prices together, on one connection."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from calendars import Clock, MarketCalendar
from calendars.windows import DailyWindow
from notifiers import Notifier
from orchestrator.config import TradingConfig, cache_dir
from orchestrator.engine.ibkr.broker import IbkrBroker
from orchestrator.engine.ibkr.complaints import Complaints
from orchestrator.engine.ibkr.connection import Connection
from orchestrator.engine.ibkr.contracts import Contracts
from orchestrator.engine.ibkr.guard import choose_account
from orchestrator.engine.ibkr.history import History
from orchestrator.engine.ibkr.outage import Outage
from orchestrator.engine.ibkr.prices import IbkrPrices
from orchestrator.engine.ibkr.trouble import Endpoint
from orchestrator.engine.journal import Journal
from orchestrator.store import Store

__all__ = ["Ibkr", "endpoint"]

SHARE_OF_START = 0.5
"""Of ``engine.start_timeout``, for making the connection; half as much for the history."""

SHORTEST_AGE = 60.0
"""Seconds that a price may be old to trade on, at least: thin markets are silent for so long."""


def endpoint(config: TradingConfig) -> Endpoint:
    return Endpoint(config.broker.host, config.broker.port, config.broker.client_id)


class Ibkr:
    """Interactive Brokers as the config describes it: a broker, prices, or both.

    :param base_dir: where a relative ``data.cache_dir`` begins.
    """

    def __init__(
        self, config: TradingConfig, calendar: MarketCalendar, base_dir: Path, clock: Clock, notifier: Notifier
    ) -> None:
        self._config, self._calendar, self._clock, self._notifier = config, calendar, clock, notifier
        self._base_dir = base_dir
        at = endpoint(config)
        zone = calendar.exchange_timezone
        windows = [DailyWindow.parse(text, zone) for text in config.broker.maintenance_windows]
        outage = Outage(windows, str(at), notifier)
        reconnects = config.data.enable_reconnect
        self._connection = Connection(at, self._choose_account, outage, clock, reconnects=reconnects)
        self._contracts = Contracts(self._connection)
        self._patience = config.engine.start_timeout * SHARE_OF_START
        complaints = Complaints(notifier, clock)
        self._connection.on_open, self._connection.on_close = complaints.begin, complaints.end

    def _choose_account(self, accounts: Sequence[str]) -> str:
        """Where only prices are taken any account will do: nothing can be sent."""
        trades = self._config.broker.broker_type == "ibkr"
        return choose_account(self._config, accounts) if trades else accounts[0]

    def broker(self, journal: Journal, store: Store) -> IbkrBroker:
        schedule = self._config.schedule
        return IbkrBroker(
            self._connection,
            self._contracts,
            journal,
            store,
            self._notifier,
            self._patience,
            schedule.enable_pre_market or schedule.enable_post_market,
            self._clock,
        )

    def prices(self) -> IbkrPrices:
        data = self._config.data
        folder = cache_dir(self._config, self._base_dir) / "ibkr" / "daily" if data.cache_enabled else None
        history = History(self._connection, self._contracts, self._calendar, folder, self._clock.monotonic)
        return IbkrPrices(
            self._connection,
            self._contracts,
            history,
            self._notifier,
            timedelta(seconds=max(self._config.health.max_data_age, SHORTEST_AGE)),
            opens=self._config.broker.broker_type != "ibkr",
            patience=self._patience / 2,
        )
