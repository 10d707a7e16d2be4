"""Prices from Interactive Brokers: streamed, or, where there are more symbols than lines, asked for in turn."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from notifiers import AlertLevel, NotificationMessage, Notifier
from orchestrator.engine.ibkr.codes import Sense, sense
from orchestrator.engine.ibkr.connection import Connection
from orchestrator.engine.ibkr.contracts import Contracts
from orchestrator.engine.ibkr.history import History
from orchestrator.engine.ibkr.quotes import Quote
from orchestrator.engine.interface import EngineError
from orchestrator.engine.prices import Doubt, Price, Span
from orchestrator.engine.records import Split

__all__ = ["IbkrPrices"]

logger = logging.getLogger(__name__)

LINES = 90
"""Streams at a time; IB gives everybody at least 100, and TWS's own windows use some."""

AT_ONCE = 5
"""Snapshots under way."""

SNAPSHOT_AGE = timedelta(seconds=30)
"""How old a price that is not streamed may become before it is asked again."""

LIVE, DELAYED = 1, 3

FIRST_PRICES = 3.0
"""Seconds to wait for the first prices of a new connection, so that the first look has some."""


class IbkrPrices:
    """:param max_age: how old a price may be to trade on.
    :param opens: whether this is who opens the connection; with IB as the broker as well, that does.
    :param patience: seconds for :meth:`connect`, and for the history of what is watched.
    """

    def __init__(
        self,
        connection: Connection,
        contracts: Contracts,
        history: History,
        notifier: Notifier,
        max_age: timedelta,
        opens: bool,
        patience: float,
    ) -> None:
        self.problems: list[str] = []
        self._connection, self._contracts, self._history = connection, contracts, history
        self._notifier, self._max_age, self._opens, self._patience = notifier, max_age, opens, patience
        self._quotes: dict[str, Quote] = {}
        self._requests: dict[int, str] = {}
        self._client: Any = None
        self._silent: set[str] = set()
        """Streams on which nothing has come yet."""
        self._all_heard: asyncio.Future[None] | None = None
        self._type = LIVE
        self._told: set[Sense | str] = set()
        hears = connection.hears
        hears["priceSizeTick"] = [self._hear_price]
        hears["tickSnapshotEnd"] = [self._hear_end]
        connection.claims.append(self._claim_error)
        connection.questions.append(("the first prices", self._ask_first))

    # --- a source of prices ---

    def connect(self) -> None:
        if self._opens and not self._connection.ready:
            self._connection.open(self._patience, self._connection.now())

    def disconnect(self) -> None:
        self._connection.close()

    def is_connected(self) -> bool:
        return self._connection.ready

    @property
    def loading(self) -> str:
        """What is still being asked, and has to be waited for before anything is decided."""
        names = self._history.loading()
        return f"the history of {', '.join(names)}" if names else ""

    def watch(self, symbols: Iterable[str]) -> None:
        """While there is no connection it is only noted what is wanted."""
        wanted, now = list(symbols), self._connection.now()
        self._contracts.want(wanted)
        for symbol in wanted:
            self._quotes.setdefault(symbol, Quote(symbol))
        self._history.want(wanted, now)
        if not self._connection.ready:
            return
        for symbol in wanted:
            if symbol in self._contracts.missing:
                raise EngineError(f"{self._contracts.missing[symbol]}; take it out of strategy.symbols")
        pump = self._connection.pump
        pump.wait(pump.start(self._ask_first(self._connection.client)), 2 * FIRST_PRICES)
        self._history.load(self._patience, now)
        for symbol, why in self._history.failed.items():
            self._tell(symbol, f"There is no history of {symbol}", f"{why}. Strategies that look back do without it.")

    def price(self, symbol: str, at: datetime) -> Price | None:
        """The quote of now; of an earlier time the last close before it."""
        if at < self._connection.now() - self._max_age:
            return self._history.price(symbol, at)
        quote = self._quotes.get(symbol)
        found = None if quote is None else quote.price(at, self._max_age, live=self._connection.ready)
        return found or self._history.price(symbol, at)

    def past(self, symbol: str, at: datetime, now: datetime) -> Price | None:
        """In shares of today, as IB tells them."""
        return self._history.price(symbol, at)

    def span(self, symbol: str, since: datetime, until: datetime) -> Span | None:
        """The price of now: what was between two looks is not kept."""
        price = self.price(symbol, until)
        return None if price is None or price.stale else Span(price.value, price.value, price.value, price.value)

    def splits(self, symbol: str, since: datetime, until: datetime) -> Sequence[Split]:
        """None are told: the past comes in shares of today, and IB changes positions itself."""
        return ()

    def doubt(self, symbol: str, since: datetime, until: datetime) -> Doubt | None:
        return None

    def why_not(self, symbol: str, at: datetime) -> str:
        return self._contracts.missing.get(symbol) or self._connection.trouble

    def snapshot(self, symbols: Iterable[str], at: datetime) -> dict[str, Price]:
        self._connection.turn(at)
        self._history.want(self._quotes, at)
        self._history.turn(at)
        self._ask_in_turn(at)
        known = ((symbol, self.price(symbol, at)) for symbol in symbols)
        return {symbol: price for symbol, price in known if price is not None}

    # --- asking ---

    async def _ask_first(self, client: Any) -> None:
        """Subscribe, and wait a little for the first prices; it is no failure if there are none."""
        self._subscribe()
        if self._silent:
            self._all_heard = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._all_heard}, timeout=FIRST_PRICES)

    def _subscribe(self) -> None:
        """Stream what is not streamed; all of it on a new connection, or where IB has forgotten."""
        connection = self._connection
        if connection.client is not self._client or connection.reset_data:
            self._client, self._requests, self._silent = connection.client, {}, set()
            self._client.client.reqMarketDataType(self._type)
        streamed = set(self._requests.values())
        new = [symbol for symbol in self._quotes if symbol not in streamed][: max(LINES - len(streamed), 0)]
        for symbol in new:
            self._request(symbol, snapshot=False)
        self._silent.update(set(new) & set(self._requests.values()))

    def _request(self, symbol: str, *, snapshot: bool) -> None:
        contract = self._contracts.known(symbol)
        if contract is not None:
            client = self._client.client
            request = client.getReqId()
            self._requests[request] = symbol
            client.reqMktData(request, contract, "", snapshot, False, [])

    def _ask_in_turn(self, now: datetime) -> None:
        """Ask for the oldest of those that have no line."""
        if not self._connection.ready or len(self._quotes) <= LINES:
            return
        under_way = set(self._requests.values())
        waiting = [quote for quote in self._quotes.values() if quote.symbol not in under_way]
        due = [quote for quote in waiting if quote.at is None or quote.at <= now - SNAPSHOT_AGE]
        due.sort(key=lambda quote: (quote.at is not None, quote.at or now))
        for quote in due[: max(AT_ONCE + LINES - len(under_way), 0)]:
            self._request(quote.symbol, snapshot=True)

    # --- hearing ---

    def _hear_price(self, request: int, tick: int, price: float, size: float) -> None:
        symbol = self._requests.get(request)
        if symbol is not None:
            self._quotes[symbol].take(tick, price, self._connection.now())
            self._no_longer_silent(symbol)

    def _no_longer_silent(self, symbol: str) -> None:
        self._silent.discard(symbol)
        if not self._silent and self._all_heard is not None and not self._all_heard.done():
            self._all_heard.set_result(None)

    def _hear_end(self, request: int) -> None:
        self._requests.pop(request, None)

    def _claim_error(self, request: int, code: int, text: str) -> bool:
        symbol = self._requests.get(request)
        if symbol is None:
            return False
        meaning = sense(code)
        logger.info("the gateway says %d of the prices of %s: %s", code, symbol, text)
        if meaning is Sense.NO_SUBSCRIPTION:
            self._take_delayed(request, symbol)
        elif meaning is Sense.COMPETING:
            self._quotes[symbol].forget()
            self._tell(meaning, "No market data: the same user is logged in elsewhere", text)
        elif meaning is not Sense.NOTE:
            self._requests.pop(request, None)
            self._no_longer_silent(symbol)
        return True

    def _take_delayed(self, request: int, symbol: str) -> None:
        """Ask for delayed prices from now on: those who may have live ones go on getting them."""
        self._requests.pop(request, None)
        if self._type == DELAYED:
            logger.warning("%s has no market data, not even delayed", symbol)
            self._no_longer_silent(symbol)
            return
        self._tell(
            Sense.NO_SUBSCRIPTION,
            "Prices are delayed",
            f"The account has no market data subscription for {symbol}, and perhaps others: their prices are 15 to "
            "20 minutes old. Subscribe in IB's Client Portal, or trade on them knowingly.",
        )
        self._type = DELAYED
        self._client.client.reqMarketDataType(DELAYED)
        self._request(symbol, snapshot=False)

    def _tell(self, what: Sense | str, title: str, text: str) -> None:
        """Once in a run of the engine."""
        if what not in self._told:
            self._told.add(what)
            self._notifier.notify(NotificationMessage(title, text, AlertLevel.WARNING, self._connection.now()))
