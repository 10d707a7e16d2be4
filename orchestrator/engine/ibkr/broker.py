"""The broker of the engine, on Interactive Brokers.

What the strategy holds is what the fills of the journal add up to, and never more than the account has: shares that
were bought by hand are not the strategy's. What the account is worth, and its cash, is what IB says.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from calendars import Clock
from notifiers import AlertLevel, NotificationMessage, Notifier
from orchestrator.engine.account import Account, Position
from orchestrator.engine.broker import BrokerError, OrderReport
from orchestrator.engine.ibkr.account import CURRENCY, AccountBook
from orchestrator.engine.ibkr.book import Followed, OrderBook
from orchestrator.engine.ibkr.client_library import library
from orchestrator.engine.ibkr.comparison import DIFFERENCE, Comparison
from orchestrator.engine.ibkr.connection import Connection, State
from orchestrator.engine.ibkr.contracts import Contracts
from orchestrator.engine.ibkr.corrections import correct_record, write_correction
from orchestrator.engine.ibkr.executions import Executions
from orchestrator.engine.ibkr.ledger import Ledger, Number
from orchestrator.engine.ibkr.splits import split_ratio
from orchestrator.engine.interface import EngineError
from orchestrator.engine.journal import Journal
from orchestrator.engine.ownership import take_over
from orchestrator.engine.prices import Doubt
from orchestrator.engine.records import LIVE, Action, Fill, OrderRecord, OrderStatus, OrderType, Split
from orchestrator.store import Store

__all__ = ["IbkrBroker"]

logger = logging.getLogger(__name__)

ORDER_TYPES: Mapping[OrderType, str] = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
}


class IbkrBroker:
    """:param store: the journal's; it has the ledger of order numbers as well.
    :param patience: seconds for :meth:`connect`.
    :param outside_hours: whether limit orders may trade before the open and after the close.
    """

    def __init__(
        self,
        connection: Connection,
        contracts: Contracts,
        journal: Journal,
        store: Store,
        notifier: Notifier,
        patience: float,
        outside_hours: bool,
        clock: Clock,
    ) -> None:
        self._connection, self._contracts, self._journal, self._store = connection, contracts, journal, store
        self._notifier, self._patience, self._outside_hours = notifier, patience, outside_hours
        self._monotonic, self._now = clock.monotonic, clock.now
        self._ledger, self._executions = Ledger(store), Executions(clock.monotonic, self._heard_of)
        self._account = AccountBook(lambda: connection.account)
        self._account.on_cash = self._cash_told
        self._own = Account(0.0)
        self._unpaid = 0.0
        """What fills have moved since the account's cash was last told."""
        self._cash = 0.0
        self._moved_at: dict[str, float] = {}
        """When an execution in a symbol was last heard of."""
        self._comparison = Comparison(store, self._account, self._tell, clock.monotonic)
        connection.hears["updateAccountValue"] = [self._account.hear_value]
        connection.hears["position"] = [self._account.hear_position]
        self._lowest = 0
        """Numbers below this one have been sent on this connection."""
        connection.on_greeting += [self._own_journal, self._begin_numbers]
        connection.on_ready.append(self._require_cash)
        connection.questions.append(("the positions", self._ask_positions))
        self._book = OrderBook(connection, self._ledger, self._executions, self._is_ours, clock.monotonic)
        connection.questions.append(("the account's values", self._ask_values))

    def _ask_positions(self, client: Any) -> Any:
        """Anew: a subscription that there is already is ended, so that all of them are told again."""
        self._account.begin()
        client.client.cancelPositions()
        return client.reqPositionsAsync()

    def _ask_values(self, client: Any) -> Any:
        client.client.reqAccountUpdates(False, self._connection.account)
        return client.reqAccountUpdatesAsync(self._connection.account)

    def _require_cash(self) -> None:
        if self._account.cash() is None:
            raise EngineError(
                f"{self._connection.account} has no cash in {CURRENCY}, and IB tells no rate for it: what may be "
                f"bought can't be told. Exchange some money into {CURRENCY}."
            )

    # --- the connection ---

    def connect(self) -> None:
        fills, records = self._journal.fills(), self._journal.open_orders()
        self._own = Account.of(0.0, fills, self._journal.splits())
        self._executions.load(fills)
        self._ledger.load({record.order_ref for record in records})
        for record in records:
            if record.status in LIVE or self._ledger.number(record.order_ref) is not None:
                self._book.follow(record)
        if not self._connection.ready:
            self._connection.open(self._patience, self._now())

    def disconnect(self) -> None:
        self._connection.close()

    def is_connected(self) -> bool:
        """Connected, the account allowed, and everything asked for has been told."""
        return self._connection.ready

    def attend(self, now: datetime) -> None:
        self._connection.turn(now)
        self._book.ask_if_unclear()
        self._compare(now)

    # --- orders ---

    def submit(self, record: OrderRecord, now: datetime) -> None:
        """Send it, unless the gateway may have it already; where the connection has just gone it is reported unsent."""
        followed = self._book.find(record.order_ref)
        if followed is not None and not followed.unsent:
            followed.record = record
            return
        if not self._connection.ready:
            self._book.report(record.order_ref, OrderStatus.PENDING, self._connection.trouble)
            return
        if followed is None and self._book.is_there(record.order_ref):  # the journal is new, or an old copy
            self._book.follow(record, sent_here=True)
            self._connection.ask_again(f"the broker has had an order {record.order_ref} already")
            return
        contract = self._contracts.known(record.symbol)
        if contract is None:
            raise BrokerError(f"{record.symbol} is not known to Interactive Brokers as a share in {CURRENCY}")
        self._refuse_short_sale(record)
        self._send(self._book.follow(record, sent_here=True), contract, self._order(record))

    def _refuse_short_sale(self, record: OrderRecord) -> None:
        """Shares may have been sold by hand: what the account does not have is not sold. While an execution is fresh,
        its position may not have been told yet."""
        held, symbol = self._account.held(record.symbol), record.symbol
        fresh = self._monotonic() < self._moved_at.get(symbol, float("-inf")) + DIFFERENCE
        if record.action is Action.SELL and record.total_quantity > held and not fresh:
            there = f"{self._connection.account} holds {held:g} {symbol}"
            raise BrokerError(f"{there}, and {record.total_quantity:g} are to be sold: nothing is sold short")

    def _order(self, record: OrderRecord) -> Any:
        order = library().Order(
            action=record.action.value,
            totalQuantity=record.total_quantity,
            orderType=ORDER_TYPES[record.order_type],
            tif="DAY",
            account=self._connection.account,
            orderRef=record.order_ref,
            outsideRth=self._outside_hours and record.order_type is OrderType.LIMIT,
        )
        if record.order_type is OrderType.LIMIT:
            order.lmtPrice = _to_tick(record.limit_price)
        if record.order_type is OrderType.STOP:
            order.auxPrice = _to_tick(record.limit_price)
        return order

    def _send(self, followed: Followed, contract: Any, order: Any) -> None:
        """Its number is written down first: what was sent and not heard of again is found by it."""
        client = self._connection.client.client
        number = self._number(followed.ref)
        if self._ledger.number(followed.ref) != number:
            self._ledger.give(followed.ref, number, self._connection.next_order_id)
        self._lowest = max(self._lowest, number.order_id + 1)
        self._book.sent(followed, number)
        client.placeOrder(number.order_id, contract, order)

    def _number(self, order_ref: str) -> Number:
        """The number that it has, if the gateway still takes it; otherwise one that nothing has had, no request
        either: what the gateway says of a number must be said of one thing."""
        own, known = self._connection.endpoint.client_id, self._ledger.number(order_ref)
        lowest = max(self._connection.next_order_id, self._lowest)
        if known is not None and known.client_id == own and known.order_id >= lowest:
            return known
        return Number(own, self._connection.client.client.getReqId())

    def cancel(self, order_ref: str, now: datetime) -> None:
        followed = self._book.find(order_ref)
        if followed is not None:
            self._book.cancel(followed)

    def step(self, now: datetime) -> list[Fill | OrderReport]:
        """What is known for certain: nothing while it is being asked for."""
        self.attend(now)
        if self._connection.state is State.ASKING:
            return []
        return [*self._book.news(), *self._new_fills(now), *self._book.ends()]

    def orders(self) -> Mapping[str, OrderStatus]:
        """Also those of which it is not known yet, and those whose end, with its reason, the next step tells."""
        there = [each.ref for each in self._book.unfinished() if not each.unsent or self._is_live(each)]
        return dict.fromkeys(there, OrderStatus.SUBMITTED)

    def _is_live(self, followed: Followed) -> bool:
        record = self._journal.find(followed.ref)
        return record is not None and record.status in LIVE

    def executions(self) -> list[Fill]:
        return self._new_fills(self._now())

    def _new_fills(self, now: datetime) -> list[Fill]:
        fills, corrections = self._executions.collect()
        for fill in fills:
            self._own.apply(fill)
        for old, new in corrections:
            self._correct(old, new, now)
        return fills

    def _correct(self, old: Fill, new: Fill, now: datetime) -> None:
        write_correction(self._store, new)
        followed = self._book.find(new.order_ref)
        if followed is not None and followed.record is not None:
            correct_record(followed.record, new)
        self._own = Account.of(0.0, self._journal.fills(), self._journal.splits())
        if (old.quantity, old.price) == (new.quantity, new.price):
            logger.info("%s: the commission is %g", new.fill_id, new.commission)
            return
        text = (
            f"{old.order_ref}: {old.quantity:g} {old.symbol} at {old.price:g} "
            f"are now {new.quantity:g} at {new.price:g} (execution {new.fill_id})."
        )
        self._tell(AlertLevel.WARNING, "The broker has corrected an execution", text, now)

    def _heard_of(self, fill: Fill) -> None:
        self._unpaid -= fill.signed_quantity * fill.price
        self._moved_at[fill.symbol] = self._monotonic()

    def _own_journal(self) -> None:
        """Before anything is asked or sent."""
        account = self._connection.account
        if take_over(self._store, self._journal, account) and self._connection.opened:
            raise EngineError(f"the login has changed to account {account}: everything has to begin anew")

    def _begin_numbers(self) -> None:
        """Requests of a new connection get other numbers than orders have."""
        self._lowest = 0
        connection = self._connection
        connection.client.client.updateReqId(self._ledger.highest(connection.endpoint.client_id) + 1)

    def _is_ours(self, order_ref: str) -> bool:
        return self._journal.find(order_ref) is not None

    # --- the account ---

    def positions(self) -> Mapping[str, Position]:
        """Ours: never more than the account has, once it is certain that it has less."""
        own = self._own.positions
        if not self._comparison.less:
            return own
        capped = {symbol: self._capped(position) for symbol, position in own.items()}
        return {symbol: position for symbol, position in capped.items() if position.quantity > 0}

    def _capped(self, position: Position) -> Position:
        return replace(position, quantity=min(position.quantity, max(self._account.held(position.symbol), 0.0)))

    def adjust(self, now: datetime, tell: Callable[[Split, Position], None]) -> Mapping[str, Doubt]:
        """IB does not tell of splits; it changes the position overnight."""
        for symbol, position in list(self._own.positions.items()) if self._is_quiet() else ():
            there, average = self._account.position(symbol)
            ratio = split_ratio(position.quantity, position.avg_price, there, average)
            if ratio is not None:
                split = Split(symbol, now, ratio, average)
                tell(split, position)
                self._journal.add_split(split)
                self._own.split(split)
        return {}

    def cash(self) -> float:
        """As IB told it last, and what has been traded since."""
        return round(self._cash + self._unpaid, 6)

    def net_liquidation(self) -> float | None:
        return self._account.net_liquidation()

    def figures(self) -> Mapping[str, Any]:
        """For the status: the account, and the state of the connection."""
        connection = self._connection
        return {
            "account": connection.account or None,
            "state": connection.state.name.lower(),
            "trouble": connection.trouble,
            "farms": dict(connection.farms),
            **self._account.figures(),
        }

    def _cash_told(self) -> None:
        cash = self._account.cash()
        if cash is not None:
            self._cash, self._unpaid = cash, 0.0

    def _compare(self, now: datetime) -> None:
        if self._is_quiet():
            self._comparison.look(self._own.positions, self._connection.account, now)
        else:
            self._comparison.look_away()

    def _is_quiet(self) -> bool:
        """Whether nothing is under way that account and journal may see at different times."""
        return self._connection.ready and all(each.unsent for each in self._book.unfinished())

    def _tell(self, level: AlertLevel, title: str, text: str, now: datetime) -> None:
        logger.warning("%s: %s", title, text)
        self._notifier.notify(NotificationMessage(title, text, level, now))


def _to_tick(price: float | None) -> float | None:
    """IB refuses what is finer than a cent, or a hundredth of one below a dollar."""
    return None if price is None else round(price, 2 if price >= 1 else 4)
