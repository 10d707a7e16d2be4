"""One connection to the gateway: the handshake, the requests, and the answers to them."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ib_brokerage import Execution, ServerOrder
from ib_wire import Frames, answer, completed_order, execution, frame, open_order, read_placed

if TYPE_CHECKING:
    from gateway import Gateway

__all__ = ["Session"]

START_API = 71

CONTRACT_DETAILS = """'10' reqId symbol secType lastTrade strike right exchange currency localSymbol marketName
    tradingClass conId minTick multiplier orderTypes validExchanges priceMagnifier underConId longName primaryExchange
    contractMonth industry category subcategory timeZoneId tradingHours liquidHours evRule evMultiplier '0' aggGroup
    underSymbol underSecType marketRuleIds realExpirationDate stockType minSize sizeIncrement suggestedSizeIncrement"""

POSITION = """'61' '3' account conId symbol secType lastTrade strike right multiplier exchange currency localSymbol
    tradingClass position avgCost"""

ORDER_STATUS = """'3' orderId status filled remaining avgFillPrice permId parentId lastFillPrice clientId whyHeld
    mktCapPrice"""

LIVE_TICKS = {"bid": 1, "ask": 2, "last": 4, "close": 9}
DELAYED_TICKS = {"bid": 66, "ask": 67, "last": 68, "close": 75}


class Session(asyncio.Protocol):
    """`client_id` is there after the handshake."""

    def __init__(self, gateway: "Gateway") -> None:
        self.gateway = gateway
        self.client_id: int | None = None
        self.version = 0
        self.data_type = 1
        self.streams: dict[int, tuple[str, bool]] = {}
        self.wants_values: set[str] = set()
        self.wants_positions = False
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._handlers = {
            1: self._market_data,
            2: lambda fields: self.streams.pop(int(fields[2]), None),
            3: lambda fields: self.gateway.place(read_placed(self.client_id or 0, fields)),
            4: lambda fields: self.gateway.cancel_asked(self.client_id or 0, int(fields[2])),
            5: lambda fields: self._open_orders(all_clients=False),
            6: self._account_updates,
            7: self._executions,
            8: lambda fields: self.send(9, 1, self.gateway.brokerage.next_id(self.client_id or 0)),
            9: self._contract_details,
            16: lambda fields: self._open_orders(all_clients=True),
            17: lambda fields: self.send(15, 1, ",".join(self.gateway.brokerage.accounts)),
            20: self._bars,
            25: lambda fields: None,
            49: lambda fields: self.send(49, 1, int(self.gateway.now().timestamp() + self.gateway.skew)),
            59: self._data_type,
            61: self._positions,
            62: self._summary,
            63: lambda fields: None,
            64: lambda fields: None,
            76: self._updates_multi,
            99: self._completed_orders,
        }

    # --- the socket ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.gateway.sessions.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self in self.gateway.sessions:
            self.gateway.sessions.remove(self)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def hang(self) -> None:
        """Read nothing; what comes waits in the kernel."""
        if self._transport is not None:
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        for fields in self._frames.feed(data):
            if self._transport is None:
                return
            if self.gateway.trapped("in", fields):
                self.abort()
                return
            if not self.gateway.deaf:
                self._take(fields)

    def write(self, message: bytes) -> None:
        if self._transport is None or self.gateway.deaf:
            return
        if self.gateway.trapped("out", message[4:].decode().removesuffix("\0").split("\0")):
            self.abort()
        else:
            self._transport.write(message)

    def send(self, *fields: object) -> None:
        self.write(frame(*fields))

    def error(self, request: int, code: int, text: str) -> None:
        self.send(4, 2, request, code, text, "")

    def _take(self, fields: list[str]) -> None:
        if fields[0].startswith("v"):
            highest = int(fields[0].partition("..")[2].split()[0])
            self.version = min(self.gateway.version, highest)
            self.send(self.version, "20261124 10:00:00 EST")
            return
        number = int(fields[0])
        self.gateway.requests.append(fields)
        if number == START_API:
            self._start(int(fields[2]))
        elif number not in self.gateway.mute:
            self._handlers[number](fields)

    def _start(self, client_id: int) -> None:
        if not self.gateway.claim(self, client_id):
            self.error(-1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
            if self._transport is not None:
                self._transport.close()
            return
        self.client_id = client_id
        if START_API in self.gateway.mute:
            return
        self.send(15, 1, ",".join(self.gateway.brokerage.accounts))
        self.send(9, 1, self.gateway.brokerage.next_id(client_id))
        for code, text in self.gateway.greeting:
            self.error(-1, code, text)

    # --- orders ---

    def open_order(self, order: ServerOrder) -> None:
        placed = order.placed
        self.write(
            open_order(self.version, orderId=self._own_id(order), clientId=placed.client_id, **self._told(order))
        )

    def _own_id(self, order: ServerOrder) -> int:
        """Orders that were placed by hand have no id."""
        return order.placed.order_id

    def _told(self, order: ServerOrder) -> dict[str, Any]:
        placed = order.placed
        contract = self.gateway.brokerage.contract(placed.con_id)
        assert contract is not None
        return {
            **contract.named,
            "action": placed.action,
            "totalQuantity": placed.quantity,
            "orderType": placed.order_type,
            "lmtPrice": placed.limit_price or 0.0,
            "auxPrice": placed.stop_price or 0.0,
            "tif": placed.tif,
            "account": placed.account,
            "orderRef": placed.order_ref,
            "permId": order.perm_id,
            "status": order.status,
        }

    def order_status(self, order: ServerOrder) -> None:
        self.write(
            answer(
                ORDER_STATUS,
                orderId=self._own_id(order),
                status=order.status,
                filled=order.filled,
                remaining=order.remaining,
                avgFillPrice=order.avg_price,
                permId=order.perm_id,
                lastFillPrice=order.avg_price,
                clientId=order.placed.client_id,
            )
        )

    def _open_orders(self, *, all_clients: bool) -> None:
        for order in self.gateway.brokerage.orders:
            if order.is_open and (all_clients or order.placed.client_id == self.client_id):
                self.open_order(order)
                self.order_status(order)
        self.send(53, 1)

    def _completed_orders(self, fields: list[str]) -> None:
        brokerage = self.gateway.brokerage
        for order in [] if brokerage.forgets_completed else brokerage.orders:
            if not order.is_open and order.listed:
                told = {"filledQuantity": order.filled, "completedStatus": order.why or order.status}
                self.write(completed_order(self.version, **self._told(order), **told))
        self.send(102)

    # --- executions ---

    def execution(self, request: int, told: Execution) -> None:
        placed, contract = told.order.placed, self.gateway.brokerage.contract(told.order.placed.con_id)
        assert contract is not None
        self.write(
            execution(
                self.version,
                **contract.named,
                reqId=request,
                orderId=self._own_id(told.order),
                execId=told.exec_id,
                time=f"{told.at.astimezone(UTC):%Y%m%d %H:%M:%S} UTC",
                acctNumber=placed.account,
                venue="NASDAQ",
                side="BOT" if placed.action == "BUY" else "SLD",
                shares=told.shares,
                price=told.price,
                permId=told.order.perm_id,
                clientId=placed.client_id,
                liquidation=0,
                cumQty=told.order.filled,
                avgPrice=told.order.avg_price,
                orderRef=placed.order_ref,
                lastLiquidity=1,
            )
        )

    def commission(self, told: Execution) -> None:
        if 59 not in self.gateway.mute:
            self.send(59, 1, told.exec_id, told.commission, "USD", None, None, None)

    def _executions(self, fields: list[str]) -> None:
        wanted = int(fields[3] or 0)
        for each in self.gateway.brokerage.executions:
            if wanted in {0, each.order.placed.client_id}:
                self.execution(int(fields[2]), each)
                self.commission(each)
        self.send(55, 1, fields[2])

    # --- the account ---

    def _account_updates(self, fields: list[str]) -> None:
        account = fields[3] or self.gateway.brokerage.accounts[0]
        if fields[2] == "1":
            self.wants_values.add(account)
            self.account_values(account)
            self.send(54, 1, account)
        else:
            self.wants_values.discard(account)

    def account_values(self, account: str) -> None:
        if account in self.wants_values:
            for tag, value, currency in self.gateway.brokerage.told_values(account):
                self.send(6, 2, tag, value, currency, account)

    def _updates_multi(self, fields: list[str]) -> None:
        for tag, value, currency in self.gateway.brokerage.told_values(fields[3]):
            self.send(73, 1, fields[2], fields[3], fields[4], tag, value, currency)
        self.send(74, 1, fields[2])

    def _summary(self, fields: list[str]) -> None:
        for account in self.gateway.brokerage.accounts:
            self.send(63, 1, fields[2], account, "AccountType", "INDIVIDUAL", "")
            for tag, value, currency in self.gateway.brokerage.told_values(account):
                self.send(63, 1, fields[2], account, tag, value, currency)
        self.send(64, 1, fields[2])

    def _positions(self, fields: list[str]) -> None:
        self.wants_positions = True
        self.positions()
        self.send(62, 1)

    def positions(self) -> None:
        brokerage = self.gateway.brokerage
        for account, held in brokerage.positions.items() if self.wants_positions else ():
            for symbol, (quantity, average) in held.items():
                named = brokerage.contracts[symbol][0].named
                self.write(answer(POSITION, **named, account=account, position=quantity, avgCost=average))

    # --- contracts and data ---

    def _contract_details(self, fields: list[str]) -> None:
        request, symbol = fields[2], fields[4]
        found = self.gateway.brokerage.contracts.get(symbol, [])
        if not found:
            self.error(int(request), 200, "No security definition has been found for the request")
            return
        for contract in found:
            named = contract.named | {"exchange": "SMART"}
            extra = {"minTick": 0.01, "primaryExchange": contract.exchange, "longName": symbol, "priceMagnifier": 1}
            self.write(answer(CONTRACT_DETAILS, reqId=request, **named, **extra))
        self.send(52, 1, request)

    def _data_type(self, fields: list[str]) -> None:
        self.data_type = int(fields[2])

    def _market_data(self, fields: list[str]) -> None:
        """Contract from the fourth field on; behind it: delta neutral, ticks, snapshot, regulatory, options."""
        request, symbol, snapshot = int(fields[2]), fields[4], fields[17] == "1"
        missing = symbol in self.gateway.no_subscription
        if missing and self.data_type < 3:
            text = "Requested market data is not subscribed. Delayed market data is available."
            self.error(request, 354, text)
            return
        self.send(58, 1, request, 3 if missing else 1)
        self.streams[request] = (symbol, missing)
        self._ticks(request, symbol, delayed=missing)
        if snapshot:
            del self.streams[request]
            self.send(57, 1, request)

    def tell_price(self, symbol: str) -> None:
        for request, (wanted, delayed) in list(self.streams.items()):
            if wanted == symbol:
                self._ticks(request, symbol, delayed=delayed)

    def _ticks(self, request: int, symbol: str, *, delayed: bool) -> None:
        price = self.gateway.brokerage.prices.get(symbol)
        if price is None:
            return
        quote = {"bid": price - 0.01, "ask": price + 0.01, "last": price, "close": price}
        for name, number in (DELAYED_TICKS if delayed else LIVE_TICKS).items():
            self.send(1, 6, request, number, round(quote[name], 2), 100, 0)

    def _bars(self, fields: list[str]) -> None:
        request, symbol = int(fields[1]), fields[3]
        bars = self.gateway.brokerage.bars.get(symbol)
        if bars is None:
            text = f"Historical Market Data Service error message:HMDS query returned no data: {symbol}@SMART Trades"
            self.error(request, 162, text)
            return
        chosen = bars[-_days(fields[17]) :]
        rows = [value for day, *prices, volume in chosen for value in (day, *prices, volume, prices[-1], 1)]
        self.send(17, request, "", "", len(chosen), *rows)


def _days(duration: str) -> int:
    number, _, unit = duration.partition(" ")
    return int(number) * {"D": 1, "W": 5, "M": 21, "Y": 252}[unit]


def stamp(at: datetime) -> str:
    return f"{at:%Y%m%d}"
