"""Prices out of nothing: seeded, the same in every process and on every machine, at any time, in any order.

The logarithm of a price is value noise of ten octaves: at each octave random heights stand at regular distances in
time, and between two of them the curve is smooth. The heights come from a hash of seed, symbol, octave and position,
so that no price depends on one that was asked for before. Amplitudes grow with the square root of the period, which
makes the sum look like a random walk up to the longest period, and bounds it beyond.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b

from orchestrator.engine.prices import Doubt, Price, Span
from orchestrator.engine.records import Split

__all__ = ["SyntheticPrices"]

SHORTEST = 240_000_000
"""Microseconds between two heights of the quickest octave; each further one is four times as slow, to two years."""
OCTAVES = 10
PERIODS = tuple(SHORTEST * 4**octave for octave in range(OCTAVES))

AMPLITUDE = 0.0165
"""Of the octave with a period of one day; gives a standard deviation of 1.5 % from one day to the next."""
DAY = 86_400_000_000
AMPLITUDES = tuple(AMPLITUDE * math.sqrt(period / DAY) for period in PERIODS)

LOWEST, HIGHEST = 20.0, 320.0
"""Between these lie the prices around which the symbols move."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class SyntheticPrices:
    """A market that never closes and never lacks a price.

    :param seed: another seed is another market.
    """

    def __init__(self, seed: int = 0) -> None:
        self.problems: list[str] = []
        self._seed = seed
        self._curves: dict[str, _Curve] = {}

    def connect(self) -> None: ...

    def disconnect(self) -> None: ...

    def is_connected(self) -> bool:
        return True

    @property
    def loading(self) -> str:
        return ""

    def watch(self, symbols: Iterable[str]) -> None: ...

    def price(self, symbol: str, at: datetime) -> Price | None:
        return Price(symbol, self._curve(symbol).at(_moment(at)), at)

    def snapshot(self, symbols: Iterable[str], at: datetime) -> dict[str, Price]:
        moment = _moment(at)
        return {symbol: Price(symbol, self._curve(symbol).at(moment), at) for symbol in symbols}

    def span(self, symbol: str, since: datetime, until: datetime) -> Span | None:
        """Between the two prices: what the curve does on the way is not looked at. As much as is wanted is traded."""
        first, last = _value(self._seed, symbol, min(since, until)), self._curve(symbol).at(_moment(until))
        return Span(first, min(first, last), max(first, last), last)

    def past(self, symbol: str, at: datetime, now: datetime) -> Price | None:
        return Price(symbol, _value(self._seed, symbol, at), at)

    def splits(self, symbol: str, since: datetime, until: datetime) -> Sequence[Split]:
        return ()

    def doubt(self, symbol: str, since: datetime, until: datetime) -> Doubt | None:
        return None

    def why_not(self, symbol: str, at: datetime) -> str:
        return ""

    def _curve(self, symbol: str) -> "_Curve":
        curve = self._curves.get(symbol)
        if curve is None:
            curve = self._curves[symbol] = _Curve(self._seed, symbol)
        return curve


class _Curve:
    """The price of one symbol. The two heights around the last moment are kept, for time mostly goes on slowly."""

    def __init__(self, seed: int, symbol: str) -> None:
        self._hash = blake2b(f"{seed}:{symbol}:".encode(), digest_size=8)
        self._base: float = LOWEST * (HIGHEST / LOWEST) ** ((self._height(-1, 0) + 1) / 2)
        self._spans = [(0, self._height(octave, 0), self._height(octave, 1)) for octave in range(OCTAVES)]

    def at(self, moment: int) -> float:
        """`moment` is microseconds since 1970; the price is rounded to cents, the same on every platform."""
        total = 0.0
        spans = self._spans
        for octave, period in enumerate(PERIODS):
            index, within = divmod(moment, period)
            span = spans[octave]
            if span[0] != index:
                span = spans[octave] = (index, self._height(octave, index), self._height(octave, index + 1))
            x = within / period
            total += AMPLITUDES[octave] * (span[1] + (span[2] - span[1]) * x * x * (3 - 2 * x))
        return round(self._base * math.exp(total), 2)

    def _height(self, octave: int, index: int) -> float:
        """From -1 to 1."""
        hashed = self._hash.copy()
        hashed.update(f"{octave}:{index}".encode())
        return int.from_bytes(hashed.digest(), "big") / 2**63 - 1


@lru_cache(maxsize=64)
def _archive(seed: int, symbol: str) -> _Curve:
    """Curves for looking back, so that those of the present keep their place."""
    return _Curve(seed, symbol)


@lru_cache(maxsize=1 << 16)
def _value(seed: int, symbol: str, at: datetime) -> float:
    """The same closes are looked back at every day."""
    return _archive(seed, symbol).at(_moment(at))


def _moment(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND
