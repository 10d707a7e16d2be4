"""Our orders at the broker: what is heard of them, and what that means.

An order changes by the broker's status and by executions. An error says why, or that something is unclear; what is
unclear is asked for, and judged by all the answers. Orders that were placed by hand, or by another program, are left
alone.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.engine.broker import OrderReport
from orchestrator.engine.ibkr.account import our_name
from orchestrator.engine.ibkr.client_library import library
from orchestrator.engine.ibkr.codes import Sense, order_sense
from orchestrator.engine.ibkr.connection import Connection
from orchestrator.engine.ibkr.evidence import Fate, Trace, judge
from orchestrator.engine.ibkr.executions import Executions
from orchestrator.engine.ibkr.ledger import Ledger, Number
from orchestrator.engine.records import OrderRecord, OrderStatus

__all__ = ["OrderBook"]

logger = logging.getLogger(__name__)

WORKING = frozenset({"PendingSubmit", "ApiPending", "PreSubmitted", "Submitted", "PendingCancel"})
CANCELLED = frozenset({"Cancelled", "ApiCancelled"})

SILENCE = 10.0
"""Seconds without a word on a new order, after which is asked what has become of it."""

UNCLEAR = 3.0
"""Seconds until something unclear about an order is asked for: mostly a status or an execution clears it up."""


@dataclass(slots=True)
class Followed:
    """An order whose end has not been told. `record` is the journal's, where the order was sent by this process."""

    ref: str
    quantity: float
    record: OrderRecord | None = None
    number: Number | None = None
    acknowledged: bool = False
    unsent: bool = False
    wants_cancel: bool = False
    complaint: str = ""
    refused: bool = False
    ask_at: float | None = None
    ending: OrderReport | None = None
    filled_at_end: float = 0.0


class OrderBook:
    """:param is_ours: whether the journal has an order of this name.
    :param monotonic: elapsed seconds.
    """

    def __init__(
        self,
        connection: Connection,
        ledger: Ledger,
        executions: Executions,
        is_ours: Callable[[str], bool],
        monotonic: Callable[[], float],
    ) -> None:
        self._connection, self._ledger, self._executions = connection, ledger, executions
        self._is_ours, self._monotonic = is_ours, monotonic
        self._followed: dict[str, Followed] = {}
        self._by_number: dict[Number, str] = {}
        self._by_perm_id: dict[int, str] = {}
        self._open: set[str] = set()
        self._completed: dict[str, tuple[str, str]] = {}
        self._strangers: set[int] = set()
        self._names: set[str] = set()
        """By which name orders of this account have been told of, those of others too."""
        self._news: list[OrderReport] = []
        hears = connection.hears
        hears.setdefault("openOrder", []).append(self._hear_open)
        hears.setdefault("orderStatus", []).append(self._hear_status)
        hears.setdefault("completedOrder", []).append(self._hear_completed)
        hears.setdefault("execDetails", []).append(self._hear_execution)
        hears.setdefault("commissionReport", []).append(self._executions.take_commission)
        connection.claims.append(self._claim_error)
        connection.on_ready.append(self._settle)
        connection.questions += [
            ("the open orders", self._ask_open),
            ("the completed orders", lambda client: client.reqCompletedOrdersAsync(False)),
            ("the executions", self._ask_executions),
        ]

    # --- what the broker wants of it ---

    def follow(self, record: OrderRecord, *, sent_here: bool = False) -> Followed:
        """From now on its end is to be told."""
        number = self._ledger.number(record.order_ref)
        found = Followed(record.order_ref, record.total_quantity, record if sent_here else None, number)
        self._followed[record.order_ref] = found
        if number is not None:
            self._by_number[number] = record.order_ref
        return found

    def is_there(self, order_ref: str) -> bool:
        """Whether the broker has told of an order of this name, whatever the journal knows."""
        return order_ref in self._names

    def find(self, order_ref: str) -> Followed | None:
        return self._followed.get(order_ref)

    def sent(self, followed: Followed, number: Number) -> None:
        """It has gone out under this number."""
        followed.number, followed.unsent = number, False
        followed.complaint, followed.refused = "", False
        followed.ask_at = self._monotonic() + SILENCE
        self._by_number[number] = followed.ref

    def unfinished(self) -> Iterable[Followed]:
        return self._followed.values()

    def report(self, order_ref: str, status: OrderStatus, reason: str = "") -> None:
        self._news.append(OrderReport(order_ref, status, reason))

    def news(self) -> list[OrderReport]:
        """What was heard of orders that go on; it is older than the fills that have not been told."""
        news, self._news = self._news, []
        return news

    def ends(self) -> list[OrderReport]:
        """The orders that have ended; told when all that was executed before has been."""
        ending = [(each, each.ending) for each in self._followed.values() if each.ending is not None]
        return [end for followed, end in ending if self._may_end(followed)]

    def ask_if_unclear(self) -> None:
        """Ask for everything again, if it has been unclear for too long what has become of an order."""
        if not self._connection.ready:
            return
        now = self._monotonic()
        unclear = [each for each in self._followed.values() if each.ask_at is not None and now >= each.ask_at]
        for followed in unclear:
            followed.ask_at = now + SILENCE
        if unclear:
            self._connection.ask_again(f"it is not clear what has become of {', '.join(each.ref for each in unclear)}")

    def cancel(self, followed: Followed) -> None:
        """Ask for its end; once it is known where it is, if it is not known now."""
        followed.wants_cancel = True
        if followed.unsent:
            self._withdraw(followed, "it has not reached the broker")
        elif self._connection.ready and followed.acknowledged:
            self._send_cancel(followed)

    def _send_cancel(self, followed: Followed) -> None:
        number, own = followed.number, self._connection.endpoint.client_id
        if number is None or number.client_id != own:
            by = "by hand" if number is None else f"as client {number.client_id}"
            logger.error("%s can't be cancelled by client %d: it was placed %s", followed.ref, own, by)
            return
        self._connection.client.client.cancelOrder(number.order_id)

    # --- hearing ---

    def _ask_open(self, client: Any) -> Any:
        self._open.clear()
        self._completed.clear()
        return client.reqAllOpenOrdersAsync()

    def _ask_executions(self, client: Any) -> Any:
        return client.reqExecutionsAsync(library().ExecutionFilter(acctCode=self._connection.account))

    def _ref(self, number: Number, perm_id: int, order_ref: str) -> str | None:
        """Which of our orders is meant, if it is one; a number alone does not make it ours if the name is another."""
        known = self._by_number.get(number) or self._by_perm_id.get(perm_id)
        if known is not None and (not order_ref or known.startswith(order_ref)):
            return known
        return order_ref if order_ref and self._is_ours(order_ref) else None

    def _note(self, order_ref: str, account: str) -> None:
        if order_ref and account in {"", self._connection.account}:
            self._names.add(order_ref)

    def _hear_open(self, order_id: int, contract: Any, order: Any, _: Any) -> None:
        number = Number(order.clientId, order_id)
        self._note(order.orderRef, order.account)
        ref = self._ref(number, order.permId, order.orderRef)
        if ref is None or order.account != self._connection.account:
            if order.permId not in self._strangers:
                self._strangers.add(order.permId)
                logger.info("%s %s is not ours and left alone", order.action, contract.symbol)
            return
        self._open.add(ref)
        self._by_perm_id[order.permId] = ref
        followed = self._followed.get(ref)
        if followed is not None:
            followed.number = followed.number or number
            self._by_number.setdefault(number, ref)
            if followed.record is not None:
                followed.record.perm_id = order.permId

    def _hear_status(
        self, order_id: int, status: str, filled: float, remaining: float, average: float, perm_id: int, *more: Any
    ) -> None:
        ref = self._ref(Number(more[2], order_id), perm_id, "")
        followed = self._followed.get(ref) if ref is not None else None
        if followed is None:
            return
        first, followed.acknowledged = not followed.acknowledged, True
        if followed.number is not None:
            self._ledger.seen(followed.number)
        if status in WORKING:
            self._works(followed)
            if first and followed.wants_cancel and self._connection.ready:
                self._send_cancel(followed)  # it was asked for before the gateway had said that it has the order
        elif status in CANCELLED:
            self._ends(followed, refused=followed.refused and filled == 0, filled=filled)
        elif status == "Inactive" and followed.refused:
            self._ends(followed, refused=True, filled=filled)
        elif status != "Filled" or self._executions.executed(followed.ref) < followed.quantity:
            followed.ask_at = self._monotonic() + UNCLEAR

    def _works(self, followed: Followed) -> None:
        if not followed.refused:
            followed.ask_at = None
        if not self._executions.executed(followed.ref):
            self.report(followed.ref, OrderStatus.SUBMITTED)

    def _ends(self, followed: Followed, *, refused: bool, filled: float) -> None:
        status = OrderStatus.ERROR if refused else OrderStatus.CANCELLED
        followed.ending, followed.filled_at_end = OrderReport(followed.ref, status, followed.complaint), filled
        followed.ask_at = self._monotonic() + UNCLEAR
        self._open.discard(followed.ref)  # a list of open orders that was told before, while everything is asked
        self._completed.setdefault(followed.ref, ("Inactive" if refused else "Cancelled", followed.complaint))

    def _may_end(self, followed: Followed) -> bool:
        """Whether its end is to be told now: no executions are to come, and they do not tell it themselves."""
        executed = self._executions.executed(followed.ref)
        if self._executions.pending(followed.ref) or executed < followed.filled_at_end:
            return False
        self._forget(followed)
        return executed < followed.quantity

    def _forget(self, followed: Followed) -> None:
        del self._followed[followed.ref]
        self._ledger.forget(followed.ref)

    def _hear_completed(self, contract: Any, order: Any, state: Any) -> None:
        self._note(order.orderRef, order.account)
        ref = self._ref(Number(-1, 0), order.permId, order.orderRef)
        if ref is not None and order.account in {"", self._connection.account}:
            self._completed[ref] = (state.status, state.completedStatus)

    def _hear_execution(self, _: int, contract: Any, execution: Any) -> None:
        number = Number(execution.clientId, execution.orderId)
        self._note(execution.orderRef, execution.acctNumber)
        ref = self._ref(number, execution.permId, execution.orderRef)
        if ref is None or execution.acctNumber != self._connection.account:
            return
        self._executions.take(ref, our_name(contract.symbol), execution)
        followed = self._followed.get(ref)
        if followed is not None and self._executions.executed(ref) >= followed.quantity:
            followed.ask_at, followed.ending = None, OrderReport(ref, OrderStatus.FILLED)

    def _claim_error(self, request: int, code: int, text: str) -> bool:
        ref = self._by_number.get(Number(self._connection.endpoint.client_id, request))
        if ref is None:
            return False
        meaning, followed = order_sense(code), self._followed.get(ref)
        logger.info("the gateway says %d of %s: %s", code, ref, text)
        if followed is not None and meaning is not Sense.REMARK:
            followed.refused = followed.refused or meaning is Sense.REFUSED
            followed.complaint = text
            followed.ask_at = self._monotonic() + UNCLEAR
        return True

    # --- judging ---

    def _settle(self) -> None:
        """Everything has been told: say of each order what that means."""
        for followed in list(self._followed.values()):
            verdict = judge(self._trace(followed))
            followed.ask_at = None
            if verdict.fate is Fate.WORKING:
                self._take_up(followed)
            elif verdict.fate is Fate.UNSENT:
                self._take_back(followed, verdict.reason)
            elif verdict.fate is Fate.OVER:
                followed.ending, followed.filled_at_end = OrderReport(followed.ref, verdict.status, verdict.reason), 0.0
            else:
                followed.ending = OrderReport(followed.ref, OrderStatus.FILLED)

    def _take_up(self, followed: Followed) -> None:
        followed.acknowledged, followed.unsent, followed.ending = True, False, None
        self._works(followed)
        if followed.wants_cancel:
            self._send_cancel(followed)

    def _take_back(self, followed: Followed, reason: str) -> None:
        logger.warning("%s: %s", followed.ref, reason)
        followed.unsent = True
        if followed.wants_cancel:
            self._withdraw(followed, reason)
        else:
            self.report(followed.ref, OrderStatus.PENDING, reason)

    def _withdraw(self, followed: Followed, reason: str) -> None:
        """It is not sent any more; what was to be told of sending it is not true any more either."""
        self._news = [each for each in self._news if each.order_ref != followed.ref]
        self.report(followed.ref, OrderStatus.CANCELLED, reason)
        self._forget(followed)

    def _trace(self, followed: Followed) -> Trace:
        completed, why = self._completed.get(followed.ref, (None, ""))
        return Trace(
            quantity=followed.quantity,
            open=followed.ref in self._open,
            completed=completed,
            why=why,
            executed=self._executions.executed(followed.ref),
            complaint=followed.complaint,
            refused=followed.refused,
            arrived=self._arrived(followed.number),
        )

    def _arrived(self, number: Number | None) -> bool | None:
        """The gateway tells the next number of our own client id only."""
        if number is None or number.client_id != self._connection.endpoint.client_id:
            return None
        return self._ledger.arrived(number, self._connection.next_order_id)
