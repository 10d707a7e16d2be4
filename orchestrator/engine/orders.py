"""Orders on their way: from the intent in the journal to the broker and back.

An intent is committed before its order is sent, so after a kill it is known what may have been sent; the broker then
says which of it has reached it. What has not is sent once more under the same `order_ref`, if it still belongs to the
session. News is told after it is committed, and told again by the next run for as long as the daemon has not taken it.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from orchestrator.engine.broker import Broker, BrokerError, OrderReport
from orchestrator.engine.clearing import MINUTE, Clearance
from orchestrator.engine.journal import Journal, News
from orchestrator.engine.records import LIVE, Action, Fill, Order, OrderRecord, OrderStatus, OrderType

__all__ = ["ErrorCallback", "FillCallback", "NewsCallback", "OrderHandler", "StatusCallback"]

logger = logging.getLogger(__name__)


Clear = Callable[[Order, Sequence[Order], Sequence[datetime], datetime], Clearance]
"""From an order, the orders that the broker has, the times when orders were sent, and now, to what may be sent."""

FillCallback = Callable[[OrderRecord, Fill], Any]
StatusCallback = Callable[[OrderRecord], Any]
ErrorCallback = Callable[[OrderRecord, str], Any]
NewsCallback = Callable[[str], Any]


class OrderHandler:
    """Sends what is decided, and follows it to its end.

    A callback that raises is logged and does no harm.

    :param clear: asked before each sending.
    """

    def __init__(self, journal: Journal, broker: Broker, clear: Clear) -> None:
        self._journal, self._broker, self._clear = journal, broker, clear
        self._open: dict[str, OrderRecord] = {}
        self._sent: deque[datetime] = deque()
        self.telling = ""
        """Names the news that is just being told."""
        self._fill_callbacks: list[FillCallback] = []
        self._status_callbacks: list[StatusCallback] = []
        self._error_callbacks: list[ErrorCallback] = []
        self._news_callbacks: list[NewsCallback] = []

    def register_fill_callback(self, callback: FillCallback) -> None:
        """Called with the record and the fill, after both are written down."""
        self._fill_callbacks.append(callback)

    def register_status_callback(self, callback: StatusCallback) -> None:
        """Called with the record whenever its status has changed, except for errors."""
        self._status_callbacks.append(callback)

    def register_error_callback(self, callback: ErrorCallback) -> None:
        """Called with the record and the reason when an order has failed."""
        self._error_callbacks.append(callback)

    def register_news_callback(self, callback: NewsCallback) -> None:
        """Called with the name of a piece of news when all other callbacks have heard of it."""
        self._news_callbacks.append(callback)

    def waiting(self) -> list[Order]:
        """What is still to be traded of the open orders."""
        return [record.rest() for record in self._open.values()]

    def has_open(self, symbol: str) -> bool:
        """Whether something may still come of an order in this symbol."""
        return any(record.symbol == symbol for record in self._open.values())

    # --- at the start ---

    def reconcile(self, session: str, now: datetime) -> list[Fill]:
        """Compare the journal with the broker; returns the fills that the journal did not have."""
        self._tell_all(self._journal.untold())
        self._sent = deque(self._journal.sent_since(now - MINUTE))
        self._open = {record.order_ref: record for record in self._journal.open_orders()}
        missed = [fill for fill in self._broker.executions() if self._count(fill)]
        known = self._broker.orders()
        for record in list(self._open.values()):
            self._settle(record, known.get(record.order_ref), session, now)
        for ref in sorted(ref for ref in known if known[ref] in LIVE and ref not in self._open):
            logger.warning("the broker has an open order %s, which is not one of this journal", ref)
        self.expire(session, now)
        return missed

    def _settle(self, record: OrderRecord, there: OrderStatus | None, session: str, now: datetime) -> None:
        """Believe the broker on what became of an order. `there` is its status at the broker, None if it never came
        there."""
        if there in {OrderStatus.CANCELLED, OrderStatus.ERROR}:
            self._move(record, there, now, "the broker has ended it")
        elif there is not None:
            if record.status is OrderStatus.PENDING:  # it was sent, and then there was no time to say so
                self._move(record, OrderStatus.SUBMITTED, now)
        elif record.status in LIVE:
            self._move(record, OrderStatus.CANCELLED, now, "the broker no longer has it")
        elif record.session == session:
            record.retry_count += 1
            self._journal.save(record)
            logger.info("%s was decided and not sent; it will be now", record.order_ref)

    # --- ending orders ---

    def expire(self, session: str, now: datetime) -> None:
        """End what does not belong to this session: an order is good for the session that it was given in."""
        for record in [each for each in self._open.values() if each.session != session]:
            self._end(record, now, f"not {_DONE[record.status]} in session {record.session}")

    def cancel(self, which: Callable[[OrderRecord], bool], now: datetime, reason: str) -> None:
        """End these open orders, sent or not."""
        for record in [each for each in self._open.values() if which(each)]:
            self._end(record, now, reason)

    def _end(self, record: OrderRecord, now: datetime, reason: str) -> None:
        if record.status is OrderStatus.PENDING:
            self._move(record, OrderStatus.CANCELLED, now, reason)
        elif record.error_message != reason:  # the broker is asked once
            record.error_message = reason
            self._broker.cancel(record.order_ref, now)

    # --- sending and following ---

    def intend(self, records: list[OrderRecord], session: str, decision: str | None = None) -> list[OrderRecord]:
        """Write intents down; the next :meth:`turn` sends them. Returns the new ones, see Journal.intend."""
        new = self._journal.intend(records, session, decision)
        self._open.update((record.order_ref, record) for record in new)
        for ref in sorted({record.order_ref for record in records} - {record.order_ref for record in new}):
            logger.warning("%s was decided before and is not sent again", ref)
        return new

    def turn(self, now: datetime) -> list[Fill]:
        """Take the broker's news, send what may be sent, and take what comes of that at once; returns the new fills."""
        fills = self.follow(now)
        while self._open and self._release(now):
            fills += self.follow(now)
        return fills

    def follow(self, now: datetime) -> list[Fill]:
        """Take the broker's news and send nothing; returns the new fills."""
        fills = []
        for news in self._broker.step(now):
            if isinstance(news, Fill):
                if self._count(news):
                    fills.append(news)
            else:
                self._hear(news, now)
        return fills

    def _hear(self, report: OrderReport, now: datetime) -> None:
        record = self._open.get(report.order_ref)
        if record is not None and record.status is not report.status:
            self._move(record, report.status, now, report.reason)

    def _count(self, fill: Fill) -> bool:
        record = self._open.get(fill.order_ref) or self._journal.find(fill.order_ref)
        if record is None:
            logger.warning("a fill of %s, which is no order of this journal, is left out", fill.order_ref)
            return False
        if not self._journal.add_fill(record, fill):
            return False
        if not record.is_open:
            self._open.pop(record.order_ref, None)
        self._tell_all([News.of(record, fill)])
        return True

    def _release(self, now: datetime) -> bool:
        """Send the intents whose turn it is, sales first; returns whether any was sent."""
        pending = [each for each in self._open.values() if each.status is OrderStatus.PENDING]
        sent = [self._try(record, now) for record in sorted(pending, key=_sales_first) if not self._waits(record)]
        return any(sent)

    def _waits(self, record: OrderRecord) -> bool:
        """A purchase waits for the money of the sales of the same decision."""
        return record.action is Action.BUY and any(
            other.action is Action.SELL
            and other.order_type is OrderType.MARKET
            and (other.session, other.decision) == (record.session, record.decision)
            for other in self._open.values()
        )

    def _try(self, record: OrderRecord, now: datetime) -> bool:
        live = [each.rest() for each in self._open.values() if each.status in LIVE]
        clearance = self._clear(record.rest(), live, self._sent_lately(now), now)
        if clearance.quantity is None:
            return False
        if clearance.quantity <= 0:
            self._move(record, OrderStatus.CANCELLED, now, clearance.reason)
            return False
        if clearance.quantity < record.total_quantity:
            record.total_quantity, record.error_message = clearance.quantity, clearance.reason
            self._journal.save(record)  # what is written is what is sent
        return self._send(record, now)

    def _send(self, record: OrderRecord, now: datetime) -> bool:
        record.submitted_at = now
        self._sent.append(now)
        try:
            self._broker.submit(record, now)
        except BrokerError as error:
            self._move(record, OrderStatus.ERROR, now, str(error))
            return False
        self._move(record, OrderStatus.SUBMITTED, now)
        return True

    def _sent_lately(self, now: datetime) -> deque[datetime]:
        while self._sent and self._sent[0] <= now - MINUTE:
            self._sent.popleft()
        return self._sent

    def _move(self, record: OrderRecord, status: OrderStatus, now: datetime, reason: str = "") -> None:
        record.status, record.updated_at = status, now
        record.error_message = reason or record.error_message
        self._journal.save(record)
        if not record.is_open:
            self._open.pop(record.order_ref, None)
        self._tell_all([News.of(record)])

    # --- telling ---

    def _tell_all(self, news: Iterable[News]) -> None:
        """Tell what has been written down."""
        for name, record, fill in news:
            self.telling = name
            if fill is not None:
                self._tell(self._fill_callbacks, record, fill)
            if record.status is OrderStatus.ERROR:
                self._tell(self._error_callbacks, record, record.error_message or "no reason given")
            else:
                self._tell(self._status_callbacks, record)
            if fill is not None or not record.is_open:
                self._tell(self._news_callbacks, name)
            self.telling = ""

    def _tell(self, callbacks: Iterable[Callable[..., Any]], *facts: Any) -> None:
        for callback in callbacks:
            try:
                callback(*facts)
            except Exception:
                logger.exception("a callback failed on order %s", self.telling)


_DONE = {OrderStatus.PENDING: "sent", OrderStatus.SUBMITTED: "filled", OrderStatus.PARTIALLY_FILLED: "filled up"}


def _sales_first(record: OrderRecord) -> bool:
    return record.action is Action.BUY
