"""A price, and where prices come from."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple, Protocol

__all__ = ["Price", "PriceSource"]


class Price(NamedTuple):
    """What a share is worth.

    :param at: aware; when it was so.
    :param stale: the last one known, from an earlier day: good to value a position, not to trade on.
    """

    symbol: str
    value: float
    at: datetime
    stale: bool = False


class PriceSource(Protocol):
    """Asked for prices at a time, which for a live source is always now."""

    problems: list[str]
    """What was wrong with the data and has been left out, for people; grows while reading."""

    def connect(self) -> None:
        """Raises EngineError, saying what to do."""

    def disconnect(self) -> None: ...

    def is_connected(self) -> bool: ...

    def watch(self, symbols: Iterable[str]) -> None:
        """Be ready for these symbols; raises EngineError for one that can't be had, saying what to do."""

    def price(self, symbol: str, at: datetime) -> Price | None:
        """None if it is not known."""

    def snapshot(self, symbols: Iterable[str], at: datetime) -> dict[str, Price]:
        """The prices of those symbols that have one."""
