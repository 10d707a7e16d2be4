"""What IB's servers know behind a gateway: accounts, positions, orders and executions. It outlives connections."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ib_wire import Contract, Placed

__all__ = ["DONE", "Brokerage", "Execution", "ServerOrder"]

DONE = frozenset({"Filled", "Cancelled", "Inactive"})


@dataclass
class ServerOrder:
    """`status` is IB's word; `why` is what completed orders say of their end."""

    placed: Placed
    perm_id: int
    status: str = "PreSubmitted"
    filled: float = 0.0
    avg_price: float = 0.0
    why: str = ""
    listed: bool = True
    """False for one that failed its validation: it is in no list of orders."""

    @property
    def remaining(self) -> float:
        return self.placed.quantity - self.filled

    @property
    def is_open(self) -> bool:
        return self.status not in DONE


@dataclass(frozen=True)
class Execution:
    exec_id: str
    order: ServerOrder
    shares: float
    price: float
    commission: float
    at: datetime


@dataclass
class Brokerage:
    """:param values: what the account is worth: (tag, value, currency)."""

    accounts: list[str] = field(default_factory=lambda: ["DU123456"])
    values: list[tuple[str, str, str]] = field(
        default_factory=lambda: [
            ("NetLiquidation", "100000.00", "USD"),
            ("TotalCashBalance", "100000.00", "USD"),
            ("TotalCashBalance", "100000.00", "BASE"),
            ("UnrealizedPnL", "0.00", "USD"),
            ("RealizedPnL", "0.00", "USD"),
            ("ExchangeRate", "1.00", "USD"),
        ]
    )
    commission: float = 1.0
    contracts: dict[str, list[Contract]] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)
    bars: dict[str, list[tuple[str, float, float, float, float, float]]] = field(default_factory=dict)
    orders: list[ServerOrder] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    positions: dict[str, dict[str, tuple[float, float]]] = field(default_factory=lambda: defaultdict(dict))
    used_ids: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    forgets_completed: bool = False
    """Whether the list of completed orders is empty, as after a restart of some gateways."""

    def list_stock(self, symbol: str, price: float, con_id: int | None = None) -> None:
        """Trade this symbol at this price."""
        found = self.contracts.setdefault(symbol, [])
        found.append(Contract(1000 + len(self.contracts) if con_id is None else con_id, symbol))
        self.prices[symbol] = price

    def contract(self, con_id: int) -> Contract | None:
        known = (contract for found in self.contracts.values() for contract in found)
        return next((contract for contract in known if contract.con_id == con_id), None)

    def next_id(self, client_id: int) -> int:
        """Only what has arrived counts: ids of messages that were lost are given out again."""
        return self.used_ids[client_id] + 1

    def take(self, placed: Placed) -> ServerOrder:
        order = ServerOrder(placed, perm_id=900_000 + len(self.orders))
        self.orders.append(order)
        self.used_ids[placed.client_id] = max(self.used_ids[placed.client_id], placed.order_id)
        return order

    def find(self, client_id: int, order_id: int) -> ServerOrder | None:
        for order in reversed(self.orders):
            if (order.placed.client_id, order.placed.order_id) == (client_id, order_id):
                return order
        return None

    def execute(self, order: ServerOrder, shares: float, price: float, at: datetime) -> Execution:
        """Fill some of an order; the account follows."""
        number = len(self.executions) + 1
        execution = Execution(f"0000e0d5.{number:08x}.01.01", order, shares, price, self.commission, at)
        self.executions.append(execution)
        value = order.avg_price * order.filled + price * shares
        order.filled += shares
        order.avg_price = value / order.filled
        order.status = "Filled" if order.remaining <= 0 else "Submitted"
        self._move(order.placed, shares, price)
        return execution

    def correct(self, old: Execution, shares: float, price: float) -> Execution:
        """Replace an execution: its id counts up behind the last dot."""
        base, _, revision = old.exec_id.rpartition(".")
        new = Execution(f"{base}.{int(revision) + 1:02d}", old.order, shares, price, old.commission, old.at)
        self.executions.append(new)
        return new

    def _move(self, placed: Placed, shares: float, price: float) -> None:
        signed = shares if placed.action == "BUY" else -shares
        held, average = self.positions[placed.account].get(placed.symbol, (0.0, 0.0))
        paid = held * average + signed * price if signed > 0 else (held + signed) * average
        there = held + signed
        self.positions[placed.account][placed.symbol] = (there, paid / there if there else 0.0)
        self.add_cash(-signed * price - self.commission)

    def add_cash(self, amount: float) -> None:
        self.values = [
            (tag, f"{float(value) + amount:.2f}", currency) if tag == "TotalCashBalance" else (tag, value, currency)
            for tag, value, currency in self.values
        ]

    def net_liquidation(self, account: str) -> float:
        cash = next(float(value) for tag, value, _ in self.values if tag == "TotalCashBalance")
        return cash + sum(held * self.prices[symbol] for symbol, (held, _) in self.positions[account].items())

    def set_value(self, tag: str, value: float, currency: str = "USD") -> None:
        self.values = [each for each in self.values if (each[0], each[2]) != (tag, currency)]
        self.values.append((tag, f"{value:.2f}", currency))

    def told_values(self, account: str) -> Iterator[tuple[str, str, str]]:
        """The account's values as of now; the net liquidation is reckoned."""
        for tag, value, currency in self.values:
            yield tag, f"{self.net_liquidation(account):.2f}" if tag == "NetLiquidation" else value, currency


def utc_now() -> datetime:
    return datetime.now(UTC)
