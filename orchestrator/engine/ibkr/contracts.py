"""Which share a symbol means at IB: asked once, and named by IB's own number from then on."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from orchestrator.engine.ibkr.account import CURRENCY
from orchestrator.engine.ibkr.client_library import library, request_error
from orchestrator.engine.ibkr.codes import Sense, sense
from orchestrator.engine.ibkr.connection import ANSWER, Connection

__all__ = ["Contracts"]

logger = logging.getLogger(__name__)


class Contracts:
    """`missing` says why a symbol is not to be had."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._wanted: list[str] = []
        self._known: dict[str, Any] = {}
        self.missing: dict[str, str] = {}
        connection.questions.append(("the contracts", self._ask))

    def want(self, symbols: Iterable[str]) -> None:
        """Find these out, now or as soon as there is a connection."""
        self._wanted += [symbol for symbol in symbols if symbol not in self._wanted]
        unknown = [symbol for symbol in self._wanted if symbol not in self._known]
        if unknown and self._connection.ready:
            task = self._connection.pump.start(self._ask(self._connection.client))
            if not self._connection.pump.wait(task, ANSWER):
                self._connection.pump.end(task)

    def known(self, symbol: str) -> Any:
        """The library's contract; None if it is not known."""
        return self._known.get(symbol)

    async def _ask(self, client: Any) -> None:
        unknown = [symbol for symbol in self._wanted if symbol not in self._known]
        await asyncio.gather(*(self._find(client, symbol) for symbol in unknown))

    async def _find(self, client: Any, symbol: str) -> None:
        share = library().Stock(symbol.replace(".", " "), "SMART", CURRENCY)
        try:
            found = await client.reqContractDetailsAsync(share)
        except Exception as error:
            told = request_error(error)
            if told is None or sense(told[0]) is not Sense.NO_CONTRACT:
                raise
            self.missing[symbol] = f"IB knows no share {symbol} in {CURRENCY}"
            return
        if len(found) != 1:
            shown = ", ".join(f"{each.contract.conId} at {each.contract.primaryExchange}" for each in found) or "none"
            self.missing[symbol] = f"IB knows {len(found)} shares {symbol} in {CURRENCY}: {shown}"
            return
        self.missing.pop(symbol, None)
        contract = found[0].contract
        contract.exchange = "SMART"
        self._known[symbol] = contract
