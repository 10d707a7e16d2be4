"""Numbers as a trader reads them."""

__all__ = ["decimal", "figure", "percent", "percents"]

LARGEST = 1e15
"""From here on a number is written with an exponent."""

MOST_DECIMALS = 12


def figure(number: float) -> str:
    """A quantity: ``1,250``, ``0.5``. No more digits than are needed."""
    if not abs(number) < LARGEST:  # nor is NaN
        return f"{number:g}"
    return _no_minus_zero(f"{number:,.8f}".rstrip("0").rstrip("."))


def decimal(number: float) -> str:
    """A price or an amount: ``150.00``, ``1,250.00``, ``1.0825``, ``0.00001234``; two decimals, or more if they tell.

    Above one there are four decimals at most, below one six digits: the rest is binary's noise.
    """
    if not abs(number) < LARGEST:
        return f"{number:g}"
    whole, _, decimals = _rounded(number).partition(".")
    return _no_minus_zero(f"{whole}.{decimals.rstrip('0'):0<2}")


def percent(fraction: float, decimals: int | None = None) -> str:
    """``12.3 %`` of 0.123; below one percent two decimals."""
    if decimals is None:
        decimals = 2 if 0 < abs(fraction) < 0.01 else 1
    return _no_minus_zero(f"{fraction:.{decimals}%}".replace("%", " %"))


def percents(fraction: float, other: float) -> tuple[str, str]:
    """Two that are compared, with as many decimals as it takes to see which is more."""
    for decimals in (1, 2, 3):
        texts = percent(fraction, decimals), percent(other, decimals)
        if texts[0] != texts[1]:
            return texts
    return percent(fraction), percent(other)


def _rounded(number: float) -> str:
    if abs(number) >= 1 or number == 0:
        return f"{number:,.4f}"
    zeros = -int(f"{number:e}".partition("e")[2]) - 1  # between the point and the first digit
    return f"{number:.{min(zeros + 6, MOST_DECIMALS)}f}"


def _no_minus_zero(text: str) -> str:
    return text if any(digit in text for digit in "123456789") else text.removeprefix("-")
