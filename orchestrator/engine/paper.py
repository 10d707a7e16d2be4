"""A broker that only pretends: orders fill at the prices that come by.

- A market order fills at the first look with a fresh price, at that price and the slippage against it.
- A limit order fills when the price has been at its limit since the last look: at the limit, or, if the price was
  there already, at the price with slippage but never worse than the limit.
- A stop order is triggered when the price has been at its stop since the last look, and fills with slippage: at the
  stop, or, if the price was beyond it already or jumped over it, at the price it jumped to.
- In a minute no more of a symbol fills than :data:`VOLUME_SHARE` of what the day's bar trades in a minute on the
  average, at least one share if it trades at all; the rest stays working. Where volumes are not known, all fills.
- What can't be paid, or is not held, is refused. Orders are good for the session; the engine cancels them at the
  close.

The journal is this broker's only memory, so that account and resting orders outlive any crash: what was filled but not
written down was not filled. Shares that are split overnight become others; if it can't be told whether they were,
they are frozen.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from orchestrator.engine.account import Account, Position
from orchestrator.engine.broker import BrokerError, OrderReport
from orchestrator.engine.journal import Journal
from orchestrator.engine.prices import Doubt, PriceSource, Span
from orchestrator.engine.records import LIVE, Action, Fill, Order, OrderRecord, OrderStatus, Split

__all__ = ["VOLUME_SHARE", "PaperBroker"]

VOLUME_SHARE = 0.1

HALF_A_CENT = 0.005


@dataclass(slots=True)
class _Working:
    """An order of which something is still to be filled; `seen` is the last look at its price."""

    order_ref: str
    rest: Order
    fills: int
    seen: datetime
    triggered: bool


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
        self._book: dict[str, _Working] = {}
        self._cancelled: list[str] = []
        self._changed: dict[str, datetime] = {}
        self._minutes: dict[str, tuple[datetime, float]] = {}
        self._doubts: dict[str, Doubt] = {}
        self._connected = False

    def connect(self) -> None:
        fills, splits = self._journal.fills(), self._journal.splits()
        self._account = Account.of(self._starting_cash, fills, splits)
        for fill in fills:
            self._note(fill)
        for split in splits:
            self._changed[split.symbol] = max(split.at, self._changed.get(split.symbol, split.at))
        self._book = {each.order_ref: _working(each) for each in self._journal.open_orders() if each.status in LIVE}
        self._connected = True

    def disconnect(self) -> None:
        self._connected = False

    def is_connected(self) -> bool:
        return self._connected

    def attend(self, now: datetime) -> None:
        """There is no connection to keep."""

    def submit(self, record: OrderRecord, now: datetime) -> None:
        if record.order_ref in self._book:
            raise BrokerError(f"there is an order {record.order_ref} already")
        quantity = record.total_quantity
        if not quantity > 0:
            raise BrokerError(f"{quantity:g} {record.symbol}: the quantity must be positive")
        if quantity != int(quantity):
            raise BrokerError(f"{quantity} {record.symbol}: only whole shares are traded")
        if self._prices.price(record.symbol, now) is None:
            raise BrokerError(f"{record.symbol} is not known here: it has no price")
        self._book[record.order_ref] = replace(_working(record), seen=now)

    def cancel(self, order_ref: str, now: datetime) -> None:
        if self._book.pop(order_ref, None) is not None:
            self._cancelled.append(order_ref)

    def step(self, now: datetime) -> list[Fill | OrderReport]:
        news: list[Fill | OrderReport] = [OrderReport(ref, OrderStatus.CANCELLED) for ref in self._cancelled]
        self._cancelled.clear()
        for working in list(self._book.values()):
            found = self._try(working, now)
            if found is not None:
                news.append(found)
        return news

    def orders(self) -> Mapping[str, OrderStatus]:
        """The working ones: of those that ended the journal knows."""
        return dict.fromkeys(self._book, OrderStatus.SUBMITTED)

    def executions(self) -> list[Fill]:
        """None that the journal does not have."""
        return []

    def positions(self) -> Mapping[str, Position]:
        return self._account.positions

    def cash(self) -> float:
        return self._account.cash

    def net_liquidation(self) -> float | None:
        return None

    def figures(self) -> Mapping[str, Any]:
        return {}

    def adjust(self, now: datetime, tell: Callable[[Split, Position], None]) -> Mapping[str, Doubt]:
        self._doubts = {}
        for symbol, position in list(self._account.positions.items()):
            since = self._changed[symbol]
            for split in self._prices.splits(symbol, since, now):
                tell(split, position)
                self._journal.add_split(split)
                self._account.split(split)
                self._changed[symbol] = split.at
            doubt = self._prices.doubt(symbol, since, now)
            if doubt is not None:
                self._doubts[symbol] = doubt
        return self._doubts

    # --- filling ---

    def _try(self, working: _Working, now: datetime) -> Fill | OrderReport | None:
        """What comes of an order now, if anything."""
        order, span = working.rest, self._prices.span(working.rest.symbol, working.seen, now)
        working.seen = now
        price = None if span is None or order.symbol in self._doubts else self._price(working, span)
        if span is None or price is None:
            return None
        quantity = min(order.quantity, self._room(order.symbol, span, now))
        if quantity <= 0:
            return None
        fill = self._fill(working, quantity, price, now)
        reason = self._refusal(fill)
        if reason:
            del self._book[working.order_ref]
            status = OrderStatus.CANCELLED if working.fills else OrderStatus.ERROR
            return OrderReport(working.order_ref, status, reason)
        self._count(working, fill)
        return fill

    def _price(self, working: _Working, span: Span) -> float | None:
        """What the order would fill at now; None if it would not."""
        order, buying = working.rest, working.rest.action is Action.BUY
        if order.limit_price is not None:
            return self._limit_price(order.limit_price, span, buying)
        if order.stop_price is not None and not working.triggered:
            price = self._stop_price(order.stop_price, span, buying)
            working.triggered = price is not None
            return price
        return self._slipped(span.last, buying)

    def _limit_price(self, limit: float, span: Span, buying: bool) -> float | None:
        if (span.low > limit) if buying else (span.high < limit):
            return None
        was_there = span.first <= limit if buying else span.first >= limit
        if not was_there:
            return limit
        slipped = self._slipped(span.last, buying)
        return min(slipped, limit) if buying else max(slipped, limit)

    def _stop_price(self, stop: float, span: Span, buying: bool) -> float | None:
        if (span.high < stop) if buying else (span.low > stop):
            return None
        reached = max(span.first, stop) if buying else min(span.first, stop)
        return self._slipped(reached, buying)

    def _slipped(self, price: float, buying: bool) -> float:
        return _cut(price * (1 + self._slippage if buying else 1 - self._slippage))

    def _room(self, symbol: str, span: Span, now: datetime) -> float:
        """How many shares the market still takes or gives in this minute."""
        if span.volume is None:
            return math.inf
        minute, traded = self._minutes.get(symbol, (now, 0.0))
        share = max(math.floor(span.volume * VOLUME_SHARE), 1 if span.volume > 0 else 0)
        return share - (traded if minute == _minute(now) else 0.0)

    def _fill(self, working: _Working, quantity: float, price: float, now: datetime) -> Fill:
        order = working.rest
        return Fill(
            fill_id=f"{working.order_ref}-{working.fills + 1}",
            order_ref=working.order_ref,
            symbol=order.symbol,
            action=order.action,
            quantity=quantity,
            price=price,
            commission=_cut(quantity * price * self._commission),
            at=now,
        )

    def _refusal(self, fill: Fill) -> str:
        if fill.action is Action.SELL:
            held, wanted = self._account.held(fill.symbol), fill.quantity
            return f"{held:g} {fill.symbol} are held, so {wanted:g} can't be sold" if held < wanted else ""
        cost, cash = fill.quantity * fill.price + fill.commission, self._account.cash
        return f"it costs {cost:.2f}, and there is {cash:.2f} in cash" if cost > cash + HALF_A_CENT else ""

    def _count(self, working: _Working, fill: Fill) -> None:
        self._account.apply(fill)
        self._note(fill)
        left = working.rest.quantity - fill.quantity
        if left > 0:
            working.rest, working.fills = replace(working.rest, quantity=left), working.fills + 1
        else:
            del self._book[working.order_ref]

    def _note(self, fill: Fill) -> None:
        """Remember when the position changed, and how much was traded in that minute."""
        minute, (last, traded) = _minute(fill.at), self._minutes.get(fill.symbol, (fill.at, 0.0))
        self._minutes[fill.symbol] = minute, fill.quantity + (traded if last == minute else 0.0)
        self._changed[fill.symbol] = fill.at


def _working(record: OrderRecord) -> _Working:
    """An order as the journal has it; it was last looked at when it was last filled, or else sent."""
    seen = record.fills[-1].at if record.fills else record.submitted_at
    return _Working(record.order_ref, record.rest(), len(record.fills), seen, triggered=bool(record.fills))


def _minute(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(second=0, microsecond=0)


def _cut(amount: float) -> float:
    """To four decimals, downwards: what is bought never costs more than was reckoned with."""
    return math.floor(amount * 10_000 + 1e-6) / 10_000
