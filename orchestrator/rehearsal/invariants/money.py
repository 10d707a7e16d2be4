"""Rules on orders, fills, and what the account holds."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.engine.account import Account
from orchestrator.engine.journal import Journal
from orchestrator.engine.records import Fill, Split
from orchestrator.events import DaemonMoved, EngineMoved, EquityMarked, OrderFilled, OrderUpdated, Traded
from orchestrator.rehearsal.invariants.rule import Hearing, Rule, Turn
from orchestrator.store import Store

__all__ = ["AccountIsFills", "Ledger", "OrdersOnce"]

A_CENT = 0.01


class OrdersOnce(Rule):
    """Each order is sent once, and no more of it is filled than was ordered."""

    name = "orders_once"

    def __init__(self) -> None:
        self._sent: dict[str, OrderUpdated] = {}
        self._fills: dict[str, OrderFilled] = {}
        self._filled: dict[str, float] = {}

    def hearing(self) -> Hearing:
        return {Traded: self._traded}

    def _traded(self, event: Traded) -> str:
        match event.event:
            case OrderUpdated(status="Submitted") as order:
                return self._submitted(order)
            case OrderFilled() as fill:
                return self._fill(fill)
        return ""

    def _submitted(self, order: OrderUpdated) -> str:
        before = self._sent.setdefault(order.order_ref, order)
        return "" if before is order else f"{order.order_ref} was sent at {before.at}, and again at {order.at}"

    def _fill(self, fill: OrderFilled) -> str:
        before = self._fills.setdefault(fill.fill_id, fill)
        if before is not fill:  # what a kill came before is told again, in the same words
            return "" if before == fill else f"fill {fill.fill_id} was told with other figures before"
        filled = self._filled[fill.order_ref] = self._filled.get(fill.order_ref, 0.0) + fill.quantity
        order = self._sent.get(fill.order_ref)
        if order is None or filled <= order.quantity:
            return ""
        return f"{filled:g} of {fill.order_ref} were filled, and {order.quantity:g} were ordered"


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the store says of the account.

    :param fills: all there are, and `splits`, each oldest first.
    :param untold: ids of the fills that the engine has noted as not told yet.
    """

    starting_cash: float
    fills: Sequence[Fill]
    splits: Sequence[Split] = ()
    untold: Collection[str] = ()

    @classmethod
    def read(cls, store: Store, starting_cash: float) -> "Ledger":
        journal = Journal(store)
        untold = [each.fill.fill_id for each in journal.untold() if each.fill is not None]
        return cls(starting_cash, journal.fills(), journal.splits(), untold)

    def accounts(self, told: Collection[str]) -> Iterator[tuple[Account, Sequence[Fill]]]:
        """The account of now, and those before the last fill, before the last two, and so on, each with its fills: as
        long as all that were told are among these."""
        for count in range(len(self.fills), -1, -1):
            fills = self.fills[:count]
            yield Account.of(self.starting_cash, fills, self.splits), fills
            if count and fills[-1].fill_id in told:
                return


class AccountIsFills(Rule):
    """Cash and positions, as the engine tells them, are what the fills add up to; and every fill is told.

    :param ledger: reads what the store says. It is asked at the first mark, where the fills that were told do not
        suffice because shares were split, and at a kill.
    """

    name = "account_is_fills"

    def __init__(self, ledger: Callable[[], Ledger]) -> None:
        self._ledger = ledger
        self._cash = 0.0
        self._held: dict[str, float] = {}
        self._counted: set[str] = set()
        self._told: set[str] = set()
        self._owed: set[str] = set()
        """Fills that were noted as untold at a kill: every engine tells of these before it is ready."""

    def hearing(self) -> Hearing:
        return {Traded: self._traded, DaemonMoved: self._killed, EngineMoved: self._ready}

    def _killed(self, event: DaemonMoved) -> str:
        if event.action == "kill":
            self._owed = set(self._ledger().untold) - self._told
        return ""

    def _ready(self, event: EngineMoved) -> str:
        if event.action != "ready":
            return ""
        owed, self._owed = sorted(self._owed - self._told), set()
        return f"the engine has not told fill {owed[0]}, which a kill came before" if owed else ""

    def _traded(self, event: Traded) -> str:
        match event.event:
            case OrderFilled() as fill:
                self._count(fill)
            case EquityMarked() as mark:
                return self._compare(mark)
        return ""

    def _count(self, fill: OrderFilled) -> None:
        self._told.add(fill.fill_id)
        if fill.fill_id in self._counted:
            return
        self._counted.add(fill.fill_id)
        signed = fill.quantity if fill.action == "BUY" else -fill.quantity
        self._cash -= signed * fill.price + fill.commission
        self._held[fill.symbol] = self._held.get(fill.symbol, 0.0) + signed
        if not self._held[fill.symbol]:
            del self._held[fill.symbol]

    def _compare(self, mark: EquityMarked) -> str:
        marked = {position["symbol"]: position["quantity"] for position in mark.positions}
        if self._is(mark.cash, marked):
            return ""
        for account, fills in self._ledger().accounts(self._told):  # since the mark more may have been filled
            self._take(account, fills)
            if self._is(mark.cash, marked):
                return ""
        ledger = self._ledger()
        self._take(Account.of(ledger.starting_cash, ledger.fills, ledger.splits), ledger.fills)
        return (
            f"the engine tells of cash {mark.cash:.2f} and {_shares(marked)}, "
            f"and the fills come to cash {self._cash:.2f} and {_shares(self._held)}"
        )

    def _is(self, cash: float, held: Mapping[str, float]) -> bool:
        return abs(cash - self._cash) < A_CENT and held == self._held

    def _take(self, account: Account, fills: Sequence[Fill]) -> None:
        self._counted = {fill.fill_id for fill in fills}
        self._cash = account.cash
        self._held = {symbol: position.quantity for symbol, position in account.positions.items()}

    def end(self, turn: Turn) -> list[str]:
        """Every fill that was told is in the store, and every one there was told, or is noted as untold."""
        ledger = self._ledger()
        stored = {fill.fill_id for fill in ledger.fills}
        lost, late = sorted(self._told - stored), sorted(stored - self._told - set(ledger.untold))
        return [f"fill {each} was told, and is not in the store" for each in lost] + [
            f"fill {each} is in the store, and was never told" for each in late
        ]


def _shares(held: dict[str, Any]) -> str:
    return ", ".join(f"{quantity:g} {symbol}" for symbol, quantity in sorted(held.items())) or "no positions"
