"""Account and journal side by side: what stays different a human must look at."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from notifiers import AlertLevel
from orchestrator.engine.account import Position
from orchestrator.engine.ibkr.account import AccountBook
from orchestrator.store import Store

__all__ = ["DIFFERENCE", "Comparison"]

logger = logging.getLogger(__name__)

DIFFERENCE = 10.0
"""Seconds that account and journal may differ: a position and its execution are told one after the other."""

OTHERS = "ibkr_others"
"""Key in ``meta``: the shares of the account that are not the strategy's, as they were told last."""

Tell = Callable[[AlertLevel, str, str, datetime], None]


class Comparison:
    """`less` says whether it is certain that the account holds less than was bought.

    :param tell: takes level, title, text and time of an alert.
    :param monotonic: elapsed seconds.
    """

    def __init__(self, store: Store, account: AccountBook, tell: Tell, monotonic: Callable[[], float]) -> None:
        self.less = False
        self._store, self._account, self._tell, self._monotonic = store, account, tell, monotonic
        self._seen: tuple[list[str], dict[str, float]] | None = None
        self._since = 0.0
        self._others: dict[str, float] | None = None

    def look(self, own: Mapping[str, Position], name: str, now: datetime) -> None:
        """Compare; to be called while nothing is under way that the two may see at different times.

        :param own: by the journal.
        :param name: of the account.
        """
        seen = self._short(own, name), self._not_ours(own)
        if seen != self._seen:
            self._seen, self._since = seen, self._monotonic()
            self.less = self.less and bool(seen[0])
        elif self._monotonic() >= self._since + DIFFERENCE:
            self._judge(*seen, name, now)

    def look_away(self) -> None:
        """Something is under way."""
        self._seen, self.less = None, False

    def _judge(self, short: list[str], others: dict[str, float], name: str, now: datetime) -> None:
        if short and not self.less:
            self.less = True
            self._tell(AlertLevel.CRITICAL, "The account holds less than was bought", "\n".join(short), now)
        if self._others is None:
            self._others = self._store.read_meta(OTHERS) or {}
        if others != self._others:
            self._others = others
            self._store.write_meta(OTHERS, others)
            if others:
                self._tell_of_others(others, name, now)

    def _tell_of_others(self, others: Mapping[str, float], name: str, now: datetime) -> None:
        listed = ", ".join(f"{quantity:g} {symbol}" for symbol, quantity in sorted(others.items()))
        text = f"{name} holds {listed} that this journal has not bought. They are left alone, and count in the equity."
        self._tell(AlertLevel.WARNING, "The account holds shares that are not the strategy's", text, now)

    def _short(self, own: Mapping[str, Position], name: str) -> list[str]:
        return [
            f"{symbol}: {position.quantity:g} by the journal, {held:g} in {name}."
            for symbol, position in own.items()
            if (held := self._account.held(symbol)) < position.quantity
        ]

    def _not_ours(self, own: Mapping[str, Position]) -> dict[str, float]:
        ours = {symbol: position.quantity for symbol, position in own.items()}
        more = {symbol: self._account.held(symbol) - ours.get(symbol, 0.0) for symbol in self._account.symbols()}
        return {symbol: quantity for symbol, quantity in more.items() if quantity > 0 or symbol not in ours}
