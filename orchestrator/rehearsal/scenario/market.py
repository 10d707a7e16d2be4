"""The market and the way to it, as far as they may fail: prices that stand still or jump, a broker that is away."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.engine.account import Position
from orchestrator.engine.broker import Broker, OrderReport
from orchestrator.engine.interface import EngineUnreachable
from orchestrator.engine.prices import Doubt, Price, PriceSource, Span
from orchestrator.engine.records import Fill, OrderRecord, OrderStatus, Split
from orchestrator.rehearsal.scenario.troubles import Troubles

__all__ = ["FaultyLine", "Shock"]

AWAY = "the broker can't be reached"


@dataclass(frozen=True, slots=True)
class Shock:
    """Prices times `factor`, between two times of the machine's clock; of all symbols if none is named."""

    since: datetime
    until: datetime | None
    factor: float
    symbols: tuple[str, ...]

    def holds(self, symbol: str, at: datetime) -> bool:
        named = not self.symbols or symbol in self.symbols
        return named and self.since <= at and (self.until is None or at < self.until)


class FaultyLine:
    """What every engine of the rehearsal reaches market and broker through. What has happened to prices outlives it."""

    def __init__(self, troubles: Troubles, now: Callable[[], datetime]) -> None:
        self.troubles, self._now = troubles, now
        self.shocks: list[Shock] = []
        self._still_since: datetime | None = None

    def prices(self, source: PriceSource) -> PriceSource:
        return _Prices(source, self)

    def broker(self, broker: Broker) -> Broker:
        return _Broker(broker, self)

    def away(self) -> bool:
        return self.troubles.find("broker_disconnect") is not None

    def stand_still(self) -> None:
        """Prices are from now on those of now, for as long as there is such trouble."""
        self._still_since = self._now()

    def still_since(self) -> datetime | None:
        """When prices stood still, if they do."""
        return self._still_since if self.troubles.find("data_stall") is not None else None

    def factor(self, symbol: str, at: datetime) -> float:
        factor = 1.0
        for shock in self.shocks:
            factor *= shock.factor if shock.holds(symbol, at) else 1.0
        return factor


class _Prices:
    def __init__(self, source: PriceSource, line: FaultyLine) -> None:
        self._source, self._line = source, line
        self.problems = source.problems

    @property
    def loading(self) -> str:
        return self._source.loading

    def connect(self) -> None:
        self._source.connect()

    def disconnect(self) -> None:
        self._source.disconnect()

    def is_connected(self) -> bool:
        return self._source.is_connected()

    def watch(self, symbols: Iterable[str]) -> None:
        self._source.watch(symbols)

    def price(self, symbol: str, at: datetime) -> Price | None:
        at = self._seen(at)
        found = self._source.price(symbol, at)
        return None if found is None else self._shocked(found, at)

    def snapshot(self, symbols: Iterable[str], at: datetime) -> dict[str, Price]:
        at = self._seen(at)
        found = self._source.snapshot(symbols, at)
        return {symbol: self._shocked(price, at) for symbol, price in found.items()} if self._line.shocks else found

    def span(self, symbol: str, since: datetime, until: datetime) -> Span | None:
        """Nothing is traded while prices stand still."""
        found = None if self._line.still_since() is not None else self._source.span(symbol, since, until)
        if found is None or not self._line.shocks:
            return found
        before, after = self._line.factor(symbol, since), self._line.factor(symbol, until)
        lowest, highest = sorted((before, after))
        return found._replace(
            first=_cents(found.first * before),
            low=_cents(found.low * lowest),
            high=_cents(found.high * highest),
            last=_cents(found.last * after),
        )

    def past(self, symbol: str, at: datetime, now: datetime) -> Price | None:
        found = self._source.past(symbol, at, now)
        return None if found is None else self._shocked(found, at)

    def splits(self, symbol: str, since: datetime, until: datetime) -> Sequence[Split]:
        return self._source.splits(symbol, since, until)

    def doubt(self, symbol: str, since: datetime, until: datetime) -> Doubt | None:
        return self._source.doubt(symbol, since, until)

    def why_not(self, symbol: str, at: datetime) -> str:
        return self._source.why_not(symbol, at)

    def _seen(self, at: datetime) -> datetime:
        still = self._line.still_since()
        return at if still is None else min(at, still)

    def _shocked(self, price: Price, at: datetime) -> Price:
        factor = self._line.factor(price.symbol, at)
        return price if factor == 1 else price._replace(value=_cents(price.value * factor))


def _cents(price: float) -> float:
    return round(price, 2)


class _Broker:
    """While it is away it takes nothing and tells nothing; what happened meanwhile it tells afterwards."""

    def __init__(self, broker: Broker, line: FaultyLine) -> None:
        self._broker, self._line = broker, line
        self._to_cancel: list[str] = []

    def connect(self) -> None:
        if self._line.away():
            raise EngineUnreachable(AWAY)
        self._broker.connect()

    def disconnect(self) -> None:
        self._broker.disconnect()

    def is_connected(self) -> bool:
        return self._broker.is_connected() and not self._line.away()

    def attend(self, now: datetime) -> None:
        self._broker.attend(now)

    def submit(self, record: OrderRecord, now: datetime) -> None:
        self._broker.submit(record, now)

    def cancel(self, order_ref: str, now: datetime) -> None:
        if self._line.away():
            self._to_cancel.append(order_ref)
        else:
            self._broker.cancel(order_ref, now)

    def step(self, now: datetime) -> list[Fill | OrderReport]:
        if self._line.away():
            return []
        while self._to_cancel:
            self._broker.cancel(self._to_cancel.pop(0), now)
        return self._broker.step(now)

    def orders(self) -> Mapping[str, OrderStatus]:
        return self._broker.orders()

    def executions(self) -> list[Fill]:
        return self._broker.executions()

    def positions(self) -> Mapping[str, Position]:
        return self._broker.positions()

    def cash(self) -> float:
        return self._broker.cash()

    def net_liquidation(self) -> float | None:
        return self._broker.net_liquidation()

    def figures(self) -> Mapping[str, Any]:
        return self._broker.figures()

    def adjust(self, now: datetime, tell: Callable[[Split, Position], None]) -> Mapping[str, Doubt]:
        return self._broker.adjust(now, tell)
