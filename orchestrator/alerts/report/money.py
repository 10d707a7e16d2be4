"""Sums of money in decimal, right to the cent. A float stands for the number that it is printed as."""

from decimal import ROUND_HALF_UP, Decimal

__all__ = ["CENT", "ZERO", "cents", "exact", "fraction"]

ZERO, CENT = Decimal(0), Decimal("0.01")


def exact(number: float) -> Decimal:
    return Decimal(str(number))


def cents(amount: Decimal) -> Decimal:
    """Rounded to the cent; never minus nothing."""
    return amount.quantize(CENT, ROUND_HALF_UP) or ZERO.quantize(CENT)


def fraction(part: Decimal, whole: Decimal) -> float | None:
    """To six decimals; None of nothing."""
    return round(float(part / whole), 6) if whole else None
