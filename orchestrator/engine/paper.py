"""A broker that only pretends: orders fill at the price of the moment.

A market order fills at the first step with a fresh price, at that price and the slippage against it; a limit order
when the price is at its limit or better, at the price with slippage but never worse than the limit. Orders fill whole.
The journal is this broker's only memory, so that account and resting orders outlive any crash: what was filled but not
written down was not filled.
"""

import math
from collections.abc import Mapping
from datetime import datetime

from orchestrator.engine.account import Account, Position
from orchestrator.engine.broker import BrokerError, OrderReport
from orchestrator.engine.journal import Journal
from orchestrator.engine.prices import PriceSource
from orchestrator.engine.records import LIVE, Action, Fill, OrderRecord, OrderStatus, OrderType

__all__ = ["PaperBroker"]

HALF_A_CENT = 0.005


class PaperBroker:
    """:param slippage: fraction of the price.
    :param commission: fraction of the traded value.
    """

    def __init__(
        self, journal: Journal, prices: PriceSource, starting_cash: float, slippage: float, commission: float
    ) -> None:
        self._journal, self._prices = journal, prices
        self._starting_cash, self._slippage, self._commission = starting_cash, slippage, commission
        self._account = Account(starting_cash)
        self._book: dict[str, OrderRecord] = {}
        self._cancelled: list[str] = []
        self._connected = False

    def connect(self) -> None:
        self._account = Account.of(self._starting_cash, self._journal.fills())
        self._book = {each.order_ref: each for each in self._journal.open_orders() if each.status in LIVE}
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def is_connected(self) -> bool:
        return self._connected

    def submit(self, record: OrderRecord, now: datetime) -> None:
        if record.order_ref in self._book:
            raise BrokerError(f"there is an order {record.order_ref} already")
        if record.total_quantity != int(record.total_quantity):
            raise BrokerError(f"{record.total_quantity} {record.symbol}: only whole shares are traded")
        self._book[record.order_ref] = record

    def cancel(self, order_ref: str, now: datetime) -> None:
        if self._book.pop(order_ref, None) is not None:
            self._cancelled.append(order_ref)

    def step(self, now: datetime) -> list[Fill | OrderReport]:
        news: list[Fill | OrderReport] = [OrderReport(ref, OrderStatus.CANCELLED) for ref in self._cancelled]
        self._cancelled.clear()
        for record in list(self._book.values()):
            done = self._try(record, now)
            if done is not None:
                del self._book[record.order_ref]
                news.append(done)
        return news

    def open_orders(self) -> set[str]:
        return set(self._book)

    def executions(self) -> list[Fill]:
        """None that the journal does not have."""
        return []

    def positions(self) -> Mapping[str, Position]:
        return self._account.positions

    def cash(self) -> float:
        return self._account.cash

    def _try(self, record: OrderRecord, now: datetime) -> Fill | OrderReport | None:
        price = self._price(record, now)
        if price is None:
            return None
        fill = self._fill(record, price, now)
        reason = self._refusal(fill)
        if reason:
            return OrderReport(record.order_ref, OrderStatus.ERROR, reason)
        self._account.apply(fill)
        return fill

    def _price(self, record: OrderRecord, now: datetime) -> float | None:
        """What the order would fill at now; None if it would not."""
        price = self._prices.price(record.symbol, now)
        if price is None or price.stale:
            return None
        buying, limit = record.action is Action.BUY, record.limit_price
        slipped = _cut(price.value * (1 + self._slippage if buying else 1 - self._slippage))
        if record.order_type is OrderType.MARKET or limit is None:
            return slipped
        if buying:
            return min(slipped, limit) if price.value <= limit else None
        return max(slipped, limit) if price.value >= limit else None

    def _fill(self, record: OrderRecord, price: float, now: datetime) -> Fill:
        return Fill(
            fill_id=f"{record.order_ref}-{len(record.fills) + 1}",
            order_ref=record.order_ref,
            symbol=record.symbol,
            action=record.action,
            quantity=record.remaining_quantity,
            price=price,
            commission=_cut(record.remaining_quantity * price * self._commission),
            at=now,
        )

    def _refusal(self, fill: Fill) -> str:
        if fill.action is Action.SELL:
            held, wanted = self._account.held(fill.symbol), fill.quantity
            return f"{held:g} {fill.symbol} are held, so {wanted:g} can't be sold" if held < wanted else ""
        cost, cash = fill.quantity * fill.price + fill.commission, self._account.cash
        return f"it costs {cost:.2f}, and there is {cash:.2f} in cash" if cost > cash + HALF_A_CENT else ""


def _cut(amount: float) -> float:
    """To four decimals, downwards: what is bought never costs more than was reckoned with."""
    return math.floor(amount * 10_000 + 1e-6) / 10_000
