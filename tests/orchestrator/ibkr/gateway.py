"""A TWS on loopback: it speaks the real wire protocol to the real client libraries, and does what a test tells it.

It runs in a thread of its own and answers at once; nothing in it waits. What the servers behind it know is in
:class:`Brokerage` and outlives connections, restarts and the clients. Every order message that reached it is in
`placed`. Whatever a test asks of it from outside is done in its thread, and is done when the call returns.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from ib_brokerage import Brokerage, Execution, ServerOrder
from ib_session import Session
from ib_wire import Placed

__all__ = ["Fate", "Gateway", "ack", "fill", "inform", "invalid", "partial", "reject", "silence"]

PATIENCE = 20.0
"""Seconds for anything that a test asks to be done in the gateway's thread."""

Fate = Callable[["Gateway", ServerOrder], None]


def ack(gateway: "Gateway", order: ServerOrder) -> None:
    """The order is taken and works."""
    gateway.tell_order(order)
    order.status = "Submitted"
    gateway.tell_status(order)


def silence(gateway: "Gateway", order: ServerOrder) -> None:
    """The order is taken, and nothing is said."""
    order.status = "Submitted"


def fill(price: float | None = None) -> Fate:
    """All of it at once, at this price or the market's."""
    return partial(None, price=price)


def partial(*shares: float | None, price: float | None = None) -> Fate:
    """So many shares, one execution each; None is all the rest."""

    def do(gateway: "Gateway", order: ServerOrder) -> None:
        ack(gateway, order)
        for each in shares:
            gateway.execute(order, order.remaining if each is None else each, price)

    return do


def reject(text: str = "Order rejected - reason: no", code: int = 201) -> Fate:
    """Refused by IB's servers: an error, and a status."""

    def do(gateway: "Gateway", order: ServerOrder) -> None:
        order.status, order.why = "Inactive", text
        gateway.tell_order(order)
        gateway.say(code, text, order)
        gateway.tell_status(order)

    return do


def invalid(text: str, code: int = 110) -> Fate:
    """Refused by the gateway itself: an error, no status, and in no list."""

    def do(gateway: "Gateway", order: ServerOrder) -> None:
        order.status, order.listed = "Inactive", False
        gateway.say(code, text, order)

    return do


def inform(code: int, text: str, then: Fate = ack) -> Fate:
    """A code that tells and changes nothing, such as 10349."""

    def do(gateway: "Gateway", order: ServerOrder) -> None:
        gateway.tell_order(order)
        gateway.say(code, text, order)
        then(gateway, order)

    return do


class Cut(Exception):
    """The connection ends here."""


class Gateway:
    """:param version: of the server; a client that knows only a lower one gets that.

    `fates` says what becomes of orders, by symbol; `fate` of the others. `mute` has the numbers of request messages
    that are not answered; `deaf` means all, and the socket stays open. `trap` is called with "in" or "out" and the
    fields of each message before it is handled or sent; it may raise :class:`Cut`.
    """

    def __init__(self, version: int = 178) -> None:
        self.version = version
        self.brokerage = Brokerage()
        self.placed: list[Placed] = []
        self.requests: list[list[str]] = []
        self.fate: Fate = fill()
        self.fates: dict[str, Fate] = {}
        self.mute: set[int] = set()
        self.deaf = False
        self.no_subscription: set[str] = set()
        self.greeting: list[tuple[int, str]] = [
            (2104, "Market data farm connection is OK:usfarm"),
            (2106, "HMDS data farm connection is OK:ushmds"),
            (2158, "Sec-def data farm connection is OK:secdefnj"),
        ]
        self.sessions: list[Session] = []
        self.held_ids: set[int] = set()
        self.port = 0
        self.skew = 0.0
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.trap: Callable[[str, list[str]], None] = lambda direction, fields: None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)
        self._server: asyncio.Server | None = None

    # --- life ---

    def __enter__(self) -> "Gateway":
        self._thread.start()
        self.listen()
        return self

    def __exit__(self, *exc: object) -> None:
        self.refuse()
        self.drop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def do(self, action: Callable[..., Any], *arguments: Any) -> Any:
        """Do it in the gateway's thread; returns its result."""
        if threading.current_thread() is self._thread:
            return action(*arguments)

        async def doing() -> Any:
            return action(*arguments)

        return asyncio.run_coroutine_threadsafe(doing(), self._loop).result(PATIENCE)

    def listen(self) -> None:
        """Take connections, on the port of before."""

        async def begin() -> None:
            self._server = await self._loop.create_server(lambda: Session(self), "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

        asyncio.run_coroutine_threadsafe(begin(), self._loop).result(PATIENCE)

    def refuse(self) -> None:
        """Take no connections; those that are there stay."""

        def end() -> None:
            if self._server is not None:
                self._server.close()
                self._server = None

        self.do(end)

    def drop(self) -> None:
        """Break all connections."""
        self.do(lambda: [session.abort() for session in list(self.sessions)])

    def restart(self) -> None:
        """What a nightly restart does: connections end, state is kept."""
        self.refuse()
        self.drop()
        self.listen()

    # --- what a test asks ---

    def say_to_all(self, code: int, text: str = "") -> None:
        """A system message, such as 1100."""
        self.do(lambda: [session.error(-1, code, text or f"system message {code}") for session in self.sessions])

    def order(self, order_ref: str) -> ServerOrder:
        """The last order that came under this name."""
        return next(each for each in reversed(self.brokerage.orders) if each.placed.order_ref == order_ref)

    def execute(self, order: ServerOrder, shares: float, price: float | None = None) -> Execution:
        """Fill some of an order and tell."""
        return self.do(self._execute, order, shares, price)  # type: ignore[no-any-return]

    def _execute(self, order: ServerOrder, shares: float, price: float | None) -> Execution:
        at = price or order.placed.limit_price or self.brokerage.prices[order.placed.symbol]
        execution = self.brokerage.execute(order, shares, at, self.now())
        self.tell_execution(execution)
        self.tell_status(order)
        self.tell_account(order.placed.account)
        return execution

    def correct(self, old: Execution, shares: float, price: float) -> Execution:
        """Correct an execution and tell."""

        def doing() -> Execution:
            new = self.brokerage.correct(old, shares, price)
            self.tell_execution(new)
            return new

        return self.do(doing)  # type: ignore[no-any-return]

    def cancel(self, order: ServerOrder, why: str = "") -> None:
        """End an order from this side, or because the client asked."""

        def doing() -> None:
            order.status, order.why = "Cancelled", why
            self.say(202, f"Order Canceled - reason:{why}", order)
            self.tell_status(order)

        self.do(doing)

    def quote(self, symbol: str, price: float) -> None:
        """The market moves."""

        def doing() -> None:
            self.brokerage.prices[symbol] = price
            for session in self.sessions:
                session.tell_price(symbol)

        self.do(doing)

    # --- telling, in the gateway's thread ---

    def owners(self, order: ServerOrder) -> list[Session]:
        return [session for session in self.sessions if session.client_id == order.placed.client_id]

    def tell_order(self, order: ServerOrder) -> None:
        for session in self.owners(order):
            session.open_order(order)

    def tell_status(self, order: ServerOrder) -> None:
        for session in self.owners(order):
            session.order_status(order)

    def tell_execution(self, execution: Execution) -> None:
        for session in self.owners(execution.order):
            session.execution(-1, execution)
            session.commission(execution)

    def tell_account(self, account: str) -> None:
        for session in self.sessions:
            session.account_values(account)
            session.positions()

    def say(self, code: int, text: str, order: ServerOrder) -> None:
        for session in self.owners(order):
            session.error(order.placed.order_id, code, text)

    # --- what clients ask ---

    def claim(self, session: Session, client_id: int) -> bool:
        """Whether the client id is free; it is from then on this session's."""
        used = {other.client_id for other in self.sessions if other is not session}
        return client_id not in used | self.held_ids

    def place(self, placed: Placed) -> None:
        """An order message: a new order, a change of one that is open, or an id that was used before."""
        self.placed.append(placed)
        known = self.brokerage.find(placed.client_id, placed.order_id)
        if known is not None and known.is_open:
            known.placed = placed
            self.tell_order(known)
            self.tell_status(known)
        elif placed.order_id <= self.brokerage.used_ids[placed.client_id]:
            self._refuse(placed, 103, "Duplicate order id")
        elif self.brokerage.contract(placed.con_id) is None:
            self._refuse(placed, 200, "No security definition has been found for the request")
        else:
            order = self.brokerage.take(placed)
            self.fates.get(placed.symbol, self.fate)(self, order)

    def _refuse(self, placed: Placed, code: int, text: str) -> None:
        for session in self.sessions:
            if session.client_id == placed.client_id:
                session.error(placed.order_id, code, text)

    def cancel_asked(self, client_id: int, order_id: int) -> None:
        order = self.brokerage.find(client_id, order_id)
        if order is not None and order.is_open:
            self.cancel(order)
            return
        text = f"OrderId {order_id} that needs to be cancelled is not found."
        for session in self.sessions:
            if session.client_id == client_id:
                session.error(order_id, 10147, text)

    def trapped(self, direction: str, fields: list[str]) -> bool:
        """Whether the connection ends before this message."""
        with suppress(Cut):
            self.trap(direction, fields)
            return False
        return True
