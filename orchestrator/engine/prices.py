"""A price, and where prices come from."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from orchestrator.engine.records import Split

__all__ = ["Doubt", "Price", "PriceSource", "Span"]


class Price(NamedTuple):
    """What a share is worth.

    :param at: aware; when it was so.
    :param stale: the last one known, from an earlier day: good to value a position, not to trade on.
    """

    symbol: str
    value: float
    at: datetime
    stale: bool = False


class Span(NamedTuple):
    """How a price moved between two looks: the first and the last, the lowest and the highest.

    :param volume: shares that are traded in a minute; None if that is not known.
    """

    first: float
    low: float
    high: float
    last: float
    volume: float | None = None


class Doubt(NamedTuple):
    """It can't be told how many shares those that were bought earlier are now.

    :param last: their last price that can be trusted; it is stale.
    """

    last: Price
    why: str


class PriceSource(Protocol):
    """Asked for prices at a time, which for a live source is always now. Prices are those of their time: a split is a
    jump in them, except where the shares of another time are asked for."""

    problems: list[str]
    """What was wrong with the data and has been left out, for people; grows while reading."""

    @property
    def loading(self) -> str:
        """What is still on its way and has to be waited for before anything is decided, in words; empty if nothing."""

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

    def span(self, symbol: str, since: datetime, until: datetime) -> Span | None:
        """What was traded between two times, within the session of the second; None if it has no fresh price then."""

    def past(self, symbol: str, at: datetime, now: datetime) -> Price | None:
        """The price at an earlier time, for a share as it is now; None if it is not known, or not for such a share."""

    def splits(self, symbol: str, since: datetime, until: datetime) -> Sequence[Split]:
        """The splits after the one time up to the other, oldest first."""

    def doubt(self, symbol: str, since: datetime, until: datetime) -> Doubt | None:
        """The first doubt whether there was a split after the one time up to the other."""

    def why_not(self, symbol: str, at: datetime) -> str:
        """Why there is no fresh price, for people; empty if there is nothing to say."""
