"""What has become of an order, judged by all that the gateway says of it. Pure functions."""

from dataclasses import dataclass
from enum import Enum, auto

from orchestrator.engine.records import OrderStatus

__all__ = ["Fate", "Trace", "Verdict", "judge"]

REJECTED = frozenset({"Inactive"})
"""IB's word for an order that was refused."""


class Fate(Enum):
    WORKING = auto()
    FILLED = auto()
    OVER = auto()
    """Cancelled, or refused; what was filled before counts."""
    UNSENT = auto()
    """It has not reached the gateway."""


@dataclass(frozen=True, slots=True)
class Trace:
    """An order in the gateway's answers.

    :param open: it is among the open orders.
    :param completed: its status among the completed ones, in IB's word; None if it is not among them.
    :param why: what is said of its end there.
    :param executed: shares.
    :param complaint: what was said of it in errors.
    :param refused: one of them was a refusal.
    :param arrived: whether its number has reached the gateway; None if that can't be told.
    """

    quantity: float
    open: bool = False
    completed: str | None = None
    why: str = ""
    executed: float = 0.0
    complaint: str = ""
    refused: bool = False
    arrived: bool | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    fate: Fate
    status: OrderStatus = OrderStatus.SUBMITTED
    reason: str = ""


def judge(trace: Trace) -> Verdict:
    """Executions stand above lists, and lists above numbers. What may have been sent is never unsent."""
    if trace.executed >= trace.quantity:
        return Verdict(Fate.FILLED, OrderStatus.FILLED)
    if trace.open:
        return Verdict(Fate.WORKING)
    if trace.completed == "Filled":
        reason = f"filled while nobody listened; {trace.executed:g} of it are on record"
        return Verdict(Fate.OVER, OrderStatus.FILLED, reason)
    if trace.completed is not None:
        return _completed(trace)
    if trace.executed > 0:
        return Verdict(Fate.OVER, OrderStatus.CANCELLED, trace.complaint or "the broker has not filled the rest")
    if trace.complaint:
        return Verdict(Fate.OVER, OrderStatus.ERROR, trace.complaint)
    if trace.arrived is False:
        return Verdict(Fate.UNSENT, OrderStatus.PENDING, "it has not reached the broker")
    return _vanished(trace)


def _completed(trace: Trace) -> Verdict:
    rejected = trace.executed == 0 and (trace.refused or trace.completed in REJECTED)
    status = OrderStatus.ERROR if rejected else OrderStatus.CANCELLED
    return Verdict(Fate.OVER, status, trace.complaint or trace.why or f"the broker says {trace.completed}")


def _vanished(trace: Trace) -> Verdict:
    if trace.arrived:
        reason = "it has reached the broker, which tells nothing of it any more; it is not sent again"
    else:
        reason = "it can't be told whether it has reached the broker, which tells nothing of it; it is not sent again"
    return Verdict(Fate.OVER, OrderStatus.ERROR, reason)
