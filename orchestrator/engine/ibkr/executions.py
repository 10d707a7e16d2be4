"""Executions and their commissions, which come apart: put together, each once, and corrected where IB corrects them.

IB numbers an execution ``0000e0d5.5f2b8a1b.01.01``; the same with ``.02`` at its end takes its place. What is before
the last dot names it for ever, and is the `fill_id` of our fill.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.engine.records import Action, Fill

__all__ = ["Executions", "name_of"]

logger = logging.getLogger(__name__)

COMMISSION = 5.0
"""Seconds that an execution waits for its commission."""

UNKNOWN = 1e300
"""IB writes an unknown amount as the largest number there is."""


def name_of(exec_id: str) -> tuple[str, int]:
    """What names the execution, and which revision of it this is."""
    name, _, revision = exec_id.rpartition(".")
    return (name, int(revision)) if name and revision.isdigit() else (exec_id, 0)


@dataclass(slots=True)
class _Told:
    fill: Fill
    revision: int
    since: float
    has_commission: bool = False


class Executions:
    """:param monotonic: elapsed seconds.
    :param heard: called with each new execution as soon as it is heard of, without its commission.
    """

    def __init__(self, monotonic: Callable[[], float], heard: Callable[[Fill], None]) -> None:
        self._monotonic, self._heard = monotonic, heard
        self._told: dict[str, _Told] = {}
        """The newest revision of each that is not handed over yet."""
        self._done: dict[str, Fill] = {}
        self._revisions: dict[str, int] = {}
        self._unpaid: set[str] = set()
        """Those that were handed over without their commission."""

    def load(self, fills: Iterable[Fill]) -> None:
        """Those that are on record."""
        self._done = {fill.fill_id: fill for fill in fills}

    def take(self, order_ref: str, symbol: str, execution: Any) -> None:
        """Hear of an execution, perhaps again."""
        name, revision = name_of(execution.execId)
        if revision <= self._revisions.get(name, -1) and name not in self._told:
            return
        if name in self._told and revision <= self._told[name].revision:
            return
        action = Action.BUY if execution.side.upper().startswith("B") else Action.SELL
        shares, price = float(execution.shares), float(execution.price)
        fill = Fill(name, order_ref, symbol, action, shares, price, 0.0, execution.time)
        if name not in self._done and name not in self._told:
            self._heard(fill)
        self._told[name] = _Told(fill, revision, self._monotonic())

    def take_commission(self, report: Any) -> None:
        """Hear of a commission; it comes after its execution, and sometimes long after."""
        name, revision = name_of(report.execId)
        amount = float(report.commission)
        told = self._told.get(name)
        if told is None and name in self._unpaid and self._revisions.get(name) == revision:
            told = self._told[name] = _Told(self._done[name], revision, self._monotonic())
        if told is not None and told.revision == revision and abs(amount) < UNKNOWN:
            told.fill = replace(told.fill, commission=amount)
            told.has_commission = True

    def collect(self) -> tuple[list[Fill], list[tuple[Fill, Fill]]]:
        """What is complete now: new fills in their order, and corrections as old and new. Where only the commission
        differs it came late."""
        fills, corrections = [], []
        for name, told in list(self._told.items()):
            if not (told.has_commission or self._monotonic() >= told.since + COMMISSION):
                continue
            del self._told[name]
            self._revisions[name] = told.revision
            old = self._done.get(name)
            new = self._done[name] = self._completed(told, old)
            if old is None:
                fills.append(new)
            elif _differ(old, new):
                corrections.append((old, new))
        return sorted(fills, key=lambda fill: fill.at), corrections

    def executed(self, order_ref: str) -> float:
        """Shares that were executed for the order, as far as it is known."""
        known = {**self._done, **{name: told.fill for name, told in self._told.items()}}
        return sum(fill.quantity for fill in known.values() if fill.order_ref == order_ref)

    def pending(self, order_ref: str) -> bool:
        """Whether an execution of the order waits for its commission."""
        return any(told.fill.order_ref == order_ref for told in self._told.values())

    def _completed(self, told: _Told, old: Fill | None) -> Fill:
        name = told.fill.fill_id
        if told.has_commission:
            self._unpaid.discard(name)
            return told.fill
        logger.warning("%s has no commission after %g s", name, COMMISSION)
        self._unpaid.add(name)
        return replace(told.fill, commission=0.0 if old is None else old.commission)


def _differ(old: Fill, new: Fill) -> bool:
    return (old.quantity, old.price, old.commission) != (new.quantity, new.price, new.commission)
