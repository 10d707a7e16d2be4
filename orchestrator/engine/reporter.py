"""Tells the daemon what happens to orders and to the account."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from orchestrator.engine.account import Account
from orchestrator.engine.prices import Price
from orchestrator.engine.records import Fill, OrderRecord
from orchestrator.engine.watch import Mark
from orchestrator.events import EngineEvent, EquityMarked, NewsTold, OrderFilled, OrderUpdated

__all__ = ["Reporter"]

EQUITY_EVERY = timedelta(minutes=1)
"""At most so often the equity is told, when there was no fill."""


class Reporter:
    """:param stamp: writes a time as ISO 8601 text."""

    def __init__(self, emit: Callable[[EngineEvent], None], stamp: Callable[[datetime], str]) -> None:
        self._emit, self._stamp = emit, stamp
        self._equity_due: datetime | None = None

    def order_changed(self, record: OrderRecord, _: str = "") -> None:
        self._emit(
            OrderUpdated(
                order_ref=record.order_ref,
                symbol=record.symbol,
                action=record.action.value,
                quantity=record.total_quantity,
                status=record.status.value,
                at=self._stamp(record.updated_at),
                reason=record.error_message or "",
            )
        )

    def order_filled(self, record: OrderRecord, fill: Fill) -> None:
        self._emit(
            OrderFilled(
                order_ref=fill.order_ref,
                fill_id=fill.fill_id,
                symbol=fill.symbol,
                action=fill.action.value,
                quantity=fill.quantity,
                price=fill.price,
                commission=fill.commission,
                at=self._stamp(fill.at),
            )
        )

    def news_told(self, news: str) -> None:
        self._emit(NewsTold(news))

    def equity(self, mark: Mark, account: Account, prices: Mapping[str, Price], *, at_once: bool = False) -> None:
        """Tell the equity, if it is time, or it is to be told at once."""
        if not at_once and self._equity_due is not None and mark.at < self._equity_due:
            return
        self._equity_due = mark.at + EQUITY_EVERY
        positions = [
            {
                "symbol": symbol,
                "quantity": position.quantity,
                "avg_price": position.avg_price,
                "price": prices[symbol].value if symbol in prices else None,
            }
            for symbol, position in account.positions.items()
        ]
        self._emit(EquityMarked(self._stamp(mark.at), mark.equity, mark.cash, mark.drawdown, positions))
