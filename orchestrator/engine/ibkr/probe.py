"""A look at the gateway for people: what is there, and what would keep us from trading. It never places anything."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from calendars import Clock, SystemClock
from notifiers import MemoryNotifier
from orchestrator.config import TradingConfig
from orchestrator.engine.ibkr.account import CURRENCY, AccountBook
from orchestrator.engine.ibkr.codes import Sense, sense
from orchestrator.engine.ibkr.connection import ANSWER, Connection
from orchestrator.engine.ibkr.contracts import Contracts
from orchestrator.engine.ibkr.guard import choose_account, is_paper
from orchestrator.engine.ibkr.outage import Outage
from orchestrator.engine.ibkr.trouble import Endpoint
from orchestrator.engine.interface import EngineError, EngineRefused
from orchestrator.engine.support import NO_IBKR_LIBRARY, missing_library

__all__ = ["Finding", "probe"]

APART = 1_000_000
"""Between our client id and that of the engine, which may be connected while we look."""

TOLERABLE, BAD = 3.0, 30.0
"""Seconds that this machine's clock may differ from IB's; IB tells whole seconds."""

LOOKED_AT = 3
"""So many symbols are tried for market data."""


class Finding(NamedTuple):
    """`remedy` is empty where nothing need be done."""

    check: str
    result: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def probe(config: TradingConfig, clock: Clock | None = None, patience: float = 20.0) -> list[Finding]:
    """Connect, ask, and leave again. What is wrong is found and not raised; nothing is placed, stored or kept.

    It blocks for `patience` and 25 s at most, and wants a thread in which no event loop runs. What it tells has account
    numbers and amounts in it, and no secrets: there are none in IB's API.

    :param patience: seconds for making the connection; each question after that has a deadline of its own.
    """
    if missing_library(config) is not None:
        what, _, remedy = NO_IBKR_LIBRARY.partition("; ")
        return [Finding("client library", "fail", what, remedy)]
    visit = _Visit(config, clock or SystemClock())
    try:
        visit.connection.open(patience, visit.clock.now())
        return list(visit.findings())
    except EngineError as error:
        return [*visit.refusals, _failure(str(error))]
    finally:
        visit.connection.close()


def _failure(text: str) -> Finding:
    if "read-only" in text:
        return Finding("permissions", "fail", text, "untick Read-Only API in Configure, API, Settings")
    return Finding("broker connection", "fail", text, "start TWS or Gateway, log in, and look at its API settings")


class _Visit:
    def __init__(self, config: TradingConfig, clock: Clock) -> None:
        self._config, self.clock = config, clock
        broker = config.broker
        apart = APART if broker.client_id <= APART else -APART  # the number has 31 bits
        at = Endpoint(broker.host, broker.port, broker.client_id + apart)
        outage = Outage((), str(at), MemoryNotifier())
        connection = self.connection = Connection(at, self._choose, outage, clock)
        self.refusals: list[Finding] = []
        self._account = AccountBook(lambda: connection.account)
        connection.hears["updateAccountValue"] = [self._account.hear_value]
        connection.hears["position"] = [self._account.hear_position]
        connection.hears["marketDataType"] = [self._hear_data_type]
        connection.claims.append(self._claim_error)
        self._contracts = Contracts(connection)
        self._contracts.want(config.strategy.symbols[:LOOKED_AT])
        self._requests: dict[int, str] = {}
        self._data: dict[str, int] = {}
        connection.questions += [
            ("the positions", lambda client: client.reqPositionsAsync()),
            ("the open orders", lambda client: client.reqAllOpenOrdersAsync()),
            ("the account's values", lambda client: client.reqAccountUpdatesAsync(connection.account)),
        ]

    def _choose(self, accounts: Sequence[str]) -> str:
        """Where the engine would refuse we only look, and say so."""
        if self._config.broker.broker_type != "ibkr" and accounts:
            return accounts[0]  # only prices are taken from it
        try:
            return choose_account(self._config, accounts)
        except EngineRefused as error:
            what, _, remedy = str(error).partition("nothing is traded. ")
            self.refusals = [Finding("account", "fail", what.rstrip(": "), remedy)]
            if not accounts:
                raise
            return accounts[0]

    def findings(self) -> Iterator[Finding]:
        client, at = self.connection.client.client, self.connection.endpoint
        version = client.serverVersion()
        yield Finding("broker connection", "ok", f"{at} answers, server version {version}")
        yield from self.refusals or [self._account_finding()]
        yield Finding("permissions", "ok", "orders are taken: the API is not read-only")
        yield self._worth()
        yield self._clock_finding()
        yield from self._farm_findings()
        yield from self._data_findings()

    def _account_finding(self) -> Finding:
        account = self.connection.account
        kind = "a paper account" if is_paper(account) else "a live account"
        return Finding("account", "ok", f"{account}, {kind}, mode {self._config.mode}")

    def _worth(self) -> Finding:
        worth, cash = self._account.net_liquidation(), self._account.cash()
        if worth is None or cash is None:
            return Finding("account value", "warn", f"no value is told in {CURRENCY}", f"hold some {CURRENCY}")
        positions = len(self._account.symbols())
        detail = f"{worth:,.2f} {CURRENCY}, of that {cash:,.2f} in cash; {positions} positions in shares"
        return Finding("account value", "ok", detail)

    def _clock_finding(self) -> Finding:
        pump = self.connection.pump
        task = pump.start(self._ask_time())
        if not pump.wait(task, ANSWER):
            pump.end(task)
            return Finding("clock", "warn", f"the gateway does not tell the time within {ANSWER:g} s")
        skew: float = task.result()
        result: Literal["ok", "warn", "fail"] = (
            "ok" if abs(skew) <= TOLERABLE else "warn" if abs(skew) <= BAD else "fail"
        )
        remedy = "" if result == "ok" else "let this machine keep its time by NTP"
        return Finding("clock", result, f"IB's time is {skew:+.0f} s from ours", remedy)

    async def _ask_time(self) -> float:
        told = await self.connection.client.reqCurrentTimeAsync()
        return float((told - self.clock.now()).total_seconds())

    def _farm_findings(self) -> Iterator[Finding]:
        for name, state in sorted(self.connection.farms.items()):
            broken = state == "broken"
            remedy = "wait; IB repairs it, or restart the gateway" if broken else ""
            yield Finding(f"data farm {name}", "warn" if broken else "ok", state, remedy)

    def _data_findings(self) -> Iterator[Finding]:
        """Whether there are prices: live ones, delayed ones, or none."""
        for symbol, why in sorted(self._contracts.missing.items()):
            yield Finding(f"symbol {symbol}", "fail", why, "take it out of strategy.symbols")
        symbols = [symbol for symbol in self._config.strategy.symbols[:LOOKED_AT] if self._contracts.known(symbol)]
        self._ask_prices(symbols)
        for symbol in symbols:
            kind = self._data.get(symbol)
            if kind in {1, 2}:
                yield Finding(f"prices of {symbol}", "ok", "live")
            else:
                detail = "no live prices" if kind is None else "delayed by 15 to 20 minutes"
                remedy = "subscribe to market data in IB's Client Portal"
                yield Finding(f"prices of {symbol}", "warn", detail, remedy)

    def _ask_prices(self, symbols: Sequence[str]) -> None:
        client, pump = self.connection.client.client, self.connection.pump
        for symbol in symbols:
            request = client.getReqId()
            self._requests[request] = symbol
            client.reqMktData(request, self._contracts.known(symbol), "", True, False, [])
        end = pump.time() + ANSWER
        while any(symbol not in self._data for symbol in self._requests.values()) and pump.time() < end:
            pump.pause(0.02)

    def _hear_data_type(self, request: int, kind: int) -> None:
        symbol = self._requests.get(request)
        if symbol is not None:
            self._data[symbol] = kind

    def _claim_error(self, request: int, code: int, text: str) -> bool:
        """A request that is refused is not waited for."""
        if request not in self._requests or sense(code) is Sense.NOTE:
            return False
        del self._requests[request]
        return True
