"""What the gateway's codes mean to us. Sources: IB's message code tables, and what gateways were seen to send."""

from enum import Enum, auto

__all__ = ["FARMS", "Sense", "farm", "order_sense", "sense"]


class Sense(Enum):
    """What a code asks of us."""

    CUT = auto()
    """The gateway has lost IB's servers: send nothing, keep the socket."""
    BACK_EMPTY = auto()
    """It has them again, and market data has to be asked for anew."""
    BACK = auto()
    """It has them again, and market data goes on."""
    FARM = auto()
    """A data farm's state."""
    ID_IN_USE = auto()
    LEAVING = auto()
    """The gateway is about to close the socket."""
    OUTDATED = auto()
    """It will not talk with us before somebody installs something."""
    NO_SUBSCRIPTION = auto()
    """No market data for this symbol, except delayed."""
    COMPETING = auto()
    """The same user looks at market data elsewhere."""
    READ_ONLY = auto()
    """The gateway takes no orders. The same code has other causes, and the text tells which it is."""
    NO_CONTRACT = auto()
    REFUSED = auto()
    """An order is refused. Sending it again would not help."""
    ENDED = auto()
    """An order is cancelled; the status that comes with it decides."""
    REMARK = auto()
    """Something is said of an order, and nothing has changed."""
    DOUBT = auto()
    """Something is wrong with an order: ask what has become of it."""
    NOTE = auto()
    """For the log."""


SENSES: dict[int, Sense] = {
    1100: Sense.CUT,
    2110: Sense.CUT,
    1101: Sense.BACK_EMPTY,
    1102: Sense.BACK,
    1300: Sense.LEAVING,
    326: Sense.ID_IN_USE,
    503: Sense.OUTDATED,
    354: Sense.NO_SUBSCRIPTION,
    10089: Sense.NO_SUBSCRIPTION,
    10090: Sense.NO_SUBSCRIPTION,
    10168: Sense.NO_SUBSCRIPTION,
    10186: Sense.NO_SUBSCRIPTION,
    10197: Sense.COMPETING,
    321: Sense.READ_ONLY,
    200: Sense.NO_CONTRACT,
    201: Sense.REFUSED,
    203: Sense.REFUSED,
    110: Sense.REFUSED,
    382: Sense.REFUSED,
    383: Sense.REFUSED,
    434: Sense.REFUSED,
    202: Sense.ENDED,
    161: Sense.DOUBT,
    103: Sense.DOUBT,
    104: Sense.DOUBT,
    135: Sense.DOUBT,
    10147: Sense.DOUBT,
    10148: Sense.DOUBT,
    105: Sense.REMARK,
    399: Sense.REMARK,
    404: Sense.REMARK,
    2109: Sense.REMARK,
    10349: Sense.REMARK,
    10167: Sense.NOTE,
}
"""Codes that are not here are notes from 2100 to 2199; of an order they are doubts."""

OF_ORDERS = frozenset({Sense.REFUSED, Sense.ENDED, Sense.REMARK, Sense.DOUBT})

FARMS: dict[int, str] = {
    2103: "broken",
    2104: "ok",
    2105: "broken",
    2106: "ok",
    2107: "idle",
    2108: "idle",
    2119: "connecting",
    2157: "broken",
    2158: "ok",
}
"""The state of a data farm that a code tells; idle ones wake when they are asked."""


def sense(code: int) -> Sense:
    """What a code means where it is not said of an order."""
    return SENSES.get(code, Sense.FARM if code in FARMS else Sense.NOTE)


def order_sense(code: int) -> Sense:
    """What it means of an order."""
    warning = 2100 <= code < 2200
    found = SENSES.get(code, Sense.REMARK if warning else Sense.DOUBT)
    return found if found in OF_ORDERS else Sense.DOUBT


def farm(text: str) -> str:
    """The farm that a message is about: its text ends in ``:usfarm``."""
    return text.rpartition(":")[2].strip() or "?"
