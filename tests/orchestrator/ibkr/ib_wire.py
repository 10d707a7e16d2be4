"""The messages of the TWS API as they are on the wire: a length of four bytes, then fields that each end in NUL.

What a client sends is read by position; what a gateway sends is written from tables of field names, one for each
message, in the order in which the client libraries take them apart.
"""

import struct
from typing import Any, NamedTuple

__all__ = [
    "Contract",
    "Frames",
    "Placed",
    "answer",
    "completed_order",
    "execution",
    "frame",
    "open_order",
    "read_placed",
]

PREAMBLE = b"API\0"


def frame(*fields: object) -> bytes:
    """A message of these fields; None is empty, as is a number that is not set."""
    body = "".join(f"{_text(field)}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


def _text(field: object) -> str:
    if isinstance(field, bool):
        return str(int(field))
    return "" if field is None else str(field)


class Frames:
    """Puts the bytes of a connection together to messages; the first is the client's range of versions."""

    def __init__(self) -> None:
        self._bytes = b""
        self._greeted = False

    def feed(self, data: bytes) -> list[list[str]]:
        """The messages that are complete now, each as its fields."""
        self._bytes += data
        if not self._greeted and self._bytes.startswith(PREAMBLE):
            self._bytes, self._greeted = self._bytes[len(PREAMBLE) :], True
        messages = []
        while len(self._bytes) >= 4:
            end = 4 + struct.unpack(">I", self._bytes[:4])[0]
            if len(self._bytes) < end:
                break
            messages.append(self._bytes[4:end].decode().removesuffix("\0").split("\0"))
            self._bytes = self._bytes[end:]
        return messages


class Contract(NamedTuple):
    con_id: int
    symbol: str
    exchange: str = "NASDAQ"
    currency: str = "USD"

    @property
    def named(self) -> dict[str, Any]:
        return {
            "conId": self.con_id,
            "symbol": self.symbol,
            "secType": "STK",
            "strike": 0,
            "exchange": self.exchange,
            "currency": self.currency,
            "localSymbol": self.symbol,
            "tradingClass": self.symbol,
        }


class Placed(NamedTuple):
    """An order message that has reached the gateway."""

    client_id: int
    order_id: int
    con_id: int
    symbol: str
    action: str
    quantity: float
    order_type: str
    limit_price: float | None
    stop_price: float | None
    tif: str
    account: str
    order_ref: str
    outside_rth: bool


def read_placed(client_id: int, fields: list[str]) -> Placed:
    """Message 3: an order id, the 12 fields of a contract, two of a security id, then the order's."""
    return Placed(
        client_id=client_id,
        order_id=int(fields[1]),
        con_id=int(fields[2]),
        symbol=fields[3],
        action=fields[16],
        quantity=float(fields[17]),
        order_type=fields[18],
        limit_price=float(fields[19]) if fields[19] else None,
        stop_price=float(fields[20]) if fields[20] else None,
        tif=fields[21],
        account=fields[23],
        order_ref=fields[26],
        outside_rth=fields[33] == "1",
    )


def answer(layout: str, **values: object) -> bytes:
    """A message whose fields are named, in order; a word in quotes stands for itself, what is not given is empty."""
    names = layout.split()
    unknown = values.keys() - set(names)
    if unknown:
        raise ValueError(f"no such fields: {unknown}")
    return frame(*(name.strip("'") if name.startswith("'") else values.get(name) for name in names))


ORDER_CONTRACT = "conId symbol secType lastTrade strike right multiplier exchange currency localSymbol tradingClass "

OPEN_ORDER_HEAD = (
    "'5' orderId "
    + ORDER_CONTRACT
    + """
    action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef clientId permId
    outsideRth hidden discretionaryAmt goodAfterTime deprecated faGroup faMethod faPercentage """
)
OPEN_ORDER_TAIL = """
    modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode
    auctionStrategy startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize blockOrder
    sweepToFill allOrNone minQty ocaType eTradeOnly firmQuoteOnly nbboPriceCap parentId triggerMethod volatility
    volatilityType deltaNeutralOrderType deltaNeutralAuxPrice
    continuousUpdate referencePriceType trailStopPrice trailingPercent basisPoints basisPointsType comboLegsDescrip
    '0' '0' '0' scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement hedgeType
    optOutSmartRouting clearingAccount clearingIntent notHeld '0' algoStrategy
    solicited whatIf status initMarginBefore maintMarginBefore equityWithLoanBefore initMarginChange maintMarginChange
    equityWithLoanChange initMarginAfter maintMarginAfter equityWithLoanAfter commission minCommission maxCommission
    commissionCurrency warningText randomizeSize randomizePrice '0'
    adjustedOrderType triggerPrice trailStop lmtPriceOffset adjustedStopPrice adjustedStopLimitPrice
    adjustedTrailingAmount adjustableTrailingUnit softName softVal softDisplay cashQty dontUseAutoPriceForHedge
    isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo
    duration postToAts autoCancelParent minTradeQty minCompeteSize competeAgainstBestOffset midOffsetAtWhole
    midOffsetAtHalf"""

COMPLETED_HEAD = (
    "'101' "
    + ORDER_CONTRACT
    + """
    action totalQuantity orderType lmtPrice auxPrice tif ocaGroup account openClose origin orderRef permId
    outsideRth hidden discretionaryAmt goodAfterTime faGroup faMethod faPercentage """
)
COMPLETED_TAIL = """
    modelCode goodTillDate rule80A percentOffset settlingFirm shortSaleSlot designatedLocation exemptCode
    startingPrice stockRefPrice delta stockRangeLower stockRangeUpper displaySize sweepToFill allOrNone minQty ocaType
    triggerMethod volatility volatilityType deltaNeutralOrderType deltaNeutralAuxPrice
    continuousUpdate referencePriceType trailStopPrice trailingPercent comboLegsDescrip
    '0' '0' '0' scaleInitLevelSize scaleSubsLevelSize scalePriceIncrement hedgeType
    clearingAccount clearingIntent notHeld '0' algoStrategy solicited status randomizeSize randomizePrice '0'
    trailStop lmtPriceOffset cashQty dontUseAutoPriceForHedge isOmsContainer autoCancelDate filledQuantity
    refFuturesConId autoCancelParent shareholder imbalanceOnly routeMarketableToBbo parentPermId completedTime
    completedStatus minTradeQty minCompeteSize competeAgainstBestOffset midOffsetAtWhole midOffsetAtHalf"""

EXECUTION = (
    "'11' reqId orderId "
    + ORDER_CONTRACT
    + """
    execId time acctNumber venue side shares price permId clientId liquidation cumQty avgPrice orderRef evRule
    evMultiplier modelCode lastLiquidity"""
)


def open_order(version: int, **values: object) -> bytes:
    return answer(OPEN_ORDER_HEAD + ("faProfile " if version < 177 else "") + OPEN_ORDER_TAIL, **values)


def completed_order(version: int, **values: object) -> bytes:
    return answer(COMPLETED_HEAD + ("faProfile " if version < 177 else "") + COMPLETED_TAIL, **values)


def execution(version: int, **values: object) -> bytes:
    return answer(EXECUTION + (" pendingPriceRevision" if version >= 178 else ""), **values)
